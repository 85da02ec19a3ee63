"""A run from its first event to its last: it repeats, fails and refuses as it should."""

import json

import numpy as np
import pytest

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.evaluation import validator
from napari_advseg.core.evaluation.validator import Validator
from napari_advseg.core.runtime.control import RunControl
from napari_advseg.core.runtime.errors import AdvSegError, SplitError
from napari_advseg.core.runtime.events import (
    Activity,
    Doing,
    Notice,
    Outcome,
    RunFinished,
    RunStarted,
    SlicePredicted,
    StackProgress,
    Validated,
)
from napari_advseg.core.storage import run_folder
from napari_advseg.core.training.engine import resume, train
from napari_advseg.core.training.steps import StepResult
from napari_advseg.core.training.trainer import Trainer

pytestmark = pytest.mark.training


def of_kind(events, kind):
    return [event for event in events if isinstance(event, kind)]


def assert_ends_once(events, outcome):
    assert events[0] == Doing(Activity.READING)
    assert isinstance(next(e for e in events if not isinstance(e, Doing)), RunStarted)
    assert len(of_kind(events, RunStarted)) == 1
    assert isinstance(events[-1], RunFinished)
    assert len(of_kind(events, RunFinished)) == 1
    assert events[-1].outcome is outcome


# ---- a run that goes through


def test_events_of_a_run_come_in_order(small, stack, annotation):
    events = []
    result = train(small(), stack, annotation, on_event=events.append)
    assert_ends_once(events, Outcome.COMPLETED)
    assert [v.update for v in of_kind(events, Validated)] == [4, 8, 12]
    assert tuple(of_kind(events, Validated)) == result.history
    assert events[-1].update == 12
    assert any("dense annotation" in notice.text for notice in of_kind(events, Notice))
    first = next(i for i, event in enumerate(events) if isinstance(event, Validated))
    seen = {(e.network, e.z) for e in events[:first] if isinstance(e, SlicePredicted)}
    assert seen == {(n, z) for n in ("standard", "adversarial") for z in (4, 5)}


@pytest.mark.parametrize("method", ["standard", "adversarial", "paired"])
def test_one_seed_repeats_a_run(small, stack, annotation, same_run, method):
    settings = small(method=method)
    result = train(settings, stack, annotation)
    assert same_run(result, train(settings, stack, annotation))
    assert not same_run(result, train(small(method=method, seed=1), stack, annotation))


def test_watching_a_run_does_not_change_it(small, stack, annotation, whole_run, same_run, tmp_path):
    watched = train(
        small(),
        stack,
        annotation,
        tmp_path / "run",
        control=RunControl(lambda: 1),
        whole_stack=True,
    )
    assert same_run(whole_run, watched)


@pytest.mark.parametrize("preset", ["quick", "balanced", "best"])
def test_presets_run_with_changes(small, stack, annotation, preset):
    values = small(updates=2, validate_every=None).model_dump()
    changed = ("network", "discriminator", "updates", "patch", "batch", "threads", "device")
    settings = from_preset(preset, precision="float32", **{name: values[name] for name in changed})
    assert train(settings, stack, annotation).outcome is Outcome.COMPLETED


def test_part_of_a_group_leaves_its_other_settings_at_their_defaults():
    default = from_preset("quick").discriminator_optimizer
    changed = from_preset("quick", discriminator_optimizer={"rate": 1e-3}).discriminator_optimizer
    assert changed == default.model_copy(update={"rate": 1e-3})


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
def test_the_range_of_the_grey_values_does_not_matter(small, cells, annotation, dtype):
    image = cells[0].astype(dtype) * np.asarray(100, dtype) - np.asarray(
        0 if dtype == "uint16" else 3000, dtype
    )
    plain = train(small(), EMStack.from_array(cells[0]), annotation).history[-1].scores.standard
    scaled = train(small(), EMStack.from_array(image), annotation).history[-1].scores.standard
    assert scaled.f1_val == pytest.approx(plain.f1_val, abs=0.02)


def test_one_slice_trains_on_its_left_and_validates_on_its_right(small, cells):
    image, labels = cells[0][0], cells[1][0]
    annotation = Annotation.from_labels(labels, ClassMap.of(cell=255, membrane=0))
    result = train(small(), EMStack.from_array(image), annotation)
    assert result.outcome is Outcome.COMPLETED
    assert result.training.data.val.columns == (43, 64)
    assert result.training.data.train.columns == (0, 27)


def three_classes(labels):
    """Cells 1, membranes 2 and a class 7 in a corner of each slice."""
    named = np.where(labels > 0, 1, 2).astype(np.uint8)
    named[:, :20, :20] = 7
    return Annotation.from_labels(named, ClassMap.of(mitochondrion=7, cell=1, membrane=2))


@pytest.mark.parametrize("method", ["standard", "paired"])
def test_three_classes_run_through(small, stack, cells, tmp_path, method):
    settings = small(method=method)
    result = train(settings, stack, three_classes(cells[1]), tmp_path / "run", whole_stack=True)
    assert result.outcome is Outcome.COMPLETED
    header = (tmp_path / "run" / "metrics.csv").read_text().splitlines()[0]
    assert header.endswith(
        "S F1 mitochondrion val,G/S F1 mitochondrion val,S F1 cell val,G/S F1 cell val,"
        "S F1 membrane val,G/S F1 membrane val"
    )


def test_strokes_on_some_slices_are_enough(small, stack, cells):
    strokes = np.zeros_like(cells[1])
    for z in (1, 4):
        strokes[z, 20:24] = np.where(cells[1][z, 20:24] > 0, 1, 2)
    annotation = Annotation.from_labels(strokes, ClassMap.of(cell=1, membrane=2))
    result = train(small(), stack, annotation)
    assert result.outcome is Outcome.COMPLETED
    assert (result.training.data.split.train, result.training.data.split.val) == ((1,), (4,))


# ---- the whole stack at the end


def test_the_whole_stack_is_predicted_the_slice_in_view_first(small, stack, annotation):
    events = []
    result = train(
        small(), stack, annotation,
        on_event=events.append, control=RunControl(lambda: 2), whole_stack=True,
    )  # fmt: skip
    last = max(i for i, event in enumerate(events) if isinstance(event, Validated))
    at_validation = events[:last]
    assert [e.z for e in of_kind(at_validation, SlicePredicted)][:2] == [2, 2]
    after = of_kind(events[last:], SlicePredicted)
    # slices 2, 4 and 5 were predicted by the last validation, with the same weights
    assert [(e.network, e.z) for e in after] == [
        (n, z) for z in (0, 1, 3) for n in ("standard", "adversarial")
    ]
    progress = of_kind(events, StackProgress)
    assert [(p.done, p.total) for p in progress] == [(i, 6) for i in range(1, 7)]
    assert set(result.summary["boundaries"]) == {"standard", "adversarial"}


def test_stop_during_the_whole_stack_keeps_the_finished_run(small, stack, annotation, tmp_path):
    events, control = [], RunControl()

    def on_event(event):
        events.append(event)
        if isinstance(event, StackProgress):
            control.stop()

    folder = tmp_path / "run"
    result = train(
        small(), stack, annotation, folder, on_event=on_event, control=control, whole_stack=True
    )
    assert_ends_once(events, Outcome.COMPLETED)
    assert result.summary["updates"] == 12
    assert of_kind(events, Notice)[-1].text == "Stopped before the whole stack was predicted."
    assert len(of_kind(events, StackProgress)) == 1


# ---- failures


def fail_at(monkeypatch, owner, name, number, error):
    """Let the `number`-th call of a method raise."""
    real, calls = getattr(owner, name), []

    def method(self, *args, **kwargs):
        calls.append(None)
        if len(calls) == number:
            raise error
        return real(self, *args, **kwargs)

    monkeypatch.setattr(owner, name, method)


@pytest.mark.parametrize(
    ("owner", "name", "number"),
    [(Trainer, "step", 7), (Validator, "segmentation_scores", 2), (Validator, "samples", 1)],
)
def test_a_failure_ends_the_run_and_keeps_its_last_checkpoint(
    small, stack, annotation, whole_run, same_run, tmp_path, monkeypatch, owner, name, number
):
    events, folder = [], tmp_path / "run"
    with monkeypatch.context() as patch:
        fail_at(patch, owner, name, number, RuntimeError("no luck\nat all"))
        result = train(small(), stack, annotation, folder, on_event=events.append)
    assert_ends_once(events, Outcome.FAILED)
    assert result.error == events[-1].error == events[-1].sentence
    assert result.error == (
        "Training failed (no luck): the last checkpoint is kept, start again or resume."
    )
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["outcome"], summary["error"]) == ("failed", result.error)
    assert same_run(resume(folder, stack), whole_run)


def test_a_failure_without_a_run_folder_promises_no_checkpoint(
    small, stack, annotation, monkeypatch
):
    fail_at(monkeypatch, Trainer, "step", 2, RuntimeError("no luck"))
    result = train(small(), stack, annotation)
    assert result.error == "Training failed (no luck): start again."


def test_a_loss_that_is_no_number_ends_the_run_before_it_is_kept(
    small, stack, annotation, tmp_path
):
    real_step = Trainer.step

    def step(self, turn):
        taken = real_step(self, turn)
        broken = StepResult({"S": taken.losses["S"] * float("nan")})
        return taken | broken if turn.update >= 7 else taken

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "step", step)
        result = train(small(), stack, annotation, tmp_path / "run")
    assert result.outcome is Outcome.FAILED
    assert "lower learning rate" in result.error
    kept = run_folder.checkpoint_metadata(tmp_path / "run", "progress")
    assert kept["update"] < 7


def test_a_full_memory_is_said_with_a_way_out(small, stack, annotation, monkeypatch):
    fail_at(monkeypatch, Trainer, "step", 2, MemoryError())
    result = train(small(), stack, annotation)
    assert result.outcome is Outcome.FAILED
    assert "smaller batch" in result.error


@pytest.mark.parametrize("name", ["predict", "boundary_scores"])
def test_a_failure_after_training_ends_in_one_event_and_loses_nothing(
    small, stack, annotation, tmp_path, monkeypatch, name
):
    number = {"predict": 13, "boundary_scores": 1}[name]  # 3 validations of 2 slices and 2 networks
    fail_at(monkeypatch, Validator, name, number, RuntimeError("no luck"))
    events, folder = [], tmp_path / "run"
    result = train(small(), stack, annotation, folder, on_event=events.append, whole_stack=True)
    assert_ends_once(events, Outcome.FAILED)
    assert "no luck" in result.error
    assert "start again" not in result.error
    assert run_folder.load_run(folder).history[-1].update == 12


def test_validation_slices_without_the_first_class_do_not_end_the_run(
    small, stack, cells, stop_at, tmp_path, monkeypatch
):
    """V_Rand is not defined there, nor is F1 if none is predicted; also when the run goes on."""
    labels = np.where(cells[1] > 0, 1, 2).astype(np.uint8)
    labels[4:] = 2
    annotation = Annotation.from_labels(labels, ClassMap.of(cell=1, membrane=2))
    monkeypatch.setattr(validator, "f1_scores", lambda counts: np.array([np.nan, 1.0]))
    monkeypatch.setattr(validator, "overall_f1", lambda counts: np.nan)
    folder = tmp_path / "run"
    train(small(), stack, annotation, folder, control=stop_at(14))
    result = resume(folder, stack)
    assert result.outcome is Outcome.COMPLETED
    assert "S F1 val" not in result.summary["scores"]
    assert result.summary["scores"]["S F1 membrane val"] == 1.0
    assert result.summary["best"]["standard"]["F1 val"] is None
    assert result.summary["boundaries"] == {"standard": {}, "adversarial": {}}
    assert (folder / "metrics.csv").read_text().splitlines()[-1].split(",")[4] == ""


# ---- what is refused, and before anything is written


@pytest.mark.parametrize(
    "changes",
    [
        {"patch": 18, "network": {"depth": 2}},
        {"patch": 128},
        {"train": (0, 1), "val": (1, 2)},
        {"val": (9,)},
        {"network": {"image_channels": 3}},
        {"device": "cuda:99"},
    ],
)
def test_settings_that_do_not_fit_are_refused_before_anything_is_written(
    small, stack, annotation, tmp_path, changes
):
    with pytest.raises(AdvSegError) as error:
        train(small(**changes), stack, annotation, tmp_path / "run")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_one_slice_annotated_on_one_side_alone_is_refused(small, cells):
    labels = np.zeros((64, 64), np.uint8)
    labels[:, 50:] = np.where(cells[1][0, :, 50:] > 0, 1, 2)
    annotation = Annotation.from_labels(labels, ClassMap.of(cell=1, membrane=2))
    with pytest.raises(SplitError):
        train(small(), EMStack.from_array(cells[0][0]), annotation)


def test_an_annotation_may_be_a_callable_that_is_asked_once(small, stack, cells):
    asked = []

    def labels():
        asked.append(None)
        return Annotation.from_labels(cells[1])

    assert train(small(updates=1), stack, labels).outcome is Outcome.COMPLETED
    assert len(asked) == 1
