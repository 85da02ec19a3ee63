"""Random changes to training patches: what they do, and what they draw."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch

from napari_advseg.core.config.settings import AugmentationSettings
from napari_advseg.core.data.augmentation import augment

OFF = {"flip": False, "quarter_turns": False, "brightness": 0, "contrast": 0, "noise": 0}
WARP = {"rotation": 30.0, "scale": 0.2, "elastic": 3.0}
ALONE = [
    {"flip": True},
    {"quarter_turns": True},
    {"brightness": 0.2},
    {"contrast": 0.2},
    {"noise": 0.1},
    {"gamma": 0.3},
    {"blur": 1.0},
    {"rotation": 20.0},
    {"scale": 0.2},
    {"elastic": 3.0},
]
EVERYTHING = {"flip": True, "quarter_turns": True, "gamma": 0.2, "blur": 0.5, **WARP}


def only(**values):
    return AugmentationSettings(**{**OFF, **values})


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def patches(count=8, side=32, channels=1):
    draws = seeded(99)
    images = torch.randn(count, channels, side, side, generator=draws)
    targets = torch.randint(2, (count, side, side), generator=draws).byte()
    targets[:, :3] = 255
    return images, targets


def ramps(count, side):
    """Images whose two channels say, in pixels from the centre, which row and column a pixel is."""
    at = torch.arange(side) - (side - 1) / 2
    rows, columns = torch.meshgrid(at, at, indexing="ij")
    return torch.stack([rows, columns]).expand(count, 2, side, side).clone()


def settings_id(values):
    return next(iter(values))


# --- draws -------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [AugmentationSettings(), AugmentationSettings(**EVERYTHING)])
def test_the_same_seed_gives_the_same_patches(settings):
    images, targets = patches()
    first = augment(images, targets, settings, seeded(3))
    again = augment(images, targets, settings, seeded(3))
    other = augment(images, targets, settings, seeded(4))
    for one, same, different in zip(first, again, other, strict=True):
        assert torch.equal(one, same)
        assert not torch.equal(one, different)


def test_torch_s_own_random_numbers_are_left_alone():
    before = torch.get_rng_state()
    augment(*patches(), AugmentationSettings(**EVERYTHING), seeded())
    assert torch.equal(torch.get_rng_state(), before)


def test_everything_off_returns_the_input_and_draws_nothing():
    images, targets = patches()
    generator = seeded()
    before = generator.get_state()
    changed, moved = augment(images, targets, only(), generator)
    assert torch.equal(changed, images)
    assert torch.equal(moved, targets)
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("values", ALONE, ids=settings_id)
def test_each_setting_alone_draws_and_changes_the_image(values):
    images, targets = patches()
    generator = seeded()
    before = generator.get_state()
    changed, _ = augment(images, targets, only(**values), generator)
    assert not torch.equal(generator.get_state(), before)
    assert not torch.equal(changed, images)


@pytest.mark.parametrize("values", ALONE, ids=settings_id)
def test_each_setting_turned_off_saves_its_draws(values):
    def state_after(settings):
        generator = seeded()
        augment(*patches(), settings, generator)
        return generator.get_state()

    everything = AugmentationSettings(**EVERYTHING)
    without = everything.model_copy(update={settings_id(values): 0})
    assert not torch.equal(state_after(everything), state_after(without))


def test_the_input_is_left_unchanged():
    images, targets = patches()
    kept = images.clone(), targets.clone()
    augment(images, targets, AugmentationSettings(**EVERYTHING), seeded())
    assert torch.equal(images, kept[0])
    assert torch.equal(targets, kept[1])


@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_and_types_stay(channels):
    images, targets = patches(channels=channels)
    changed, moved = augment(images, targets, AugmentationSettings(**EVERYTHING), seeded())
    assert (changed.shape, changed.dtype) == (images.shape, torch.float32)
    assert (moved.shape, moved.dtype) == (targets.shape, torch.uint8)
    assert torch.isfinite(changed).all()


# --- symmetries --------------------------------------------------------------------------------


def dihedral(patch):
    """All 8 symmetries of a square patch, by rot90 and flip; the first 4 are turns."""
    turns = [patch.rot90(k, (-2, -1)) for k in range(4)]
    return turns + [turn.flip(-1) for turn in turns]


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        ({"flip": True, "quarter_turns": True}, {0, 1, 2, 3, 4, 5, 6, 7}),
        ({"quarter_turns": True}, {0, 1, 2, 3}),
        ({"flip": True}, {0, 2, 4, 6}),
    ],
    ids=["both", "turns", "flips"],
)
def test_symmetries_are_uniform_and_targets_move_along(values, allowed):
    count = 4000
    targets = torch.arange(9, dtype=torch.uint8).view(1, 3, 3).expand(count, 3, 3)
    images = targets.unsqueeze(1).float()
    changed, moved = augment(images, targets, only(**values), seeded())
    assert torch.equal(changed.squeeze(1), moved.float())
    known = {tuple(s.flatten().tolist()): i for i, s in enumerate(dihedral(targets[0]))}
    counts = Counter(known[tuple(sample.flatten().tolist())] for sample in moved)
    assert set(counts) == allowed
    # Binomial: five standard deviations, wide enough for eight numbers and a fixed seed.
    share = 1 / len(allowed)
    for index in allowed:
        assert abs(counts[index] - count * share) < 5 * math.sqrt(count * share * (1 - share))


def test_oblong_patches_flip_but_do_not_turn():
    images = torch.randn(4, 1, 6, 10, generator=seeded())
    targets = torch.zeros(4, 6, 10, dtype=torch.uint8)
    changed, _ = augment(images, targets, only(flip=True), seeded())
    assert changed.shape == images.shape
    with pytest.raises(ValueError, match=r"\(6, 10\)"):
        augment(images, targets, only(quarter_turns=True), seeded())


# --- rotation, size, elastic displacement ------------------------------------------------------


def mapping(images):
    """Best linear map of the ramps as read, shape (N, 2, 2), and its largest residual."""
    count, _, side, _ = images.shape
    middle = slice(side // 4, -side // 4)
    here = ramps(1, side)[0][:, middle, middle].reshape(2, -1)
    read = images[:, :, middle, middle].reshape(count, 2, -1)
    maps = read @ torch.linalg.pinv(here)
    return maps, (maps @ here - read).abs().max()


def test_rotation_turns_up_to_its_largest_angle_and_keeps_size():
    images = ramps(400, 64)
    targets = torch.zeros(400, 64, 64, dtype=torch.uint8)
    changed, _ = augment(images, targets, only(rotation=30.0), seeded())
    maps, residual = mapping(changed)
    assert residual < 1e-3
    assert torch.allclose(torch.linalg.det(maps), torch.ones(400), atol=1e-4)
    degrees = torch.rad2deg(torch.atan2(maps[:, 1, 0], maps[:, 0, 0]))
    assert degrees.abs().max() < 30
    # Uniform on ±30 degrees has a standard deviation of 30/√3; 400 samples know it to about 3 %.
    assert degrees.std() == pytest.approx(30 / math.sqrt(3), rel=0.1)
    assert abs(degrees.mean()) < 4 * 30 / math.sqrt(3) / math.sqrt(400)


def test_scale_changes_size_up_to_its_largest_share():
    images = ramps(400, 64)
    targets = torch.zeros(400, 64, 64, dtype=torch.uint8)
    changed, _ = augment(images, targets, only(scale=0.2), seeded())
    maps, _ = mapping(changed)
    size = 1 / maps[:, 0, 0]  # ramps that rise more slowly belong to an enlarged patch
    assert torch.allclose(maps[:, 0, 0], maps[:, 1, 1], atol=1e-4)
    assert maps[:, 0, 1].abs().max() < 1e-4
    assert 0.8 <= size.min() < 0.82
    assert 1.18 < size.max() <= 1.2


def test_of_some_patches_the_pixels_stay_as_they_are():
    images, targets = patches(400, 16)
    settings = only(rotation=180.0, scale=0.25, elastic=2.0, geometric=0.3)
    moved, turned = augment(images, targets, settings, seeded())
    same = torch.isclose(moved, images, atol=1e-5).all(dim=(1, 2, 3))
    assert 0.7 - 4 * math.sqrt(0.7 * 0.3 / 400) < float(same.float().mean())
    assert float(same.float().mean()) < 0.7 + 4 * math.sqrt(0.7 * 0.3 / 400)
    assert torch.equal(turned[same], targets[same])


def test_an_oblong_patch_is_rotated_without_shear():
    rows = torch.arange(40.0).view(40, 1).expand(40, 80) - 19.5
    columns = torch.arange(80.0).expand(40, 80) - 39.5
    images = torch.stack([rows, columns]).expand(20, 2, 40, 80)
    targets = torch.zeros(20, 40, 80, dtype=torch.uint8)
    changed, _ = augment(images, targets, only(rotation=20.0), seeded())
    # The distance from the centre is what a rotation keeps.
    middle = (..., slice(12, 28), slice(30, 50))
    before = images.square().sum(1)[middle]
    assert torch.allclose(changed.square().sum(1)[middle], before, rtol=1e-3, atol=1e-2)


def test_elastic_displacement_has_the_standard_deviation_asked_for():
    count, side, asked = 400, 96, 2.0
    images = ramps(count, side)
    targets = torch.zeros(count, side, side, dtype=torch.uint8)
    changed, _ = augment(images, targets, only(elastic=asked), seeded())
    inner = slice(16, -16)  # nearer the rim a displacement of some pixels meets the reflection
    moved = (changed - images)[:, :, inner, inner]
    assert moved.std((0, 1)).mean() == pytest.approx(asked, rel=0.05)
    # The same at every place, not only on average over a grid of knots.
    assert moved.std((0, 1)).min() > 0.8 * asked
    assert moved.std((0, 1)).max() < 1.2 * asked
    # Smooth: neighbours move alike, so that nothing tears or folds.
    assert moved.diff(dim=-1).abs().max() < 1


@pytest.mark.parametrize("values", [{"rotation": 45.0}, {"scale": 0.3}, {"elastic": 4.0}, WARP])
def test_targets_are_looked_up_where_the_image_is(values):
    # The target says in which 16-pixel square a pixel lies, the ramps say it too.
    count, side = 16, 64
    images = ramps(count, side)

    def square(at):
        row, column = ((at + (side - 1) / 2 + 0.5) / 16).floor().clamp(0, 3).unbind(1)
        return (4 * row + column).byte()

    changed, moved = augment(images, square(images), only(**values), seeded())
    inside = moved != 255
    # Nearest against bilinear: they may differ by rounding at the squares' borders alone.
    position = changed + (side - 1) / 2 + 0.5
    to_border = ((position + 8) % 16 - 8).abs().amin(1)
    clear = inside & (to_border > 0.51)
    assert clear.float().mean() > 0.5
    assert torch.equal(moved[clear], square(changed)[clear])
    assert (moved[inside] == square(changed)[inside]).float().mean() > 0.98


def test_what_lies_outside_the_patch_is_unlabelled():
    # A full turn's worth of angles: the corners come from outside, the inscribed disc never does.
    count, side = 200, 64
    targets = torch.ones(count, side, side, dtype=torch.uint8)
    images = torch.zeros(count, 1, side, side)
    _, moved = augment(images, targets, only(rotation=180.0), seeded())
    at = torch.arange(side) - (side - 1) / 2
    radius = (at.view(-1, 1).square() + at.square()).sqrt()
    assert (moved[:, radius < side / 2 - 1] == 1).all()
    corner = moved[:, radius > 1.3 * side / 2]
    assert (corner == 255).float().mean() > 0.5
    # Shrunk to 1 - s = 0.5 the patch covers a quarter; enlarged it covers all.
    _, moved = augment(images, targets, only(scale=0.5), seeded())
    share = (moved == 1).float().mean((1, 2))
    assert 0.25 <= share.min() < 0.35
    assert share.max() == 1


def test_the_image_goes_on_by_reflection_where_targets_end():
    images = torch.full((20, 1, 32, 32), 1.5)
    targets = torch.zeros(20, 32, 32, dtype=torch.uint8)
    changed, moved = augment(images, targets, only(rotation=45.0, scale=0.3), seeded())
    assert (moved == 255).any()
    assert torch.allclose(changed, images, atol=1e-5)


def test_class_indices_stay_in_their_set():
    targets = torch.tensor([0, 3, 7, 255], dtype=torch.uint8)[
        torch.randint(4, (16, 48, 48), generator=seeded())
    ]
    images = torch.zeros(16, 1, 48, 48)
    _, moved = augment(images, targets, AugmentationSettings(**EVERYTHING), seeded())
    assert set(moved.unique().tolist()) == {0, 3, 7, 255}


# --- grey values -------------------------------------------------------------------------------


def test_brightness_adds_an_offset_of_the_deviation_asked_for():
    images, targets = patches(1, 8)
    images, targets = images.expand(4000, -1, -1, -1), targets.expand(4000, -1, -1)
    changed, _ = augment(images, targets, only(brightness=0.3), seeded())
    offsets = changed - images
    assert offsets.std((1, 2, 3)).max() < 1e-6
    each = offsets.mean((1, 2, 3))
    assert each.mean().abs() < 5 * 0.3 / math.sqrt(4000)
    assert each.std() == pytest.approx(0.3, rel=0.06)


def test_contrast_multiplies_by_a_log_normal_factor():
    images, targets = patches(1, 8)
    images, targets = images.expand(4000, -1, -1, -1), targets.expand(4000, -1, -1)
    changed, _ = augment(images, targets, only(contrast=0.3), seeded())
    factors = (changed / images).flatten(1)
    assert torch.allclose(factors, factors[:, :1].expand_as(factors), rtol=1e-5)
    logarithms = factors[:, 0].log()
    assert logarithms.mean().abs() < 5 * 0.3 / math.sqrt(4000)
    assert logarithms.std() == pytest.approx(0.3, rel=0.06)


def test_noise_has_a_deviation_between_zero_and_the_setting():
    images = torch.zeros(500, 1, 32, 32)
    targets = torch.zeros(500, 32, 32, dtype=torch.uint8)
    changed, _ = augment(images, targets, only(noise=0.4), seeded())
    deviations = changed.std((1, 2, 3))
    assert deviations.max() < 0.4 * 1.1  # 1024 pixels know it to about 2 %
    assert deviations.mean() == pytest.approx(0.2, rel=0.1)
    assert deviations.std() == pytest.approx(0.4 / math.sqrt(12), rel=0.1)


def test_gamma_bends_between_darkest_and_brightest():
    images = torch.linspace(-2, 3, 1024).view(1, 1, 32, 32).expand(2000, -1, -1, -1)
    targets = torch.zeros(2000, 32, 32, dtype=torch.uint8)
    changed, _ = augment(images, targets, only(gamma=0.3), seeded())
    assert torch.allclose(changed.amin((1, 2, 3)), torch.full((2000,), -2.0), atol=1e-5)
    assert torch.allclose(changed.amax((1, 2, 3)), torch.full((2000,), 3.0), atol=1e-5)
    assert (changed.flatten(1).diff(dim=1) >= -1e-6).all()
    # ((v + 2) / 5) ** γ, read back at one pixel.
    before, after = ((x.flatten(1)[:, 300] + 2) / 5 for x in (images, changed))
    logarithms = (after.log() / before.log()).log()
    assert logarithms.mean().abs() < 5 * 0.3 / math.sqrt(2000)
    assert logarithms.std() == pytest.approx(0.3, rel=0.08)


def test_gamma_leaves_a_flat_patch():
    images = torch.full((3, 1, 16, 16), -0.7)
    targets = torch.zeros(3, 16, 16, dtype=torch.uint8)
    changed, _ = augment(images, targets, only(gamma=0.5), seeded())
    assert torch.equal(changed, images)


def test_blur_spreads_a_point_by_a_gaussian():
    # The second moment of a blurred point is the blur's variance along each axis.
    count, side = 400, 41
    images = torch.zeros(count, 2, side, side)
    images[:, :, side // 2, side // 2] = 1
    targets = torch.zeros(count, side, side, dtype=torch.uint8)
    changed, _ = augment(images, targets, only(blur=3.0), seeded())
    assert torch.allclose(changed.sum((2, 3)), torch.ones(count, 2), atol=1e-5)
    assert torch.allclose(changed, changed.mT, atol=1e-6)
    assert torch.equal(changed[:, 0], changed[:, 1])
    at = (torch.arange(side) - side // 2).float().square()
    deviations = (changed[:, 0].sum(1) @ at).sqrt()
    assert deviations.max() < 3
    assert deviations.mean() == pytest.approx(1.5, rel=0.1)
    assert deviations.std() == pytest.approx(3 / math.sqrt(12), rel=0.1)


def test_blur_wider_than_the_patch_keeps_a_constant():
    images = torch.full((2, 1, 8, 8), 0.4)
    targets = torch.zeros(2, 8, 8, dtype=torch.uint8)
    changed, _ = augment(images, targets, only(blur=20.0), seeded())
    assert torch.allclose(changed, images, atol=1e-6)


def test_shapes_that_do_not_fit_are_refused():
    images, targets = patches()
    with pytest.raises(ValueError, match="do not fit"):
        augment(images, targets[:, :-1], AugmentationSettings(), seeded())
    with pytest.raises(ValueError, match="do not fit"):
        augment(images[:, 0], targets, AugmentationSettings(), seeded())
