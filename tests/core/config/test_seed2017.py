"""The preset of the 2017 experiment, held against the facts known of it and against Keras' formulas."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

from napari_advseg.core.adversary.discriminator import build_discriminator
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.config.schedules import adversarial_weight
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.normalisation import Normalisation
from napari_advseg.core.data.split import make_split
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.models.layers import DoubleConv
from napari_advseg.core.models.network_optimizer import NetworkOptimizer
from napari_advseg.core.models.unet import build_unet
from napari_advseg.core.runtime.devices import ComputeDevice
from napari_advseg.core.training.alternation import number_of_turns, scheduled_turns
from napari_advseg.core.training.trainer import Trainer

SEED = from_preset("seed2017")
CPU = ComputeDevice(torch.device("cpu"), "float32", 1)


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def S():
    return build_unet(SEED.network, 2, draws())


@pytest.fixture(scope="module")
def D():
    return build_discriminator(SEED.discriminator, SEED.network, 2, 128, draws())


# ---- architecture


def trainable(network):
    return sum(weights.numel() for weights in network.parameters() if weights.requires_grad)


def test_parameters(S, D):
    assert trainable(S) == 7_851_969
    assert trainable(D) == 4_748_385


def test_every_convolution_and_the_dense_unit_has_biases(S, D):
    layers = [m for n in (S, D) for m in n.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == (18 + 1) + (10 + 1)
    assert all(layer.bias is not None and not layer.bias.any() for layer in layers)


def test_order_within_a_level(S, D):
    kinds = ["Conv2d", "BatchNorm2d", "LeakyReLU", "Conv2d", "BatchNorm2d", "LeakyReLU"]
    for level in [m for m in D.modules() if isinstance(m, DoubleConv)]:
        assert [type(layer).__name__ for layer in level] == kinds
    with_dropout = [*kinds[:3], "SeededDropout", *kinds[3:]]
    levels = [m for m in S.modules() if isinstance(m, DoubleConv)]
    assert len(levels) == 5 + 4
    for level in levels:
        assert [type(layer).__name__ for layer in level] == with_dropout
        assert level[3].share == 0.1
        assert level[2].negative_slope == 0.2


def test_widths_double_with_each_level(S):
    assert [level[0].out_channels for level in S.encoder.levels] == [32, 64, 128, 256, 512]


def test_convolutions_start_as_keras_he_normal(S, D):
    """Keras of 2017: a normal of deviation √(2 / fan in), cut at two deviations and not widened again."""
    for network in (S, D):
        for conv in [m for m in network.modules() if isinstance(m, nn.Conv2d)]:
            if conv is getattr(network, "head", None):
                continue
            deviation = math.sqrt(2 / (conv.in_channels * 9))
            weights = conv.weight.detach()
            assert weights.abs().max() <= 2 * deviation * (1 + 1e-6)
            if weights.numel() > 10_000:  # 0.8796: deviation of a unit normal cut at ± 2
                assert float(weights.std()) == pytest.approx(0.8796 * deviation, rel=0.02)


def test_heads_start_glorot_uniform(S, D):
    for head, fan_in, fan_out in ((S.head, 32, 1), (D.head, 512 * 8 * 8, 1)):
        limit = math.sqrt(6 / (fan_in + fan_out))
        weights = head.weight.detach().abs()
        assert limit * 0.9 < weights.max() <= limit
        assert float(weights.mean()) == pytest.approx(limit / 2, rel=0.25 if fan_in == 32 else 0.02)


def test_batch_normalisation_has_keras_constants(S, D):
    """Averages move by 1 % with each batch (momentum 0.99), ε is 1e-3."""
    for network in (S, D):
        norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
        assert len(norms) == (18 if network is S else 10)
        assert {norm.eps for norm in norms} == {1e-3}
    first = build_unet(SEED.network, 2, draws()).train()
    image = torch.randn(4, 1, 32, 32, generator=draws())
    with torch.no_grad():
        seen = first.encoder.levels[0][0](image)
        first(image)
    average = first.encoder.levels[0][1].running_mean
    assert torch.allclose(average, 0.01 * seen.mean((0, 2, 3)), atol=1e-6)


def test_d_sees_the_mask_alone_as_probability(D):
    assert D.encoder.levels[0][0].in_channels == 1
    assert SEED.discriminator.mask == "probability"
    assert SEED.discriminator.real_target == 1.0


# ---- optimizers, against Keras' formulas


def minimised(settings, updates=60, size=1.0):
    """A weight under changing gradients, moved by `Learner`; (gradients, weights after each)."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 0.5)
    learner = NetworkOptimizer.of(network, settings, updates)
    gradients = np.random.default_rng(0).normal(0.3, 1, updates) * size
    found = []
    for gradient in gradients:
        learner.learn(network.weight.sum() * float(gradient))
        found.append(float(network.weight.detach()))
    return gradients, found


def test_rmsprop_with_decay_moves_as_in_keras():
    gradients, found = minimised(SEED.optimizer)
    weight, square = 0.5, 0.0
    for t, gradient in enumerate(gradients):
        square = 0.9 * square + 0.1 * gradient**2
        weight -= 1e-3 / (1 + 1e-3 * t) * gradient / (math.sqrt(square) + 1e-8)
        assert found[t] == pytest.approx(weight, rel=1e-5)


@pytest.mark.parametrize("size", [1.0, 1e-7])
def test_adam_moves_as_in_keras(size):
    """Also where gradients vanish, as behind a saturated D: ε then counts."""
    gradients, found = minimised(SEED.discriminator_optimizer, size=size)
    weight, mean, square = 0.5, 0.0, 0.0
    for t, gradient in enumerate(gradients, start=1):
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        rate = 1e-3 * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        weight -= rate * mean / (math.sqrt(square) + 1e-8)
        assert found[t - 1] == pytest.approx(weight, rel=2e-5)


# ---- data, order, λ


def test_normalisation_is_that_of_images_scaled_to_1(cells):
    scaled = cells[0] / 255
    expected = (scaled - scaled.mean()) / scaled.std()
    stack = EMStack.from_array(cells[0])
    found = Normalisation.of(stack)(stack.slice(2))
    assert np.allclose(found, expected[2], atol=1e-5)


def test_slices_of_a_volume_of_30():
    labels = np.tile(np.array([0, 255], np.uint8), (30, 128, 64))
    split = make_split(Annotation.from_labels(labels), SEED.patch)
    assert split.train == tuple(range(20))
    assert split.val == tuple(range(20, 30))


def test_one_epoch_is_500_updates_of_s_500_of_g_and_1000_of_d():
    plan = [(next(iter(turn.networks)), turn) for turn in scheduled_turns(SEED)]
    assert len(plan) == number_of_turns(SEED) == 20 * 2000
    names = [name for name, _ in plan[:2000]]
    assert names == ["standard"] * 500 + ["adversarial"] * 500 + ["discriminator"] * 1000
    assert Counter(name for name, _ in plan) == {
        "standard": 10_000,
        "adversarial": 10_000,
        "discriminator": 20_000,
    }
    assert [i + 1 for i, (_, turn) in enumerate(plan) if turn.validate] == [
        2000 * epoch for epoch in range(1, 21)
    ]
    assert SEED.patch == 128
    assert SEED.batch * 500 == 4000
    assert SEED.fixed_patches == 800
    assert SEED.samples == 10


def test_lambda_is_a_tenth_in_the_first_three_epochs():
    per_epoch = [
        adversarial_weight(SEED.adversarial_weight, 500 * epoch + last, 10_000, epoch + last / 500)
        for epoch in range(20)
        for last in (0, 499)
    ]
    assert per_epoch == [0.1] * 6 + [1.0] * 34


def test_probabilities_are_clipped_as_keras_clips_them():
    from napari_advseg.core.models.losses import segmentation_loss

    logits = torch.tensor([[[[-40.0, -3.0, 0.5, 30.0]]]], requires_grad=True)
    targets = torch.tensor([[[0, 0, 1, 1]]], dtype=torch.uint8)
    loss = segmentation_loss(logits, targets, SEED.probability_clip)
    p = np.clip(1 / (1 + np.exp(-np.array([-40.0, -3.0, 0.5, 30.0]))), 1e-7, 1 - 1e-7)
    assert float(loss.detach()) == pytest.approx(-np.log([p[0], p[1], 1 - p[2], 1 - p[3]]).mean())
    loss.backward()
    assert logits.grad[0, 0, 0, 0] == logits.grad[0, 0, 0, 3] == 0  # beyond the clip nothing pulls


# ---- one epoch, watched through what the networks are shown


@pytest.fixture
def tiny(cells):
    """The preset with blocks of 4, 4 and 8 updates of 2 patches of 16², 2 levels of width 2."""

    def build(epochs=2, **changes):
        settings = from_preset(
            "seed2017",
            updates=4 * epochs,
            epoch=4,
            patch=16,
            batch=2,
            fixed_patches=5,
            threads=1,
            network={"width": 2, "depth": 2},
            discriminator={"depth": 2},
            alternation={"generator_updates": 4, "discriminator_updates": 8},
            adversarial_weight={"steps": ((0.0, 0.1), (1.0, 1.0))},
            **changes,
        )
        stack, annotation = EMStack.from_array(cells[0]), Annotation.from_labels(cells[1])
        data = TrainingData.prepare(settings, stack, annotation, CPU.device)
        return Trainer.build(settings, data, CPU)

    return build


def keys(batch):
    return [patch.numpy().tobytes() for patch in batch]


def watch(network, when=lambda: True):
    """What a network is shown from now on, patch by patch, and in which mode."""
    shown, modes = [], []

    def note(module, inputs):
        if when():
            shown.extend(keys(inputs[0]))
            modes.append(module.training)

    network.register_forward_pre_hook(note)
    return shown, modes


def test_the_same_patches_serve_all_three_blocks(tiny):
    training = tiny()
    s_seen, _ = watch(training.networks["standard"])
    g_seen, g_modes = watch(training.networks["adversarial"])
    plan = list(scheduled_turns(training.settings))
    for turn in plan[:8]:
        training.step(turn)
    assert g_seen == s_seen  # shared: in the same order
    assert len(set(s_seen)) == 8
    assert all(g_modes)
    for turn in plan[8:16]:
        training.step(turn)
    assert Counter(g_seen[8:]) == Counter(s_seen)  # each is predicted once for D
    assert not any(g_modes[4:])  # in inference mode
    for turn in plan[16:20]:
        training.step(turn)
    assert not set(s_seen[8:]) & set(s_seen[:8])  # drawn anew in the next epoch


def test_d_learns_from_all_true_and_predicted_masks_of_the_epoch_shuffled_together(tiny):
    training = tiny()
    plan = list(scheduled_turns(training.settings))
    images = {}
    for turn in plan[:4]:
        grey, targets = training.batch(turn.batch)
        images |= dict(zip(keys(grey), targets, strict=True))
        training.step(turn)
    for turn in plan[4:8]:
        training.step(turn)
    G, D = training.networks["adversarial"].eval(), training.optimizers["discriminator"].network
    with torch.inference_mode():
        predicted = {
            G(torch.from_numpy(np.frombuffer(key, np.float32).copy()).reshape(1, 1, 16, 16))
            .sigmoid()
            .numpy()
            .tobytes()
            for key in images
        }
    truths = Counter((targets == 0).float().numpy().tobytes() for targets in images.values())
    sizes, seen, kinds = [], [], []

    def note(module, inputs):
        sizes.append(len(inputs[0]))
        seen.extend(inputs[0])

    D.register_forward_pre_hook(note)
    for turn in plan[8:16]:
        training.step(turn)
    found_truths, others = Counter(), 0
    for mask in seen:
        key = mask.numpy().tobytes()
        if key in truths:
            found_truths[key] += 1
            kinds.append("true")
        else:
            others += 1
            kinds.append("predicted")
    assert sizes == [2] * 8  # the batch of 2017: true and predicted masks in one
    assert found_truths == truths
    assert others == len(predicted) == 8
    assert kinds != sorted(kinds)
    assert kinds != sorted(kinds, reverse=True)


def test_ds_weights_go_into_g_and_gs_block_leaves_ds_averages_alone(tiny):
    training = tiny()
    D, discriminator = training.optimizers["discriminator"].network, training.discriminator_in_g
    assert discriminator is not D
    plan = list(scheduled_turns(training.settings))
    for turn in plan[:20]:  # epoch 0, and S's block of epoch 1
        training.step(turn)
    own = {key: tensor.clone() for key, tensor in D.state_dict().items()}
    weights = dict(D.named_parameters())
    assert any(not torch.equal(t, weights[key]) for key, t in discriminator.named_parameters())
    modes = []
    discriminator.register_forward_pre_hook(lambda module, inputs: modes.append(module.training))
    for turn in plan[20:24]:
        training.step(turn)
    assert all(torch.equal(t, weights[key]) for key, t in discriminator.named_parameters())
    assert all(torch.equal(tensor, own[key]) for key, tensor in D.state_dict().items())
    assert modes == [True] * 4  # on batch statistics,
    averages = [key for key in own if key.endswith("running_mean")]
    copied = discriminator.state_dict()
    assert all(not torch.equal(copied[key], own[key]) for key in averages)  # which it averages


def test_train_scores_are_means_over_the_epochs_own_batches(tiny):
    training = tiny()
    outputs = []
    training.networks["standard"].register_forward_hook(
        lambda module, inputs, output: outputs.append(output.detach())
    )
    found, expected = [], []
    for turn in list(scheduled_turns(training.settings))[:4]:
        found.append(float(training.step(turn).scores.standard_f1))
        truth = training.batch(turn.batch)[1].numpy() == 0
        mask = np.round(1 / (1 + np.exp(-outputs[-1][:, 0].double().numpy()))) == 1
        expected.append(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("shared", [True, False])
def test_sharing_between_s_and_g_can_be_switched_off(tiny, shared):
    training = tiny(shared_draws=shared)
    S, G = training.networks["standard"], training.networks["adversarial"]
    first_S, first_G = (n.encoder.levels[0][0].weight.detach().clone() for n in (S, G))
    assert torch.equal(first_S, first_G) is shared
    s_seen, _ = watch(S)
    g_seen, _ = watch(G)
    dropped = {"standard": [], "adversarial": []}
    for name, network in training.networks.items():
        network.encoder.levels[0][3].register_forward_hook(
            lambda module, inputs, output, name=name: dropped[name].append(output == 0)
        )
    for turn in list(scheduled_turns(training.settings))[:8]:
        training.step(turn)
    assert Counter(s_seen) == Counter(g_seen)  # the epoch's patches, either way
    assert (s_seen == g_seen) is shared
    assert torch.equal(dropped["standard"][0], dropped["adversarial"][0]) is shared
