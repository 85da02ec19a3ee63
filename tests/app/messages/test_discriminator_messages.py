"""What the dock says of D: healthy, an alarm in its words, numbers, what is over."""

from __future__ import annotations

import logging

import pytest

from napari_advseg.app.controllers.discriminator_state import DiscriminatorController
from napari_advseg.app.messages.discriminator_messages import (
    alarm_line,
    alarms_at,
    health_line,
    health_numbers,
    past_alarms,
)
from napari_advseg.app.state.model import AppModel, RunInfo
from napari_advseg.core.runtime.events import Alarm, AlarmChanged, RunFinished, Validated
from napari_advseg.core.runtime.events import Outcome as Out
from napari_advseg.core.runtime.scores import DiscriminatorStatistics, Scores

HEALTH = DiscriminatorStatistics(
    real_mean=2.104, real_spread=0.45, fake_mean=-1.5, fake_spread=0.6, broken_mean=-2.257,
    called_real=0.48, right=0.91, last_bias=-0.0123, last_weight=3.456, gradient_ratio=0.0132,
)  # fmt: skip
SATURATED = Alarm("saturated", 120, "D is saturated since update 120: try this.")
WEAK = Alarm("weak", 1500, "The adversarial term hardly moves G/S since update 1,500.")


@pytest.fixture
def model():
    model = AppModel()
    model.run = RunInfo(None, ("standard", "adversarial"))
    model.lambda_marks = ((60, 0.0), (150, 0.1))
    return model


def validated(weight=0.1):
    return Validated(100, 1.0, 1.0, Scores(), weight, HEALTH)


def test_nothing_is_said_before_anything_is_known(model):
    assert health_line(model) == ""
    assert health_numbers(model) == []


def test_healthy_once_d_acts_on_g(model):
    model.history = (validated(0.0),)
    assert health_line(model) == "D does not act on G/S yet: λ rises from update 60 on."
    model.history = (validated(),)
    assert health_line(model) == "D: healthy"


def test_live_numbers_are_newer_than_those_of_the_validation(model):
    model.history = (validated(),)
    model.health = DiscriminatorStatistics(fake_mean=-1.75, weight=0.07)
    assert health_numbers(model) == [
        "logits on real masks +2.10 ± 0.45",
        "logits on fake masks −1.75 ± 0.60",
        "logits on real masks with gaps −2.26",
        "answers: 48 % “real”, 91 % right",
        "last layer: bias −0.012, weights 3.46",
        "gradients, adversarial to annotation: 0.013",
        "λ 0.07",
    ]


def test_the_newest_alarm_that_lasts_comes_first_and_the_others_are_counted(model):
    model.history = (validated(),)
    model.alarms = (SATURATED, WEAK)
    assert alarm_line(model.alarms) == f"⚠ {WEAK.text} And 1 more."
    assert health_line(model) == ""


def test_an_alarm_that_is_over_is_kept_with_its_span(model):
    over = Alarm("saturated", 120, SATURATED.text, until=1240)
    jump = Alarm("jump", 300, "The bias of D's last layer jumped at update 300.", until=300)
    assert alarm_line((over, jump)) == ""
    assert past_alarms((over, jump, WEAK)) == [
        "At update 300: the bias of D's last layer jumped.",
        "Since update 120 until 1,240: D was saturated.",
    ]


def test_alarms_are_found_by_update():
    over = Alarm("saturated", 120, SATURATED.text, until=240)
    assert alarms_at((over, WEAK), 130) == [over]
    assert alarms_at((over, WEAK), 300) == []
    assert alarms_at((over, WEAK), 9000) == [WEAK]


def test_a_run_of_s_alone_says_nothing_of_d_but_tells_of_its_mask(model):
    model.run = RunInfo(None, ("standard",))
    model.history = (validated(),)
    assert health_line(model) == ""
    assert health_numbers(model) == []
    one_class = Alarm("one class S", 50, "The mask of S is cell almost everywhere since update 50.")
    assert alarm_line((one_class,)).startswith("⚠ The mask of S is cell")


def test_alarms_are_logged_as_they_begin_also_those_that_are_over_at_once(model, caplog):
    watch = DiscriminatorController(model)
    jump = Alarm("jump", 300, "The bias of D's last layer jumped.", until=300)
    over = Alarm("saturated", 120, SATURATED.text, until=240)
    with caplog.at_level(logging.WARNING):
        for alarm in (SATURATED, jump, over):
            watch.alarm(AlarmChanged(alarm))
    assert [one.message for one in caplog.records] == [SATURATED.text, jump.text]
    assert model.alarms == (jump, over)


def test_a_verdict_comes_with_the_end_and_goes_with_the_next_start(model):
    watch = DiscriminatorController(model)
    verdict = {"sentence": "Neither is better.", "advice": "Use either."}
    watch.finished(RunFinished(Out.COMPLETED, 10, "Done.", summary={"verdict": verdict}))
    assert model.verdict == "Neither is better. Use either."
    watch.begin()
    assert model.verdict == ""
