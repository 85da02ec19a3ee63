"""What the minutes give, measured in the background; the events of a run in minutes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_advseg.app.state.model import RunInfo
from napari_advseg.app.state.run_form import Budget
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.runtime.cpu import available_cores
from napari_advseg.core.runtime.events import (
    Activity,
    Doing,
    FinalScores,
    Planned,
    SlicePredicted,
)
from napari_advseg.core.runtime.run_estimate import RunEstimate
from napari_advseg.core.runtime.scores import NetworkScores, Scores
from support.fake_engine import with_functions


def minutes(app, amount):
    app.controller.data.choose(budget=Budget(amount, "minutes"))
    app.runner.flush()


def test_minutes_are_forecast_and_other_budgets_are_not(app):
    app.with_data()
    minutes(app, 2.0)
    assert app.model.time_note.startswith("About 240 updates.")
    app.controller.data.choose(budget=Budget(300, "updates"))
    app.runner.flush()
    assert app.model.time_note == ""


def test_choices_that_change_while_one_is_measured_are_measured_after_it(app):
    asked = []

    def estimate(settings, shape, validation_slices):
        asked.append(settings.minutes)
        return RunEstimate(settings.minutes, round(100 * settings.minutes), 6.0, 40.0, 20.0)

    with_functions(app.engine, estimate_run=estimate)
    app.with_data()
    for amount in (1.0, 2.0, 3.0):
        app.controller.data.choose(budget=Budget(amount, "minutes"))
    app.runner.flush()
    assert asked == [1.0, 3.0]
    assert app.model.time_note.startswith("About 300 updates.")


@pytest.mark.parametrize(("chosen", "seen"), [(None, 2), (1, 1)])
def test_a_forecast_knows_the_scale_that_the_engine_will_choose(app, chosen, seen):
    scales = []

    def estimate(settings, shape, validation_slices):
        scales.append(settings.scale)
        return RunEstimate(1.0, 240, 6.0, 40.0, 20.0)

    with_functions(app.engine, estimate_run=estimate)
    app.viewer.add("em", np.random.default_rng(0).integers(0, 255, (3, 512, 512), np.uint8))
    thick = np.ones((3, 512, 512), np.uint8)
    thick[:, :, 100:140] = 2  # a band of 40 pixels
    app.viewer.carried["thick"] = ClassMap.of(cell=1, membrane=2)
    app.viewer.add("thick", thick, labels=True)
    app.runner.flush()
    if chosen is not None:
        app.controller.data.choose(advanced={"scale": chosen})
    minutes(app, 1.0)
    assert scales[-1] == seen


def test_a_forecast_of_continued_networks_has_their_scale(app):
    scales = []

    def estimate(settings, shape, validation_slices):
        scales.append(settings.scale)
        return RunEstimate(1.0, 240, 6.0, 40.0, 20.0)

    kept = replace(
        app.engine.kept, settings=app.engine.kept.settings.model_copy(update={"scale": 4})
    )
    with_functions(app.engine, estimate_run=estimate, load_run=lambda folder: kept)
    app.with_data()
    minutes(app, 1.0)
    app.model.run = RunInfo(Path("run"))
    app.controller.data.choose(start_from_run=True)
    app.runner.flush()
    assert scales[0] == 1
    assert scales[-1] == 4


def test_a_forecast_that_fails_leaves_the_line_empty(app):
    def estimate(settings, shape, validation_slices):
        raise RuntimeError("no luck")

    with_functions(app.engine, estimate_run=estimate)
    app.with_data()
    minutes(app, 1.0)
    assert app.model.time_note == ""


def test_all_cores_are_a_choice(app):
    app.controller.run_time.use_all_cores(True)
    assert app.model.choices.advanced["threads"] == available_cores()
    app.controller.run_time.use_all_cores(False)
    assert "threads" not in app.model.choices.advanced


def test_what_a_run_does_is_said_from_the_first_event(app):
    said = []
    app.with_data().model.events.status.connect(said.append)
    app.training.during = lambda control: None
    app.controller.run.start()
    app.controller.run._handle(Doing(Activity.READING))
    assert said[-1] == "Reading the stack."
    app.runner.flush()


def test_events_of_a_run_in_minutes(app):
    app.with_data().controller.run.start()
    app.runner.flush()
    handle = app.controller.run._handle
    handle(Planned(40, ((8, 0.0), (20, 0.1))))
    assert app.model.lambda_marks == ((8, 0.0), (20, 0.1))
    scores = Scores(NetworkScores(0.949), NetworkScores(0.951))
    handle(FinalScores(40, scores, "all 10 validation slices"))
    assert app.model.status == "F1 S 0.949  G/S 0.951 on all 10 validation slices"
    part = np.full((4, 8), 0.7, np.float16)
    handle(SlicePredicted("standard", 1, part, (2, 3)))
    assert app.viewer.kept["standard", 1] is part
    handle(Doing(Activity.PREDICTING, "This takes about 90 s more; Stop ends it."))
    assert app.model.status.endswith("This takes about 90 s more; Stop ends it.")
