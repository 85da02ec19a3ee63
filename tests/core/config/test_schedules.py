"""Learning rates against torch's and Keras' own, and λ over a run."""

from __future__ import annotations

import math

import pytest
import torch

from napari_advseg.core.config.schedules import (
    LearningRate,
    Pace,
    adversarial_weight,
    discriminator_learns,
    lambda_marks,
    one_cycle,
)
from napari_advseg.core.config.settings import LambdaSettings, OptimizerSettings


def optimizer(rate):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], rate)


@pytest.mark.parametrize("updates", [2, 10, 37, 300])
@pytest.mark.parametrize("warmup", [0.0, 0.05, 0.3, 1.0])
def test_one_cycle_is_torchs(updates, warmup):
    moved = optimizer(1.0)
    # with cycle_momentum it would want a momentum to cycle; pct_start 0 divides by zero there
    reference = torch.optim.lr_scheduler.OneCycleLR(
        moved, 3e-3, total_steps=updates, pct_start=warmup or 1e-12, cycle_momentum=False
    )
    for update in range(updates):
        assert one_cycle(3e-3, update, updates, warmup) == pytest.approx(
            moved.param_groups[0]["lr"], rel=1e-6, abs=1e-12
        )
        moved.step()
        if update < updates - 1:
            reference.step()


def test_one_cycle_starts_at_a_25th_peaks_and_ends_at_a_250000th():
    rates = [one_cycle(1.0, u, 1000, 0.3) for u in range(1000)]
    assert rates[0] == pytest.approx(1 / 25)
    assert max(rates) == rates[299] == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(1 / 250_000)


def test_a_single_update_has_a_usable_rate():
    assert 0 < one_cycle(1.0, 0, 1, 0.3) <= 1


def plateau(patience):
    return LearningRate(
        OptimizerSettings(schedule="plateau", rate=0.5, patience=patience), updates=100
    )


@pytest.mark.parametrize("patience", [1, 2, 4])
def test_a_plateau_is_torchs(patience):
    scores = [0.1, 0.3, 0.3, 0.2, 0.25, 0.3, 0.31, 0.3, 0.3, 0.3, 0.1, 0.1, 0.1, 0.1, 0.4, 0.2, 0.2]
    moved = optimizer(0.5)
    # torch lowers the rate after more than `patience` bad validations, Keras and we after as many
    reference = torch.optim.lr_scheduler.ReduceLROnPlateau(
        moved, "max", factor=0.1, patience=patience - 1, threshold=0, eps=0
    )
    rate = plateau(patience)
    for update, score in enumerate(scores):
        rate.observe(score)
        reference.step(score)
        assert rate.at(update) == pytest.approx(moved.param_groups[0]["lr"])
    assert rate.at(0) < 0.5


def test_a_plateau_goes_on_from_its_state():
    whole, first, second = plateau(2), plateau(2), plateau(2)
    scores = [0.5, 0.4, 0.3, 0.2, 0.6, 0.5, 0.5, 0.5]
    for score in scores[:3]:
        first.observe(score)
    second.restore(first.state())
    for score in scores:
        whole.observe(score)
    for score in scores[3:]:
        second.observe(score)
    assert second == whole
    assert whole.at(0) == pytest.approx(0.5e-2)


def test_a_score_that_is_no_number_counts_as_no_better():
    rate = plateau(2)
    for score in (0.5, math.nan, math.nan):
        rate.observe(score)
    assert rate.at(0) == pytest.approx(0.05)
    assert rate.best == 0.5


def test_keras_decay_halves_the_rate_when_decay_times_updates_is_1():
    settings = OptimizerSettings(schedule="keras-decay", rate=1e-3, decay=1e-3)
    rate = LearningRate(settings, 10_000)
    assert [rate.at(t) for t in (0, 1000, 9000)] == pytest.approx([1e-3, 5e-4, 1e-4])


@pytest.mark.parametrize("schedule", ["constant", "one-cycle", "keras-decay"])
def test_other_schedules_ignore_scores(schedule):
    rate = LearningRate(OptimizerSettings(schedule=schedule), 50)
    before = [rate.at(t) for t in range(50)]
    for _ in range(20):
        rate.observe(0.1)
    assert [rate.at(t) for t in range(50)] == before
    assert (len(set(before)) == 1) == (schedule == "constant")


# --- λ -----------------------------------------------------------------------------------------


def weights(settings, updates, epoch):
    return [adversarial_weight(settings, u, updates, u / epoch) for u in range(updates)]


def test_a_ramp_is_0_then_rises_in_a_line_to_its_height():
    found = weights(LambdaSettings(value=0.4, start=0.2, rise=0.4), 100, 10)
    assert found[:21] == [0.0] * 21
    assert found[40] == pytest.approx(0.2)
    assert found[60:] == pytest.approx([0.4] * 40)
    assert found[21:61] == pytest.approx([0.01 * u for u in range(1, 41)])


def test_a_ramp_without_a_rise_is_a_switch():
    assert weights(LambdaSettings(value=0.4, start=0.5, rise=0), 10, 1)[4:7] == [0, 0, 0.4]


def test_steps_are_the_2017_experiments():
    found = weights(LambdaSettings(kind="steps", value=1.0), 50, 10)
    assert found == [0.1] * 30 + [1.0] * 20


def test_steps_may_fall_within_an_epoch_and_begin_late():
    settings = LambdaSettings(kind="steps", value=2.0, steps=((0.5, 0.1), (1.25, 0.15)))
    assert weights(settings, 16, 8) == [0.0] * 4 + [0.2] * 6 + [0.3] * 6


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        ({"kind": "constant", "value": 0.3}, ()),
        ({"kind": "ramp", "value": 0.4, "start": 0.2, "rise": 0.4}, ((20, 0.0), (60, 0.4))),
        ({"kind": "ramp", "value": 0.4, "start": 0.8, "rise": 0.5}, ((80, 0.0),)),
        ({"kind": "ramp", "value": 0}, ()),
        ({"kind": "steps", "value": 1.0}, ((30, 1.0),)),
        ({"kind": "steps", "value": 1.0, "steps": ((0.25, 0.1), (99.0, 0.2))}, ((3, 0.1),)),
    ],
)
def test_marks_are_where_the_weight_changes(values, marks):
    settings = LambdaSettings(**values)
    assert lambda_marks(settings, 100, 10) == marks
    found = weights(settings, 100, 10)
    for update, weight in marks:
        assert found[update] == pytest.approx(weight)
    if settings.kind == "steps":
        changes = [(u, found[u]) for u in range(1, 100) if found[u] != found[u - 1]]
        assert tuple(changes) == marks


def test_d_is_ready_before_the_ramp_begins():
    ramp = LambdaSettings(start=0.2)
    learns = [discriminator_learns(ramp, u, 100) for u in range(100)]
    assert learns == [False] * 10 + [True] * 90
    assert all(discriminator_learns(LambdaSettings(kind=k), 0, 9) for k in ("constant", "steps"))


# ---- a length that changes


def test_a_pace_that_never_changes_is_the_update_itself():
    pace = Pace(300)
    assert [pace.position(update) for update in (0, 7, 299)] == [0, 7, 299]


@pytest.mark.parametrize("updates", [120, 400])
def test_progress_is_continuous_where_the_length_changes_and_ends_at_the_last_update(updates):
    before = Pace(300)
    after = before.changed(90, updates)
    assert after.share(90) == pytest.approx(before.share(90))
    shares = [after.share(update) for update in range(90, updates + 1)]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert after.update_at(after.position(100)) == pytest.approx(100)


@pytest.mark.parametrize("updates", [60, 500])
def test_a_learning_rate_ends_at_its_lowest_however_long_the_run_becomes(updates):
    settings = OptimizerSettings(rate=0.01)
    rate = LearningRate(settings, 200)
    before = rate.at(50)
    rate.replan(50, updates)
    assert rate.at(50) == pytest.approx(before)
    assert rate.at(updates - 1) == pytest.approx(0.01 / 25 / 1e4)
    again = LearningRate(settings, 200)
    again.restore(rate.state())
    assert [again.at(u) for u in range(50, updates)] == [rate.at(u) for u in range(50, updates)]
