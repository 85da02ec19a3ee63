"""Segmentation losses: only labelled pixels count."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.models.losses import (
    SegmentationLoss,
    probabilities,
    segmentation_loss,
    soft_dice_loss,
)


def batch(channels, seed=0):
    draws = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(3, channels, 5, 7, generator=draws)
    targets = torch.randint(max(channels, 2), (3, 5, 7), generator=draws).byte()
    targets[torch.rand(targets.shape, generator=draws) < 0.3] = UNLABELLED
    return logits, targets


def reference(logits, targets):
    """Mean of −ln p(true class) over labelled pixels, in float64 with numpy."""
    z, t = logits.double().numpy(), targets.numpy()
    p = np.concatenate([z, np.zeros_like(z)], 1) if z.shape[1] == 1 else z
    p = np.exp(p) / np.exp(p).sum(1, keepdims=True)
    n, y, x = np.nonzero(t != UNLABELLED)
    return -np.log(p[n, t[n, y, x], y, x]).mean()


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_it_is_the_mean_cross_entropy_over_labelled_pixels(channels):
    logits, targets = batch(channels)
    assert float(segmentation_loss(logits, targets)) == pytest.approx(reference(logits, targets))


@pytest.mark.parametrize("channels", [1, 3])
def test_unlabelled_pixels_have_no_gradient_and_no_weight(channels):
    logits, targets = batch(channels)
    unlabelled = (targets == UNLABELLED)[:, None].expand_as(logits)
    changed = torch.where(unlabelled, logits + 50, logits)
    assert segmentation_loss(changed, targets) == segmentation_loss(logits, targets)
    logits.requires_grad_()
    segmentation_loss(logits, targets).backward()
    assert (logits.grad[unlabelled] == 0).all()
    assert (logits.grad[~unlabelled] != 0).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_nothing_labelled_costs_nothing(channels):
    logits, targets = batch(channels)
    logits.requires_grad_()
    loss = segmentation_loss(logits, torch.full_like(targets, UNLABELLED))
    loss.backward()
    assert loss == 0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_extreme_logits_stay_finite(channels):
    logits, targets = batch(channels)
    logits = (logits * 1e4).requires_grad_()
    loss = segmentation_loss(logits, targets)
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()


def test_half_precision_logits_are_scored_in_single_precision():
    logits, targets = batch(1)
    half = logits.bfloat16()
    assert segmentation_loss(half, targets).dtype == torch.float32
    assert float(segmentation_loss(half, targets)) == pytest.approx(reference(half, targets))


def test_one_channel_is_the_probability_of_the_first_class():
    logits, _ = batch(1)
    assert torch.allclose(probabilities(logits), 1 / (1 + (-logits).exp()))
    targets = torch.zeros(1, 1, 1, dtype=torch.uint8)
    sure_of_first = torch.full((1, 1, 1, 1), 20.0)
    assert (
        segmentation_loss(sure_of_first, targets)
        < 1e-6
        < segmentation_loss(sure_of_first, targets + 1)
    )


def test_more_classes_add_up_to_1():
    found = probabilities(batch(4)[0])
    assert torch.allclose(found.sum(1), torch.ones(3, 5, 7))


def reference_dice(logits, targets):
    """1 − mean over the classes there of 2 Σ p·g / (Σ p + Σ g), in float64 with numpy."""
    z, t = logits.double().numpy(), targets.numpy()
    p = np.concatenate([z, np.zeros_like(z)], 1) if z.shape[1] == 1 else z
    p = np.exp(p) / np.exp(p).sum(1, keepdims=True)
    known = t != UNLABELLED
    each = []
    for index in range(p.shape[1]):
        g, q = (t == index)[known], p[:, index][known]
        if g.any():
            each.append(2 * (q * g).sum() / (q.sum() + g.sum()))
    return 1 - np.mean(each)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_dice_is_the_mean_over_the_classes_of_a_batch(channels):
    logits, targets = batch(channels)
    assert float(soft_dice_loss(logits, targets)) == pytest.approx(reference_dice(logits, targets))
    targets[targets == 1] = 0  # a class that the batch does not hold is left out
    assert float(soft_dice_loss(logits, targets)) == pytest.approx(reference_dice(logits, targets))


@pytest.mark.parametrize("channels", [1, 3])
def test_dice_has_no_gradient_at_unlabelled_pixels(channels):
    logits, targets = batch(channels)
    logits.requires_grad_()
    soft_dice_loss(logits, targets).backward()
    unlabelled = (targets == UNLABELLED)[:, None].expand_as(logits)
    assert (logits.grad[unlabelled] == 0).all()
    assert (logits.grad[~unlabelled] != 0).any()
    nothing = soft_dice_loss(logits, torch.full_like(targets, UNLABELLED))
    assert nothing == 0


def test_the_loss_is_cross_entropy_with_weighted_dice():
    logits, targets = batch(1)
    plain, dice = segmentation_loss(logits, targets), soft_dice_loss(logits, targets)
    assert SegmentationLoss()(logits, targets) == plain
    assert float(SegmentationLoss(0.5)(logits, targets)) == pytest.approx(float(plain + dice / 2))


def test_dice_pulls_a_rare_object_out_of_a_mask_of_background():
    """One pixel in a thousand is the object, the mask says background: cross-entropy's pull is faint."""
    targets = torch.zeros(1, 40, 25, dtype=torch.uint8)
    targets[0, 20, 12] = 1
    logits = torch.full((1, 1, 40, 25), 4.0, requires_grad=True)
    pulls = []
    for loss in (segmentation_loss, soft_dice_loss):
        (gradient,) = torch.autograd.grad(loss(logits, targets), logits)
        others = gradient[targets[:, None] == 0].abs().sum()
        pulls.append(float(gradient[0, 0, 20, 12] / others))
    assert pulls[1] > 3 * pulls[0]
