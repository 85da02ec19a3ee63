"""What is said of the adversary before a run, for each kind of data and choice."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg.app.messages.adversary_expectation import (
    FEWER_GAPS,
    FEWER_GAPS_HERE,
    MORE_CLASSES,
    MUCH,
    OTHER_STACK,
    TRUE_MASKS,
    expectation,
)
from napari_advseg.app.state.run_form import TRUTH
from napari_advseg.core.config.classes import ClassMap


@pytest.fixture
def annotated(app):
    """A function: the window with so many annotated slices of six."""

    def given(slices):
        app.with_data()
        truth = app.viewer.layers["truth"]
        truth[slices:] = 255  # one value alone: these slices count as unannotated
        app.controller.data.refresh_summary()
        app.runner.flush()
        return app

    return given


def test_one_training_slice_beside_others_promises_fewer_gaps(annotated):
    assert expectation(annotated(2).model) == FEWER_GAPS  # one trains, one validates


@pytest.mark.parametrize("slices", [3, 4, 6])
def test_more_than_one_training_slice_promises_nothing(annotated, slices):
    app = annotated(slices)
    assert len(app.model.summary.split.train) > 1
    assert expectation(app.model) == MUCH


def test_little_annotation_promises_nothing_where_d_sees_true_masks_alone(annotated):
    app = annotated(2)
    app.controller.data.choose(unannotated=TRUTH)
    assert expectation(app.model) == TRUE_MASKS
    app.controller.data.choose(unannotated="own", preset="seed2017")
    assert expectation(app.model) == TRUE_MASKS


@pytest.mark.parametrize(("slices", "said"), [(2, FEWER_GAPS_HERE), (4, OTHER_STACK)])
def test_of_a_second_stack_it_says_what_was_seen_with_another_microscope(annotated, slices, said):
    app = annotated(slices)
    app.viewer.add("other", np.zeros((3, 40, 40), np.uint8))
    app.runner.flush()
    app.controller.data.pick_image("key of em")
    app.runner.flush()
    app.controller.data.choose(unannotated="key of other")
    assert expectation(app.model) == said


def test_nothing_is_promised_without_an_adversary_or_an_annotation(annotated, app):
    assert expectation(app.model) == ""
    there = annotated(2)
    there.controller.data.choose(method="standard")
    assert expectation(there.model) == ""


def test_of_more_than_two_classes_it_says_that_too_little_is_known(annotated):
    app = annotated(6)
    truth = app.viewer.layers["truth"]
    truth[:, :4] = 7
    app.viewer.carried["truth"] = ClassMap.of(cell=255, membrane=0, vesicle=7)
    app.controller.data.refresh_summary()
    app.runner.flush()
    assert len(app.model.summary.classes) == 3
    assert expectation(app.model) == MORE_CLASSES


def test_of_other_structures_than_membranes_nothing_is_promised(annotated):
    app = annotated(2)
    app.viewer.carried["truth"] = ClassMap.of(background=255, mitochondrion=0)
    app.controller.data.refresh_summary()
    app.runner.flush()
    said = expectation(app.model)
    assert said.startswith("For background and mitochondrion nothing was measured yet")
    assert "membrane" not in said
