"""When D or a mask needs a look, since when, and when it is over; and a D that collapses as in 2017."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest
import torch

from napari_advseg.core.adversary.alarms import AlarmMonitor
from napari_advseg.core.runtime.events import AlarmChanged, Outcome, Step
from napari_advseg.core.runtime.scores import DiscriminatorStatistics
from napari_advseg.core.training import loop
from napari_advseg.core.training.engine import resume, train
from napari_advseg.core.training.trainer import Trainer

HEALTHY = DiscriminatorStatistics(
    called_real=0.55, right=0.75, fake_magnitude=1.2, gradient_ratio=0.05, last_bias=0.01
)
SICK = {
    "collapsed": {"called_real": 1.0, "right": 0.5},
    "saturated": {"fake_magnitude": 15_000.0},
    "undecided": {"called_real": 0.4, "right": 0.51},
    "weak": {"gradient_ratio": 1e-4},
    "strong": {"gradient_ratio": 3.0},
}


@pytest.fixture
def watch():
    return AlarmMonitor()


def seen(watch, updates, **changes):
    """What each observation changed, in order."""
    return [alarm for u in updates for alarm in watch.observe(u, replace(HEALTHY, **changes))]


# ---- states


def test_healthy_series_raise_nothing(watch):
    for update in range(0, 3000, 10):
        drift = replace(HEALTHY, last_bias=0.0004 * update, right=0.97 - update / 1e4)
        assert watch.observe(update, drift) == []
        assert watch.masks(update, {"S": {"cell": 0.8, "membrane": 0.2}}) == []
    assert watch.alarms == []


def test_an_accuracy_near_1_alone_is_no_alarm(watch):
    """In the 2017 experiment it was that in 19 of 20 epochs."""
    assert seen(watch, range(0, 500, 5), right=0.999, called_real=0.5) == []


@pytest.mark.parametrize("kind", SICK)
def test_a_state_is_told_once_since_its_first_observation_and_again_when_it_is_over(watch, kind):
    seen(watch, range(0, 100, 10))
    (begun,) = seen(watch, range(100, 300, 10), **SICK[kind])
    assert (begun.kind, begun.since, begun.until) == (kind, 100, None)
    assert "update 100" in begun.text
    assert begun.text.endswith(".")
    (ended,) = seen(watch, range(300, 400, 10))
    assert (ended.kind, ended.since, ended.until) == (kind, 100, 300)
    assert watch.alarms == [ended]
    (again,) = seen(watch, range(400, 600, 10), **SICK[kind])
    assert again.since == 400
    assert watch.alarms == [ended, again]


@pytest.mark.parametrize("kind", SICK)
@pytest.mark.parametrize(
    ("updates", "told_at"),
    [
        ([100, 110, 120, 130, 140, 150], 140),  # the fifth observation, 40 updates
        (list(range(100, 200)), 130),  # 30 updates, 31 observations
        ([100, 200, 300, 400], None),
        ([*range(100, 129)], None),
    ],
)
def test_a_state_has_to_last_for_five_observations_and_thirty_updates(
    watch, kind, updates, told_at
):
    told = [u for u in updates if watch.observe(u, replace(HEALTHY, **SICK[kind]))]
    assert told == ([] if told_at is None else [told_at])


@pytest.mark.parametrize("kind", SICK)
def test_one_healthy_observation_breaks_a_streak(watch, kind):
    for start in range(0, 1000, 50):
        assert seen(watch, range(start, start + 40, 10), **SICK[kind]) == []
        assert seen(watch, [start + 40]) == []


def test_what_was_not_measured_neither_begins_nor_ends_anything(watch):
    (begun,) = seen(watch, range(0, 100, 10), **SICK["saturated"])
    for update in range(100, 200, 10):
        assert watch.observe(update, DiscriminatorStatistics(called_real=0.55, right=0.75)) == []
    assert watch.alarms == [begun]


@pytest.mark.parametrize("answers", [(1.0,), (0.0,), (0.0, 1.0), (1.0, 1.0, 0.0)])
def test_a_d_that_says_one_thing_of_everything_is_collapsed_and_not_undecided(watch, answers):
    """All 0 or all 1, and a D that goes from one to the other: right half of the time each way."""
    for i, update in enumerate(range(0, 100, 10)):
        said = replace(HEALTHY, called_real=answers[i % len(answers)], right=0.5)
        watch.observe(update, said)
    assert [(a.kind, a.since) for a in watch.alarms] == [("collapsed", 0)]


def test_several_alarms_last_side_by_side(watch):
    seen(watch, range(0, 100, 10), **SICK["collapsed"], **SICK["saturated"], **SICK["weak"])
    assert {a.kind for a in watch.alarms} == {"collapsed", "saturated", "weak"}
    seen(watch, [100], **SICK["saturated"])
    assert {a.kind for a in watch.alarms if a.until is None} == {"saturated"}


def test_the_limits_are_those_of_the_design(watch):
    """|logit| of 20, one half ± 0.02, 98 % of one answer, ratios of a thousandth and of one."""
    inside = [
        {"called_real": 0.979}, {"called_real": 0.021}, {"right": 0.525}, {"right": 0.475},
        {"fake_magnitude": 19.9}, {"gradient_ratio": 1.1e-3}, {"gradient_ratio": 0.99},
    ]  # fmt: skip
    beyond = [
        {"called_real": 0.981}, {"called_real": 0.019}, {"right": 0.515}, {"right": 0.485},
        {"fake_magnitude": 20.1}, {"gradient_ratio": 0.9e-3}, {"gradient_ratio": 1.01},
    ]  # fmt: skip
    for values in inside:
        assert seen(AlarmMonitor(), range(0, 100, 10), **values) == []
    for values in beyond:
        assert len(seen(AlarmMonitor(), range(0, 100, 10), **values)) == 1


def test_a_term_that_is_still_rising_from_0_is_not_called_weak(watch):
    for update in range(0, 200, 5):
        ratio = {"gradient_ratio": 1e-5 * update}
        assert watch.observe(update, replace(HEALTHY, **ratio), rising=True) == []
    assert len(seen(watch, range(200, 300, 10), **SICK["weak"])) == 1


# ---- the jump


def test_a_jump_of_the_last_bias_is_told_at_once(watch):
    bias = [0.01 * (u // 10) for u in range(0, 200, 10)]
    for update, value in zip(range(0, 200, 10), bias, strict=True):
        assert watch.observe(update, replace(HEALTHY, last_bias=value)) == []
    (jump,) = watch.observe(200, replace(HEALTHY, last_bias=-2.0))
    assert (jump.kind, jump.since, jump.until) == ("jump", 200, 200)
    assert "update 200" in jump.text
    (second,) = watch.observe(210, replace(HEALTHY, last_bias=9.0))
    assert second.since == 210
    assert watch.alarms == [jump, second]


def test_steps_are_compared_per_update(watch):
    """After a pause between observations a bias has moved further: that is no jump."""
    for update in range(0, 100, 10):
        watch.observe(update, DiscriminatorStatistics(last_bias=0.01 * update))
    assert watch.observe(1100, DiscriminatorStatistics(last_bias=0.01 * 1100)) == []


def test_steps_that_are_large_from_the_start_or_tiny_are_no_jump(watch):
    """There is no usual step yet; and of a bias that stood still any step is many times the usual."""
    assert watch.observe(0, DiscriminatorStatistics(last_bias=0.0)) == []
    assert watch.observe(10, DiscriminatorStatistics(last_bias=5.0)) == []
    still = AlarmMonitor()
    for update in range(0, 200, 10):
        assert still.observe(update, DiscriminatorStatistics(last_bias=0.5)) == []
    assert still.observe(200, DiscriminatorStatistics(last_bias=0.52)) == []
    (jump,) = still.observe(210, DiscriminatorStatistics(last_bias=0.7))
    assert jump.kind == "jump"


def test_within_a_block_of_d_a_collapse_and_a_jump_are_told(watch):
    """G's update stands still while D learns a thousand times."""
    for turn in range(10):
        assert watch.observe(500, replace(HEALTHY, last_bias=0.01 * turn), turn=turn) == []
    (jump,) = watch.observe(500, replace(HEALTHY, last_bias=15_000.0), turn=10)
    assert (jump.kind, jump.since) == ("jump", 500)
    sick = replace(HEALTHY, **SICK["collapsed"], last_bias=15_000.0)
    told = [alarm for turn in range(11, 60) for alarm in watch.observe(500, sick, turn=turn)]
    assert [(alarm.kind, alarm.since) for alarm in told] == [("collapsed", 500)]


def test_a_watch_that_is_put_back_goes_on_as_if_nothing_had_been_between():
    """After any observation, of D and of masks."""

    def observe(watch, update):
        bias = 15_000.0 if update > 60 else 0.01 * update
        sick = SICK["collapsed"] if update > 20 else {}
        health = replace(HEALTHY, **sick, last_bias=bias)
        one_class = {"cell": 1.0, "membrane": 0.0}
        good = {"cell": 0.8, "membrane": 0.2}
        found = watch.observe(update, health)
        return found + watch.masks(update, {"S": one_class if 9 < update < 70 else good})

    def observed(watch, updates):
        return [observe(watch, update) for update in updates]

    expected = observed(AlarmMonitor(), range(1, 100))
    assert {a.kind for told in expected for a in told} == {"collapsed", "jump", "one class S"}
    for stop in range(1, 100):
        first, second = AlarmMonitor(), AlarmMonitor()
        before = observed(first, range(1, stop))
        second.restore(json.loads(json.dumps(first.state())))
        assert before + observed(second, range(stop, 100)) == expected


# ---- masks of one class


# ---- runs


@pytest.fixture
def every_step(monkeypatch):
    """Each update is reported, not a few a second."""
    monkeypatch.setattr(loop, "STEP_SECONDS", 0.0)


SEED_LIKE = {
    "updates": 50,
    "validate_every": 50,
    "samples": 0,
    "optimizer": {"rate": 1e-3},
    "adversarial_weight": {"kind": "constant", "value": 0.1},
    # the D of 2017 without what cured it: dense head, the mask alone, biases, no normalisation
    "discriminator": {
        "head": "dense", "norm": "none", "biases": True, "sees_image": False,
        "mask": "probability", "real_target": 1.0, "depth": 2, "width": 4,
    },
    "discriminator_optimizer": {"rate": 1e-4, "betas": (0.9, 0.999)},
}  # fmt: skip
JUMPED = 15


@pytest.mark.training
@pytest.mark.parametrize("validations", [1, 2])
def test_a_run_whose_masks_are_of_one_class_says_so(
    small, stack, annotation, monkeypatch, validations
):
    real = Trainer.step

    def step(self, turn):
        taken = real(self, turn)
        with torch.no_grad():
            self.networks["standard"].head.bias.fill_(50.0)
        return taken

    monkeypatch.setattr(Trainer, "step", step)
    settings = small(updates=2, method="standard", validate_every=2 // validations)
    (alarm,) = train(settings, stack, annotation).summary["alarms"]
    assert alarm["kind"] == "one class S"
    assert alarm["since"] == 2 // validations
    assert "mask of S is cell almost everywhere" in alarm["text"]


@pytest.fixture
def jump(monkeypatch):
    """After 15 updates the bias of D's last layer is suddenly at 15,000, as seen in 2017."""
    real = Trainer.step

    def step(self, turn):
        taken = real(self, turn)
        if turn.update == JUMPED:
            with torch.no_grad():
                self.optimizers["discriminator"].network.last_layer.bias.fill_(15_000.0)
            taken.health = replace(taken.health, last_bias=torch.tensor(15_000.0))
        return taken

    monkeypatch.setattr(Trainer, "step", step)


def alarms_of(events):
    return [event.alarm for event in events if isinstance(event, AlarmChanged)]


@pytest.mark.training
def test_a_d_that_collapses_as_in_2017_is_told(
    every_step, jump, small, stack, annotation, tmp_path
):
    """A jump of the last bias drives the sigmoid's input to 15,000: all masks are real from there on."""
    events, folder = [], tmp_path / "run"
    result = train(small(**SEED_LIKE), stack, annotation, folder, on_event=events.append)
    assert result.outcome is Outcome.COMPLETED
    told = alarms_of(events)
    begun = {alarm.kind: alarm.since for alarm in told}
    assert begun.keys() >= {"jump", "collapsed", "saturated"}
    assert begun["jump"] == JUMPED
    # the batch after the jump is the first that D answers so
    assert begun["collapsed"] == begun["saturated"] == JUMPED + 1
    assert next(a.text for a in told if a.kind == "collapsed").startswith(
        "D has collapsed: since update 16 "
    )
    summary = json.loads((folder / "summary.json").read_text())
    assert [(a["kind"], a["since"]) for a in summary["alarms"]] == list(begun.items())
    assert all(a["text"].endswith(".") for a in summary["alarms"])
    row = list(csv.DictReader((folder / "discriminator.csv").read_text().splitlines()))[-1]
    assert float(row["called real"]) == 1
    assert float(row["last bias"]) == pytest.approx(15_000, abs=1)
    assert float(row["fake magnitude"]) > 14_000


@pytest.mark.training
def test_a_d_that_collapses_within_its_last_block_is_told(
    every_step, small, stack, annotation, monkeypatch
):
    """With blocks of turns the update of G stands still while D learns."""
    real = Trainer.step

    def step(self, turn):
        taken, D = real(self, turn), self.optimizers["discriminator"]
        if D.updates == 50:  # within the second of two blocks of 45
            with torch.no_grad():
                D.network.last_layer.bias.fill_(15_000.0)
            taken.health = replace(taken.health, last_bias=torch.tensor(15_000.0))
        return taken

    monkeypatch.setattr(Trainer, "step", step)
    block = {"kind": "block", "generator_updates": 5, "discriminator_updates": 45}
    settings = small(**{**SEED_LIKE, "updates": 10, "validate_every": None, "alternation": block})
    alarms = train(settings, stack, annotation).summary["alarms"]
    assert {(a["kind"], a["since"]) for a in alarms} >= {("jump", 10), ("collapsed", 10)}


@pytest.mark.training
def test_a_d_that_learns_far_too_fast_is_told(every_step, small, stack, annotation):
    events = []
    settings = small(**{**SEED_LIKE, "discriminator_optimizer": {"rate": 10.0}})
    result = train(settings, stack, annotation, on_event=events.append)
    assert result.outcome is Outcome.COMPLETED
    health = [e.health for e in events if isinstance(e, Step)]
    assert max(one.largest for one in health) > 15_000
    assert "saturated" in {alarm.kind for alarm in alarms_of(events)}


@pytest.mark.training
@pytest.mark.parametrize("changes", [{}, {"adversarial_weight": {"kind": "balance"}}])
def test_a_default_run_raises_none(every_step, small, stack, annotation, changes):
    events = []
    settings = small(
        updates=60, validate_every=60, samples=0, network={"dropout": 0.0, "width": 4},
        discriminator={"width": 8, "depth": 2}, **changes,
    )  # fmt: skip
    result = train(settings, stack, annotation, on_event=events.append)
    assert result.summary["alarms"] == []
    assert alarms_of(events) == []


@pytest.mark.training
def test_alarms_are_not_lost_by_a_stop(
    every_step, jump, small, stack, annotation, tmp_path, stop_at
):
    """What lasts is told again when the run goes on, as of when it began."""
    settings, folder, events = small(**SEED_LIKE), tmp_path / "run", []
    stopped = train(settings, stack, annotation, folder, control=stop_at(48))
    before = stopped.summary["alarms"]
    assert {a["kind"] for a in before} >= {"jump", "collapsed"}
    result = resume(folder, stack, on_event=events.append)
    lasting = [(a["kind"], a["since"]) for a in before if a["until"] is None]
    assert [(a.kind, a.since) for a in alarms_of(events)][: len(lasting)] == lasting
    assert result.summary["alarms"][: len(before)] == before
