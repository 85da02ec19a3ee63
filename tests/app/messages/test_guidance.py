"""The words that lead from an image without an annotation to Start."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg.app.messages.guidance import NEW, next_step
from napari_advseg.app.messages.prerequisites import train_waits_for
from napari_advseg.app.state.class_text import parse_rows
from napari_advseg.core.runtime.errors import Subject

DEPTH = 30
CELL, MEMBRANE = 1, 2


@pytest.fixture
def painter(app):
    """An empty annotation over a stack of 30 slices, and a brush."""
    app.viewer.add("em", np.random.default_rng(0).integers(0, 255, (DEPTH, 32, 32), np.uint8))
    app.controller.data.choose(advanced={"patch": 16})
    return Painter(app)


class Painter:
    def __init__(self, app):
        self.app, self.model = app, app.model

    def new(self):
        self.app.controller.data.new_annotation()
        self.app.runner.flush()
        return self

    def look_at(self, z):
        self.app.controller.set_slice_in_view(z)
        return self

    def paint(self, z, *labels):
        self.look_at(z)
        for label in labels:
            self.app.viewer.layers["annotation"][z, 4 * label : 4 * label + 2] = label
        self.app.controller.data.refresh_summary()
        self.app.runner.flush()
        return self

    def erase(self, z):
        self.app.viewer.layers["annotation"][z] = 0
        return self.paint(z)

    @property
    def said(self):
        return next_step(self.model)

    @property
    def start_waits(self):
        return train_waits_for(self.model)


def test_the_way_from_an_image_to_start(painter):
    assert painter.said == NEW
    assert painter.start_waits == "Waits for an annotation: choose a layer or press New."

    painter.look_at(10).new()
    assert painter.said.startswith("Paint cell and membrane on slice 10: click a class above")
    assert painter.start_waits == "Waits for strokes of cell and membrane."

    painter.paint(10, CELL)
    assert painter.said == "Slice 10 has cell: paint membrane there, too, close to it."
    assert painter.start_waits == "Waits for strokes of membrane."

    painter.paint(10, MEMBRANE)
    assert painter.said.endswith("Go some slices away, for example to 20, and paint both there.")
    painter.look_at(20)
    assert painter.said.endswith("Paint both on this slice (20), too.")

    painter.paint(20, CELL)
    assert painter.said == "Slice 20 has cell: paint membrane there, too, close to it."
    assert painter.start_waits == ""

    painter.paint(20, MEMBRANE)
    assert painter.said.startswith("Ready: press Start below")
    assert painter.start_waits == ""


def test_a_slice_that_was_left_half_done_is_named(painter):
    painter.look_at(10).new().paint(10, CELL).look_at(12)
    assert painter.said == "Slice 10 has cell: go back to slice 10 and paint membrane there, too."


def test_one_class_on_each_slice_cannot_start(painter):
    painter.look_at(10).new().paint(10, CELL).paint(20, MEMBRANE)
    assert painter.start_waits == "Waits for membrane on a slice that trains."
    assert painter.said == "Slice 20 has membrane: paint cell there, too, close to it."


def test_what_is_erased_is_asked_for_again(painter):
    painter.look_at(10).new().paint(10, CELL, MEMBRANE).paint(20, CELL, MEMBRANE).erase(20)
    assert "paint both there" in painter.look_at(10).said


def test_a_first_slice_is_no_mistake(painter):
    """One slice with strokes in one part cannot be divided; who is led to a second one sees no alarm."""
    painter.app.controller.data.choose(advanced={"patch": 32})
    painter.look_at(10).new().paint(10, CELL, MEMBRANE)
    assert painter.model.summary.problem is not None
    assert Subject.SPLIT not in painter.model.problems
    assert painter.start_waits == "Waits for strokes on a second slice."


def test_slices_that_somebody_chose_are_spoken_of_beside_the_strip(painter):
    painter.look_at(10).new().paint(10, CELL, MEMBRANE)
    painter.app.controller.data.set_split((10,), (25,))
    painter.app.runner.flush()
    assert "25" in painter.model.problems[Subject.SPLIT]
    assert painter.start_waits == "Fix the highlighted problems first."


def test_three_classes_are_all_asked_for(painter):
    painter.look_at(10).new()
    painter.app.controller.data.set_classes(parse_rows("cell=1,membrane=2,glia=3"))
    painter.app.runner.flush()
    assert painter.said.startswith("Paint cell, membrane and glia on slice 10")
    painter.paint(10, CELL)
    assert "paint membrane and glia there" in painter.said


@pytest.mark.parametrize("kind", ["dense", "after a run"])
def test_nobody_is_led_who_needs_it_not(app, kind):
    app.with_data()
    if kind == "after a run":
        app.viewer.layers.pop("truth")
        app.viewer.labels_names.clear()
        app.viewer.tell()
        assert next_step(app.model) == NEW
        app.controller.keep.load_run(app.written.get("run", app.model.choices.runs_folder))
        app.runner.flush()
        assert app.model.run is not None
    assert next_step(app.model) == ""


def test_a_small_stack_has_its_next_slice_within_it(app):
    app.viewer.add("em", np.zeros((3, 32, 32), np.uint8))
    Painter(app).look_at(2).new().paint(2, CELL, MEMBRANE)
    assert "for example to 1, and" in next_step(app.model)
