"""Gaps in masks: what is cut, what is left alone, and that D learns to see it."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from scipy import ndimage

from napari_advseg.core.adversary.adversarial_loss import AdversarialLoss
from napari_advseg.core.adversary.discriminator import build_discriminator
from napari_advseg.core.adversary.discriminator_input import Masks
from napari_advseg.core.adversary.discriminator_statistics import logit_health
from napari_advseg.core.adversary.mask_gaps import LARGEST, SMALLEST, cut_gaps, gap_cutter
from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.config.settings import (
    DiscriminatorSettings,
    NetworkSettings,
    OptimizerSettings,
)
from napari_advseg.core.models.network_optimizer import NetworkOptimizer
from napari_advseg.core.models.unet import build_unet
from napari_advseg.core.runtime.devices import ComputeDevice
from napari_advseg.core.runtime.scores import measured
from napari_advseg.core.training.steps import AdversarialStep

CPU = ComputeDevice(torch.device("cpu"), "float32", 1)
STEADY = OptimizerSettings(schedule="constant", rate=5e-3, clip=None, weight_decay=0.0)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def two_cells(count=1, side=32):
    """Cells left and right of a membrane three pixels wide: 1 is cell."""
    masks = torch.ones(count, 1, side, side)
    masks[..., side // 2 - 1 : side // 2 + 2] = 0
    return masks


def cut(masks, gaps, half, random):
    """Gaps where everything is labelled."""
    return cut_gaps(masks, everywhere(masks), gaps, half, random)


def everywhere(masks):
    return torch.ones_like(masks[:, :1], dtype=torch.bool)


def cells(mask):
    return ndimage.label(mask.numpy() > 0.5)[1]


def test_a_gap_joins_the_cells_on_both_sides():
    whole = two_cells(50)
    broken = cut(whole, 3.0, 2, draws())
    assert {cells(mask[0]) for mask in whole} == {2}
    counts = [cells(mask[0]) for mask in broken]
    assert counts.count(1) > 40  # about e^-3 of the masks get none
    assert (broken >= whole).all()  # no membrane where there was none


def test_a_gap_is_a_square_around_a_pixel_of_the_rarer_class():
    whole = torch.ones(1, 1, 21, 21)
    whole[0, 0, 10, 10] = 0
    assert (cut(whole, 1.0, 3, draws()) == 1).all()
    plus = torch.zeros(1, 1, 41, 41)
    plus[0, 0, 20, 20] = 1  # now the cell is rare
    assert (cut(plus, 1.0, 3, draws()) == 0).all()
    band = torch.zeros(1, 1, 41, 41)
    band[..., :12] = 1
    hole = (cut(band, 1.0, 4, draws(3)) != band)[0, 0]
    rows, columns = hole.nonzero(as_tuple=True)
    assert 1 <= hole.sum() <= 81
    assert int(rows.max() - rows.min()) <= 8
    assert int(columns.max()) <= 11


def test_as_many_gaps_as_asked_for_on_average():
    """One pixel each, so that they can be counted; Poisson's deviation is 2.8 in each mask."""
    whole = two_cells(400, 64)
    counts = (cut(whole, 8.0, 0, draws()) != whole).sum(dim=(1, 2, 3)).float()
    assert float(counts.mean()) == pytest.approx(8.0, abs=4 * 2.8 / 20)
    assert float(counts.std()) == pytest.approx(2.8, abs=0.5)


def test_of_more_classes_the_rarer_ones_give_way_to_the_commonest_of_the_mask():
    targets = torch.zeros(2, 24, 24, dtype=torch.long)
    targets[0, :, 8:10], targets[0, 4:7, 15:20] = 1, 2
    targets[1] = 2
    targets[1, 10:12] = 1
    masks = torch.nn.functional.one_hot(targets, 3).movedim(-1, 1).float()
    broken = cut(masks, 30.0, 2, draws()).argmax(dim=1)
    for now, before, commonest in zip(broken, targets, (0, 2), strict=True):
        changed = now != before
        assert changed.any()
        assert set(now[changed].tolist()) == {commonest}
    assert (cut(masks, 30.0, 2, draws()).sum(dim=1) == 1).all()


def test_what_is_unlabelled_is_no_class_that_could_be_common_or_broken():
    """Strokes: 100 pixels of cell, 60 of membrane, and 0 in the mask of all others, as D is shown it."""
    masks = torch.zeros(20, 1, 32, 32)
    labelled = torch.zeros(20, 1, 32, 32, dtype=torch.bool)
    labelled[..., 4:14, 4:14] = labelled[..., 20:22, :30] = True
    masks[..., 4:14, 4:14] = 1
    broken = cut_gaps(masks, labelled, 3.0, 1, draws())
    assert (broken[..., 4:14, 4:14] == 1).all()
    gaps = (broken[..., 20:22, :30] == 1).flatten(1).sum(dim=1)
    assert (gaps > 0).sum() > 15  # as many gaps as asked for, all in the membrane's stroke


@pytest.mark.parametrize("channels", [1, 3])
def test_where_there_is_nothing_to_break_nothing_changes(channels):
    one_class = torch.zeros(3, channels, 16, 16)
    one_class[:, 0] = 1
    assert torch.equal(cut(one_class, 50.0, 3, draws()), one_class)
    assert cut(one_class[:0], 50.0, 3, draws()).shape == (0, channels, 16, 16)


def test_a_batch_has_its_own_gaps_and_always_the_same():
    masks = two_cells(4, 128)
    found = {n: gap_cutter(7, n, 8.0, CPU.device)(masks, everywhere(masks)) for n in range(12)}
    again = {
        n: gap_cutter(7, n, 8.0, CPU.device)(masks, everywhere(masks)) for n in reversed(range(12))
    }
    assert all(torch.equal(found[n], again[n]) for n in found)
    assert not any(torch.equal(found[n], found[m]) for n in found for m in range(n))
    assert not torch.equal(found[0], gap_cutter(8, 0, 8.0, CPU.device)(masks, everywhere(masks)))


def test_gaps_are_of_all_sizes():
    one = torch.ones(1, 1, 33, 33)
    one[..., 16, 16] = 0
    wide = one.clone()
    wide[..., 10:23, 10:23] = 0  # a block, of which a gap shows its size
    sizes = set()
    for number in range(60):
        hole = gap_cutter(0, number, 0.7, CPU.device)(wide, everywhere(wide)) != wide
        pieces, count = ndimage.label(hole[0, 0].numpy())
        if count == 1:
            rows = ndimage.find_objects(pieces)[0][0]
            sizes.add((rows.stop - rows.start) // 2)
    assert sizes >= {SMALLEST, LARGEST}


# ---- D


def discriminator(**settings):
    values = {"width": 8, "depth": 2, "norm": "spectral", **settings}
    chosen = DiscriminatorSettings(**values)
    D = build_discriminator(chosen, NetworkSettings(), 2, 32, draws(1))
    G = build_unet(NetworkSettings(width=2, depth=2), 2, draws(2))
    step = AdversarialStep(
        NetworkOptimizer.of(G, STEADY, 100),
        NetworkOptimizer.of(D, STEADY, 100),
        D,
        AdversarialLoss(chosen),
        CPU,
    )
    return step, D


def batch(number=0, count=8):
    """Membranes at random places; in the image they are dark, and it is noisy."""
    random = draws(number)
    targets = torch.zeros(count, 32, 32, dtype=torch.uint8)
    for target in targets:
        row, column = torch.randint(4, 28, (2,), generator=random).tolist()
        target[row : row + 3] = 1
        target[:, column : column + 3] = 1
    images = 1 - 2 * targets[:, None].float()
    return images + 0.3 * torch.randn(images.shape, generator=random), targets


@pytest.mark.parametrize("regime", ["truth", "unannotated"])
def test_d_learns_from_real_masks_with_gaps_as_fake(regime):
    """Its loss: real masks count half, G's masks and broken ones a quarter each."""
    step, D = discriminator(norm="none", regime=regime, image_normalisation="stack")
    images, targets = batch()
    targets[0, :5] = UNLABELLED
    others = batch(1, 3)[0] if regime == "unannotated" else None
    gaps = gap_cutter(0, 0, 8.0, CPU.device)
    G = deepcopy(step.generator.network)  # its batch normalisation takes note of each batch
    with torch.no_grad():
        own = Masks(images, targets, G.train()(images))
        if others is None:
            true = step.adversary.view.of_truth(images, targets, own.logits)
            fakes, counted = step.adversary.view.of_prediction(own), targets
        else:
            whole = Masks(images, torch.zeros_like(targets), own.logits)
            true = step.adversary.view.of_prediction(whole)
            nowhere = torch.zeros(3, 32, 32, dtype=torch.uint8)
            fakes = step.adversary.view.of_prediction(Masks(others, nowhere, G.eval()(others)))
            counted = nowhere
        there = (targets != UNLABELLED)[:, None] if others is None else everywhere(true)
        broken = torch.cat([gaps(true[:, :1], there), true[:, 1:]], dim=1)
        if others is None:
            broken[:, :1] *= (targets != UNLABELLED)[:, None]
        assert not torch.equal(broken, true)

        def sums(shown, answer, under):
            answers = torch.full((len(shown), 1, 8, 8), answer)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                D(shown), answers, reduction="none"
            )
            there = torch.nn.functional.max_pool2d((under != UNLABELLED)[:, None].float(), 4)
            return float((loss * there).sum()), float(there.sum())

        under = targets if others is None else torch.zeros_like(targets)
        parts = [sums(true, 0.9, under), sums(fakes, 0.0, counted), sums(broken, 0.0, under)]
        weights = (1, 0.5, 0.5)
        expected = sum(w * loss for w, (loss, _) in zip(weights, parts, strict=True)) / sum(
            w * n for w, (_, n) in zip(weights, parts, strict=True)
        )
    taken = step(images, targets, None, g_learns=True, d_learns=True, unannotated=others, cut=gaps)
    assert float(taken.losses["D"]) == pytest.approx(expected, rel=1e-4)


def test_d_comes_to_see_gaps_and_its_gradient_fills_them():
    """What the gaps are for: on masks that it has not seen, D's pull on a gap is towards membrane."""
    step, D = discriminator(width=16)
    for number in range(150):
        images, targets = batch(number)
        gaps = gap_cutter(0, number, 6.0, CPU.device)
        step(images, targets, None, g_learns=False, d_learns=True, cut=gaps)
    images, targets = batch(1000, 32)
    gaps = gap_cutter(1, 0, 6.0, CPU.device)
    view = step.adversary.view
    sure = 8.0 * (1 - 2 * targets[:, None].float())  # logits of the true masks
    D.eval()
    with torch.no_grad():
        whole, broken = (D(view.of_truth(images, targets, sure, c)) for c in (None, gaps))
    assert float(whole.mean()) > float(broken.mean()) + 0.5
    cell = (targets == 0)[:, None].float()
    gappy = gaps(cell, everywhere(cell))
    holes = (gappy == 1) & (targets[:, None] == 1)
    logits = (8.0 * (2 * gappy - 1)).clamp(-2, 2).requires_grad_()
    shown = view.of_prediction(Masks(images, torch.zeros_like(targets), logits))
    pull = torch.autograd.grad(-D(shown).mean(), logits)[0]
    assert float(pull[holes].mean()) > 0  # descent lowers the cell's logit there
    assert float(pull[holes].mean()) > float(pull[~holes & (gappy == 1)].mean())


def test_broken_masks_count_in_ds_answers_and_have_a_mean_of_their_own():
    adversary = AdversarialLoss(DiscriminatorSettings())
    labelled = torch.zeros(2, 4, 4, dtype=torch.uint8)
    real, fake = torch.full((2, 1, 2, 2), 3.0), torch.full((2, 1, 2, 2), 2.0)  # G convinces D
    broken = torch.full((2, 1, 2, 2), -4.0)
    plain = logit_health(adversary, real, fake, labelled, labelled)
    seen = logit_health(adversary, real, fake, labelled, labelled, broken)
    assert (float(plain.right), float(plain.called_real)) == (0.5, 1.0)
    assert (float(seen.right), float(seen.called_real)) == (0.75, 0.75)
    assert float(seen.broken_mean) == -4
    assert plain.broken_mean is None
    same = measured(plain).keys() - {"right", "called_real"}
    assert same
    assert all(float(getattr(seen, name)) == float(getattr(plain, name)) for name in same)
