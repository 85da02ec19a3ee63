"""A run's networks: what two of them share, and what tells them apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_advseg.core.config.classes import UNLABELLED, ClassMap
from napari_advseg.core.config.parsing import run_settings
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.runtime.devices import ComputeDevice
from napari_advseg.core.training import trainer
from napari_advseg.core.training.alternation import scheduled_turns
from napari_advseg.core.training.trainer import Trainer

ALWAYS = {"kind": "constant", "value": 0.5}
NEVER = {"kind": "constant", "value": 0.0}


def settings(**changes):
    values = {
        "patch": 16, "batch": 3, "fixed_patches": 2, "updates": 20, "epoch": 5, "validate_every": 10,
        "network": {"width": 2, "depth": 2, "dropout": 0.1},
        "discriminator": {"width": 2, "depth": 2},
        "augmentation": {"rotation": 10.0, "scale": 0.1, "elastic": 1.0, "gamma": 0.1, "blur": 0.5},
        "adversarial_weight": NEVER,
    }  # fmt: skip
    return run_settings(values | changes)


def training(precision="float32", classes=2, **changes):
    chosen = settings(**changes)
    draws = np.random.default_rng(0)
    targets = draws.integers(0, classes, (3, 32, 32)).astype(np.uint8)
    image = draws.normal(0, 1, targets.shape).astype(np.float32) + targets
    targets[0, :10] = UNLABELLED
    named = ClassMap.of(**{f"class{i}": i + 1 for i in range(classes)})
    compute = ComputeDevice(torch.device("cpu"), precision, 1)
    data = TrainingData.prepare(
        chosen, EMStack.from_array(image), Annotation(targets, named), compute.device
    )
    return Trainer.build(chosen, data, compute)


def run(it, first=0, last=None):
    for turn in list(scheduled_turns(it.settings, first))[: None if last is None else last - first]:
        it.step(turn)
    return it


def equal(one, other):
    theirs = other.state_dict()
    return all(torch.equal(tensor, theirs[key]) for key, tensor in one.state_dict().items())


def learners_equal(one, other):
    return all(
        equal(one.optimizers[n].network, other.optimizers[n].network) for n in one.optimizers
    )


# --- S and G/S ---------------------------------------------------------------------------------


@pytest.mark.training
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", ["step", "block"])
def test_without_the_adversarial_term_s_and_gs_are_bit_identical_after_20_updates(precision, kind):
    alternation = {"kind": kind, "generator_updates": 10, "discriminator_updates": 5}
    it = training(precision, alternation=alternation)
    S, G = it.networks["standard"], it.networks["adversarial"]
    D = it.optimizers["discriminator"]
    start = {key: tensor.clone() for key, tensor in S.state_dict().items()}
    d_start = {key: tensor.clone() for key, tensor in D.network.state_dict().items()}
    assert equal(S, G)
    run(it)
    assert equal(S, G)
    assert it.optimizers["standard"].updates == it.optimizers["adversarial"].updates == 20
    assert D.updates == {"step": 20, "block": 10}[kind]
    assert any(not torch.equal(t, start[key]) for key, t in S.state_dict().items())
    assert any(not torch.equal(t, d_start[key]) for key, t in D.network.state_dict().items())


def test_with_the_adversarial_term_they_start_alike_and_part():
    it = training(adversarial_weight=ALWAYS)
    S, G = it.networks["standard"], it.networks["adversarial"]
    assert equal(S, G)
    run(it, last=1)
    assert not equal(S, G)


def test_before_a_ramp_they_are_alike():
    it = training(adversarial_weight={"kind": "ramp", "start": 0.5, "rise": 0.25, "value": 0.5})
    S, G = it.networks["standard"], it.networks["adversarial"]
    run(it, last=11)  # λ leaves 0 after update 10, and D learns from update 5 on
    assert equal(S, G)
    assert it.optimizers["discriminator"].updates == 6
    run(it, first=11, last=12)
    assert not equal(S, G)


def test_s_in_a_pair_is_s_alone_and_gs_is_gs_alone():
    pair = run(training(adversarial_weight=ALWAYS), last=6)
    for method, name in (("standard", "standard"), ("adversarial", "adversarial")):
        alone = run(training(method=method, adversarial_weight=ALWAYS), last=6)
        assert equal(pair.networks[name], alone.networks[name])


@pytest.mark.training
@pytest.mark.parametrize("classes", [2, 3])
def test_one_seed_repeats_a_run_and_another_does_not(classes):
    first, again = (run(training(classes=classes, adversarial_weight=ALWAYS)) for _ in range(2))
    assert learners_equal(first, again)
    other = run(training(classes=classes, adversarial_weight=ALWAYS, seed=1))
    assert not equal(first.networks["standard"], other.networks["standard"])


def test_the_global_random_state_neither_matters_nor_changes():
    torch.manual_seed(1)
    first = run(training(adversarial_weight=ALWAYS), last=3)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second = run(training(adversarial_weight=ALWAYS), last=3)
    assert torch.equal(state, torch.get_rng_state())
    assert learners_equal(first, second)


def test_a_batch_is_named_by_its_number_alone():
    it = training()
    images, targets = it.batch(7)
    it.batch(3)
    again, same_targets = it.batch(7)
    assert torch.equal(images, again)
    assert torch.equal(targets, same_targets)
    assert not torch.equal(images, it.batch(8)[0])
    assert images.shape == (3, 1, 16, 16)
    assert targets.shape == (3, 16, 16)


def test_the_weight_of_the_adversarial_term_follows_the_epochs():
    it = training(
        adversarial_weight={
            "kind": "steps",
            "value": 1.0,
            "steps": ((0.0, 0.1), (1.2, 0.4), (3.0, 1.0)),
        }
    )
    found = [it.adversarial_weight(u) for u in range(20)]
    assert found == [0.1] * 6 + [0.4] * 9 + [1.0] * 5


def test_losses_are_reported_for_those_who_learn():
    it = training()
    losses = it.step(next(iter(scheduled_turns(it.settings)))).losses
    assert set(losses) == {"S", "G/S", "D"}
    assert all(loss.isfinite() and not loss.requires_grad for loss in losses.values())
    assert losses["S"] == losses["G/S"]


def test_the_steps_are_built_once_for_a_run(monkeypatch):
    built = []
    for name in ("StandardStep", "AdversarialStep"):
        kind = getattr(trainer, name)
        monkeypatch.setattr(
            trainer, name, lambda *a, kind=kind: built.append(kind.__name__) or kind(*a)
        )
    run(
        training(
            updates=3,
            alternation={"kind": "block", "generator_updates": 1, "discriminator_updates": 1},
        )
    )
    assert built == ["StandardStep", "AdversarialStep"]
