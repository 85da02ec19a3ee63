"""One update against images without annotation: who moves, by how much, and what leaks to whom."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from napari_advseg.core.adversary.adversarial_loss import AdversarialLoss
from napari_advseg.core.adversary.discriminator import build_discriminator
from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.config.schedules import balanced_weight
from napari_advseg.core.config.settings import (
    DiscriminatorSettings,
    NetworkSettings,
    OptimizerSettings,
)
from napari_advseg.core.models.network_optimizer import NetworkOptimizer
from napari_advseg.core.models.unet import build_unet
from napari_advseg.core.runtime.devices import ComputeDevice
from napari_advseg.core.training.steps import AdversarialStep, StandardStep

CPU = ComputeDevice(torch.device("cpu"), "float32", 1)
STEADY = OptimizerSettings(schedule="constant", rate=1e-2, clip=None)
WEIGHT = 0.7


def always(weight):
    """λ, whatever the gradients."""
    return lambda segmentation, adversarial: torch.full_like(segmentation, weight)


def network(dropout=0.0):
    settings = NetworkSettings(width=2, depth=2, dropout=dropout)
    return build_unet(settings, 2, torch.Generator().manual_seed(0))


def adversarial_step(dropout=0.0, **discriminator):
    values = {
        "width": 4, "depth": 2, "regime": "unannotated", "norm": "none", "image_normalisation": "stack",
        **discriminator,
    }  # fmt: skip
    chosen = DiscriminatorSettings(**values)
    D = build_discriminator(chosen, NetworkSettings(), 2, 16, torch.Generator().manual_seed(1))
    G = network(dropout)
    return AdversarialStep(
        NetworkOptimizer.of(G, STEADY, 100),
        NetworkOptimizer.of(D, STEADY, 100),
        D,
        AdversarialLoss(chosen),
        CPU,
    )


def batch(count=4):
    """Annotated images with targets, not all labelled, and brighter images without."""
    draws = torch.Generator().manual_seed(5)
    targets = torch.randint(2, (count, 16, 16), generator=draws).byte()
    images = torch.randn(count, 1, 16, 16, generator=draws) + targets[:, None]
    targets[0, :4] = UNLABELLED
    others = 3 * torch.randn(count - 1, 1, 16, 16, generator=draws) + 5
    return images, targets, others


def state(module):
    return {key: tensor.clone() for key, tensor in module.state_dict().items()}


def same(module, before):
    return all(torch.equal(t, before[key]) for key, t in module.state_dict().items())


def running(module):
    names = ("running_mean", "running_var", "num_batches_tracked")
    return {k: t.clone() for k, t in module.state_dict().items() if k.endswith(names)}


def hard(p):
    """0 and 1 with the gradient of `p`, another way than the code's."""

    class Step(torch.autograd.Function):
        @staticmethod
        def forward(context, x):
            return (x >= 0.5).float()

        @staticmethod
        def backward(context, gradient):
            return gradient

    return Step.apply(p)


def d_sees(images, logits):
    """The hard mask beside the image, wherever there is a label."""
    return torch.cat([hard(torch.sigmoid(logits)), images], dim=1)


def cross_entropy(logits, targets):
    """−ln p of the true class at labelled pixels, class 0 being the positive one."""
    labelled = targets != UNLABELLED
    wrong = torch.where(targets == 0, -logits[:, 0], logits[:, 0])
    return F.softplus(wrong)[labelled].mean()


# --- phase 1 -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", ["hard", "probability"])
def test_gs_gradient_is_that_of_the_annotation_plus_lambda_times_the_adversarial_one(mask):
    step = adversarial_step(mask=mask)
    images, targets, others = batch()
    G, D = deepcopy(step.generator.network), deepcopy(step.discriminator.network)
    annotated = cross_entropy(G.train()(images), targets)
    logits = G.eval()(others)
    shown = hard(logits.sigmoid()) if mask == "hard" else logits.sigmoid()
    fooled = F.softplus(-D(torch.cat([shown, others], 1))).mean()  # −ln D(fake)
    parameters = list(G.parameters())
    expected = torch.autograd.grad(annotated, parameters, retain_graph=True)
    pull = torch.autograd.grad(fooled, parameters)
    assert any(p.abs().max() > 1e-6 for p in pull)
    taken = step(images, targets, always(WEIGHT), g_learns=True, d_learns=False, unannotated=others)
    for parameter, one, other in zip(
        step.generator.network.parameters(), expected, pull, strict=True
    ):
        assert torch.allclose(parameter.grad, one + WEIGHT * other, atol=1e-6)
    assert float(taken.losses["G/S"]) == pytest.approx(annotated.item(), rel=1e-5)
    assert all(p.grad is None for p in step.discriminator.network.parameters())


@pytest.mark.parametrize("regime", ["truth", "unannotated"])
def test_matching_features_pulls_by_the_distance_of_ds_features(regime):
    step = adversarial_step(regime=regime, objective="features", mask="probability")
    images, targets, others = batch()
    targets[targets == UNLABELLED] = 1
    G, D = deepcopy(step.generator.network), deepcopy(step.discriminator.network)
    parameters = list(G.parameters())
    logits = G.train()(images)
    expected = torch.autograd.grad(cross_entropy(logits, targets), parameters, retain_graph=True)

    def features(x):
        found = []
        for layer in D.layers[:-1]:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                found.append(x)
        return found

    def view(mask, x):
        return torch.cat([mask, x], 1)

    if regime == "truth":  # compute by compute
        reals = features(view((targets == 0)[:, None].float(), images))
        fakes = features(view(logits.sigmoid(), images))
        apart = [(r.detach() - f).abs().mean() for r, f in zip(reals, fakes, strict=True)]
    else:  # means over images and places
        reals = features(view(logits.detach().sigmoid(), images))
        fakes = features(view(G.eval()(others).sigmoid(), others))
        apart = [
            (r.detach().mean((0, 2, 3)) - f.mean((0, 2, 3))).abs().mean()
            for r, f in zip(reals, fakes, strict=True)
        ]
    assert len(apart) == 2
    pull = torch.autograd.grad(sum(apart) / 2, parameters)
    step(
        images, targets, always(WEIGHT), g_learns=True, d_learns=False,
        unannotated=others if regime == "unannotated" else None,
    )  # fmt: skip
    for parameter, one, other in zip(
        step.generator.network.parameters(), expected, pull, strict=True
    ):
        assert torch.allclose(parameter.grad, one + WEIGHT * other, atol=1e-6)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_images_without_annotation_leave_no_trace_in_gs_batch_normalisation(dropout):
    """Its averages are those of a standard update on the annotated images alone."""
    step = adversarial_step(dropout)
    images, targets, others = batch()
    alone = NetworkOptimizer.of(network(dropout), STEADY, 100)
    for net in (alone.network, step.generator.network):
        net.seed_dropout(torch.Generator().manual_seed(7))
    StandardStep(alone, CPU)(images, targets)
    step(images, targets, always(WEIGHT), g_learns=True, d_learns=True, unannotated=others)
    before, found = running(alone.network), running(step.generator.network)
    assert found.keys() == before.keys()
    assert all(torch.equal(tensor, before[key]) for key, tensor in found.items())
    counts = [t for key, t in found.items() if key.endswith("num_batches_tracked")]
    assert counts
    assert all(int(count) == 1 for count in counts)
    assert not same(step.generator.network, alone.network.state_dict())  # its weights did move
    assert step.generator.network.training


# --- phase 2 -----------------------------------------------------------------------------------


def test_for_d_masks_on_annotated_images_are_real_and_on_others_fake():
    step = adversarial_step(real_target=0.9)
    images, targets, others = batch()
    G, D = deepcopy(step.generator.network), deepcopy(step.discriminator.network)
    with torch.no_grad():
        own, fake = G.train()(images), G.eval()(others)
    real, fake = D(d_sees(images, own)), D(d_sees(others, fake))
    # 4 × 4 positions on each of 4 real and 3 fake masks; the label of a pixel does not matter
    against_real = 0.9 * F.softplus(-real) + 0.1 * F.softplus(real)
    expected = (against_real.sum() + F.softplus(fake).sum()) / (7 * 16)
    taken = step(images, targets, None, g_learns=True, d_learns=True, unannotated=others)
    assert float(taken.losses["D"]) == pytest.approx(expected.item(), rel=1e-5)
    gradient = torch.autograd.grad(expected, list(D.parameters()))
    for parameter, one in zip(step.discriminator.network.parameters(), gradient, strict=True):
        assert torch.allclose(parameter.grad, one, atol=1e-6)


def test_d_cannot_tell_annotated_images_by_their_strokes():
    """With strokes alone its loss is that with dense labels: it is shown G's masks as a whole."""
    losses = []
    for strokes in (False, True):
        step = adversarial_step()
        images, targets, others = batch()
        if strokes:
            targets[:, 2:] = UNLABELLED
        step.generator.network.eval()
        taken = step(images, targets, None, g_learns=False, d_learns=True, unannotated=others)
        losses.append(float(taken.losses["D"]))
    assert losses[0] == losses[1]


@pytest.mark.parametrize("norm", ["spectral", "batch", "none"])
def test_in_gs_turn_d_stays_and_in_ds_turn_g(norm):
    step = adversarial_step(norm=norm)
    images, targets, others = batch()
    G, D = step.generator.network, step.discriminator.network
    for _ in range(2):
        before_g, before_d = state(G), state(D)
        step(images, targets, always(WEIGHT), g_learns=True, d_learns=False, unannotated=others)
        assert same(D, before_d)
        assert not same(G, before_g)
        before_g = state(G)
        step(images, targets, always(WEIGHT), g_learns=False, d_learns=True, unannotated=others)
        assert same(G, before_g)
        assert not same(D, before_d)


# --- the balance of the two gradients ----------------------------------------------------------


@pytest.mark.parametrize("ratio", [0.05, 0.5])
@pytest.mark.parametrize("regime", ["truth", "unannotated"])
def test_with_a_balance_the_gradients_stand_in_the_ratio_that_was_chosen(regime, ratio):
    step = adversarial_step(regime=regime)
    images, targets, others = batch()
    for _ in range(3):
        G, D = deepcopy(step.generator.network), deepcopy(step.discriminator.network)
        own = G.train()(images)
        seg = torch.autograd.grad(cross_entropy(own, targets), own, retain_graph=True)[0]
        if regime == "truth":
            hidden = (targets == UNLABELLED)[:, None]
            mask = hard(own.sigmoid()) * ~hidden
            answers = D(torch.cat([mask, images], 1))
            counts = F.max_pool2d((~hidden).float(), 4)
            fooled = (F.softplus(-answers) * counts).sum() / counts.sum()
            adv = torch.autograd.grad(fooled, own)[0]
        else:
            fake = G.eval()(others)
            adv = torch.autograd.grad(F.softplus(-D(d_sees(others, fake))).mean(), fake)[0]
        taken = step(
            images, targets, lambda s, a: balanced_weight(ratio, s, a, 1000.0),
            g_learns=True, d_learns=True, unannotated=others if regime == "unannotated" else None,
        )  # fmt: skip
        weight = float(taken.health.weight)
        assert weight * float(adv.norm()) == pytest.approx(ratio * float(seg.norm()), rel=1e-4)
        assert float(taken.health.gradient_ratio) == pytest.approx(ratio, rel=1e-4)


def test_a_balance_is_capped_where_d_has_next_to_no_gradient():
    step = adversarial_step()
    images, targets, others = batch()
    with torch.no_grad():
        step.discriminator.network.last_layer.weight.mul_(1e-6)
    capped = step(
        images, targets, lambda s, a: balanced_weight(0.5, s, a, 10.0),
        g_learns=True, d_learns=False, unannotated=others,
    ).health  # fmt: skip
    assert float(capped.weight) == 10
    assert 0 < float(capped.gradient_ratio) < 1e-3
    with torch.no_grad():
        step.discriminator.network.last_layer.weight.zero_()
    silent = step(
        images, targets, lambda s, a: balanced_weight(0.5, s, a, 10.0),
        g_learns=True, d_learns=False, unannotated=others,
    ).health  # fmt: skip
    assert float(silent.weight) == 10
    assert float(silent.gradient_ratio) == 0
    assert all(torch.isfinite(p).all() for p in step.generator.network.parameters())
