"""A disk or a computation that fails in the middle of a run: what is said, kept, and goes on."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from napari_advseg.core.adversary.adversarial_loss import AdversarialLoss
from napari_advseg.core.config.schedules import LearningRate
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.evaluation.validator import Validator
from napari_advseg.core.models.network_optimizer import NetworkOptimizer
from napari_advseg.core.runtime.errors import AdvSegError, RunFolderError, Subject
from napari_advseg.core.runtime.events import (
    Activity,
    Doing,
    Notice,
    Outcome,
    RunFinished,
    RunStarted,
    SlicePredicted,
    StackProgress,
    Step,
    Validated,
)
from napari_advseg.core.storage.run_folder import load_run
from napari_advseg.core.training import engine, loop, run_writer
from napari_advseg.core.training.engine import resume, train
from napari_advseg.core.training.steps import AdversarialStep, StandardStep
from napari_advseg.core.training.trainer import Trainer

pytestmark = pytest.mark.training

FILES = {
    "config.json", "summary.json", "metrics.csv", "annotation.tif", "samples",
    "checkpoint.safetensors", "standard.safetensors", "standard-best.safetensors",
    "adversarial.safetensors", "adversarial-best.safetensors", "discriminator.safetensors",
}  # fmt: skip
AGAIN = "The run folder can be written again."
KEPT = "Training failed (no luck): the last checkpoint is kept, start again or resume."


class AlarmMonitor:
    """Keeps the events of a run; `deeds` maps an update to what is done at its validation."""

    def __init__(self, deeds=None):
        self.events, self._deeds = [], dict(deeds or {})

    def __call__(self, event):
        self.events.append(event)
        if isinstance(event, Validated) and event.update in self._deeds:
            self._deeds.pop(event.update)()

    @property
    def notices(self):
        """What was said of the disk."""
        return [e for e in self.events if isinstance(e, Notice) and e.unsaved is not None]

    def assert_one_end(self, outcome):
        assert [e for e in self.events if isinstance(e, RunFinished)] == self.events[-1:]
        assert self.events[-1].outcome is outcome


def assert_whole(folder):
    """The folder holds all that resuming, loading and applying need, and nothing half-written."""
    names = {path.name for path in folder.iterdir()}
    assert names >= FILES
    assert not [name for name in names if name.startswith(".")]


def assert_usable(result, stack):
    """The networks that the run has in memory answer."""
    grey = torch.from_numpy(result.training.data.normalisation(stack.slice(0)))
    for network in result.training.networks.values():
        network.eval()
        with torch.inference_mode():
            assert torch.isfinite(network(grey[None, None])).all()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "one"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a file system takes the rights of the administrator")
    yield disk
    subprocess.run(["umount", disk], check=True)


# ---- a run folder that goes


def delete(folder):
    shutil.rmtree(folder)


def rename(folder):
    folder.rename(folder.with_name("moved"))


def delete_all_runs(folder):
    shutil.rmtree(folder.parent)


def delete_config(folder):
    (folder / "config.json").unlink()


@pytest.mark.parametrize("update", [4, 12])
@pytest.mark.parametrize("go", [delete, rename, delete_all_runs, delete_config])
def test_a_run_folder_that_goes_is_made_anew_and_whole(
    small, stack, annotation, folder, whole_run, same_run, go, update
):
    watch = AlarmMonitor({update: lambda: go(folder)})
    result = train(small(), stack, annotation, folder, on_event=watch)
    watch.assert_one_end(Outcome.COMPLETED)
    (said,) = watch.notices
    assert said.unsaved is False
    assert said.text == (f"The run folder was gone or not complete: {folder} has been made anew.")
    assert_whole(folder)
    assert load_run(folder).history == result.history
    assert same_run(result, whole_run)
    if go is rename:
        assert load_run(folder.with_name("moved")).history == result.history[: update // 4]


def test_a_folder_deleted_while_the_stack_is_predicted_is_made_anew(
    small, stack, annotation, folder
):
    deleted = []

    def on_event(event):
        if isinstance(event, StackProgress) and not deleted:
            deleted.append(shutil.rmtree(folder))

    result = train(small(), stack, annotation, folder, on_event=on_event, whole_stack=True)
    assert deleted
    assert load_run(folder).history == result.history
    assert json.loads((folder / "summary.json").read_text()) == result.summary


def test_a_run_goes_on_from_a_folder_that_was_made_anew(
    small, stack, annotation, folder, whole_run, same_run, stop_at
):
    control = stop_at(18)  # between the second validation and the third
    watch = AlarmMonitor({4: lambda: delete(folder)})
    assert train(small(), stack, annotation, folder, on_event=watch, control=control).outcome is (
        Outcome.STOPPED
    )
    again = AlarmMonitor({12: lambda: delete(folder)})  # a resumed run can do it, too
    assert same_run(resume(folder, stack, on_event=again), whole_run)
    assert_whole(folder)


@pytest.mark.parametrize("resumed", [False, True])
def test_the_best_weights_come_back_although_training_has_gone_on(
    small, stack, annotation, folder, monkeypatch, stop_at, resumed
):
    real = Validator.segmentation_scores
    validations = []

    def ever_worse(self, *args, **kwargs):
        validations.append(None)
        scores = real(self, *args, **kwargs)
        return {
            name: replace(one, mean_f1_val=1 / len(validations)) for name, one in scores.items()
        }

    monkeypatch.setattr(Validator, "segmentation_scores", ever_worse)
    best = {}

    def keep_best():
        best.update(
            {n: load_file(folder / f"{n}.safetensors") for n in ("standard", "adversarial")}
        )

    if resumed:
        train(
            small(),
            stack,
            annotation,
            folder,
            on_event=AlarmMonitor({4: keep_best}),
            control=stop_at(12),
        )
        resume(folder, stack, on_event=AlarmMonitor({8: lambda: delete(folder)}))
    else:
        deeds = {4: keep_best, 8: lambda: delete(folder)}
        train(small(), stack, annotation, folder, on_event=AlarmMonitor(deeds))
    assert best
    for name, weights in best.items():
        found = load_file(folder / f"{name}-best.safetensors")
        assert all(torch.equal(tensor, found[key]) for key, tensor in weights.items())
        last = load_file(folder / f"{name}.safetensors")
        assert not all(torch.equal(tensor, last[key]) for key, tensor in weights.items())


# ---- a disk that cannot be written


@contextmanager
def file_in_the_way(folder):
    shutil.rmtree(folder)
    folder.write_text("mine")
    yield
    assert folder.read_text() == "mine"
    folder.unlink()


@contextmanager
def refusing(name, number):
    """Let a function of the system refuse."""

    def refuse(*args, **kwargs):
        raise OSError(number, os.strerror(number))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, name, refuse)
        yield


@contextmanager
def read_only(folder):
    with refusing("replace", errno.EROFS):
        yield


@contextmanager
def failing_medium(folder):
    with refusing("fsync", errno.EIO):
        yield


@contextmanager
def full_disk(folder):
    filler = folder.parent / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    yield
    filler.unlink()


@contextmanager
def mounted_read_only(folder):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", folder], check=True)
    yield
    subprocess.run(["umount", folder], check=True)


FAULTS = {
    "a file in the way": (file_in_the_way, "Not a directory"),
    "read-only": (read_only, "Read-only file system"),
    "failing medium": (failing_medium, "Input/output error"),
    "full disk": (full_disk, "No space left on device"),
    "mounted read-only": (mounted_read_only, "Read-only file system"),
}


@pytest.fixture(params=FAULTS)
def fault(request, tmp_path):
    """Where the run goes, a context in which it cannot be written, and the system's words for why."""
    make, reason = FAULTS[request.param]
    real_disk = make in (full_disk, mounted_read_only)
    parent = request.getfixturevalue("small_disk") if real_disk else tmp_path
    return parent / "one", make(parent / "one"), reason


def cannot(folder, reason):
    return (
        f"The run folder {folder} cannot be written ({reason}): training goes on in memory and is "
        "saved once that works, so free some space or put the folder back."
    )


def test_training_goes_on_in_memory_and_is_saved_once_that_works(
    small, stack, annotation, whole_run, same_run, fault
):
    folder, broken, reason = fault
    deeds = {4: broken.__enter__, 8: lambda: broken.__exit__(None, None, None)}
    watch = AlarmMonitor(deeds)
    result = train(small(), stack, annotation, folder, on_event=watch, whole_stack=True)
    watch.assert_one_end(Outcome.COMPLETED)
    assert watch.notices == [Notice(cannot(folder, reason), True), Notice(AGAIN, False)]
    assert "could not be written" not in watch.events[-1].sentence
    assert_whole(folder)
    assert load_run(folder).history == result.history
    assert same_run(result, whole_run)


def test_a_run_that_could_not_be_written_ends_well_and_says_so(
    small, stack, annotation, whole_run, same_run, fault
):
    folder, broken, reason = fault
    watch = AlarmMonitor({4: broken.__enter__})
    result = train(small(), stack, annotation, folder, on_event=watch, whole_stack=True)
    broken.__exit__(None, None, None)
    watch.assert_one_end(Outcome.COMPLETED)
    assert result.outcome is Outcome.COMPLETED
    assert watch.notices == [Notice(cannot(folder, reason), True)]
    assert watch.events[-1].sentence.startswith(
        f"Finished after 12 of 12 updates. The end of it could not be written to {folder}. Best mean F1"
    )
    assert same_run(result, whole_run)
    assert_usable(result, stack)
    if folder.exists():  # what had been kept before is whole
        assert [v.update for v in load_run(folder).history] == [4]
        assert not list(folder.glob(".*"))
        assert same_run(resume(folder, stack), whole_run)


def test_a_stop_while_nothing_can_be_written_says_so(small, stack, annotation, folder, stop_at):
    broken = read_only(folder)
    watch = AlarmMonitor({4: broken.__enter__})
    result = train(small(), stack, annotation, folder, on_event=watch, control=stop_at(12))
    broken.__exit__(None, None, None)
    watch.assert_one_end(Outcome.STOPPED)
    assert "The end of it could not be written" in watch.events[-1].sentence
    assert_usable(result, stack)


def test_small_files_that_still_fit_do_not_count_as_saved(
    small, stack, annotation, folder, monkeypatch
):
    """Samples and the summary have room where a checkpoint has none: nothing is said twice."""
    real = run_writer.save_checkpoint

    def no_room(place, *args):
        if list((place / "samples").iterdir()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(place, *args)

    monkeypatch.setattr(run_writer, "save_checkpoint", no_room)
    watch = AlarmMonitor()
    train(small(), stack, annotation, folder, on_event=watch)
    assert watch.notices == [Notice(cannot(folder, "No space left on device"), True)]
    assert len(list((folder / "samples").iterdir())) == 3
    assert "The end of it could not be written" in watch.events[-1].sentence


def test_saving_is_tried_again_between_validations(
    small, stack, annotation, folder, monkeypatch, whole_run, same_run
):
    monkeypatch.setattr(run_writer, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(loop, "STEP_SECONDS", 0.0)
    broken = file_in_the_way(folder)
    watch, kept = AlarmMonitor({4: broken.__enter__}), []

    def on_event(event):
        watch(event)
        if isinstance(event, Step) and event.update == 10:
            broken.__exit__(None, None, None)
        if isinstance(event, Step) and event.update == 11:
            kept.append([v.update for v in load_run(folder).history])

    result = train(small(), stack, annotation, folder, on_event=on_event)
    assert kept == [[4, 8]]
    again = watch.events.index(Notice(AGAIN, False))
    assert watch.events[again - 1].update == 10
    assert same_run(result, whole_run)


def test_a_disk_without_room_for_the_first_checkpoint_starts_no_run(
    small, stack, annotation, small_disk
):
    events = []
    folder = small_disk / "runs" / "one"
    (small_disk / "mine").write_bytes(b"x" * 1_000_000)
    with pytest.raises(RunFolderError, match=r"cannot be written .*: choose another folder"):
        train(small(network={"width": 8}), stack, annotation, folder, on_event=events.append)
    assert events == [Doing(Activity.READING)]
    assert [path.name for path in small_disk.iterdir()] == ["mine"]


def test_a_folder_of_ones_own_is_left_as_it_was_if_the_run_does_not_start(
    small, stack, annotation, folder
):
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    with refusing("replace", errno.ENOSPC), pytest.raises(RunFolderError):
        train(small(), stack, annotation, folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


# ---- an error before the start


BEFORE = [
    (TrainingData, "prepare", {}),
    (Trainer, "build", {}),
    (engine, "TrainingLoop", {}),
]


def raising(error):
    def fail(*args, **kwargs):
        raise error

    return fail


@pytest.mark.parametrize(("owner", "name", "changes"), BEFORE)
@pytest.mark.parametrize(
    ("error", "sentence", "subject"),
    [
        (
            ValueError("no luck\nat all"),
            "Preparing the run failed (no luck): mend that and start again.",
            Subject.OTHER,
        ),
        (
            torch.OutOfMemoryError("CUDA out of memory"),
            "The memory is full: choose a smaller batch, patch or width under advanced, or the CPU.",
            Subject.SETTINGS,
        ),
    ],
)
def test_an_error_before_the_start_has_a_sentence_and_leaves_nothing(
    small, stack, annotation, folder, monkeypatch, owner, name, changes, error, sentence, subject
):
    events = []
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, raising(error))
        with pytest.raises(AdvSegError) as raised:
            train(small(**changes), stack, annotation, folder, on_event=events.append)
    assert (str(raised.value), raised.value.subject) == (sentence, subject)
    assert raised.value.__cause__ is error  # for those who look for its reason
    assert all(isinstance(event, Doing) for event in events)
    assert not folder.exists()
    assert train(small(updates=1), stack, annotation, folder).outcome is Outcome.COMPLETED


def test_memory_that_a_computer_does_not_have_is_said_as_such(
    small, stack, annotation, monkeypatch
):
    monkeypatch.setattr(Trainer, "build", lambda *args: torch.empty(10**14))
    with pytest.raises(AdvSegError, match="memory is full: choose a smaller batch"):
        train(small(), stack, annotation)


# ---- an error while it runs


@contextmanager
def failing(owner, name, number, error):
    """Let the `number`-th call of a function raise."""
    real, calls = getattr(owner, name), []

    def call(*args, **kwargs):
        calls.append(None)
        if len(calls) == number:
            raise error
        return real(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, call)
        yield
    assert len(calls) >= number, "the stage was never reached"


STAGES = {
    "first update": (Trainer, "step", 1),
    "cutting patches": (Trainer, "batch", 7),
    "S": (StandardStep, "__call__", 7),
    "optimizer": (NetworkOptimizer, "learn", 20),
    "G": (AdversarialStep, "__call__", 7),
    "G's answer from D": (AdversarialLoss, "generator_loss", 3),
    "D": (AdversarialLoss, "discriminator_loss", 3),
    "validation": (Validator, "segmentation_scores", 2),
    "a slice of it": (Validator, "predict", 7),
    "validation of D": (Validator, "discriminator_scores", 2),
    "learning rate": (LearningRate, "observe", 3),
    "best weights": (run_writer, "copied_weights", 2),
    "samples": (Validator, "samples", 2),
    "the figure": (run_writer, "draw_samples", 2),
    "writing weights": (run_writer, "save_weights", 9),
    "writing metrics": (run_writer.run_folder, "write_metrics", 3),
    "writing the checkpoint": (run_writer, "save_checkpoint", 3),
}


@pytest.mark.parametrize("stage", STAGES)
def test_an_error_at_any_stage_ends_in_one_sentence_and_keeps_the_checkpoint(
    small, stack, annotation, folder, whole_run, same_run, stage
):
    watch = AlarmMonitor()
    with failing(*STAGES[stage], RuntimeError("no luck\nat all")):
        result = train(small(), stack, annotation, folder, on_event=watch, whole_stack=True)
    watch.assert_one_end(Outcome.FAILED)
    assert result.error == watch.events[-1].sentence == KEPT
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["outcome"], summary["error"]) == ("failed", KEPT)
    assert not list(folder.glob(".*"))
    kept = [v.update for v in load_run(folder).history]
    assert kept == [v.update for v in result.history[: len(kept)]]
    assert same_run(resume(folder, stack), whole_run)


@pytest.mark.parametrize("kind", [RunStarted, Step, SlicePredicted, Validated])
def test_an_error_of_who_listens_ends_the_run_as_any_other(
    small, stack, annotation, folder, whole_run, same_run, kind
):
    events = []

    def on_event(event):
        events.append(event)
        if isinstance(event, kind):
            raise RuntimeError("no luck")

    result = train(small(), stack, annotation, folder, on_event=on_event)
    assert [type(e) for e in events].count(RunFinished) == 1
    assert isinstance(events[-1], RunFinished)
    assert result.error == events[-1].sentence == KEPT
    assert same_run(resume(folder, stack), whole_run)


def test_a_listener_that_fails_at_everything_is_told_the_end_once(small, stack, annotation, folder):
    events = []

    def on_event(event):
        events.append(event)
        raise RuntimeError("no luck")

    result = train(small(), stack, annotation, folder, on_event=on_event)
    assert [type(event) for event in events] == [Doing, RunStarted, RunFinished]
    assert result.outcome is Outcome.FAILED


def test_a_listener_that_fails_at_the_end_does_not_lose_the_networks(
    small, stack, annotation, whole_run, same_run
):
    def on_event(event):
        if isinstance(event, RunFinished):
            raise RuntimeError("no luck")

    assert same_run(train(small(), stack, annotation, on_event=on_event), whole_run)


@pytest.mark.parametrize("number", [13, 1], ids=["whole stack", "V_Rand"])
def test_an_error_after_the_training_loses_no_training(
    small, stack, annotation, folder, whole_run, same_run, number
):
    stage = {13: "predict", 1: "boundary_scores"}[number]
    watch = AlarmMonitor()
    with failing(Validator, stage, number, RuntimeError("no luck")):
        result = train(small(), stack, annotation, folder, on_event=watch, whole_stack=True)
    watch.assert_one_end(Outcome.FAILED)
    assert watch.events[-1].sentence == (
        "Predicting the whole stack failed (no luck): apply the run again."
    )
    assert same_run(result, whole_run)
    assert load_run(folder).history == result.history


def test_a_summary_that_cannot_be_put_into_words_is_said_at_the_end(
    small, stack, annotation, folder
):
    watch = AlarmMonitor()
    with failing(run_writer.run_folder, "write_summary", 1, ValueError("no luck")):
        result = train(small(), stack, annotation, folder, on_event=watch)
    watch.assert_one_end(Outcome.COMPLETED)
    assert f"The end of it could not be written to {folder}." in watch.events[-1].sentence
    assert load_run(folder).history == result.history


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_a_memory_that_fills_at_an_update_has_its_own_sentence(
    small, stack, annotation, folder, whole_run, same_run, error
):
    watch = AlarmMonitor()
    with failing(NetworkOptimizer, "learn", 20, error):
        train(small(), stack, annotation, folder, on_event=watch)
    watch.assert_one_end(Outcome.FAILED)
    assert watch.events[-1].sentence == (
        "The memory is full: choose a smaller batch, patch or width under advanced, or the CPU."
    )
    assert same_run(resume(folder, stack), whole_run)


def test_an_error_in_a_run_whose_folder_is_gone_promises_no_checkpoint(
    small, stack, annotation, folder
):
    watch = AlarmMonitor({4: lambda: delete(folder)})
    with failing(Trainer, "step", 7, RuntimeError("no luck")):
        result = train(small(), stack, annotation, folder, on_event=watch)
    watch.assert_one_end(Outcome.FAILED)
    assert result.error == "Training failed (no luck): start again."
