"""What the class list does to layers, without a window."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_advseg.app.state.class_text import parse_rows
from napari_advseg.core.config.classes import NEW_ANNOTATION
from napari_advseg.core.runtime.errors import AnnotationError
from napari_advseg.gui.layers.annotation_layers import AnnotationLayers
from napari_advseg.gui.layers.annotation_style import annotation_style
from napari_advseg.gui.widgets.class_colours import MORE_CLASSES, TWO_CLASSES


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def layers(viewer):
    return AnnotationLayers(viewer)


def labels(shape=(3, 8, 9)):
    return np.random.default_rng(0).integers(0, 4, shape).astype(np.uint8)


def add(viewer, data, **looks):
    return viewer.add_labels(data, name="a", **{**annotation_style(NEW_ANNOTATION), **looks})


@pytest.mark.parametrize("shape", [(3, 8, 9), (8, 9)])
@pytest.mark.parametrize("visible", [True, False])
def test_replacing_is_one_step_to_undo_and_to_redo(viewer, layers, shape, visible):
    before = labels(shape)
    layer = add(viewer, before.copy(), visible=visible)
    expected = np.where(np.isin(before, (1, 3)), 2, before)
    assert layers.count("a", (1, 3)) == np.isin(before, (1, 3)).sum()
    assert layers.replace("a", (1, 3), 2) == np.isin(before, (1, 3)).sum()
    assert np.array_equal(layer.data, expected)
    layer.undo()
    assert np.array_equal(layer.data, before)
    layer.redo()
    assert np.array_equal(layer.data, expected)


def test_replacing_nothing_leaves_no_step(viewer, layers):
    layer = add(viewer, labels())
    assert layers.replace("a", (9,), 0) == 0
    assert len(layer._undo_history) == 0


def test_a_layer_that_is_gone_or_read_only_is_said(viewer, layers):
    with pytest.raises(AnnotationError, match="gone"):
        layers.count("a", (1,))
    fixed = labels()
    fixed.flags.writeable = False
    add(viewer, fixed)
    with pytest.raises(AnnotationError, match="cannot be painted"):
        layers.replace("a", (1,), 0)
    with pytest.raises(AnnotationError, match="300"):
        layers.paint_with("a", 300)


def test_a_third_class_gets_the_next_colour(viewer, layers):
    add(viewer, labels())
    assert layers.colours("a", (1, 2)) == tuple(one + "ff" for one in TWO_CLASSES)
    layers.keep_classes("a", parse_rows("cell=1,membrane=2,synapse=3"))
    assert layers.colours("a", (1, 2, 3)) == tuple(one + "ff" for one in MORE_CLASSES[:3])


def test_a_class_keeps_its_colour_when_another_goes(viewer, layers):
    add(viewer, labels())
    layers.keep_classes("a", parse_rows("cell=1,membrane=2,synapse=3,glia=4"))
    layers.recolour("a", (4,), "#123456")
    layers.keep_classes("a", parse_rows("cell=1,synapse=3,glia=4"))
    assert layers.colours("a", (3, 4)) == (MORE_CLASSES[2] + "ff", "#123456ff")
    layers.keep_classes("a", parse_rows("cell=1,synapse=3,glia=4,membrane=7"))
    assert layers.colours("a", (7,)) == (MORE_CLASSES[1] + "ff",)  # free again


def test_merged_values_share_a_colour_and_0_is_clear_unless_it_is_a_class(viewer, layers):
    layer = viewer.add_labels(labels(), name="a")
    layers.keep_classes("a", parse_rows("cell=3,rest=1+2"))
    assert layers.colours("a", (1,)) == layers.colours("a", (2,))
    assert layer.colormap.map(np.array([0], np.uint8))[0, 3] == 0
    layers.keep_classes("a", parse_rows("cell=3,rest=1+2+0"))
    assert layers.colours("a", (0,)) == layers.colours("a", (1,))
    layers.keep_classes("a", parse_rows("cell=3,rest=1+2"))
    assert layer.colormap.map(np.array([0], np.uint8))[0, 3] == 0


def test_a_text_that_is_not_finished_is_kept_and_changes_no_class_map(viewer, layers):
    layer = add(viewer, labels())
    layers.keep_classes("a", parse_rows("cell=1,membrane="))
    assert layer.metadata["advseg_told"] == "cell=1,membrane="
    assert layer.metadata["advseg_classes"] == "cell=1,membrane=2"


def test_showing_one_label_only_goes_on_after_a_recolour(viewer, layers):
    layer = add(viewer, labels())
    layer.selected_label = 2
    layer.show_selected_label = True
    layers.recolour("a", (1,), "#123456")
    assert layer.colormap.map(np.array([1], np.uint8))[0, 3] == 0
    assert layer.colormap.map(np.array([2], np.uint8))[0, 3] > 0
