"""Layers of a viewer as stacks and annotations, and back."""

from __future__ import annotations

import gc
import os
import threading
import weakref

import dask
import dask.array as da
import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.plugins import _initialize_plugins

from napari_advseg.app.ports.acceptance import AcceptancePort
from napari_advseg.app.ports.annotations import AnnotationPort
from napari_advseg.app.ports.projects import ProjectPort
from napari_advseg.app.ports.viewer import ViewerPort
from napari_advseg.core.config.classes import NEW_ANNOTATION, ClassMap
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.formats.io import write_labels
from napari_advseg.core.runtime.errors import (
    AdvSegError,
    AnnotationError,
    ClassMapError,
    ImageError,
    Subject,
)
from napari_advseg.gui.layers.viewer_adapter import NapariViewerAdapter
from support.signatures import differences


@pytest.fixture
def viewer(qapp):
    """napari's model of a viewer: a window costs a second, and nothing here is about the screen."""
    _initialize_plugins()  # napari's own reader
    return ViewerModel()


@pytest.fixture
def adapter(viewer):
    made = NapariViewerAdapter(viewer)
    yield made
    made.close()


def test_it_has_the_signatures_of_the_ports_that_the_application_asks_for(adapter):
    assert differences(adapter, ViewerPort) == []
    assert differences(adapter.accepting, AcceptancePort) == []
    assert differences(adapter.annotations, AnnotationPort) == []
    assert differences(adapter.project_layers, ProjectPort) == []


def test_an_image_is_a_reference_with_name_and_scale(viewer, adapter, em):
    viewer.add_image(em, name="em", scale=(50, 4, 4.5))
    stack = adapter.image("em")
    assert stack.data is em
    assert stack.name == "em"
    assert stack.scale == (50.0, 4.0, 4.5)
    assert stack.source is None


def test_lazy_pixels_are_not_read(viewer, adapter, em):
    read = []

    def block(block_info=None):
        read.append(block_info[None]["chunk-location"][0])
        return em[block_info[None]["chunk-location"][0]][np.newaxis]

    lazy = da.map_blocks(block, chunks=((1,) * 5, 24, 32), dtype=np.uint8, meta=em[:0])
    with dask.config.set(scheduler="synchronous"):  # dask's own threads would outlive the test
        viewer.add_image(lazy, name="lazy", contrast_limits=(0, 255))
        shown = set(read)
        stack = adapter.image("lazy")
        assert stack.shape == em.shape
        assert set(read) == shown
        assert shown != set(range(5))
        np.testing.assert_array_equal(stack.slice(4), em[4])


def test_a_slice_is_a_stack_of_one(viewer, adapter, em):
    viewer.add_image(em[0], name="slice", scale=(4, 5))
    stack = adapter.image("slice")
    assert stack.shape == (1, 24, 32)
    assert stack.scale == (1.0, 4.0, 5.0)


def test_the_file_of_an_image(viewer, adapter, em, tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, em)
    (layer,) = viewer.open(path, plugin="napari")
    assert adapter.image(layer.name).source == path
    again = adapter.open_stack(EMStack.from_array(em, name="opened", source=path))
    assert adapter.image(again).source == path


@pytest.mark.parametrize(
    ("add", "sentence"),
    [
        (lambda v: v.add_image(np.zeros((4, 8, 8, 3), np.uint8), name="x", rgb=True), "grey"),
        (lambda v: v.add_image(np.zeros((2, 4, 8, 8)), name="x"), "4 axes: choose"),
        (
            lambda v: v.add_image(
                [np.zeros((4, 16, 16)), np.zeros((4, 8, 8))], name="x", multiscale=True
            ),
            "full resolution",
        ),
        (lambda v: v.add_shapes(name="x"), "choose an image layer"),
        (lambda v: v.add_labels(np.zeros((4, 8, 8), int), name="x"), "choose an image layer"),
        (lambda v: v.add_image(np.zeros((4, 8, 8), bool), name="x"), "convert"),
        (lambda v: None, "gone"),
    ],
)
def test_what_is_no_grey_stack_is_refused_with_the_way_out(viewer, adapter, add, sentence):
    add(viewer)
    with pytest.raises(ImageError, match=sentence) as caught:
        adapter.image("x")
    assert caught.value.subject is Subject.IMAGE


def test_labels_are_a_copy_and_peeking_is_not(viewer, adapter):
    labels = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    viewer.add_labels(labels, name="truth")
    copied, classes = adapter.labels("truth")
    peeked, _ = adapter.peek_labels("truth")
    assert classes is None
    labels[0, 0, 0] = 200
    assert copied[0, 0, 0] == 0
    assert np.shares_memory(peeked, labels)


def test_labels_of_one_slice(viewer, adapter):
    viewer.add_labels(np.ones((4, 5), np.uint8), name="truth")
    assert adapter.labels("truth")[0].shape == (1, 4, 5)


def test_what_is_no_annotation_is_refused(viewer, adapter, em):
    viewer.add_image(em, name="em")
    viewer.add_labels(np.zeros((2, 3, 4, 5), np.uint8), name="4d")
    for name, sentence in (("em", "Labels"), ("4d", "stack"), ("none", "gone")):
        with pytest.raises(AnnotationError, match=sentence) as caught:
            adapter.labels(name)
        assert caught.value.subject is Subject.ANNOTATION


def test_the_class_map_in_the_layer_comes_first(viewer, adapter, tmp_path):
    labels = np.ones((2, 8, 8), np.uint8)
    in_file = ClassMap.parse("cell=1,membrane=2")
    path = tmp_path / "labels.tif"
    write_labels(path, labels, in_file)
    (layer,) = viewer.open(path, plugin="napari", layer_type="labels")
    assert adapter.labels(layer.name)[1] == in_file
    layer.metadata["advseg_classes"] = "mitochondrion=255+1,background=0"
    assert adapter.labels(layer.name)[1] == ClassMap.parse("mitochondrion=255+1,background=0")
    layer.metadata["advseg_classes"] = "nonsense"
    with pytest.raises(ClassMapError, match="nonsense"):
        adapter.labels(layer.name)


def test_a_file_that_changed_is_read_anew(viewer, adapter, tmp_path):
    path = tmp_path / "labels.tif"
    tifffile.imwrite(path, np.ones((2, 8, 8), np.uint8))
    (layer,) = viewer.open(path, plugin="napari", layer_type="labels")
    assert adapter.labels(layer.name)[1] is None
    write_labels(path, np.ones((2, 8, 8), np.uint8), NEW_ANNOTATION)
    os.utime(path, ns=(1, 1))
    assert adapter.labels(layer.name)[1] == NEW_ANNOTATION
    path.unlink()
    assert adapter.labels(layer.name)[1] is None


def test_a_new_annotation_lies_over_its_image_ready_to_paint(viewer, adapter, em):
    image = viewer.add_image(em, name="em", scale=(50, 4, 4), translate=(10, 20, 30))
    name = adapter.new_annotation("em", NEW_ANNOTATION)
    layer = viewer.layers[name]
    assert viewer.layers.selection.active is layer
    assert layer.selected_label == 1
    np.testing.assert_allclose(layer.data_to_world((4, 3, 2)), image.data_to_world((4, 3, 2)))
    labels, classes = adapter.labels(name)
    assert labels.shape == em.shape
    assert not labels.any()
    assert classes == NEW_ANNOTATION
    layer.paint((0, 4, 4), 2)
    assert (adapter.labels(name)[0] == 2).any()
    assert adapter.new_annotation("em", NEW_ANNOTATION) != name


def test_a_new_annotation_over_a_slice_is_a_slice(viewer, adapter, em):
    viewer.add_image(em[0], name="slice", scale=(4, 4))
    name = adapter.new_annotation("slice", NEW_ANNOTATION)
    assert viewer.layers[name].ndim == viewer.dims.ndim == 2
    assert adapter.labels(name)[0].shape == (1, 24, 32)


@pytest.mark.parametrize("classes", [None, NEW_ANNOTATION, ClassMap.parse("a=7,b=8,c=0+9")])
def test_labels_opened_come_back_the_same(viewer, adapter, em, classes):
    viewer.add_image(em, name="em", scale=(50, 4, 4))
    labels = np.random.default_rng(1).integers(0, 9, em.shape, np.uint8)
    name = adapter.open_labels(labels, classes, "em", "truth")
    back, carried = adapter.labels(name)
    np.testing.assert_array_equal(back, labels)
    assert carried == classes
    assert name == "truth"
    np.testing.assert_array_equal(viewer.layers[name].scale, (50, 4, 4))


def test_the_two_classes_of_an_annotation_are_told_apart_and_0_is_nothing(viewer, adapter, em):
    viewer.add_image(em, name="em")
    name = adapter.open_labels(np.zeros(em.shape, np.uint8), NEW_ANNOTATION, "em", "truth")
    nothing, cell, membrane = viewer.layers[name].colormap.map(np.array([0, 1, 2], np.uint8))
    assert nothing[3] == 0 < cell[3] == membrane[3]
    assert not np.allclose(cell[:3], membrane[:3])


def test_where_0_is_a_class_it_is_shown(viewer, adapter, em):
    viewer.add_image(em, name="em")
    classes = ClassMap.parse("cell=255,membrane=0")
    name = adapter.open_labels(np.zeros(em.shape, np.uint8), classes, "em", "truth")
    assert viewer.layers[name].colormap.map(np.array([0], np.uint8))[0, 3] > 0


@pytest.mark.parametrize("cell", [1, 255])
def test_a_dense_annotation_without_a_class_map_leaves_the_image_visible(viewer, adapter, em, cell):
    viewer.add_image(em, name="em")
    labels = np.full(em.shape, cell, np.uint8)
    labels[:, :8] = 0
    layer = viewer.layers[adapter.open_labels(labels, None, "em", "truth")]
    alpha = layer.colormap.map(np.array([cell, 0], np.uint8))[:, 3] * layer.opacity
    assert alpha[0] == 0 < alpha[1] < 0.5
    assert layer.colormap.map(np.array([7], np.uint8))[0, 3] > 0  # painted with any other label
    assert adapter.labels("truth")[1] is None


def test_background_of_objects_is_clear_and_all_objects_look_alike(viewer, adapter, em):
    viewer.add_image(em, name="em")
    classes = ClassMap.parse("mitochondrion=objects,background=0")
    labels = np.zeros(em.shape, np.uint16)
    labels[:, 2:9], labels[:, 12:20] = 700, 3
    layer = viewer.layers[adapter.open_labels(labels, classes, "em", "truth")]
    background, one, other = layer.colormap.map(np.array([0, 3, 700], np.uint16))
    assert background[3] == 0 < one[3]
    assert tuple(one) == tuple(other)


def test_labels_of_unknown_meaning_leave_the_image_visible(viewer, adapter, em):
    viewer.add_image(em, name="em")
    labels = np.random.default_rng(0).choice([0, 32, 255], em.shape).astype(np.uint8)
    assert viewer.layers[adapter.open_labels(labels, None, "em", "truth")].opacity <= 0.3


def test_the_brush_paints_a_class_of_an_opened_annotation(viewer, adapter, em):
    viewer.add_image(em, name="em")
    classes = ClassMap.parse("cell=255,membrane=0")
    name = adapter.open_labels(np.zeros(em.shape, np.uint8), classes, "em", "truth")
    assert viewer.layers[name].selected_label == 255


def test_a_stack_opened_comes_back_the_same(viewer, adapter, em):
    stack = EMStack.from_array(em, name="mine", scale=(50, 4, 4))
    name = adapter.open_stack(stack)
    back = adapter.image(name)
    assert (back.data is em, back.name, back.scale) == (True, "mine", stack.scale)


def test_the_slice_in_view_is_the_images_own(viewer, adapter, em):
    viewer.add_image(np.zeros((40, 8, 8)), name="below", scale=(25, 4, 4))
    viewer.add_image(em, name="em", scale=(50, 4, 4), translate=(100, 0, 0))
    adapter.image("em")
    for z in (0, 3, 4):
        adapter.go_to_slice(z)
        assert viewer.dims.point[0] == 100 + 50 * z
        assert adapter.slice_in_view() == z
    viewer.dims.set_point(0, 0)
    assert adapter.slice_in_view() is None
    adapter.go_to_slice(99)
    assert adapter.slice_in_view() == 4


def test_the_runs_image_goes_before_the_one_chosen_meanwhile(viewer, adapter, em):
    viewer.add_image(em, name="em", scale=(50, 4, 4))
    viewer.add_image(np.zeros((40, 8, 8)), name="other", scale=(25, 4, 4))
    adapter.begin_masks("em", ("standard",), NEW_ANNOTATION, 0.5)
    adapter.image("other")
    adapter.go_to_slice(6)
    assert viewer.dims.point[0] == 150
    assert adapter.slice_in_view() == 3


def test_without_an_image_there_is_no_slice(viewer, adapter):
    assert adapter.slice_in_view() is None
    adapter.go_to_slice(3)
    viewer.add_points(np.zeros((1, 3)))
    assert adapter.slice_in_view() is None


def test_before_anything_is_chosen_the_only_image_is_meant(viewer, adapter, em):
    viewer.add_image(em, name="em")
    adapter.go_to_slice(3)
    assert adapter.slice_in_view() == 3
    viewer.layers.clear()
    assert adapter.slice_in_view() is None


def test_a_slice_among_stacks_is_slice_0(viewer, adapter, em):
    viewer.add_image(em, name="em")
    viewer.add_image(em[0], name="slice")
    adapter.image("slice")
    viewer.dims.set_current_step(0, 3)
    assert adapter.slice_in_view() == 0


def test_another_thread_may_ask_for_the_slice_in_view(viewer, adapter, em):
    viewer.add_image(em, name="em")
    adapter.go_to_slice(2)
    answers = []
    asker = threading.Thread(target=lambda: answers.append(adapter.slice_in_view()))
    asker.start()
    asker.join(5)
    assert answers == [2]


def test_after_closing_nothing_listens_and_nothing_stays_alive(viewer, em):
    viewer.add_image(em, name="em")
    adapter = NapariViewerAdapter(viewer)
    adapter.begin_masks("em", ("standard", "adversarial"), NEW_ANNOTATION, 0.5)
    adapter.set_threshold(0.3)
    adapter.go_to_slice(1)
    adapter.close()
    adapter.go_to_slice(2)
    assert adapter.slice_in_view() == 1
    gone = weakref.ref(adapter)
    del adapter
    gc.collect()
    assert gone() is None


def test_a_deleted_image_is_let_go(viewer, adapter, em):
    adapter.open_stack(EMStack.from_array(em, name="big"))
    layer = viewer.layers["big"]
    viewer.layers.remove(layer)
    assert not [one for one in gc.get_referrers(layer) if one is vars(adapter)]


def test_every_refusal_is_one_a_person_can_mend(viewer, adapter, em):
    viewer.add_image(em, name="em")
    for ask in (
        lambda: adapter.new_annotation("gone", NEW_ANNOTATION),
        lambda: adapter.open_labels(em, None, "gone", "x"),
        lambda: adapter.begin_masks("gone", ("standard",), NEW_ANNOTATION, 0.5),
        lambda: adapter.set_side_by_side(True, "em", "gone"),
    ):
        with pytest.raises(AdvSegError, match="gone"):
            ask()
    assert [layer.name for layer in viewer.layers] == ["em"]
