"""Which class the masks show: the rarer one, the user's choice, or all of many."""

from __future__ import annotations

import numpy as np

from napari_advseg.app.state.annotation_summary import AnnotationSummary
from napari_advseg.app.state.structure import rarest_class, rarest_in_mask
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.runtime.events import SlicePredicted

TWO = ClassMap.of(mitochondria=1, rest=2)
THREE = ClassMap.of(a=1, b=2, c=3)


def test_the_rarer_class_needs_two_classes():
    assert rarest_class((5, 95)) == 0
    assert rarest_class((95, 5)) == 1
    assert rarest_class((0, 95)) is None
    assert rarest_in_mask(np.array([[1, 1, 0]], np.uint8), 2) == 0
    assert rarest_in_mask(np.array([[1, 1, 1]], np.uint8), 2) is None


def test_the_annotation_says_which_class_is_rarer(app):
    app.model.summary = AnnotationSummary(TWO, pixels_of_class=(5, 95))
    app.controller.look.begin(TWO)
    assert app.model.structure == 0
    assert app.viewer.structures[-1] == 0


def test_without_labels_of_these_classes_the_first_mask_with_both_says_it(app):
    look = app.controller.look
    look.begin(TWO)
    assert app.model.structure == 1
    look.predicted(SlicePredicted("standard", 0, np.zeros((4, 4), np.float16)))
    assert app.model.structure == 1  # one class only
    some = np.zeros((4, 4), np.float16)
    some[0, 0] = 1
    look.predicted(SlicePredicted("standard", 1, some))
    assert app.model.structure == 0
    look.predicted(SlicePredicted("standard", 2, 1 - some))
    assert app.model.structure == 0  # decided once


def test_the_choice_of_the_user_stays(app):
    look = app.controller.look
    look.begin(TWO)
    look.choose(1)
    app.model.summary = AnnotationSummary(TWO, pixels_of_class=(5, 95))
    look.begin(TWO)
    assert app.model.structure == 1
    look.begin(THREE)
    assert app.model.structure is None
    look.choose(2)
    assert app.viewer.structures[-1] == 2


def test_the_fill_reaches_the_viewer(app):
    app.controller.look.set_fill(0.7)
    assert app.viewer.fills == [0.7]
    assert app.model.fill == 0.7
