"""Minutes turned into updates, with a clock that the test winds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_advseg.core import budget
from napari_advseg.core.annotation import Annotation
from napari_advseg.core.checked_settings import run_settings
from napari_advseg.core.classes import NEW_ANNOTATION
from napari_advseg.core.control import RunControl, Stopped
from napari_advseg.core.devices import Place
from napari_advseg.core.engine import train
from napari_advseg.core.errors import SettingsError
from napari_advseg.core.stack import EMStack
from napari_advseg.core.training import Training
from napari_advseg.core.training_data import TrainingData

UPDATE, VALIDATED_SLICE = 0.5, 0.1  # seconds
CPU = Place(torch.device("cpu"), "float32", 1)


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
    return budget.updates_for(chosen, data, stack, CPU, control or RunControl())


@pytest.fixture
def clock(monkeypatch):
    """Time passes only while networks compute: 4 s for each of the first updates, then UPDATE."""
    now, taken = [0.0], []
    take, predict = Training.take, budget.class_probabilities

    def slow_take(self, turn):
        taken.append(turn)
        now[0] += 4.0 if len(taken) <= budget.DISCARDED else UPDATE
        return take(self, turn)

    def slow_predict(*args):
        now[0] += VALIDATED_SLICE
        return predict(*args)

    monkeypatch.setattr(budget, "perf_counter", lambda: now[0])
    monkeypatch.setattr(Training, "take", slow_take)
    monkeypatch.setattr(budget, "class_probabilities", slow_predict)
    return taken


@pytest.mark.parametrize(
    ("method", "networks"), [("standard", 1), ("adversarial", 1), ("paired", 2)]
)
def test_updates_and_validations_fill_the_minutes(clock, method, networks):
    found = fixed(settings(minutes=1, method=method))
    one_validation = 2 * VALIDATED_SLICE * networks  # two slices validate
    assert found.updates == int((60 - 4 * one_validation) / UPDATE)
    assert len(clock) == budget.TIMED_UPDATES
    learners = {"standard": 1, "adversarial": 2, "paired": 3}[method]  # D learns in every one
    assert all(len(turn.learners) == learners for turn in clock)


def test_validations_at_an_interval_take_their_share(clock):
    found = fixed(settings(minutes=1, method="standard", validate_every=10))
    assert found.updates * UPDATE + found.updates / 10 * 2 * VALIDATED_SLICE == pytest.approx(
        60, abs=2 * UPDATE
    )


def test_a_budget_too_short_for_anything_still_trains(clock):
    assert fixed(settings(minutes=0.001)).updates == budget.FEWEST


def test_updates_asked_for_are_left_and_nothing_is_timed(clock):
    chosen = settings(updates=123)
    assert fixed(chosen) == chosen
    assert clock == []


def test_neither_updates_nor_minutes_is_refused():
    with pytest.raises(SettingsError, match="updates, epochs nor minutes") as caught:
        fixed(settings())
    assert caught.value.control == "budget"


def test_a_stop_ends_the_timing(clock):
    control = RunControl()
    control.stop()
    with pytest.raises(Stopped):
        fixed(settings(minutes=1), control)
    assert clock == []


def test_a_run_by_minutes_is_the_run_by_updates(monkeypatch):
    """The timed updates leave no trace."""
    timed, timing = [], budget.seconds_per_update

    def as_if_slow(*args):
        timed.append(timing(*args))
        return 3.0

    monkeypatch.setattr(budget, "seconds_per_update", as_if_slow)
    stack, annotation = image_and_labels()
    by_minutes = train(settings(minutes=1, validations=1), stack, annotation)
    assert len(timed) == 1
    updates = by_minutes.training.settings.updates
    assert budget.FEWEST <= updates <= 20
    by_updates = train(settings(updates=updates, validations=1), stack, annotation)
    assert by_minutes.training.settings == by_updates.training.settings
    for name, learner in by_minutes.training.learners.items():
        theirs = by_updates.training.learners[name].network.state_dict()
        for key, tensor in learner.network.state_dict().items():
            assert torch.equal(tensor, theirs[key]), (name, key)
    for one, other in zip(by_minutes.history, by_updates.history, strict=True):
        assert one.scores == other.scores
