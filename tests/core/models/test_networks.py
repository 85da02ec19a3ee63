"""The U-Net and the discriminator: sizes, weights, dropout, normalisation."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_advseg.core.adversary.discriminator import build_discriminator
from napari_advseg.core.config.settings import DiscriminatorSettings, NetworkSettings
from napari_advseg.core.models.layers import SeededDropout, mask_channels
from napari_advseg.core.models.unet import build_unet


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def unet(classes=2, seed=0, **settings):
    return build_unet(
        NetworkSettings(**{"width": 2, "depth": 2, **settings}), classes, seeded(seed)
    )


def discriminator(patch=16, classes=2, channels=1, seed=0, **settings):
    chosen = DiscriminatorSettings(**{"width": 3, "depth": 2, **settings})
    network = NetworkSettings(image_channels=channels)
    return build_discriminator(chosen, network, classes, patch, seeded(seed))


def trainable(network):
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def layers(network):
    return [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def largest_singular_values(network):
    """Of each layer's weight as it is used, by a full decomposition."""
    with torch.no_grad():
        return [float(torch.linalg.svdvals(m.weight.flatten(1))[0]) for m in layers(network)]


# --- sizes -------------------------------------------------------------------------------------


def test_s_has_the_2017_experiments_number_of_parameters():
    assert trainable(unet(width=32, depth=4, biases=True, dropout=0.1)) == 7_851_969


def test_d_has_the_2017_experiments_number_of_parameters():
    seed = discriminator(
        128, head="dense", width=32, depth=4, norm="batch", sees_image=False, biases=True
    )
    assert trainable(seed) == 4_748_385


@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize(("depth", "side"), [(1, 6), (2, 20), (3, 24)])
def test_s_gives_a_logit_for_each_pixel(norm, depth, side):
    network = unet(depth=depth, norm=norm, dropout=0.2, image_channels=3)
    assert network(torch.randn(2, 3, side, 2 * side)).shape == (2, 1, side, 2 * side)


@pytest.mark.parametrize(("classes", "channels"), [(2, 1), (3, 3), (5, 5)])
def test_more_classes_have_a_channel_each(classes, channels):
    assert mask_channels(classes) == channels
    assert unet(classes)(torch.randn(1, 1, 8, 8)).shape == (1, channels, 8, 8)
    seen = torch.randn(1, channels + 1, 16, 16)
    assert discriminator(classes=classes)(seen).shape == (1, 1, 4, 4)


@pytest.mark.parametrize("norm", ["spectral", "batch", "none"])
@pytest.mark.parametrize("sees_image", [True, False])
@pytest.mark.parametrize(("head", "shape"), [("patch", (2, 1, 2, 2)), ("dense", (2, 1, 1, 1))])
def test_d_answers_for_each_position_or_once(norm, sees_image, head, shape):
    network = discriminator(depth=3, norm=norm, sees_image=sees_image, head=head)
    assert network(torch.randn(2, 1 + sees_image, 16, 16)).shape == shape


def test_biases_that_a_normalisation_would_undo_are_left_out():
    network = unet()
    with_bias = [m for m in layers(network) if m.bias is not None]
    assert with_bias == [network.head]
    assert all(m.bias is not None for m in layers(unet(norm="none")))
    assert all(m.bias is not None for m in layers(unet(biases=True)))


# --- weights -----------------------------------------------------------------------------------


def test_weights_are_he_normal_and_the_heads_glorot_uniform():
    network = unet(width=32, depth=2)
    second = network.encoder.levels[1][3].weight.detach()  # 64 channels of 3×3 in
    assert float(second.std()) == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.02)
    assert float(second.mean()) == pytest.approx(0, abs=1e-3)
    limit = (6 / (32 + 1)) ** 0.5
    assert 0.8 * limit < float(network.head.weight.detach().abs().max()) <= limit
    assert network.head.bias.tolist() == [0]


def test_the_same_seed_builds_the_same_network_and_another_does_not():
    for build in (unet, discriminator):
        first, again, other = build(seed=1), build(seed=1), build(seed=2)
        for key, tensor in first.state_dict().items():
            assert torch.equal(tensor, again.state_dict()[key])
        assert any(
            not torch.equal(tensor, other.state_dict()[key])
            for key, tensor in first.state_dict().items()
        )


def test_the_global_random_state_neither_matters_nor_changes():
    torch.manual_seed(1)
    first = [unet(dropout=0.1), discriminator(), discriminator(head="dense")]
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second = [unet(dropout=0.1), discriminator(), discriminator(head="dense")]
    assert torch.equal(state, torch.get_rng_state())
    for a, b in zip(first, second, strict=True):
        for key, tensor in a.state_dict().items():
            assert torch.equal(tensor, b.state_dict()[key]), key


# --- dropout -----------------------------------------------------------------------------------


def test_dropout_with_equal_generators_drops_alike():
    drop, x = SeededDropout(0.3), torch.randn(4, 3, 8, 8)
    state = torch.get_rng_state()
    results = []
    for seed in (5, 5, 6):
        drop.generator = seeded(seed)
        results.append(drop(x))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    assert torch.equal(state, torch.get_rng_state())


def test_dropout_keeps_the_expectation():
    drop, x = SeededDropout(0.3), torch.ones(100, 100, 10)
    drop.generator = seeded()
    found = drop(x)
    values = found.unique()
    assert values.tolist() == pytest.approx([0, 1 / 0.7])
    deviation = (0.3 / 0.7 / x.numel()) ** 0.5  # of the mean of scaled Bernoulli draws
    assert float(found.double().mean()) == pytest.approx(1, abs=5 * deviation)


def test_dropout_acts_in_training_alone_and_reaches_every_level():
    network, x = unet(dropout=0.4), torch.randn(1, 1, 8, 8)
    assert sum(isinstance(m, SeededDropout) for m in network.modules()) == 2 * 2 + 1
    network.seed_dropout(seeded())
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


# --- D's normalisation -------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["patch", "dense"])
@pytest.mark.parametrize("seed", range(3))
def test_spectral_norm_holds_from_the_start_in_both_modes(head, seed):
    for training in (True, False):
        network = discriminator(head=head, width=12, depth=3, seed=seed).train(training)
        assert largest_singular_values(network) == pytest.approx(
            [1] * len(layers(network)), rel=0.1
        )


@pytest.mark.parametrize("head", ["patch", "dense"])
def test_a_fresh_d_is_undecided(head):
    network = discriminator(32, head=head, width=12, depth=3).eval()
    with torch.no_grad():
        assert float(network(torch.randn(8, 2, 32, 32, generator=seeded())).abs().max()) < 5


def test_d_with_batch_norm_scores_alike_in_both_modes():
    for head in ("patch", "dense"):
        network = discriminator(norm="batch", head=head)
        x = torch.randn(4, 2, 16, 16, generator=seeded())
        before = {key: t.clone() for key, t in network.state_dict().items()}
        with torch.no_grad():
            training, inference = network.train()(x), network.eval()(x)
        assert torch.equal(training, inference)
        assert all(torch.equal(before[key], t) for key, t in network.state_dict().items())
