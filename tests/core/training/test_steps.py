"""One update: who moves, who does not, and how."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_advseg.core.adversary.adversarial_loss import AdversarialLoss
from napari_advseg.core.adversary.discriminator import build_discriminator
from napari_advseg.core.adversary.discriminator_input import Masks
from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.config.settings import (
    DiscriminatorSettings,
    NetworkSettings,
    OptimizerSettings,
)
from napari_advseg.core.models.losses import segmentation_loss
from napari_advseg.core.models.network_optimizer import NetworkOptimizer, frozen
from napari_advseg.core.models.unet import build_unet
from napari_advseg.core.runtime.devices import ComputeDevice
from napari_advseg.core.training.steps import AdversarialStep, StandardStep

CPU = ComputeDevice(torch.device("cpu"), "float32", 1)
STEADY = OptimizerSettings(schedule="constant", rate=1e-2, clip=None)


def always(weight):
    """λ, whatever the gradients."""
    return lambda segmentation, adversarial: torch.full_like(segmentation, weight)


def adversarial_step(seed=0, **discriminator):
    chosen = DiscriminatorSettings(**{"width": 4, "depth": 2, **discriminator})
    network = NetworkSettings(width=2, depth=2)
    G = build_unet(network, 2, torch.Generator().manual_seed(seed))
    D = build_discriminator(chosen, network, 2, 16, torch.Generator().manual_seed(seed + 1))
    return AdversarialStep(
        NetworkOptimizer.of(G, STEADY, 100),
        NetworkOptimizer.of(D, STEADY, 100),
        D,
        AdversarialLoss(chosen),
        CPU,
    )


def batch(seed=0, count=4):
    draws = torch.Generator().manual_seed(seed)
    targets = torch.randint(2, (count, 16, 16), generator=draws).byte()
    images = torch.randn(count, 1, 16, 16, generator=draws) + targets[:, None]
    targets[0, :4] = UNLABELLED
    return images, targets


def state(network):
    return {key: tensor.clone() for key, tensor in network.state_dict().items()}


def same(network, before):
    return all(torch.equal(t, before[key]) for key, t in network.state_dict().items())


DISCRIMINATORS = [
    {"norm": "spectral"},
    {"norm": "batch"},
    {"norm": "none", "mask": "probability"},
    {"head": "dense", "norm": "batch", "sees_image": False},
    {"head": "dense", "norm": "spectral"},
]


@pytest.mark.parametrize("discriminator", DISCRIMINATORS)
def test_in_gs_turn_d_stays_as_it_is_and_in_ds_turn_g(discriminator):
    step = adversarial_step(**discriminator)
    G, D = step.generator.network, step.discriminator.network
    for turn in range(2):
        before_g, before_d = state(G), state(D)
        losses = step(*batch(turn), always(0.5), g_learns=True, d_learns=False).losses
        assert same(D, before_d)
        assert not same(G, before_g)
        assert set(losses) == {"G/S"}
        before_g = state(G)
        losses = step(*batch(turn), always(0.5), g_learns=False, d_learns=True).losses
        assert same(G, before_g)
        assert not same(D, before_d)
        assert set(losses) == {"D"}
    assert (step.generator.updates, step.discriminator.updates) == (2, 2)


def test_in_one_update_both_learn_from_the_masks_that_g_had():
    """Per-step alternation is G's turn with D as it was, then D's with G's masks as they were."""
    both, apart = adversarial_step(), adversarial_step()
    images, targets = batch()
    both(images, targets, always(0.5), g_learns=True, d_learns=True)
    G, D = apart.generator.network, apart.discriminator.network
    with torch.no_grad():
        logits = G.train()(images)
    D.train()
    fake = D(apart.adversary.view.of_prediction(Masks(images, targets, logits)))
    real = D(apart.adversary.view.of_truth(images, targets, logits))
    apart.discriminator.learn(apart.adversary.discriminator_loss(real, fake, targets))
    assert same(both.discriminator.network, state(D))


@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_gs_gradient_is_that_of_both_terms(weight):
    step = adversarial_step(norm="none")
    images, targets = batch()
    G, D, adversary = step.generator.network, step.discriminator.network, step.adversary
    logits = G.train()(images)
    adversarial = adversary.generator_loss(
        D(adversary.view.of_prediction(Masks(images, targets, logits))), targets
    )
    expected = torch.autograd.grad(
        segmentation_loss(logits, targets) + weight * adversarial, list(G.parameters())
    )
    step(images, targets, always(weight) if weight else None, g_learns=True, d_learns=False)
    for parameter, gradient in zip(G.parameters(), expected, strict=True):
        assert torch.allclose(parameter.grad, gradient, atol=1e-6)
    assert all(p.grad is None for p in D.parameters())


def test_frozen_lets_gradients_through_and_is_undone_even_by_an_error():
    network = nn.Linear(3, 1)
    x = torch.ones(1, 3, requires_grad=True)
    with frozen(network):
        network(x).sum().backward()
    assert torch.equal(x.grad, network.weight.detach())
    assert network.weight.grad is None
    with pytest.raises(ZeroDivisionError), frozen(network):
        _ = 1 / 0
    assert all(p.requires_grad for p in network.parameters())


@pytest.mark.parametrize("head", ["patch", "dense"])
def test_spectral_norm_follows_d_through_training_and_validations(head):
    """A validation leaves D in inference mode, in which its norm does not follow the weights."""
    step = adversarial_step(head=head, norm="spectral")
    step.discriminator.rate.settings = STEADY.model_copy(update={"rate": 0.1})
    D = step.discriminator.network
    for turn in range(15):
        D.eval()
        step.generator.network.eval()
        step(*batch(turn), always(0.1), g_learns=True, d_learns=True)
    moved = [m for m in D.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    D.eval()
    with torch.no_grad():
        used = [float(torch.linalg.svdvals(m.weight.flatten(1))[0]) for m in moved]
        own = [m.parametrizations.weight.original for m in moved]
        grown = [float(torch.linalg.svdvals(w.flatten(1))[0]) for w in own]
    assert used == pytest.approx([1] * len(used), rel=0.15)
    assert max(grown) > 1.5  # so that it is the norm which holds them


def test_d_learns_to_tell_masks_apart_and_g_to_segment():
    step = adversarial_step()
    first = last = {}
    for turn in range(40):
        last = step(*batch(turn % 4), None, g_learns=True, d_learns=True).losses
        first = first or last
    assert last["G/S"] < 0.8 * first["G/S"]
    assert last["D"] < first["D"]


def test_the_standard_step_follows_the_loss_of_labelled_pixels():
    images, targets = batch()
    S = build_unet(NetworkSettings(width=2, depth=2), 2, torch.Generator().manual_seed(0))
    found = StandardStep(NetworkOptimizer.of(S, STEADY, 10), CPU)(images, targets).losses["S"]
    S = build_unet(NetworkSettings(width=2, depth=2), 2, torch.Generator().manual_seed(0))
    with torch.no_grad():
        wrong = torch.where(targets == 0, -S.train()(images)[:, 0], S(images)[:, 0])
    # −ln p of the true class is softplus of the logit that speaks against it
    expected = nn.functional.softplus(wrong)[targets != UNLABELLED].mean()
    assert float(found) == pytest.approx(float(expected))


def test_a_batch_without_a_label_moves_nothing():
    images, targets = batch()
    S = build_unet(NetworkSettings(width=2, depth=2), 2, torch.Generator().manual_seed(0))
    before = [p.clone() for p in S.parameters()]
    steady = STEADY.model_copy(update={"weight_decay": 0.0})
    loss = StandardStep(NetworkOptimizer.of(S, steady, 10), CPU)(
        images, torch.full_like(targets, UNLABELLED)
    )
    assert loss.losses["S"] == 0
    assert all(torch.equal(p, q) for p, q in zip(S.parameters(), before, strict=True))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("rmsprop", torch.optim.RMSprop), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)],
)
def test_a_learner_moves_as_torchs_optimizer_at_the_schedules_rate(name, expected):
    settings = OptimizerSettings(
        name=name, rate=0.1, schedule="keras-decay", decay=0.5, betas=(0.8, 0.9), epsilon=1e-6,
        weight_decay=0.0, clip=None,
    )  # fmt: skip
    ours, theirs = nn.Linear(2, 1), nn.Linear(2, 1)
    theirs.load_state_dict(ours.state_dict())
    momenta = {"alpha": 0.9} if name == "rmsprop" else {"betas": (0.8, 0.9), "weight_decay": 0.0}
    optimizer = expected(theirs.parameters(), 0.1, eps=1e-6, **momenta)
    learner = NetworkOptimizer.of(ours, settings, 5)
    x = torch.tensor([[1.0, -2.0]])
    for update in range(5):
        learner.learn(ours(x).square().sum())
        optimizer.param_groups[0]["lr"] = 0.1 / (1 + 0.5 * update)
        optimizer.zero_grad()
        theirs(x).square().sum().backward()
        optimizer.step()
    assert torch.allclose(ours.weight, theirs.weight)
    assert learner.updates == 5


def test_the_gradients_norm_is_clipped():
    network = nn.Linear(4, 1, bias=False)
    settings = OptimizerSettings(clip=0.5)
    NetworkOptimizer.of(network, settings, 1).learn(1000 * network(torch.ones(1, 4)).sum())
    assert float(network.weight.grad.norm()) == pytest.approx(0.5, rel=1e-4)
