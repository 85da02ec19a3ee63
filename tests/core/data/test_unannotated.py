"""Which images the adversary sees without their annotation, and what a run on them is."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.data import unannotated as module
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.normalisation import normalisation_of
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.data.unannotated import Unannotated, unannotated_images
from napari_advseg.core.formats.io import read_stack
from napari_advseg.core.runtime.errors import ImageError, RunFolderError, SettingsError, Subject
from napari_advseg.core.runtime.events import Outcome
from napari_advseg.core.runtime.seeded_random import Purpose, numpy_generator
from napari_advseg.core.training.engine import resume, train

CPU = torch.device("cpu")
ALWAYS = {"kind": "constant", "value": 0.5}
BLOCK = {"kind": "block", "generator_updates": 3, "discriminator_updates": 4}
UNANNOTATED = {"regime": "unannotated"}


@pytest.fixture
def partly(cells):
    """The annotation of slices 0, 1 and 4."""
    labels = np.where(cells[1] == 255, 1, 2).astype(np.uint8)
    labels[[2, 3, 5]] = 0
    return Annotation.from_labels(labels, ClassMap.of(cell=1, membrane=2))


@pytest.fixture
def second(cells):
    """Another stack, of other grey values, larger and of nine slices."""
    grey = np.concatenate([cells[0], cells[0][:3]])[:, ::-1]
    return EMStack.from_array(np.pad(grey, ((0, 0), (0, 8), (0, 4)), "reflect") // 2 + 7)


@pytest.fixture
def chosen(small, stack):
    """Which slices and planes are taken, and the regime that a run resolves to."""

    def images(annotation, other=None, **changes):
        settings = small(**changes)
        return TrainingData.prepare(settings, stack, annotation, CPU, second=other).unannotated

    return images


# ---- which images


def test_slices_without_annotation_are_taken_and_validation_slices_are_not(chosen, stack, partly):
    found = chosen(partly, train=(0, 1), val=(4,))
    assert found.slices == (2, 3, 5)
    grey = np.asarray(stack.data)[[2, 3, 5]].astype(float)
    expected = (grey - stack.data.mean()) / stack.data.std()
    np.testing.assert_allclose(found.images[0][:, 0].numpy(), expected, atol=1e-5)


def test_slices_that_were_left_out_are_annotated_all_the_same(chosen, partly):
    assert chosen(partly, train=(0,), val=(4,)).slices == (2, 3, 5)


def test_slices_that_are_named_are_obeyed_whatever_is_annotated(chosen, annotation, partly):
    assert chosen(partly, unannotated=(5,)).slices == (5,)
    assert chosen(annotation, unannotated=(2, 3), train=(0, 1), val=(4, 5)).slices == (2, 3)
    assert chosen(annotation, unannotated=(4, 5), train=(0, 1), val=(4, 5)).slices == (4, 5)
    assert chosen(partly, unannotated=()) is None


@pytest.mark.parametrize("wanted", [(6,), (-1, 2)])
def test_slices_that_the_stack_has_not_are_refused(chosen, partly, wanted):
    with pytest.raises(SettingsError, match="slices 0 to 5") as caught:
        chosen(partly, unannotated=wanted)
    assert caught.value.subject is Subject.SPLIT


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "standard"},
        {"discriminator": {"regime": "truth"}},
        {"discriminator": {"mask": "scaled"}},
        {"discriminator": {"batches": "shuffled"}, "alternation": BLOCK},
    ],
)
def test_where_d_is_shown_true_masks_there_are_none(chosen, partly, changes):
    assert chosen(partly, **changes) is None


def test_the_second_stack_comes_beside_and_is_normalised_by_itself(
    chosen, annotation, partly, second
):
    both = chosen(partly, second)
    assert both.slices == (2, 3, 5)
    assert [tuple(images.shape) for images in both.images] == [(3, 1, 64, 64), (9, 1, 72, 68)]
    assert float(both.images[1].mean()) == pytest.approx(0, abs=1e-4)
    assert float(both.images[1].std()) == pytest.approx(1, abs=1e-3)
    alone = chosen(annotation, second)
    assert alone.slices == ()
    assert len(alone.images) == 1


def test_of_more_than_fits_slices_evenly_spread_are_taken(chosen, partly, second, monkeypatch):
    every = (0, 1, 2, 3, 4, 5)
    for pixels, expected in (
        (6 * 64**2, every),
        (6 * 64**2 - 1, (0, 1, 2, 4, 5)),
        (3 * 64**2, (0, 2, 5)),
        (1, (0,)),
    ):
        monkeypatch.setattr(module, "MOST_PIXELS", pixels)
        found = chosen(partly, unannotated=every)
        assert found.slices == expected
        np.testing.assert_array_equal(len(found.images[0]), len(expected))
    monkeypatch.setattr(module, "MOST_PIXELS", 6 * 72 * 68)  # half for each stack
    both = chosen(partly, second, unannotated=every)
    assert both.slices == (0, 2, 5)
    whole = normalisation_of(second)
    expected = [whole(second.slice(z)) for z in (0, 4, 8)]
    np.testing.assert_array_equal(both.images[1][:, 0].numpy(), expected)


def test_several_channels_and_a_stack_that_does_not_fit(small, cells, partly):
    grey = np.stack([cells[0], 255 - cells[0]], axis=1)
    stack = EMStack.from_channels(grey, 1)
    settings = small(patch=32)

    def images(second=None):
        return unannotated_images(settings, stack, partly, normalisation_of(stack), CPU, second)

    found = images()
    assert found.images[0].shape == (3, 2, 64, 64)
    assert torch.allclose(found.images[0][:, 0], -found.images[0][:, 1], atol=1e-4)
    same = EMStack.from_channels(grey[:2], 1)
    assert images(same).images[1].shape == (2, 2, 64, 64)
    with pytest.raises(ImageError, match="2: choose one with as many") as caught:
        images(EMStack.from_array(cells[0]))
    assert caught.value.subject is Subject.UNANNOTATED
    with pytest.raises(ImageError, match=r"patch of 32 pixels .* 31 × 64") as caught:
        images(EMStack.from_channels(grey[:, :, :31], 1))
    assert caught.value.subject is Subject.UNANNOTATED


@pytest.mark.parametrize("flaw", ["constant", "NaN"])
def test_a_second_stack_that_cannot_be_used_is_named(chosen, annotation, second, flaw):
    grey = np.array(second.data, np.float32)
    grey[:] = 7 if flaw == "constant" else np.nan
    with pytest.raises(ImageError, match="stack without annotation") as caught:
        chosen(annotation, EMStack.from_array(grey))
    assert caught.value.subject is Subject.UNANNOTATED


def test_patches_come_from_every_slice_and_every_place_and_lie_within():
    images = (
        torch.arange(1.0, 3.0)[:, None, None, None].expand(2, 1, 9, 12).clone(),
        torch.full((1, 1, 8, 20), 3.0),
    )
    images[0][:, :, 0, 0] += 10  # a corner
    images[0][:, :, 8, 11] += 20  # and the one opposite
    found = Unannotated((0, 1), images).draw(np.random.default_rng(0), 3000, 8)
    assert found.shape == (3000, 1, 8, 8)
    of = found[:, 0, 4, 4]
    shares = [float((of == value).float().mean()) for value in (1, 2, 3)]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.04)
    # of 2 × 5 places in a slice one holds the first corner, and one the other
    own = found[of < 3]
    for corner in (10, 20):
        share = float((own.amax((1, 2, 3)) // 10 * 10 == corner).float().mean())
        assert share == pytest.approx(1 / 10, abs=0.03)


# ---- the regime of a run


def settings_of(result):
    return result.training.settings


def test_auto_is_unannotated_where_a_slice_has_no_annotation_and_truth_elsewhere(
    small, stack, annotation, partly, second
):
    one = small(updates=1, samples=0)
    dense = settings_of(train(one, stack, annotation))
    assert (dense.discriminator.regime, dense.unannotated) == ("truth", None)
    some = settings_of(train(one, stack, partly))
    assert (some.discriminator.regime, some.unannotated) == ("unannotated", (2, 3, 5))
    beside = settings_of(train(one, stack, annotation, unannotated=second))
    assert (beside.discriminator.regime, beside.unannotated) == ("unannotated", ())


def test_unannotated_without_such_images_is_refused(small, stack, annotation):
    with pytest.raises(SettingsError, match="there are none: give a second stack"):
        train(small(discriminator=UNANNOTATED), stack, annotation)


@pytest.mark.parametrize("discriminator", [{"mask": "scaled"}, {"batches": "shuffled"}])
def test_what_is_about_true_masks_does_not_go_with_unannotated(discriminator):
    (name,) = discriminator
    with pytest.raises(SettingsError, match=f"discriminator.{name} .* about true masks"):
        from_preset("quick", discriminator={**discriminator, **UNANNOTATED}, alternation=BLOCK)


def test_masks_scaled_by_those_of_the_same_patches_cannot_be_shuffled():
    with pytest.raises(SettingsError, match="scaled"):
        from_preset(
            "quick", discriminator={"mask": "scaled", "batches": "shuffled"}, alternation=BLOCK
        )


# ---- a paired run


def weights(result, name):
    return result.training.optimizers[name].network.state_dict()


def same_weights(one, other, name="standard", theirs=None):
    found = weights(other, theirs or name)
    return all(torch.equal(t, found[key]) for key, t in weights(one, name).items())


ADVERSARIES = [
    {"discriminator": UNANNOTATED},
    {"discriminator": {"regime": "truth"}},
    {"discriminator": {**UNANNOTATED, "objective": "features", "mask": "probability"}},
    {"discriminator": {"mask": "scaled", "product": True, "head": "dense", "norm": "batch"}},
    {
        "discriminator": UNANNOTATED,
        "adversarial_weight": {"kind": "balance", "start": 0.0, "rise": 0.0},
    },
    {"discriminator": {**UNANNOTATED, "learns": False}},
    {"discriminator_optimizer": {"rate": 1.0}, "unannotated": (5,)},
]


def test_s_is_the_same_whatever_the_adversary(small, stack, partly):
    """The adversary alone tells the two networks apart, so S may not feel it."""
    base = {"updates": 6, "validate_every": 6, "samples": 0, "adversarial_weight": ALWAYS}
    alone = train(small(**{**base, "method": "standard"}), stack, partly)
    adversarial = []
    for changes in ADVERSARIES:
        found = train(small(**{**base, **changes}), stack, partly)
        assert found.outcome is Outcome.COMPLETED
        assert same_weights(alone, found), changes
        adversarial.append(found)
    for i, one in enumerate(adversarial):  # and each adversary makes a G/S of its own
        assert not same_weights(one, one, "standard", "adversarial")
        assert not any(same_weights(one, other, "adversarial") for other in adversarial[i + 1 :])


@pytest.mark.parametrize("alternation", [{"kind": "step"}, BLOCK])
@pytest.mark.parametrize("kind", ["constant", "balance"])
def test_without_lambda_s_and_gs_are_bit_identical_though_d_learns(
    small, stack, partly, alternation, kind
):
    nothing = {"kind": kind, "value": 0.0, "start": 0.0}
    result = train(
        small(updates=6, validate_every=6, alternation=alternation, adversarial_weight=nothing),
        stack, partly,
    )  # fmt: skip
    assert settings_of(result).discriminator.regime == "unannotated"
    assert same_weights(result, result, "standard", "adversarial")
    assert result.training.optimizers["discriminator"].updates > 0
    assert result.history[-1].adversarial_weight == 0


def test_each_batch_without_annotation_is_named_by_its_number(small, stack, partly):
    # quarter turns alone, which move grey values and change none
    quiet = {"flip": False, "noise": 0.0}
    it = train(small(updates=1, augmentation=quiet), stack, partly).training
    patches = it.unannotated_batch(3)
    assert torch.equal(patches, it.unannotated_batch(3))
    assert not torch.equal(patches, it.unannotated_batch(4))
    assert patches.shape == (2, 1, 16, 16)
    plain = it.data.unannotated.draw(numpy_generator(0, Purpose.UNANNOTATED, 3), 2, 16)
    assert torch.equal(patches.flatten(1).sort().values, plain.flatten(1).sort().values)


def test_accuracies_are_of_masks_of_annotated_and_other_images(small, stack, partly):
    """D Accuracy train by hand: G's masks of the fixed training patches against those of the others."""
    changes = {"updates": 4, "validate_every": 4, "adversarial_weight": ALWAYS}
    discriminator = {"norm": "none", "image_normalisation": "stack"}
    result = train(small(**changes, discriminator=discriminator), stack, partly)
    it = result.training
    G, D = (it.optimizers[n].network.eval() for n in ("adversarial", "discriminator"))
    point = np.log(0.45 / 0.55)
    called = []
    with torch.no_grad():
        fakes = {"train": it.data.fixed_unannotated, "val": it.data.fixed_val}
        for images, _ in (it.data.fixed_train, fakes["train"], fakes["val"]):
            mask = (G(images).sigmoid() >= 0.5).float()
            called.append(float((D(torch.cat([mask, images], 1)) > point).float().mean()))
    scores = result.history[-1].scores
    assert scores.discriminator.accuracy_train == pytest.approx(
        (called[0] + 1 - called[1]) / 2, abs=1e-6
    )
    assert scores.discriminator.fooling_rate_train == pytest.approx(called[1], abs=1e-6)
    assert scores.discriminator.accuracy_val == pytest.approx(
        (called[0] + 1 - called[2]) / 2, abs=1e-6
    )
    assert scores.discriminator.fooling_rate_val == pytest.approx(called[2], abs=1e-6)


# ---- going on

MIDWAY = {
    "updates": 8,
    "validate_every": 4,
    "samples": 0,
    "adversarial_weight": {"kind": "balance", "start": 0.1, "rise": 0.2},
}


def test_resuming_with_own_slices_ends_like_the_whole_run(
    small, stack, partly, same_run, stop_at, tmp_path
):
    """From within updates and within a validation; λ follows from the gradients."""
    settings = small(**MIDWAY)
    whole = train(settings, stack, partly)
    assert all(v.adversarial_weight > 0 for v in whole.history)
    for looks in (2, 5, 12):
        folder = tmp_path / str(looks)
        stopped = train(settings, stack, partly, folder, control=stop_at(looks))
        assert stopped.outcome is Outcome.STOPPED
        resumed = resume(folder, stack)
        assert same_run(resumed, whole)
        assert [v.health for v in resumed.history] == [v.health for v in whole.history]
    assert same_run(train(whole.training.settings, stack, partly), whole)  # which repeat it


def test_resuming_within_blocks_ends_like_the_whole_run(
    small, stack, partly, same_run, stop_at, tmp_path
):
    settings = small(updates=6, alternation=BLOCK, adversarial_weight=ALWAYS, samples=0)
    whole = train(settings, stack, partly)
    for looks in (4, 8):
        folder = tmp_path / str(looks)
        train(settings, stack, partly, folder, control=stop_at(looks))
        assert same_run(resume(folder, stack), whole)


def test_a_second_stack_in_memory_is_asked_for_and_given_again(
    small, stack, partly, second, same_run, stop_at, tmp_path
):
    settings, folder = small(**MIDWAY), tmp_path / "run"
    whole = train(settings, stack, partly, unannotated=second)
    train(settings, stack, partly, folder, unannotated=second, control=stop_at(6))
    with pytest.raises(RunFolderError, match="was no file: give it, for example --unannotated"):
        resume(folder, stack)
    with pytest.raises(RunFolderError, match="give the one that the run was started with"):
        resume(folder, stack, unannotated=stack)
    assert same_run(resume(folder, stack, unannotated=second), whole)
    assert same_run(train(whole.training.settings, stack, partly, unannotated=second), whole)


def test_a_second_stack_in_a_file_is_found_or_asked_for(
    small, stack, partly, second, same_run, stop_at, tmp_path
):
    path, folder = tmp_path / "second.tif", tmp_path / "run"
    tifffile.imwrite(path, np.asarray(second.data))
    settings = small(**MIDWAY)
    train(settings, stack, partly, folder, unannotated=read_stack(path), control=stop_at(6))
    kept = json.loads((folder / "config.json").read_text())["unannotated"]
    assert (kept["source"], kept["shape"]) == (str(path), [9, 72, 68])
    path.rename(tmp_path / "moved.tif")
    with pytest.raises(RunFolderError) as caught:
        resume(folder, stack)
    assert str(caught.value) == (
        f"The stack without annotation {path} is no longer there: say where it is, for example "
        "--unannotated STACK.tif."
    )
    (tmp_path / "moved.tif").rename(path)
    resumed = resume(folder, stack)
    assert same_run(resumed, train(settings, stack, partly, unannotated=second))


def test_a_run_goes_on_with_the_second_stack_it_was_started_with(
    small, stack, partly, second, stop_at, tmp_path
):
    folder = tmp_path / "run"
    train(small(**MIDWAY), stack, partly, folder, unannotated=second, control=stop_at(6))
    darker = replace(second, data=np.asarray(second.data) // 2)
    with pytest.raises(RunFolderError) as caught:
        resume(folder, stack, unannotated=darker)
    assert str(caught.value).startswith("The stack without annotation has mean ")
    assert str(caught.value).endswith(
        "give the stack without annotation that the run was started on."
    )


def test_a_second_stack_that_the_run_never_had_is_refused(
    small, stack, partly, second, stop_at, tmp_path
):
    train(small(**MIDWAY), stack, partly, tmp_path / "run", control=stop_at(6))
    with pytest.raises(RunFolderError, match="had no stack without annotation"):
        resume(tmp_path / "run", stack, unannotated=second)
