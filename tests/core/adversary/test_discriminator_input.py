"""What D is shown of a mask, against the formulas of Luc et al. 2016 written out pixel by pixel."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from napari_advseg.core.adversary.discriminator import build_discriminator
from napari_advseg.core.adversary.discriminator_input import (
    DiscriminatorInput,
    Masks,
    softened,
    view_channels,
)
from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.config.settings import DiscriminatorSettings, NetworkSettings
from napari_advseg.core.models.layers import mask_channels


def views(**settings):
    return DiscriminatorInput(DiscriminatorSettings(**settings))


def batch(classes=2, channels=1, count=2, side=8):
    """Images, targets with unlabelled pixels, and logits that are not sure."""
    draws = torch.Generator().manual_seed(10 * classes + channels)
    images = torch.randn(count, channels, side, side, generator=draws)
    targets = torch.randint(classes, (count, side, side), generator=draws).byte()
    targets[:, 2:4, 1:7] = UNLABELLED
    logits = 2 * torch.randn(count, mask_channels(classes), side, side, generator=draws)
    return images, targets, logits


def class_probabilities(logits, n, y, x):
    """Probabilities of all classes at one pixel, by hand."""
    if logits.shape[1] == 1:
        p = 1 / (1 + float(torch.exp(-logits[n, 0, y, x])))
        return [p, 1 - p]
    e = [float(torch.exp(logits[n, c, y, x])) for c in range(logits.shape[1])]
    return [one / sum(e) for one in e]


def pixels(targets):
    return product(*(range(n) for n in targets.shape))


# --- product -----------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("channels", [1, 3])
def test_product_is_each_class_map_times_each_channel_of_the_image(classes, channels):
    images, targets, logits = batch(classes, channels)
    view = views(product=True, mask="probability", sees_image=False, image_normalisation="stack")
    predicted = view.of_prediction(Masks(images, targets, logits))
    true = view.of_truth(images, targets, logits)
    assert predicted.shape == true.shape == (2, classes * channels, 8, 8)
    for n, y, x in pixels(targets):
        found = class_probabilities(logits, n, y, x)
        label = int(targets[n, y, x])
        for c, k in product(range(classes), range(channels)):
            grey = 0.0 if label == UNLABELLED else float(images[n, k, y, x])
            place = (n, c * channels + k, y, x)
            assert float(predicted[place]) == pytest.approx(found[c] * grey, abs=1e-6)
            assert float(true[place]) == (grey if label == c else 0)


def test_the_class_maps_of_a_product_add_up_to_the_image():
    """Nothing of the image is lost: a perfect and a wrong mask share it out differently."""
    images, targets, logits = batch(3, 2)
    targets[:] = 0
    for mask in ("probability", "hard"):
        seen = views(
            product=True, mask=mask, sees_image=False, image_normalisation="stack"
        ).of_prediction(Masks(images, targets, logits))
        assert torch.allclose(seen.unflatten(1, (3, 2)).sum(1), images, atol=1e-5)


# --- scaling -----------------------------------------------------------------------------------


def scaled_by_hand(probabilities, label, tau):
    raised = max(tau, probabilities[label])
    return [
        raised if c == label else p * (1 - raised) / (1 - probabilities[label])
        for c, p in enumerate(probabilities)
    ]


@pytest.mark.parametrize("tau", [0.6, 0.9])
@pytest.mark.parametrize("classes", [2, 3])
def test_scaling_is_lucs_formula(classes, tau):
    images, targets, logits = batch(classes)
    view = views(mask="scaled", tau=tau, sees_image=False)
    true = view.of_truth(images, targets, logits)
    raised = 0
    for n, y, x in pixels(targets):
        label = int(targets[n, y, x])
        if label == UNLABELLED:
            assert (true[n, :, y, x] == 0).all()
            continue
        found = class_probabilities(logits, n, y, x)
        expected = scaled_by_hand(found, label, tau)[: true.shape[1]]
        assert true[n, :, y, x].tolist() == pytest.approx(expected, abs=1e-6)
        raised += found[label] < tau
        if classes > 2:
            assert float(true[n, :, y, x].sum()) == pytest.approx(1, abs=1e-6)
    assert 0 < raised < targets.numel()  # both sides of the maximum were met
    predicted = view.of_prediction(Masks(images, targets, logits))
    plain = views(mask="probability", sees_image=False)
    assert torch.equal(predicted, plain.of_prediction(Masks(images, targets, logits)))


def test_one_channel_is_scaled_as_two_are():
    draws = torch.Generator().manual_seed(3)
    first = torch.rand(2, 1, 16, 16, generator=draws)
    true = torch.randint(2, first.shape, generator=draws).float()
    one = softened(true, first, 0.9)
    two = softened(torch.cat([true, 1 - true], 1), torch.cat([first, 1 - first], 1), 0.9)
    assert torch.allclose(torch.cat([one, 1 - one], 1), two, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_network_that_is_sure_leaves_the_truth_as_sure(classes):
    """Also where 1 − s is 0, which the formula divides by."""
    images, targets, _ = batch(classes)
    targets[:] = 1
    logits = torch.full((2, mask_channels(classes), 8, 8), -200.0)
    if classes > 2:
        logits[:, 1] = 200.0
    true = views(mask="scaled", sees_image=False).of_truth(images, targets, logits)
    expected = torch.zeros(2, mask_channels(classes), 8, 8)
    if classes > 2:
        expected[:, 1] = 1
    assert torch.equal(true, expected)


# --- every combination -------------------------------------------------------------------------

KINDS = list(product(("hard", "probability", "scaled"), (False, True), (False, True)))


@pytest.mark.parametrize(("mask", "times_image", "sees_image"), KINDS)
@pytest.mark.parametrize(("classes", "channels"), [(2, 1), (2, 3), (3, 2)])
def test_every_view_fits_the_d_that_is_built_for_it(
    mask, times_image, sees_image, classes, channels
):
    settings = DiscriminatorSettings(
        mask=mask,
        product=times_image,
        sees_image=sees_image,
        image_normalisation="stack",
        width=2,
        depth=2,
    )
    network = NetworkSettings(width=2, depth=2, image_channels=channels)
    shown = (classes * channels if times_image else mask_channels(classes)) + (
        channels if sees_image else 0
    )
    assert view_channels(settings, mask_channels(classes), channels) == shown
    D = build_discriminator(settings, network, classes, 8, torch.Generator().manual_seed(0))
    images, targets, logits = batch(classes, channels)
    view = DiscriminatorInput(settings)
    hidden = (targets == UNLABELLED)[:, None]
    for seen in (
        view.of_prediction(Masks(images, targets, logits)),
        view.of_truth(images, targets, logits),
    ):
        assert seen.shape == (2, shown, 8, 8)
        assert D(seen).shape == (2, 1, 2, 2)
        of_mask = seen[:, : shown - (channels if sees_image else 0)]
        assert (of_mask * hidden == 0).all()
        assert (of_mask != 0).any()
        if sees_image:
            assert torch.equal(seen[:, -channels:], images)
    if mask == "hard" and not times_image:
        assert view.of_prediction(Masks(images, targets, logits))[:, :1].unique().tolist() == [0, 1]


# --- how bright the image beside the mask is ---------------------------------------------------


@pytest.mark.parametrize("times_image", [False, True])
def test_d_cannot_tell_a_patch_by_its_brightness_or_contrast(times_image):
    images, targets, logits = batch(channels=2, count=3, side=16)
    factors = torch.tensor([0.2, 1.0, 3.0]).view(3, 1, 1, 1)
    offsets = torch.tensor([[-2.0, 5.0], [0.0, 1.0], [4.0, 0.0]])[:, :, None, None]
    view = views(product=times_image)
    for seen, changed in (
        (view.of_truth(one, targets, logits) for one in (images, factors * images + offsets)),
        (
            view.of_prediction(Masks(one, targets, logits))
            for one in (images, factors * images + offsets)
        ),
    ):
        torch.testing.assert_close(changed, seen, atol=1e-3, rtol=1e-3)
    beside = seen[:, -2:].double()
    torch.testing.assert_close(
        beside.mean(dim=(2, 3)), torch.zeros(3, 2).double(), atol=1e-5, rtol=0
    )
    expected = np.asarray([(p - p.mean()) / p.std() for p in images[0].numpy()])
    np.testing.assert_allclose(beside[0], expected, atol=1e-4)


def test_a_patch_in_which_nothing_varies_is_zero_beside_the_mask():
    images, targets, logits = batch()
    images[0] = 3.5
    assert (views().of_truth(images, targets, logits)[0, -1] == 0).all()


def test_images_may_be_shown_as_the_networks_see_them():
    images, targets, logits = batch(channels=2)
    seen = views(image_normalisation="stack").of_truth(images, targets, logits)
    assert torch.equal(seen[:, -2:], images)


# --- gradients ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("mask", "times_image"), [(m, p) for m, p, image in KINDS if image])
@pytest.mark.parametrize("classes", [2, 3])
def test_gradients_reach_the_labelled_logits_alone(mask, times_image, classes):
    images, targets, logits = batch(classes)
    leaf = logits.clone().requires_grad_()
    view = views(mask=mask, product=times_image)
    draws = torch.Generator().manual_seed(9)
    shown = view_channels(view.settings, leaf.shape[1], 1)
    weights = torch.randn(1, shown, 8, 8, generator=draws)
    (view.of_prediction(Masks(images, targets, leaf)) * weights).sum().backward()
    hidden = (targets == UNLABELLED)[:, None].expand_as(leaf)
    assert (leaf.grad[hidden] == 0).all()
    assert (leaf.grad[~hidden] != 0).all()
    assert not view.of_truth(images, targets, leaf).requires_grad
