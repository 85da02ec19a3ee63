"""Masks of more than two classes in a viewer: the classes' colours and the networks' outlines."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_advseg.core.config.classes import UNLABELLED, ClassMap
from napari_advseg.gui.dock.compare.class_legend import ClassLegend
from napari_advseg.gui.layers.viewer_adapter import NapariViewerAdapter
from napari_advseg.gui.widgets.class_colours import class_colours, more_colour
from napari_advseg.gui.widgets.theme import ADVERSARIAL, STANDARD

FOUR = ClassMap.parse("membrane=0+32,glia=159,mitochondria=191,cell=255")
TWO = ClassMap.parse("cell=255,membrane=0")
BOTH = ("standard", "adversarial")
NAMES = [
    "em", "standard mask", "adversarial mask", "standard outline", "adversarial outline",
    "disagreement",
]  # fmt: skip


@pytest.fixture
def viewer(qapp):
    """napari's model of a viewer: a window costs a second, and nothing here is about the screen."""
    return ViewerModel()


@pytest.fixture
def adapter(viewer, em):
    viewer.add_image(em, name="em", scale=(50, 4, 4), translate=(100, 8, -8))
    made = NapariViewerAdapter(viewer)
    yield made
    made.close()


def prediction(seed, shape=(24, 32)):
    return np.random.default_rng(seed).integers(0, 4, shape, np.uint8)


def begin(adapter, classes=FOUR, networks=BOTH):
    adapter.begin_masks("em", networks, classes, 0.5)


def hex_of(layer, value):
    colour = layer.colormap.map(np.array([value], np.uint8))[0]
    return "#" + "".join(f"{round(float(part) * 255):02x}" for part in colour[:3])


def test_each_network_has_a_mask_in_class_colours_and_an_outline_in_its_own(viewer, adapter):
    begin(adapter)
    assert [layer.name for layer in viewer.layers] == NAMES
    shown = {"standard": prediction(0), "adversarial": prediction(1)}
    for network, found in shown.items():
        adapter.show_prediction(network, 2, found)
    colours = class_colours(FOUR)
    for network, own, width in (("standard", STANDARD, 2), ("adversarial", ADVERSARIAL, 1)):
        mask, outline = viewer.layers[f"{network} mask"], viewer.layers[f"{network} outline"]
        np.testing.assert_array_equal(mask.data[2], shown[network] + 1)
        np.testing.assert_array_equal(outline.data, mask.data)
        assert [hex_of(mask, value) for value in (1, 2, 3, 4)] == [
            colours[value] for value in FOUR.mask_values
        ]
        assert mask.colormap.map(np.zeros(1, np.uint8))[0, 3] == 0
        assert {hex_of(outline, value) for value in (1, 2, 3, 4)} == {own}
        assert (mask.contour, outline.contour) == (0, width)
        assert not outline.editable
        world = [layer.data_to_world((2, 3, 4)) for layer in (viewer.layers["em"], mask, outline)]
        np.testing.assert_allclose(world, [world[0]] * 3)
    assert [viewer.layers[name].visible for name in NAMES] == [True, False, True, True, True, False]
    np.testing.assert_array_equal(
        viewer.layers["disagreement"].data[2], shown["standard"] != shown["adversarial"]
    )


def test_masks_are_the_class_indices_and_a_threshold_moves_nothing(viewer, adapter):
    begin(adapter)
    found = prediction(3)
    adapter.show_prediction("standard", 1, found)
    adapter.set_threshold(0.9)
    mask = adapter.masks("standard")
    np.testing.assert_array_equal(mask[1], found)
    assert (mask[[0, 2, 3, 4]] == UNLABELLED).all()
    mask[:] = 0  # a copy: what was predicted stays
    np.testing.assert_array_equal(adapter.masks("standard")[1], found)
    np.testing.assert_array_equal(viewer.layers["standard mask"].data[1], found + 1)


def test_masks_and_legend_have_the_annotations_colours_and_follow_them(viewer, adapter, qtbot):
    name = adapter.new_annotation("em", FOUR)
    adapter.annotations.recolour(name, (191,), "#123456")
    legend = ClassLegend(adapter.mask_colours)
    qtbot.addWidget(legend)
    assert legend.isHidden()
    begin(adapter)
    usual = [more_colour(index) for index in range(4)]
    assert hex_of(viewer.layers["adversarial mask"], 3) == "#123456"
    assert legend.shown() == dict(zip(FOUR.names, [*usual[:2], "#123456", usual[3]], strict=True))
    adapter.annotations.recolour(name, (0, 32), "#abcdef")
    for network in BOTH:
        assert hex_of(viewer.layers[f"{network} mask"], 1) == "#abcdef"
    assert legend.shown()["membrane"] == "#abcdef"
    assert not legend.isHidden()
    begin(adapter, TWO)
    assert legend.isHidden()


def test_the_next_run_takes_over_what_fits_and_removes_what_does_not(viewer, adapter):
    begin(adapter)
    adapter.show_prediction("standard", 0, prediction(0))
    before = list(viewer.layers)
    three = ClassMap.of(a=1, b=2, c=3)
    begin(adapter, three)
    assert list(viewer.layers) == before
    assert not viewer.layers["standard outline"].data.any()
    adapter.show_prediction("standard", 0, np.full((24, 32), 2, np.uint8))
    assert (viewer.layers["standard outline"].data[0] == 3).all()
    begin(adapter, TWO)
    names = [layer.name for layer in viewer.layers]
    assert sorted(names) == sorted(layer.name for layer in before)
    assert viewer.layers["standard outline"].contour == 2
    begin(adapter, networks=("adversarial",))
    names = [layer.name for layer in viewer.layers]
    assert names == ["em", "adversarial mask", "adversarial outline"]


def test_a_mask_that_was_painted_on_stays_and_the_outline_goes_on_with_the_fresh_one(
    viewer, adapter
):
    begin(adapter, networks=("standard",))
    adapter.show_prediction("standard", 2, prediction(0))
    theirs = viewer.layers["standard mask"]
    theirs.data_setitem((np.array([2]), np.array([5]), np.array([6])), 4)
    found = prediction(1)
    adapter.show_prediction("standard", 2, found)
    assert theirs in viewer.layers
    assert theirs.data[2, 5, 6] == 4
    fresh = viewer.layers[list(viewer.layers).index(theirs) + 1]
    np.testing.assert_array_equal(fresh.data[2], found + 1)
    np.testing.assert_array_equal(viewer.layers["standard outline"].data[2], found + 1)
    begin(adapter, networks=("standard",))
    assert theirs in viewer.layers
    assert len([one for one in viewer.layers if "outline" in one.name]) == 1


def test_an_outline_goes_with_its_mask_and_may_be_deleted_alone(viewer, adapter):
    begin(adapter)
    del viewer.layers["adversarial outline"]
    del viewer.layers["standard mask"]
    for network in BOTH:
        adapter.show_prediction(network, 1, prediction(1))
    names = [layer.name for layer in viewer.layers]
    assert names == ["em", "adversarial mask", "disagreement"]
    begin(adapter)
    assert sorted(layer.name for layer in viewer.layers) == sorted(NAMES)


def test_no_outline_in_3d(viewer, adapter):
    begin(adapter)
    outline = viewer.layers["standard outline"]
    with pytest.warns(UserWarning, match="Contours are not displayed"):
        viewer.dims.ndisplay = 3  # napari draws once before anybody can take the outline away
    adapter.show_prediction("standard", 1, prediction(0))  # and nothing is said from then on
    assert (outline.visible, outline.contour) == (False, 0)
    viewer.dims.ndisplay = 2
    assert (outline.visible, outline.contour) == (True, 2)


def test_side_by_side_shows_the_class_colours_and_puts_all_back(viewer, adapter):
    adapter.new_annotation("em", FOUR)
    begin(adapter)
    for network in BOTH:
        adapter.show_prediction(network, 2, prediction(1))

    def looks():
        return [(one.name, one.visible, one.opacity) for one in viewer.layers]

    before = looks()
    adapter.set_side_by_side(True, "em", "annotation")
    columns = ["em", "annotation", "adversarial mask", "standard mask"]
    assert [one.name for one in viewer.layers if one.visible] == columns
    assert viewer.layers["standard mask"].opacity == 1
    adapter.set_side_by_side(False, "em", "annotation")
    assert looks() == before


def test_the_brush_stays_on_the_annotation_when_outlines_come(viewer, adapter):
    name = adapter.new_annotation("em", FOUR)
    begin(adapter)
    assert viewer.layers.selection.active is viewer.layers[name]


def test_many_classes_get_a_colour_each():
    many = ClassMap.of(**{f"c{index}": index + 1 for index in range(40)})
    found = class_colours(many)
    assert list(found) == list(range(1, 41))
    assert len(set(found.values())) == 40
