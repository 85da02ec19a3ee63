"""A run that is stopped, paused, killed or timed goes on as if nothing had been."""

import json
import threading
from functools import cache

import numpy as np
import pytest

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.config.parsing import run_settings
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.formats.io import read_annotation
from napari_advseg.core.runtime.control import RunControl, Stopped
from napari_advseg.core.runtime.errors import AdvSegError, RunFolderError, SettingsError
from napari_advseg.core.runtime.events import (
    Activity,
    Doing,
    Outcome,
    RunFinished,
    RunStarted,
    Validated,
)
from napari_advseg.core.storage import run_folder
from napari_advseg.core.training import run_plan
from napari_advseg.core.training.engine import resume, train
from napari_advseg.core.training.trainer import Trainer

pytestmark = pytest.mark.training

BLOCK = {"kind": "block", "generator_updates": 3, "discriminator_updates": 4}


def of_kind(events, kind):
    return [event for event in events if isinstance(event, kind)]


def assert_ends_once(events, outcome):
    assert events[0] == Doing(Activity.READING)
    assert isinstance(next(e for e in events if not isinstance(e, Doing)), RunStarted)
    assert len(of_kind(events, RunStarted)) == 1
    assert isinstance(events[-1], RunFinished)
    assert len(of_kind(events, RunFinished)) == 1
    assert events[-1].outcome is outcome


# ---- stop, pause


@pytest.mark.parametrize("from_thread", [True, False])
def test_stop_keeps_what_was_learned(small, stack, annotation, tmp_path, from_thread):
    events, control = [], RunControl()

    def on_event(event):
        events.append(event)
        if isinstance(event, Validated):
            if from_thread:
                thread = threading.Thread(target=control.stop)
                thread.start()
                thread.join()
            else:
                control.stop()

    folder = tmp_path / "run"
    result = train(small(), stack, annotation, folder, on_event=on_event, control=control)
    assert_ends_once(events, Outcome.STOPPED)
    assert result.outcome is Outcome.STOPPED
    assert events[-1].update == 4
    assert run_folder.load_run(folder).history == result.history
    assert json.loads((folder / "summary.json").read_text())["outcome"] == "stopped"


def test_pause_waits_and_changes_nothing(small, stack, annotation, whole_run, same_run):
    control, seen_paused = RunControl(), []

    def on_event(event):
        if isinstance(event, Validated) and event.update == 4:
            control.pause()
            seen_paused.append(control.paused)
            threading.Timer(0.05, control.resume).start()

    paused = train(small(), stack, annotation, on_event=on_event, control=control)
    assert seen_paused == [True]
    assert paused.outcome is Outcome.COMPLETED
    assert same_run(paused, whole_run)


def stop_and_resume(settings, stack, annotation, folder, control):
    events = []
    stopped = train(settings, stack, annotation, folder, on_event=events.append, control=control)
    assert_ends_once(events, Outcome.STOPPED)
    assert stopped.outcome is Outcome.STOPPED
    return resume(folder, stack)


# 12 updates and, after each fourth, a validation that looks at the control six times
@pytest.mark.parametrize("looks", [0, 3, 7, 10, 16, 29])
def test_resuming_a_stopped_run_ends_like_the_whole_run(
    small, stack, annotation, whole_run, same_run, stop_at, tmp_path, looks
):
    resumed = stop_and_resume(small(), stack, annotation, tmp_path / "run", stop_at(looks))
    assert [v.update for v in resumed.history] == [4, 8, 12]
    assert same_run(resumed, whole_run)


@pytest.fixture(scope="module")
def whole(cells):
    """Trains the run of given settings from start to end, once."""

    @cache
    def run(settings):
        return train(settings, EMStack.from_array(cells[0]), Annotation.from_labels(cells[1]))

    return run


# two epochs of S's 3, G's 3 and D's 4 turns and a validation
@pytest.mark.parametrize("looks", [2, 4, 8, 11, 20, 24, 29])
def test_resuming_within_a_block_ends_like_the_whole_run(
    small, stack, annotation, whole, same_run, stop_at, tmp_path, looks
):
    settings = small(updates=5, alternation=BLOCK)
    resumed = stop_and_resume(settings, stack, annotation, tmp_path / "run", stop_at(looks))
    assert [v.update for v in whole(settings).history] == [3, 6]
    assert same_run(resumed, whole(settings))


def test_a_schedule_that_waits_for_progress_keeps_its_state(
    small, stack, annotation, same_run, stop_at, tmp_path
):
    settings = small(
        validate_every=2, dice=0.0, class_balance=0.0,
        optimizer={"schedule": "plateau", "patience": 1, "rate": 1.0},
    )  # fmt: skip
    resumed = stop_and_resume(settings, stack, annotation, tmp_path / "run", stop_at(34))
    whole = train(settings, stack, annotation)
    assert whole.training.optimizers["standard"].rate.factor < 1
    assert same_run(resumed, whole)


def test_a_run_may_be_stopped_again_and_again(
    small, stack, annotation, whole_run, same_run, stop_at, tmp_path
):
    folder = tmp_path / "run"
    train(small(), stack, annotation, folder, control=stop_at(2))
    for looks in (3, 4, 4):
        assert resume(folder, stack, control=stop_at(looks)).outcome is Outcome.STOPPED
    assert same_run(resume(folder, stack), whole_run)


def test_stop_before_the_first_update_leaves_nothing(small, stack, annotation, tmp_path):
    control = RunControl()
    control.stop()
    with pytest.raises(Stopped):
        train(small(**MINUTES), stack, annotation, tmp_path / "run", control=control)
    assert not (tmp_path / "run").exists()


class Clock:
    """Seconds that pass only where a test says so: each reading takes a little."""

    def __init__(self, each=0.02):
        self.now, self.each = 0.0, each

    def __call__(self):
        self.now += self.each
        return self.now


@pytest.fixture
def slow_clock(monkeypatch):
    """A run in minutes reads this clock: updates are slow at first, then fast, then slow again."""
    clock, step = Clock(), Trainer.step

    def timed_step(self, turn):
        clock.now += 0.2 if 10 < turn.update < 25 else 0.6
        return step(self, turn)

    monkeypatch.setattr(Trainer, "step", timed_step)
    monkeypatch.setattr(run_plan.Stopwatch.__init__, "__defaults__", (clock,))
    return clock


MINUTES = {"updates": None, "minutes": 0.3, "validate_every": None}


@pytest.mark.usefixtures("slow_clock")
def test_minutes_become_updates_that_repeat_the_run(small, stack, annotation, same_run, tmp_path):
    folder = tmp_path / "run"
    result = train(small(**MINUTES), stack, annotation, folder)
    kept = run_settings(run_folder.read_config(folder)["settings"])
    assert kept.minutes is None
    assert kept.updates == result.history[-1].update
    assert len(kept.plan.changes) > 3
    assert kept.plan.validations
    assert same_run(result, train(kept, stack, annotation))


def test_a_checkpoint_comes_at_least_every_minute_and_a_killed_run_continues_from_it(
    small, stack, annotation, same_run, tmp_path, monkeypatch, slow_clock
):
    """Updates of 25 s and no validation before the end: each second update is kept."""
    step, settings = Trainer.step, small(validate_every=12)

    def slow(self, turn):
        if turn.batch == 7:
            raise KeyboardInterrupt  # as a kill, nothing more is written
        slow_clock.now += 25.0
        return step(self, turn)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", slow)
        with pytest.raises(KeyboardInterrupt):
            train(settings, stack, annotation, tmp_path / "run")
    kept = run_folder.checkpoint_metadata(tmp_path / "run", "progress")
    assert kept["update"] >= 5
    resumed = resume(tmp_path / "run", stack)
    assert same_run(resumed, train(settings, stack, annotation))


@pytest.mark.usefixtures("slow_clock")
@pytest.mark.parametrize("looks", [3, 8, 20, 40])
def test_a_run_in_minutes_resumes_and_is_repeated_by_what_it_recorded(
    small, stack, annotation, same_run, stop_at, tmp_path, looks
):
    folder = tmp_path / "run"
    resumed = stop_and_resume(small(**MINUTES), stack, annotation, folder, stop_at(looks))
    kept = run_folder.load_run(folder).settings
    assert resumed.outcome is Outcome.COMPLETED
    assert kept.updates == resumed.history[-1].update
    assert same_run(resumed, train(kept, stack, annotation))


@pytest.mark.usefixtures("slow_clock")
def test_a_repetition_of_a_run_in_minutes_can_be_stopped_and_resumed(
    small, stack, annotation, same_run, stop_at, tmp_path
):
    first = train(small(**MINUTES), stack, annotation, tmp_path / "first")
    kept = run_folder.load_run(tmp_path / "first").settings
    again = stop_and_resume(kept, stack, annotation, tmp_path / "again", stop_at(25))
    assert same_run(again, first)


def test_neither_updates_nor_minutes_is_refused(small, stack, annotation):
    with pytest.raises(SettingsError, match="updates, epochs nor minutes"):
        train(small().model_copy(update={"updates": None}), stack, annotation)


# ---- resume


def test_resume_says_why_it_cannot(small, stack, annotation, cells, tmp_path, stop_at):
    finished = tmp_path / "finished"
    train(small(), stack, annotation, finished)
    with pytest.raises(RunFolderError, match="has made all its 12 updates"):
        resume(finished, stack)
    with pytest.raises(RunFolderError, match="holds no run"):
        resume(tmp_path / "nothing", stack)
    stopped = tmp_path / "stopped"
    train(small(), stack, annotation, stopped, control=stop_at(6))
    with pytest.raises(RunFolderError, match="--image"):
        resume(stopped)
    with pytest.raises(AdvSegError, match="shape"):
        resume(stopped, EMStack.from_array(cells[0][:5]))
    with pytest.raises(RunFolderError, match="the image that the run was started on"):
        resume(stopped, EMStack.from_array(255 - cells[0] // 2))
    (stopped / "checkpoint.safetensors").unlink()
    with pytest.raises(RunFolderError, match="no checkpoint"):
        resume(stopped, stack)


def test_a_run_killed_before_its_first_validation_goes_on_from_its_start(
    small, stack, annotation, whole_run, same_run, tmp_path, monkeypatch
):
    def killed(self, turn):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", killed)
        with pytest.raises(KeyboardInterrupt):
            train(small(), stack, annotation, tmp_path / "run")
    assert same_run(resume(tmp_path / "run", stack), whole_run)


def test_slices_without_annotation_stay_so_after_resuming(
    small, stack, cells, same_run, stop_at, tmp_path
):
    """0 is membrane on annotated slices, and on all others it is no label."""
    labels = cells[1].copy()
    labels[[0, 5]] = 0
    annotation = Annotation.from_labels(labels)
    assert annotation.annotated_slices == (1, 2, 3, 4)
    folder = tmp_path / "run"
    resumed = stop_and_resume(small(), stack, annotation, folder, stop_at(7))
    kept = read_annotation(folder / "annotation.tif")
    assert (kept.targets[[0, 5]] == UNLABELLED).all()
    np.testing.assert_array_equal(kept.targets, annotation.targets)
    assert same_run(resumed, train(small(), stack, annotation))
    assert run_folder.load_run(folder).classes == annotation.classes


def test_the_settings_of_a_run_repeat_it_where_blank_slices_were_no_annotation(
    small, stack, cells, same_run, tmp_path
):
    """A dense annotation that nobody explained is read the same way when the run is repeated."""
    labels = cells[1].copy()
    labels[[0, 5]] = 0
    first = train(small(), stack, Annotation.from_labels(labels), tmp_path / "run")
    settings = run_folder.load_run(tmp_path / "run").settings
    again = train(settings, stack, Annotation.from_labels(labels, settings.classes))
    assert same_run(again, first)
