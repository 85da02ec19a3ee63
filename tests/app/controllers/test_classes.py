"""The class list: what it shows, and what becomes of the annotation and its classes."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg.app.state.class_list import Offer
from napari_advseg.app.state.class_text import parse_rows
from napari_advseg.app.state.run_form import LayerInfo
from napari_advseg.core.runtime.errors import Subject


@pytest.fixture
def painted(app):
    """An annotation that was made here: 60 pixels of cell, 20 of membrane."""
    app.viewer.add("em", np.zeros((6, 32, 32), np.uint8))
    app.controller.data.new_annotation()
    app.viewer.layers["annotation"][0, 0, :30] = 1
    app.viewer.layers["annotation"][1, 0, :30] = 1
    app.viewer.layers["annotation"][0, 5, :20] = 2
    read(app)
    return app


def read(app):
    app.controller.data.refresh_summary()
    app.runner.flush()


def names(app):
    return [row.name for row in app.model.class_list.rows]


def labels(app):
    return app.viewer.layers["annotation"]


def test_a_new_annotation_shows_names_values_and_the_share_of_what_is_labelled(painted):
    cell, membrane = painted.model.class_list.rows
    assert (cell.name, cell.values_text, cell.pixels, cell.share) == ("cell", "1", 60, 0.75)
    assert (membrane.name, membrane.values_text, membrane.share) == ("membrane", "2", 0.25)
    assert not painted.model.class_list.values_editable
    assert "never background" in painted.model.class_list.note


def test_dense_labels_are_not_said_to_be_unlabelled_where_they_are_0(app):
    app.with_data()
    assert names(app) == ["cell", "membrane"]
    assert app.model.class_list.values_editable
    assert app.model.class_list.note == ""
    assert app.model.class_list.rows[1].share == pytest.approx(4 / 32)


def test_unknown_labels_ask_for_names_and_can_be_one_class_each(app):
    app.with_data()
    app.viewer.layers["truth"][:, 10:14] = 32
    app.viewer.layers["truth"][:, 20:24] = 64
    read(app)
    assert [row.name for row in app.model.class_list.rows] == ["cell", "membrane"]
    assert app.model.class_list.offers == (Offer.OBJECTS, Offer.EACH)
    assert app.model.class_list.unnamed == (0, 32, 64, 255)
    app.controller.classes.make_class_per_label()
    app.runner.flush()
    assert str(app.model.summary.classes) == "label 255=255,label 64=64,label 32=32"
    assert "never background" in app.model.class_list.note


def test_an_added_class_has_the_next_free_value_and_is_painted(painted):
    assert painted.controller.classes.add() == 2
    painted.runner.flush()
    assert names(painted) == ["cell", "membrane", "class 3"]
    assert painted.model.class_list.rows[2].values == (3,)
    assert painted.model.class_list.painted == 2
    assert painted.viewer.annotations.painted == 3
    assert painted.viewer.annotations.stored["annotation"] == parse_rows(
        "cell=1,membrane=2,class 3=3"
    )


def test_a_label_that_was_painted_without_a_class_is_the_first_to_get_one(painted):
    labels(painted)[2, :4] = 7
    read(painted)
    assert "7" in painted.model.problems[Subject.CLASSES]
    painted.controller.classes.add()
    painted.runner.flush()
    assert painted.model.class_list.rows[2].values == (7,)
    assert Subject.CLASSES not in painted.model.problems


def test_a_renamed_class_keeps_its_pixels_and_survives_a_renamed_layer(painted):
    painted.controller.classes.rename(0, "neurite")
    painted.runner.flush()
    painted.controller.data.set_layers(
        tuple(
            LayerInfo(one.key, f"my {one.name}", one.kind, one.shape)
            for one in painted.model.layers
        )
    )
    assert names(painted) == ["neurite", "membrane"]
    assert painted.model.class_list.rows[0].pixels == 60


def test_what_a_layer_kept_from_earlier_is_taken_over(app):
    app.viewer.add("em", np.zeros((6, 32, 32), np.uint8))
    app.viewer.layers["reopened"] = np.ones((6, 32, 32), np.uint8)
    image = app.model.layers
    rows = parse_rows("glia=1,synapse=2")
    kept = LayerInfo("k", "reopened", "labels", (6, 32, 32), class_rows=rows)
    app.controller.data.set_layers((*image, kept))
    assert names(app) == ["glia", "synapse"]


def test_a_name_that_stands_twice_is_said_and_mended(painted):
    painted.controller.classes.rename(0, "membrane")
    painted.runner.flush()
    assert "stands for two classes" in painted.model.problems[Subject.CLASSES]
    assert names(painted) == ["membrane", "membrane"]
    painted.controller.classes.rename(0, "cell")
    painted.runner.flush()
    assert Subject.CLASSES not in painted.model.problems


def test_a_removed_class_is_unlabelled_and_comes_back_with_its_pixels(painted):
    painted.controller.classes.add()
    labels(painted)[3, :2] = 3
    painted.controller.classes.recolour(2, "#123456")
    painted.controller.classes.rename(2, "synapse")
    before = labels(painted).copy()
    assert painted.controller.classes.pixels_of(2) == 64
    painted.controller.classes.remove(2)
    painted.runner.flush()
    assert names(painted) == ["cell", "membrane"]
    assert not (labels(painted) == 3).any()
    assert np.array_equal(labels(painted)[:3], before[:3])
    assert "64 pixels of synapse are unlabelled" in painted.model.status
    labels(painted)[...] = before  # as napari's undo does
    read(painted)
    assert names(painted) == ["cell", "membrane", "synapse"]
    assert painted.model.class_list.rows[2].colour == "#123456"
    assert Subject.CLASSES not in painted.model.problems


def test_of_two_classes_none_can_be_removed_or_merged(painted):
    assert "fewest" in painted.controller.classes.refusal_to_remove(0)
    painted.controller.classes.remove(0)
    painted.controller.classes.merge(0, 1)
    painted.runner.flush()
    assert names(painted) == ["cell", "membrane"]
    assert (labels(painted) == 1).sum() == 60


def test_where_0_is_a_class_nothing_can_be_unlabelled(app):
    app.with_data()
    app.viewer.layers["truth"][:, 10:14] = 32
    app.controller.data.set_classes(parse_rows("cell=255,membrane=0,glia=32"))
    app.runner.flush()
    before = app.viewer.layers["truth"].copy()
    assert "0 is membrane" in app.controller.classes.refusal_to_remove(2)
    app.controller.classes.remove(2)
    assert np.array_equal(app.viewer.layers["truth"], before)


def test_merging_painted_classes_changes_the_pixels_and_undo_brings_the_class_back(painted):
    painted.controller.classes.add()
    labels(painted)[3, :2] = 3
    before = labels(painted).copy()
    painted.controller.classes.merge(2, 0)
    painted.runner.flush()
    assert names(painted) == ["cell", "membrane"]
    assert painted.model.class_list.rows[0].pixels == 60 + 64
    labels(painted)[...] = before
    read(painted)
    assert [row.values_text for row in painted.model.class_list.rows] == ["1", "2", "3"]


def test_merging_classes_of_a_file_moves_the_values_and_leaves_the_pixels(app):
    app.with_data()
    app.viewer.layers["truth"][:, 10:14] = 32
    app.controller.data.set_classes(parse_rows("cell=255,membrane=0,glia=32"))
    app.runner.flush()
    before = app.viewer.layers["truth"].copy()
    app.controller.classes.merge(2, 1)
    app.runner.flush()
    assert str(app.model.summary.classes) == "cell=255,membrane=0+32"
    assert np.array_equal(app.viewer.layers["truth"], before)


def test_the_order_says_which_class_is_positive_and_keeps_blank_slices_unannotated(app):
    app.with_data()
    app.viewer.layers["truth"][5] = 0
    read(app)
    app.controller.classes.move_up(1)
    app.runner.flush()
    assert app.model.summary.classes.names == ("membrane", "cell")
    assert app.model.summary.share_labelled == (1.0,) * 5 + (0.0,)


def test_a_value_that_the_layer_cannot_hold_is_said(app):
    app.with_data()
    app.controller.data.set_classes(parse_rows("cell=255,membrane=0,glia=300"))
    app.runner.flush()
    app.controller.classes.pick(2)
    assert "300" in app.model.problems[Subject.CLASSES]


def test_a_class_that_is_not_there_cannot_be_picked(painted, app):
    painted.controller.classes.pick(1)
    painted.controller.classes.pick(7)
    assert painted.viewer.annotations.painted == 2


def test_picking_without_an_annotation_does_nothing(app):
    app.controller.classes.pick(0)
    assert app.viewer.annotations.painted is None
    assert app.model.problems == {}
