"""Minutes turned into updates, with a clock that the test winds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_advseg.core.config.classes import NEW_ANNOTATION
from napari_advseg.core.config.parsing import run_settings
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.runtime.control import RunControl, Stopped
from napari_advseg.core.runtime.devices import ComputeDevice
from napari_advseg.core.runtime.errors import SettingsError, Subject
from napari_advseg.core.training import time_budget
from napari_advseg.core.training.engine import train
from napari_advseg.core.training.resolve_settings import resolve_settings
from napari_advseg.core.training.time_budget import ADVERSARIAL_COST, estimated_minutes
from napari_advseg.core.training.trainer import Trainer

UPDATE, VALIDATED_SLICE = 0.5, 0.1  # seconds
CPU = ComputeDevice(torch.device("cpu"), "float32", 1)


def settings(**changes):
    values = {
        "patch": 16, "batch": 2, "fixed_patches": 2, "validations": 4, "tile": 32, "samples": 0,
        "device": "cpu", "precision": "float32", "threads": 1,
        "network": {"width": 2, "depth": 2, "dropout": 0.1},
        "discriminator": {"width": 2, "depth": 2},
    }  # fmt: skip
    return run_settings(values | changes)


def image_and_labels():
    draws = np.random.default_rng(0)
    targets = draws.integers(0, 2, (6, 32, 32)).astype(np.uint8)
    image = draws.normal(0, 1, targets.shape).astype(np.float32)
    return EMStack.from_array(image), Annotation(targets, NEW_ANNOTATION)


def fixed(chosen, control=None):
    stack, annotation = image_and_labels()
    data = TrainingData.prepare(chosen, stack, annotation, CPU.device)
    return resolve_settings(chosen, stack, data, CPU, control or RunControl())


@pytest.fixture
def clock(monkeypatch):
    """Time passes only while networks compute: 4 s for each of the first updates, then UPDATE."""
    now, taken = [0.0], []
    step, predict = Trainer.step, time_budget.class_probabilities

    def slow_step(self, turn):
        taken.append(turn)
        now[0] += 4.0 if len(taken) <= time_budget.DISCARDED else UPDATE
        return step(self, turn)

    def slow_predict(*args):
        now[0] += VALIDATED_SLICE
        return predict(*args)

    monkeypatch.setattr(time_budget, "perf_counter", lambda: now[0])
    monkeypatch.setattr(Trainer, "step", slow_step)
    monkeypatch.setattr(time_budget, "class_probabilities", slow_predict)
    return taken


@pytest.mark.parametrize(
    ("method", "networks"), [("standard", 1), ("adversarial", 1), ("paired", 2)]
)
def test_updates_and_validations_fill_the_minutes(clock, method, networks):
    found = fixed(settings(minutes=1, method=method))
    one_validation = 2 * VALIDATED_SLICE * networks  # two slices validate
    assert found.updates == int((60 - 4 * one_validation) / UPDATE)
    assert len(clock) == time_budget.TIMED_UPDATES
    optimizers = {"standard": 1, "adversarial": 2, "paired": 3}[method]  # D learns in every one
    assert all(len(turn.networks) == optimizers for turn in clock)


def test_validations_at_an_interval_take_their_share(clock):
    found = fixed(settings(minutes=1, method="standard", validate_every=10))
    assert found.updates * UPDATE + found.updates / 10 * 2 * VALIDATED_SLICE == pytest.approx(
        60, abs=2 * UPDATE
    )


def test_a_budget_too_short_for_anything_still_trains(clock):
    assert fixed(settings(minutes=0.001)).updates == time_budget.FEWEST


def test_updates_asked_for_are_left_and_nothing_is_timed(clock):
    chosen = settings(updates=123)
    assert fixed(chosen).updates == 123
    assert clock == []


def test_neither_updates_nor_minutes_is_refused():
    with pytest.raises(SettingsError, match="updates, epochs nor minutes") as caught:
        fixed(settings())
    assert caught.value.subject is Subject.BUDGET


def test_a_stop_ends_the_timing(clock):
    control = RunControl()
    control.stop()
    with pytest.raises(Stopped):
        fixed(settings(minutes=1), control)
    assert clock == []


def test_a_run_by_minutes_is_the_run_by_updates(monkeypatch):
    """The timed updates leave no trace."""
    timed, timing = [], time_budget.seconds_per_update

    def as_if_slow(*args):
        timed.append(timing(*args))
        return 3.0

    monkeypatch.setattr(time_budget, "seconds_per_update", as_if_slow)
    stack, annotation = image_and_labels()
    by_minutes = train(settings(minutes=1, validations=1), stack, annotation)
    assert len(timed) == 1
    updates = by_minutes.training.settings.updates
    assert time_budget.FEWEST <= updates <= 20
    by_updates = train(settings(updates=updates, validations=1), stack, annotation)
    assert by_minutes.training.settings == by_updates.training.settings
    for name, learner in by_minutes.training.optimizers.items():
        theirs = by_updates.training.optimizers[name].network.state_dict()
        for key, tensor in learner.network.state_dict().items():
            assert torch.equal(tensor, theirs[key]), (name, key)
    for one, other in zip(by_minutes.history, by_updates.history, strict=True):
        assert one.scores == other.scores


def long_run(**changes):
    values = {"updates": 60, "patch": 128, "batch": 8, "threads": 1, "device": "cpu"}
    return run_settings({**values, "network": {"width": 2, "depth": 2}, **changes})


@pytest.fixture
def _one_second_for_two_small_patches(monkeypatch):
    monkeypatch.setattr(time_budget, "_probe_seconds", lambda *args: 1.0)


@pytest.mark.usefixtures("_one_second_for_two_small_patches")
def test_time_grows_with_pixels_updates_and_networks():
    # 8 patches of 128² are 16 times the pixels of 2 patches of 64²; 60 updates, 60 s a minute
    assert estimated_minutes(long_run(method="standard")) == pytest.approx(16)
    assert estimated_minutes(long_run(method="adversarial")) == pytest.approx(
        16 * ADVERSARIAL_COST["patch"]
    )
    assert estimated_minutes(long_run(method="paired")) == pytest.approx(
        16 * (1 + ADVERSARIAL_COST["patch"])
    )
    assert estimated_minutes(long_run(method="standard", updates=30)) == pytest.approx(8)
    assert estimated_minutes(long_run(method="standard", patch=64)) == pytest.approx(4)


def test_a_wider_network_is_told_to_take_longer():
    narrow = estimated_minutes(long_run(method="standard"))
    wide = estimated_minutes(long_run(method="standard", network={"width": 24, "depth": 2}))
    assert 0 < narrow < wide
