"""Accepting with a viewer in memory: what is checked, and what painting meanwhile does to it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from napari_advseg.app.state.model import RunInfo
from napari_advseg.core.config.classes import UNLABELLED, ClassMap
from napari_advseg.core.runtime.errors import Subject

CLASSES = ClassMap.of(cell=1, membrane=2)


@pytest.fixture
def app(app):
    """An image, an empty annotation, and the standard mask: all cell, but slice 5 not predicted."""
    app = app.with_data()
    app.viewer.new_annotation("em", CLASSES)
    app.controller.data.pick_annotation("key of annotation")
    app.runner.flush()
    mask = np.zeros(app.viewer.layers["em"].shape, np.uint8)
    mask[5] = UNLABELLED
    app.viewer.accepting.found = {"standard": mask}
    app.viewer.mask["standard"] = mask
    app.model.masks_of = RunInfo(None, ("standard",), CLASSES)
    app.model.masks_over = app.model.image.key
    app.model.masks_shown = True
    return app


def problem(app):
    return app.model.problems.get(Subject.ACCEPTANCE, "")


def test_strokes_painted_while_the_stack_is_looked_at_stay(app):
    labels = app.viewer.layers["annotation"]
    app.controller.accept.accept("standard", "stack", False)
    assert not labels.any()  # the work waits to be done elsewhere
    labels[2, :4] = 2  # painted meanwhile, and while the answer is on its way
    app.runner.flush()
    assert (labels[2, :4] == 2).all()
    assert (labels[2, 4:] == 1).all()
    assert (labels[[0, 1, 3, 4]] == 1).all()
    assert not labels[5].any()
    ((name, changes),) = app.viewer.accepting.written
    assert (name, [c.z for c in changes]) == ("annotation", [0, 1, 2, 3, 4])


def test_strokes_painted_after_the_stack_was_looked_at_stay_too(app):
    labels = app.viewer.layers["annotation"]
    real = app.runner.start

    def late(task, *, on_done, **others):
        def paint_first(result):
            labels[2, :4] = 2
            on_done(result)

        return real(task, on_done=paint_first, **others)

    app.controller.accept._runner = SimpleNamespace(start=late)
    app.controller.accept.accept("standard", "stack", False)
    app.runner.flush()
    assert (labels[2, :4] == 2).all()
    assert (labels[2, 4:] == 1).all()
    assert "4 × 32" not in problem(app)
    assert "128 painted ones stay" in app.model.status


def test_an_annotation_that_went_away_meanwhile_is_said(app):
    app.controller.accept.accept("standard", "stack", False)
    del app.viewer.layers["annotation"]
    app.viewer.tell()
    app.runner.flush()
    assert problem(app) == "The annotation is gone: choose another."
    assert app.viewer.accepting.written == []


def test_the_rectangle_goes_only_once_it_is_accepted(app):
    accepting = app.viewer.accepting
    accepting.region = np.zeros((32, 32), bool)
    accepting.region[2:4, 5:9] = True
    accepting.view = 5
    app.controller.accept.accept("standard", "rectangle", False)
    assert "has not predicted slice 5" in problem(app)
    accepting.view = 1
    app.controller.accept.accept("standard", "rectangle", False)
    assert problem(app) == ""
    assert accepting.forgotten
    assert np.flatnonzero(app.viewer.layers["annotation"][1].any(axis=0)).tolist() == [5, 6, 7, 8]
    assert app.model.status.startswith("Accepted the rectangle on slice 1")


def test_a_dense_annotation_keeps_its_truth_until_told_otherwise(app):
    app.controller.data.pick_annotation("key of truth")  # 0 membrane in rows 0 to 3, 255 cell
    app.runner.flush()
    app.viewer.layers["truth"][3] = 0  # a slice that nobody annotated
    app.controller.data.refresh_summary()
    app.runner.flush()
    app.controller.accept.accept("standard", "slice", False)
    assert (app.viewer.layers["truth"][3] == 255).all()
    app.viewer.accepting.view = 2
    app.controller.accept.accept("standard", "slice", False)
    assert "All of it is painted already, 128 pixels as another class" in problem(app)
    app.controller.accept.accept("standard", "slice", True)
    assert (app.viewer.layers["truth"][2] == 255).all()


def test_masks_of_other_classes_or_of_no_class_are_refused(app):
    app.model.masks_of = RunInfo(None, ("standard",), ClassMap.of(cell=1, glia=2))
    app.controller.accept.accept("standard", "slice", False)
    assert "cell, glia" in problem(app)
    app.model.masks_of = RunInfo(None, ("standard",), CLASSES)
    app.controller.accept.accept("adversarial", "slice", False)
    assert problem(app) == "The run has no adversarial mask: choose standard."
    app.viewer.accepting.view = None
    app.controller.accept.accept("standard", "slice", False)
    assert "No slice of the masks is in view" in problem(app)
