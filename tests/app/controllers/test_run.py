"""A run from Start to its last event, and a run that is applied."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg.app.state.model import RunState
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.runtime.errors import (
    ImageError,
    RunFolderError,
    SettingsError,
    SplitError,
    Subject,
)
from napari_advseg.core.runtime.events import SlicePredicted, Step
from support.fake_engine import with_functions


def test_start_trains_with_what_is_chosen_by_default(app):
    app.with_data()
    app.controller.run.start()
    assert app.model.state is RunState.STARTING
    app.runner.flush()
    (call,) = app.training.calls
    assert call.settings.method == "paired"
    assert call.settings.preset == "quick"
    assert call.settings.updates == from_preset("quick").updates
    assert call.stack.name == "em"
    assert call.whole_stack
    assert call.folder == app.model.choices.runs_folder / "new-em"
    assert call.annotation.annotated_slices == (0, 1, 2, 3, 4, 5)
    assert call.control.slice_in_view() == 3


def test_a_run_starts_with_the_threshold_of_the_masks(app):
    app.with_data().controller.set_threshold(0.3)
    app.controller.run.start()
    app.runner.flush()
    assert app.training.calls[0].settings.threshold == 0.3
    assert app.viewer.masks_begun[0][3] == 0.3


def test_moving_the_threshold_changes_nothing_else(app):
    app.with_data()
    emitted = []
    app.model.events.all.connect(lambda info: emitted.append(info.signal.name))
    app.controller.set_threshold(0.3)
    assert emitted == ["threshold"]
    assert app.viewer.thresholds == [0.3]
    assert not app.runner.pending


def test_a_finished_run_leaves_curves_scores_and_the_best(app):
    app.with_data().controller.run.start()
    app.runner.flush()
    assert app.model.state is RunState.IDLE
    assert [one.update for one in app.model.history] == [10, 20, 30]
    assert app.model.lambda_marks == ((3, 0.0), (9, 0.1))
    assert app.model.status == (
        "Finished. F1 S 0.890  G/S 0.910, D 0.710 · best G/S 0.920 at update 20"
    )
    assert app.model.progress.text == "done"
    assert app.model.masks_shown


def test_the_annotation_is_a_snapshot(app):
    app.with_data().controller.run.start()
    app.viewer.layers["truth"][:] = 255  # painted over before the background has begun
    app.runner.flush()
    assert app.model.state is RunState.IDLE
    assert (app.training.calls[0].annotation.targets[:, :4] == 1).all()


def test_budget_in_minutes_replaces_the_presets_updates(app):
    from napari_advseg.app.state.run_form import Budget

    app.with_data().controller.data.choose(budget=Budget(2.5))
    app.controller.run.start()
    app.runner.flush()
    settings = app.training.calls[0].settings
    assert (settings.minutes, settings.updates) == (2.5, None)


def test_stop_ends_the_run_and_the_next_start_is_a_new_one(app):
    app.training.during = lambda control: app.controller.run.stop()
    app.with_data().controller.run.start()
    app.runner.flush()
    assert app.model.state is RunState.IDLE
    assert app.model.status.startswith("Stopped at update 10. F1 S 0.800")
    app.training.during = lambda control: None
    app.controller.run.start()
    app.runner.flush()
    assert len(app.training.calls) == 2
    assert app.training.calls[0].control is not app.training.calls[1].control
    assert len(app.model.history) == 3


def test_pause_and_resume(app):
    seen = []

    def during(control):
        if not seen:
            app.controller.run.pause()
            seen.append((control.paused, app.model.state, app.model.progress.text))
            app.controller.run.pause()
            seen.append((control.paused, app.model.state))

    app.training.during = during
    app.with_data().controller.run.start()
    app.runner.flush()
    assert seen == [(True, RunState.PAUSED, "paused"), (False, RunState.RUNNING)]
    assert app.model.state is RunState.IDLE


def test_events_of_an_older_run_are_dropped(app):
    app.with_data().controller.run.start()
    app.controller.shutdown(1.0)
    app.runner.flush()
    assert app.model.history == ()
    assert app.runner.waited == [1.0]
    assert app.training.calls[0].control.stopping


def test_start_without_an_annotation_says_what_it_waits_for(app):
    app.viewer.add("em", np.zeros((6, 32, 32), np.uint8))
    app.controller.run.start()
    assert app.model.state is RunState.IDLE
    assert "annotation" in app.model.status
    assert not app.runner.pending


@pytest.mark.parametrize(
    ("error", "row"),
    [
        (RunFolderError("It cannot be written."), "run folder"),
        (SettingsError("patch = 512 is too wide."), "advanced"),
        (ImageError("It is RGB."), "image"),
        (SplitError("Slice 7 is not there."), "slices"),
    ],
)
def test_a_user_facing_error_is_shown_next_to_its_control(app, error, row):
    app.training.fails_with = error
    app.with_data().controller.run.start()
    app.runner.flush()
    assert app.model.state is RunState.IDLE
    assert app.model.problems[error.subject] == str(error)
    assert app.model.status == f"The run did not start: see “{row}”."


def test_who_waits_for_the_end_finds_why_the_run_did_not_start(app):
    seen = []
    app.model.events.state.connect(
        lambda new, old: seen.append((new, app.model.status, dict(app.model.problems)))
    )
    app.training.fails_with = RunFolderError("It cannot be written.")
    app.with_data().controller.run.start()
    app.runner.flush()
    assert seen[-1] == (
        RunState.IDLE,
        "The run did not start: see “run folder”.",
        {Subject.RUN_FOLDER: "It cannot be written."},
    )


def test_any_other_error_is_one_sentence_and_a_log_entry(app, caplog):
    app.training.fails_with = RuntimeError("out of memory\nwith a long story")
    app.with_data().controller.run.start()
    app.runner.flush()
    assert app.model.state is RunState.IDLE
    assert app.model.status == "The run failed: out of memory"
    assert "RuntimeError" in caplog.text


def test_layers_deleted_during_a_run_do_not_stop_it(app):
    def during(control):
        app.viewer.layers.clear()
        app.viewer.tell()

    app.training.during = during
    app.with_data().controller.run.start()
    app.runner.flush()
    assert len(app.model.history) == 3
    assert app.model.status.startswith("Finished.")


def test_masks_lie_over_an_image_that_was_renamed_after_start(app):
    app.with_data().controller.run.start()
    app.controller.data.set_layers(
        tuple(type(one)(one.key, f"my {one.name}", one.kind, one.shape) for one in app.model.layers)
    )
    app.runner.flush()
    assert app.viewer.masks_begun[0][0] == "my em"
    assert app.viewer.masks_begun[0][1] == ("standard", "adversarial")


def test_applying_a_loaded_run_predicts_every_slice_of_the_chosen_image(app, tmp_path):
    app.with_data()
    app.controller.keep.load_run(tmp_path / "kept")
    app.runner.flush()
    app.controller.run.apply()
    app.runner.flush()
    assert sorted(app.viewer.shown) == [
        (network, z) for network in ("adversarial", "standard") for z in range(6)
    ]
    assert app.model.status == "The run is applied."
    assert (app.model.progress.done, app.model.progress.total) == (6, 6)
    app.viewer.mask = {"standard": np.zeros((6, 32, 32), np.uint8)}
    app.controller.keep.save_masks(tmp_path / "kept")
    app.runner.flush()
    assert list(app.written) == ["em_standard_mask.tif"]  # the run's own masks stay
    assert app.model.state is RunState.IDLE


def test_stopping_the_application_of_a_run_keeps_what_there_is(app, tmp_path):
    app.with_data()
    app.controller.keep.load_run(tmp_path / "kept")
    app.runner.flush()
    show = app.viewer.show_prediction

    def stop_at_three(network, z, probability):
        show(network, z, probability)
        if z == 2:
            app.controller.run.stop()

    app.viewer.show_prediction = stop_at_three
    app.controller.run.apply()
    app.runner.flush()
    assert app.viewer.shown == [("standard", 0), ("standard", 1), ("standard", 2)]
    assert app.model.status == "Stopped after 1 of 6 slices."  # three masks of two networks
    assert app.model.state is RunState.IDLE


def test_probabilities_of_an_applied_run_are_of_the_first_class(app, tmp_path):
    app.with_data()
    app.controller.keep.load_run(tmp_path / "kept")
    app.runner.flush()
    got = []
    app.viewer.show_prediction = lambda network, z, p: got.append(
        (p.dtype, p.shape, float(p[0, 0]))
    )
    app.controller.run.apply()
    app.runner.flush()
    assert set(got) == {(np.dtype(np.float16), (32, 32), 0.25)}


def test_the_preset_says_how_long_it_would_take_here(app):
    app.controller.choose_preset("best")
    app.runner.flush()
    assert app.model.preset_note == "About 3 h on this computer."
    app.controller.choose_preset("quick")
    assert app.model.preset_note == ""


def test_another_method_is_measured_anew(app):
    minutes = {"paired": 200.0, "standard": 60.0}
    with_functions(app.engine, estimated_minutes=lambda s: minutes[s.method])
    app.controller.choose_preset("best")
    app.runner.flush()
    assert app.model.preset_note == "About 3 h on this computer."
    app.controller.choose_method("standard")
    app.runner.flush()
    assert app.model.preset_note == "About 60 min on this computer."


@pytest.mark.parametrize("error", [RunFolderError("It cannot be written."), RuntimeError("no")])
def test_a_run_that_does_not_start_leaves_the_earlier_one_shown(app, error):
    app.with_data().controller.run.start()
    app.runner.flush()
    run, history, marks = app.model.run, app.model.history, app.model.lambda_marks
    app.training.fails_with = error
    app.controller.run.start()
    app.runner.flush()
    assert (app.model.run, app.model.history, app.model.lambda_marks) == (run, history, marks)


def test_time_left_stays_beside_a_step_and_pausing_replaces_it(app):
    app.with_data().controller.run.start()
    run = app.controller.run
    run._handle(Step(10, 100, 5.0, 100.0))
    assert app.model.progress.text == "1:40 left"
    run._handle(SlicePredicted("standard", 0, np.zeros((32, 32), np.float16)))
    assert app.model.progress.done == 10
