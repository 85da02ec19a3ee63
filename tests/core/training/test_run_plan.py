"""Updates and validations of a run in minutes, with a clock that the test winds."""

from __future__ import annotations

import pytest

from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.config.settings import PlanSettings
from napari_advseg.core.training.run_plan import END_SHARE, STACK_SHARE, RunPlan, Stopwatch


class Machine:
    """A run in minutes on a computer of known speed."""

    def __init__(
        self, minutes, update, *, guess=100, validation=1.0, crop=0.1, patch=0.01, crops=40
    ):
        self.now = 0.0
        self.update, self.validation, self.crops = update, validation, crops
        settings = from_preset("quick", minutes=minutes).model_copy(update={"updates": guess})
        self.plan = RunPlan.of(settings, Stopwatch(lambda: self.now))
        self.plan.costs.crop, self.plan.costs.patch = crop, patch
        self.updates, self.made, self.trained, self.validated_at = guess, 0, 0.0, []

    def step(self):
        seconds = self.update(self.made) if callable(self.update) else self.update
        self.made, self.now, self.trained = (
            self.made + 1,
            self.now + seconds,
            self.trained + seconds,
        )
        last = self.made >= self.updates
        validate = self.plan.validates(self.made, last, last=last)
        if validate:
            self._validate()
        self.plan.measure(self.made, self.trained)
        self.updates = self.plan.updates_now(self.made, self.updates)
        if self.updates == self.made and not validate:
            self._validate()

    def _validate(self):
        self.plan.choose_sample(self.crops, 32)
        self.now += self.validation
        self.plan.validated(self.validation)
        self.validated_at.append(self.made)

    def run(self):
        while self.made < self.updates:
            self.step()
        self.now += self.plan.end_seconds()
        return self


@pytest.mark.parametrize("guess", [3, 20, 5000])
@pytest.mark.parametrize("update", [0.05, 0.5, 2.0])
def test_a_run_takes_its_minutes_whatever_was_guessed(update, guess):
    machine = Machine(2, update, guess=guess)
    assert machine.run().now == pytest.approx(120, rel=0.08)


@pytest.mark.parametrize("factor", [0.4, 3.0])
def test_a_computer_that_changes_its_speed_does_not_change_the_minutes(factor):
    machine = Machine(2, lambda made: 0.3 * (factor if made > 60 else 1))
    assert machine.run().now == pytest.approx(120, rel=0.08)
    assert machine.validated_at[-1] == machine.made


def test_a_slow_first_update_decides_nothing():
    machine = Machine(2, lambda made: 4.0 if made == 0 else 0.3)
    machine.step()
    assert machine.updates == 100
    machine.step()
    assert machine.updates > 150


def test_validations_take_at_most_a_fifth():
    machine = Machine(5, 0.5, validation=11.0).run()
    assert machine.plan.validation_seconds <= 0.2 * 300
    assert len(machine.validated_at) >= 4
    assert machine.now == pytest.approx(300, rel=0.08)


def test_a_validation_measures_all_where_that_fits_and_else_a_sample():
    assert Machine(5, 0.5, crop=0.01).plan.choose_sample(40, 32).crops == 40
    few = Machine(1, 0.5, crop=0.5, patch=0.2).plan.choose_sample(40, 32)
    assert 1 <= few.crops < 40
    assert few.patches >= 4
    assert few.crops * 0.5 + few.patches * 0.2 <= 12
    slow = Machine(0.1, 5, crop=30, patch=5).plan.choose_sample(40, 32)
    assert (slow.crops, slow.patches) == (1, 4)


def test_the_sample_of_a_run_is_chosen_once():
    machine = Machine(1, 0.5, crop=0.5)
    first = machine.plan.choose_sample(40, 32)
    machine.plan.costs.crop = 5.0
    assert machine.plan.choose_sample(40, 32) == first


def test_the_first_masks_come_early():
    machine = Machine(5, 0.5)
    while not machine.validated_at:
        machine.step()
    assert machine.now < 0.15 * 300


def test_another_update_is_not_made_where_it_would_break_the_promise():
    machine = Machine(0.5, 12.0, guess=3, validation=2.0).run()
    assert machine.made < 3
    assert machine.now <= 1.15 * 30


def test_time_for_the_end_is_kept_and_a_long_stack_follows_after_the_minutes():
    plan = Machine(1, 0.5).plan
    plan.costs.final, plan.costs.stack = 100.0, 15.0
    assert plan.end_seconds() == pytest.approx(60 * END_SHARE + 15)
    plan.costs.stack = 60 * STACK_SHARE + 1
    assert not plan.predicts_stack_in_time
    assert plan.end_seconds() == pytest.approx(60 * END_SHARE)


def test_pauses_are_not_part_of_the_minutes():
    now = [0.0]
    watch = Stopwatch(lambda: now[0])
    now[0] = 50.0
    watch.exclude(40.0)
    assert watch.seconds == 10.0


def test_the_last_update_is_planned_before_it_is_made():
    """Schedules end at the last update only if that is known when it is made."""
    machine = Machine(1, lambda made: 0.2 + 0.002 * made, guess=400)
    planned = []
    while machine.made < machine.updates:
        planned.append(machine.updates)
        machine.step()
    assert planned[-1] == machine.made


def test_a_recorded_plan_is_repeated_without_a_clock():
    recorded = PlanSettings(changes=((0, 9), (2, 5)), validations=(3,), crops=2, patches=4)
    settings = from_preset("quick", updates=5).model_copy(update={"plan": recorded})
    plan = RunPlan.of(settings, Stopwatch(lambda: 0.0))
    assert plan.changes_so_far() == ((0, 9),)
    assert [plan.updates_now(update, 9) for update in (1, 2)] == [9, 5]
    assert [u for u in range(1, 6) if plan.validates(u, True, last=u == 5)] == [3, 5]
    assert plan.choose_sample(40, 32) == recorded


def test_a_run_in_updates_has_no_plan():
    plan = RunPlan.of(from_preset("quick", updates=5), Stopwatch(lambda: 0.0))
    assert not plan.samples
    assert (plan.state(), plan.summary(), plan.changes_so_far()) == ({}, {}, ())
    assert plan.updates_now(2, 5) == 5
    assert plan.validates(2, True, last=False)


def test_what_a_checkpoint_keeps_continues_the_minutes():
    machine = Machine(1, 0.5)
    for _ in range(20):
        machine.step()
    progress = {"update": 20, "seconds": machine.trained, **machine.plan.state()}
    settings = machine.plan.resolved(machine.plan.settings)
    assert settings.minutes is None
    again = RunPlan.of(settings, Stopwatch(lambda: 1000.0))
    again.restore(progress)
    assert again.minutes == 1
    assert again.watch.seconds == pytest.approx(machine.now)
    assert again.recorded == machine.plan.recorded
