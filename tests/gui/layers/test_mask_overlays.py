"""Masks over an image in a viewer: drawn in place, at one threshold, and never over painting."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_advseg.core.config.classes import NO_TISSUE, UNLABELLED, ClassMap
from napari_advseg.core.runtime.errors import AdvSegError
from napari_advseg.gui.layers.viewer_adapter import NapariViewerAdapter

CLASSES = ClassMap.parse("cell=255,membrane=0")
BOTH = ("standard", "adversarial")


@pytest.fixture
def viewer(qapp):
    """napari's model of a viewer: a window costs a second, and nothing here is about the screen."""
    return ViewerModel()


@pytest.fixture
def image(viewer, em):
    return viewer.add_image(em, name="em", scale=(50, 4, 4), translate=(100, 8, -8))


@pytest.fixture
def adapter(viewer, image):
    made = NapariViewerAdapter(viewer)
    yield made
    made.close()


def probability(seed, shape=(24, 32)):
    return np.random.default_rng(seed).random(shape).astype(np.float16)


def begin(adapter, networks=BOTH, threshold=0.5):
    adapter.begin_masks("em", networks, CLASSES, threshold)


def expected(p, threshold):
    """Value of each pixel of a mask layer: 1 first class, 2 second."""
    return np.where(p.astype(float) >= float(np.float16(threshold)), 1, 2)


def show_all(adapter, depth=5):
    """Predict every slice of both networks; return the probabilities."""
    shown = {}
    for offset, network in enumerate(BOTH):
        shown[network] = np.stack([probability(100 * offset + z) for z in range(depth)])
        for z in range(depth):
            adapter.show_prediction(network, z, shown[network][z])
    return shown


LAYERS = [
    "em", "standard mask", "adversarial mask", "standard outline", "adversarial outline",
    "disagreement",
]  # fmt: skip


def test_a_run_lays_its_layers_exactly_over_the_image(viewer, image, adapter):
    begin(adapter)
    names = [layer.name for layer in viewer.layers]
    assert names == LAYERS
    corners = np.array([[0, 0, 0], [4, 23, 31]])
    for layer in viewer.layers[1:]:
        np.testing.assert_allclose(
            [layer.data_to_world(c) for c in corners], [image.data_to_world(c) for c in corners]
        )
        assert layer.data.dtype == np.uint8
        assert layer.data.shape == image.data.shape


def test_a_turned_image_gets_turned_masks(viewer, adapter, em):
    turned = viewer.add_image(em, name="turned", rotate=(0, 0, 20), shear=(0.1, 0, 0))
    adapter.begin_masks("turned", ("standard",), CLASSES, 0.5)
    mask = viewer.layers["standard mask"]
    np.testing.assert_allclose(mask.data_to_world((1, 2, 3)), turned.data_to_world((1, 2, 3)))


def test_one_network_has_nothing_to_disagree_with(viewer, adapter):
    begin(adapter, ("standard",))
    assert [layer.name for layer in viewer.layers] == [
        "em", "standard mask", "standard outline"
    ]  # fmt: skip
    assert adapter.masks("adversarial") is None


def test_only_the_second_class_is_coloured(viewer, adapter):
    begin(adapter)
    for name, colour in (("standard mask", (58, 158, 228)), ("adversarial mask", (230, 159, 0))):
        shown = viewer.layers[name].colormap.map(np.array([0, 1, 2], np.uint8))
        assert shown[0, 3] == shown[1, 3] == 0
        np.testing.assert_allclose(shown[2] * 255, (*colour, 255), atol=0.5)


def test_a_slice_is_written_in_place_and_the_others_stay_empty(viewer, adapter):
    begin(adapter)
    layer = viewer.layers["standard mask"]
    array, p = layer.data, probability(1)
    adapter.show_prediction("standard", 2, p)
    assert layer.data is array
    np.testing.assert_array_equal(layer.data[2], expected(p, 0.5))
    assert not layer.data[[0, 1, 3, 4]].any()
    assert not viewer.layers["disagreement"].data.any()


def test_a_part_of_a_slice_is_shown_and_the_rest_counts_as_not_predicted(viewer, adapter):
    begin(adapter)
    layer, p = viewer.layers["standard mask"], probability(1)
    adapter.show_prediction("standard", 2, p[4:10, 6:20], (4, 6))
    whole = np.zeros_like(layer.data[2])
    whole[4:10, 6:20] = expected(p, 0.5)[4:10, 6:20]
    np.testing.assert_array_equal(layer.data[2], whole)
    assert adapter.prediction("standard", 2) is None
    masks = adapter.masks("standard")
    assert (masks[2][whole == 0] == 255).all()
    adapter.show_prediction("standard", 2, p)
    np.testing.assert_array_equal(layer.data[2], expected(p, 0.5))
    assert adapter.prediction("standard", 2) is not None


def test_the_canvas_gets_the_slice_in_view_and_no_other(viewer, adapter):
    begin(adapter)
    layer = viewer.layers["standard mask"]
    layer.visible = True
    drawn = []
    layer.events.set_data.connect(lambda event: drawn.append(1))
    viewer.dims.set_current_step(0, 2)
    drawn.clear()
    adapter.show_prediction("standard", 3, probability(1))
    assert not drawn
    adapter.show_prediction("standard", 2, probability(1))
    assert drawn
    np.testing.assert_array_equal(layer._slice.image.raw, layer.data[2])


def test_disagreement_is_where_the_two_masks_differ(viewer, adapter):
    begin(adapter)
    shown = show_all(adapter)
    differ = (shown["standard"] >= 0.5) != (shown["adversarial"] >= 0.5)
    np.testing.assert_array_equal(viewer.layers["disagreement"].data, differ)


def test_no_mask_before_a_run(adapter):
    assert adapter.masks("standard") is None
    with pytest.raises(AdvSegError, match="start a run"):
        adapter.show_prediction("standard", 0, probability(0))


def test_masks_are_class_indices_and_unlabelled_where_not_predicted(adapter):
    begin(adapter)
    p = probability(3)
    adapter.show_prediction("adversarial", 1, p)
    mask = adapter.masks("adversarial")
    np.testing.assert_array_equal(mask[1], expected(p, 0.5) - 1)
    assert (mask[[0, 2, 3, 4]] == UNLABELLED).all()


def test_a_threshold_moves_every_slice_and_the_one_in_view_at_once(viewer, adapter, qtbot):
    begin(adapter)
    shown = show_all(adapter)
    viewer.dims.set_current_step(0, 3)
    adapter.set_threshold(0.8)
    for network in BOTH:
        layer = viewer.layers[f"{network} mask"]
        np.testing.assert_array_equal(layer.data[3], expected(shown[network][3], 0.8))
        np.testing.assert_array_equal(adapter.masks(network), expected(shown[network], 0.8) - 1)

    def all_follow():
        for network in BOTH:
            layer = viewer.layers[f"{network} mask"]
            np.testing.assert_array_equal(layer.data, expected(shown[network], 0.8))

    qtbot.waitUntil(lambda: all_follow() is None)


def test_a_slice_looked_at_before_its_turn_is_at_the_threshold(viewer, adapter):
    begin(adapter)
    shown = show_all(adapter)
    viewer.dims.set_current_step(0, 0)
    adapter.set_threshold(0.9)  # the event loop does not turn: nothing is caught up with
    layer = viewer.layers["standard mask"]
    layer.visible = True
    np.testing.assert_array_equal(layer.data[4], expected(shown["standard"][4], 0.5))
    viewer.dims.set_current_step(0, 4)
    np.testing.assert_array_equal(layer.data[4], expected(shown["standard"][4], 0.9))
    np.testing.assert_array_equal(layer._slice.image.raw, layer.data[4])


def test_a_threshold_leaves_slices_that_were_not_predicted_empty(viewer, adapter, qtbot):
    begin(adapter)
    p = probability(5)
    adapter.show_prediction("standard", 2, p)
    adapter.set_threshold(0.2)
    adapter.set_threshold(0.7)
    layer = viewer.layers["standard mask"]
    qtbot.waitUntil(lambda: np.array_equal(layer.data[2], expected(p, 0.7)))
    assert not layer.data[[0, 1, 3, 4]].any()


def test_a_deleted_mask_is_not_made_again_during_the_run(viewer, adapter):
    begin(adapter)
    viewer.layers.remove("standard mask")
    shown = show_all(adapter)
    adapter.set_threshold(0.4)
    assert "standard mask" not in viewer.layers
    np.testing.assert_array_equal(adapter.masks("standard"), expected(shown["standard"], 0.4) - 1)
    begin(adapter)
    assert "standard mask" in viewer.layers


def test_the_image_may_be_deleted_during_the_run(viewer, adapter):
    begin(adapter)
    viewer.layers.remove("em")
    p = probability(1)
    adapter.show_prediction("standard", 1, p)
    np.testing.assert_array_equal(viewer.layers["standard mask"].data[1], expected(p, 0.5))
    viewer.dims.set_current_step(0, 1)
    assert adapter.slice_in_view() == 1


def test_a_renamed_mask_goes_on_and_stays_at_the_next_run(viewer, adapter):
    begin(adapter)
    layer = viewer.layers["standard mask"]
    layer.name = "mine"
    p = probability(1)
    adapter.show_prediction("standard", 1, p)
    np.testing.assert_array_equal(layer.data[1], expected(p, 0.5))
    begin(adapter)
    adapter.show_prediction("standard", 1, probability(2))
    np.testing.assert_array_equal(layer.data[1], expected(p, 0.5))
    np.testing.assert_array_equal(
        viewer.layers["standard mask"].data[1], expected(probability(2), 0.5)
    )


def test_an_untouched_mask_is_taken_over_with_its_looks(viewer, adapter):
    begin(adapter)
    show_all(adapter)
    layer = viewer.layers["standard mask"]
    layer.opacity, layer.visible = 0.3, False
    count = len(viewer.layers)
    begin(adapter)
    assert len(viewer.layers) == count
    assert viewer.layers["standard mask"] is layer
    assert (layer.opacity, layer.visible) == (0.3, False)
    assert not layer.data.any()


def test_the_next_run_may_be_on_another_image(viewer, adapter):
    begin(adapter)
    show_all(adapter)
    other = np.random.default_rng(1).integers(0, 255, (3, 40, 20), np.uint8)
    viewer.add_image(other, name="other", translate=(1000, 0, 0))
    adapter.begin_masks("other", ("standard",), CLASSES, 0.5)
    layer = viewer.layers["standard mask"]
    assert layer.data.shape == (3, 40, 20)
    assert layer.translate[0] == 1000
    assert viewer.layers.index(layer) > viewer.layers.index("other")
    assert "adversarial mask" not in viewer.layers  # nobody's, and of another image
    p = probability(9, (40, 20))
    adapter.show_prediction("standard", 2, p)
    np.testing.assert_array_equal(layer.data[2], expected(p, 0.5))


def paint(layer, z):
    layer.selected_label = 7
    layer.paint((z, 5, 5), 7)
    assert (layer.data[z] == 7).any()


def test_what_was_painted_on_during_the_run_is_the_persons(viewer, adapter):
    begin(adapter)
    shown = show_all(adapter)
    theirs = viewer.layers["standard mask"]
    theirs.opacity = 0.35
    viewer.layers.selection.active = theirs
    paint(theirs, 2)
    painted = theirs.data.copy()
    p = probability(50)
    adapter.show_prediction("standard", 2, p)
    np.testing.assert_array_equal(theirs.data, painted)
    assert theirs.name == "standard mask"
    assert viewer.layers.selection.active is theirs
    fresh = viewer.layers[viewer.layers.index(theirs) + 1]
    assert fresh.name == "standard mask [1]"
    assert fresh.opacity == 0.35
    np.testing.assert_array_equal(fresh.data[2], expected(p, 0.5))
    np.testing.assert_array_equal(fresh.data[3], expected(shown["standard"][3], 0.5))
    adapter.show_prediction("standard", 4, probability(51))
    adapter.set_threshold(0.1)
    np.testing.assert_array_equal(theirs.data, painted)
    np.testing.assert_array_equal(fresh.data[4] > 0, True)


def test_a_stroke_that_goes_on_is_not_overwritten(viewer, adapter):
    begin(adapter)
    layer = viewer.layers["standard mask"]
    layer._begin_stroke()  # the mouse is down: napari tells of it only when it comes up
    paint(layer, 1)
    adapter.show_prediction("standard", 1, probability(1))
    layer._commit_stroke()
    assert (layer.data[1] == 7).any()


def test_a_threshold_does_not_overwrite_painting(viewer, adapter, qtbot):
    begin(adapter)
    shown = show_all(adapter)
    theirs = viewer.layers["adversarial mask"]
    viewer.dims.set_current_step(0, 0)
    paint(theirs, 3)
    painted = theirs.data[3].copy()
    adapter.set_threshold(0.3)
    fresh = "adversarial mask [1]"
    qtbot.waitUntil(lambda: fresh in viewer.layers)
    np.testing.assert_array_equal(theirs.data[3], painted)
    wanted = expected(shown["adversarial"], 0.3)
    qtbot.waitUntil(lambda: np.array_equal(viewer.layers[fresh].data, wanted))


@pytest.mark.parametrize("how", ["paint", "replace", "script"])
def test_an_edited_mask_stays_at_the_next_run(viewer, adapter, how):
    begin(adapter)
    show_all(adapter)
    theirs = viewer.layers["standard mask"]
    if how == "paint":
        paint(theirs, 1)
    elif how == "replace":
        theirs.data = np.full_like(theirs.data, 3)
    else:
        theirs.data[0, 0, 0] = 9
    kept = theirs.data.copy()
    begin(adapter)
    show_all(adapter)
    assert theirs in viewer.layers
    np.testing.assert_array_equal(theirs.data, kept)
    assert "standard mask [1]" in viewer.layers


def test_a_corrected_mask_can_be_trained_on(viewer, adapter):
    begin(adapter)
    shown = show_all(adapter)
    assert viewer.layers["standard mask"].metadata["advseg_overlay"] == "standard"
    theirs = viewer.layers["standard mask"]
    paint_value = 1
    theirs.data[2, :4] = paint_value
    begin(adapter)
    assert "advseg_overlay" not in theirs.metadata  # an annotation like any other by now
    labels, classes = adapter.labels("standard mask")
    wanted = expected(shown["standard"], 0.5)
    wanted[2, :4] = paint_value
    assert classes.names == ("cell", "membrane")
    np.testing.assert_array_equal(classes.encode(labels), wanted - 1)


@pytest.mark.parametrize("several", [False, True])
def test_a_new_mask_leaves_the_selection(viewer, adapter, image, several):
    labels = viewer.add_labels(np.zeros((5, 24, 32), np.uint8), name="truth")
    labels.mode = "paint"
    viewer.layers.selection = {image, labels} if several else {labels}
    active = viewer.layers.selection.active
    begin(adapter)
    assert set(viewer.layers.selection) == ({image, labels} if several else {labels})
    assert viewer.layers.selection.active is active
    assert labels.mode == "paint"


def test_masks_over_a_single_slice(viewer, adapter):
    viewer.layers.clear()
    viewer.add_image(np.random.default_rng(0).random((24, 32)), name="slice", scale=(4, 4))
    adapter.begin_masks("slice", BOTH, CLASSES, 0.5)
    assert viewer.dims.ndim == 2
    p = probability(1)
    adapter.show_prediction("standard", 0, p)
    np.testing.assert_array_equal(viewer.layers["standard mask"].data, expected(p, 0.5))
    np.testing.assert_array_equal(adapter.masks("standard")[0], expected(p, 0.5) - 1)


def test_from_a_slice_to_a_stack(viewer, adapter):
    """napari cannot change a layer's number of axes: the mask is another layer of the same name."""
    viewer.add_image(np.random.default_rng(0).random((24, 32)), name="slice")
    adapter.begin_masks("slice", ("standard",), CLASSES, 0.5)
    assert viewer.layers["standard mask"].ndim == 2
    begin(adapter, ("standard",))
    assert viewer.layers["standard mask"].ndim == 3
    assert [layer.name for layer in viewer.layers].count("standard mask") == 1


def test_masks_in_3d_show_every_slice(viewer, adapter):
    begin(adapter)
    layer, outline = viewer.layers["standard mask"], viewer.layers["standard outline"]
    layer.visible = True
    width = outline.contour
    assert width > 0
    with pytest.warns(UserWarning, match="Contours are not displayed"):
        viewer.dims.ndisplay = 3  # napari draws once before anybody can take the outline away
    assert outline.contour == 0  # or it would warn at each drawing
    assert not outline.visible
    adapter.show_prediction("standard", 3, probability(4))
    np.testing.assert_array_equal(layer._slice.image.raw, layer.data)
    assert layer.data[3].any()
    viewer.dims.ndisplay = 2
    assert outline.contour == width
    assert outline.visible


def test_nothing_is_shown_where_there_is_no_tissue(viewer, adapter):
    begin(adapter, ("standard",))
    adapter.show_prediction("standard", 0, np.full((24, 32), np.nan, np.float16))
    assert (viewer.layers["standard mask"].data[0] == 0).all()
    masks = adapter.masks("standard")
    assert (masks[0] == NO_TISSUE).all()  # which is not the same as not predicted
    assert (masks[1] == UNLABELLED).all()


# ---- the structure


def drawn(layer, value):
    """Whether a value is drawn in a colour that can be seen."""
    return layer.colormap.map(value)[3] > 0


def test_the_structure_is_filled_and_outlined_and_nothing_else(viewer, adapter):
    adapter.show_structure(0)
    begin(adapter)
    for name in ("adversarial mask", "adversarial outline", "standard outline"):
        layer = viewer.layers[name]
        assert layer.visible
        assert [drawn(layer, value) for value in (0, 1, 2)] == [False, True, False], name
    assert not viewer.layers["standard mask"].visible  # two fillings would mix their colours
    assert viewer.layers["adversarial mask"].contour == 0
    assert viewer.layers["adversarial outline"].contour == 1
    adapter.show_structure(1)
    for name in ("standard mask", "adversarial mask", "adversarial outline", "standard outline"):
        assert [drawn(viewer.layers[name], value) for value in (0, 1, 2)] == [False, False, True]


def test_the_filling_is_as_strong_as_asked(viewer, adapter):
    begin(adapter)
    adapter.set_fill(0.7)
    assert viewer.layers["adversarial mask"].opacity == 0.7
    assert viewer.layers["adversarial outline"].opacity > 0.8
    adapter.set_fill(0.2)
    viewer.layers.remove("standard mask")
    begin(adapter)
    assert viewer.layers["standard mask"].opacity == 0.2  # also in masks that are made later


def test_a_slice_that_is_not_predicted_says_so_on_the_canvas(viewer, adapter):
    begin(adapter)
    viewer.dims.set_current_step(0, 2)
    overlay = viewer.canvas.overlays.text
    assert overlay.visible
    assert overlay.text == "Slice 2 is not predicted yet"
    adapter.show_prediction("standard", 2, probability(1))
    assert not overlay.visible
    viewer.dims.set_current_step(0, 3)
    assert overlay.text == "Slice 3 is not predicted yet"
    overlay.text, overlay.visible = "mine", True
    viewer.dims.set_current_step(0, 4)
    assert overlay.text == "mine"
