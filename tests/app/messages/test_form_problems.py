"""The problems of the form, by what is chosen and what the annotation holds."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from napari_advseg.app.messages.form_problems import problems_of
from napari_advseg.app.messages.prerequisites import train_waits_for
from napari_advseg.app.state.annotation_summary import AnnotationSummary
from napari_advseg.app.state.model import AppModel, RunInfo
from napari_advseg.app.state.run_form import Budget, Choices, LayerInfo
from napari_advseg.core.config.classes import NEW_ANNOTATION, ClassMap
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.data.split import Split
from napari_advseg.core.runtime.errors import AnnotationError, ClassMapError, SplitError, Subject

CLASSES = ClassMap.of(cell=255, membrane=0)
LAYERS = (
    LayerInfo("1", "em", "image", (6, 32, 32)),
    LayerInfo("2", "truth", "labels", (6, 32, 32)),
    LayerInfo("3", "small", "labels", (2, 8, 8)),
    LayerInfo("4", "section", "image", (8, 8)),
    LayerInfo("5", "one", "labels", (1, 8, 8)),
)
CHOSEN = Choices(image="1", annotation="2")
READ = AnnotationSummary(CLASSES, (1.0,) * 6, 2, split=Split((0, 1, 2, 3), (4, 5)))
STROKES = AnnotationSummary(
    NEW_ANNOTATION,
    (0.0, 0.1, 0.0),
    2,
    problem=SplitError("One slice cannot be divided."),
    carried=True,
    classes_of_slice=((), (0, 1), ()),
)
KEPT = RunInfo(None, ("standard", "adversarial"), CLASSES, network=from_preset("quick").network)


def chosen(**changes):
    return replace(CHOSEN, **changes)


def wrong(problem, **changes):
    return replace(READ, split=None, problem=problem, **changes)


def advanced(**changes):
    return MappingProxyType({name.replace("__", "."): value for name, value in changes.items()})


CASES = {
    "nothing is open": (Choices(), None, None, {}),
    "all is well": (CHOSEN, READ, None, {}),
    "the annotation is being read": (CHOSEN, None, None, {}),
    "a setting out of range": (
        chosen(advanced=advanced(patch=3)), READ, None, {Subject.SETTINGS: "patch = 3"},
    ),
    "a setting of a group": (
        chosen(advanced=advanced(network__width=0)), READ, None, {Subject.SETTINGS: "network.width = 0"},
    ),
    "a budget below zero": (chosen(budget=Budget(-1)), READ, None, {Subject.BUDGET: "minutes = -1"}),
    "an unknown preset": (chosen(preset="huge"), READ, None, {Subject.PRESET: "huge"}),
    "an annotation of another size": (
        chosen(annotation="3"), None, None,
        {Subject.ANNOTATION: "small is 2 × 8 × 8, the image is 6 × 32 × 32: choose"},
    ),
    "one slice with and without its Z axis": (
        chosen(image="4", annotation="5"), READ, None, {},
    ),
    "layers that went away": (chosen(image="8", annotation="9"), None, None, {}),
    "labels without a class": (
        CHOSEN, wrong(ClassMapError("32 has no class.")), None, {Subject.CLASSES: "32 has no class."},
    ),
    "slices that overlap": (
        chosen(train=(0, 2), val=(2, 3)), wrong(SplitError("Slice 2 is in both.")), None,
        {Subject.SPLIT: "Slice 2 is in both."},
    ),
    "nothing is painted, which Start says": (
        CHOSEN, wrong(AnnotationError("Only cell is labelled.")), None, {},
    ),
    "a first slice with strokes": (CHOSEN, STROKES, None, {}),
    "a first slice with strokes that somebody chose": (
        chosen(train=(1,), val=(2,)), STROKES, None, {Subject.SPLIT: "One slice cannot be divided."},
    ),
    "another split is being read": (
        chosen(train=(0, 1), val=(2, 3)),
        wrong(SplitError("Slice 2 is in both."), read_with=(None, (0, 2), (2, 3))), None, {},
    ),
    "other classes are being read": (
        CHOSEN, wrong(ClassMapError("32 has no class."), read_with=((), None, None)), None, {},
    ),
    "the same choices were read": (
        CHOSEN, wrong(ClassMapError("32 has no class."), read_with=CHOSEN.for_annotation), None,
        {Subject.CLASSES: "32 has no class."},
    ),
    "a run of other classes is not continued": (
        chosen(start_from_run=True), READ, replace(KEPT, classes=ClassMap.of(a=1, b=2)),
        {Subject.START_FROM: "The run that is shown"},
    ),
    "a run that fits is continued": (chosen(start_from_run=True), READ, KEPT, {}),
    "a run of other classes that is not asked for": (
        CHOSEN, READ, replace(KEPT, classes=ClassMap.of(a=1, b=2)), {},
    ),
    "several at once": (
        chosen(advanced=advanced(patch=3)), wrong(ClassMapError("32 has no class.")), None,
        {Subject.SETTINGS: "patch = 3", Subject.CLASSES: "32 has no class."},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("choices", "summary", "run", "expected"), CASES.values(), ids=CASES)
def test_problems_of_the_form(choices, summary, run, expected):
    model = AppModel(choices=choices, layers=LAYERS, summary=summary, run=run)
    found = problems_of(model)
    assert set(found) == set(expected)
    assert all(words in found[control] for control, words in expected.items())
    model.set_form_problems(found)
    assert not found or train_waits_for(model)


def test_of_a_failure_and_a_problem_of_the_form_the_later_one_is_shown():
    model = AppModel()
    model.set_form_problems({Subject.CLASSES: "32 has no class."})
    model.set_problem(Subject.CLASSES, "300 does not fit.")
    assert model.problems == {Subject.CLASSES: "300 does not fit."}
    model.set_form_problems({Subject.CLASSES: "32 has no class."})
    assert model.problems == {Subject.CLASSES: "300 does not fit."}
    model.set_form_problems({Subject.CLASSES: "33 has no class."})
    assert model.problems == {Subject.CLASSES: "33 has no class."}
    assert model.failures == {}


def test_a_failure_is_removed_and_a_problem_of_the_form_stays():
    model = AppModel()
    model.set_form_problems({Subject.CLASSES: "32 has no class."})
    model.set_problem(Subject.CLASSES, "300 does not fit.")
    model.set_problem(Subject.APPLYING, "No run.")
    model.clear_problems(Subject.CLASSES, Subject.APPLYING)
    assert model.problems == {Subject.CLASSES: "32 has no class."}
    model.set_form_problems({})
    assert model.problems == {}


def test_problems_follow_the_choices_and_are_emitted_when_they_change(app):
    app.with_data()
    emitted = []
    app.model.events.problems.connect(lambda now: emitted.append(dict(now)))
    app.controller.data.choose(method="standard")
    assert emitted == []
    app.controller.data.choose(advanced=advanced(patch=3))
    app.controller.data.choose(method="paired")
    ((problem,),) = emitted
    assert problem is Subject.SETTINGS
    app.controller.data.choose(advanced=advanced())
    assert emitted[1:] == [{}]


def test_another_run_that_is_shown_changes_what_can_be_continued(app, tmp_path):
    app.with_data()
    app.controller.keep.load_run(tmp_path / "kept")
    app.runner.flush()
    app.controller.data.choose(start_from_run=True)
    assert Subject.START_FROM not in app.model.problems
    app.model.run = replace(app.model.run, classes=ClassMap.of(a=1, b=2))
    assert Subject.START_FROM in app.model.problems
