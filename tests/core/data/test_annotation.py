"""What a label means: the values of an annotation, told and untold."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg.core.config.classes import NEW_ANNOTATION, UNLABELLED, ClassMap
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.runtime.errors import (
    AnnotationError,
    ClassMapError,
    SplitError,
    UndecidedLabels,
)


def stack_of(*slices):
    return np.array(slices, np.uint8).reshape(len(slices), 1, -1)


@pytest.mark.parametrize("positive", [1, 255])
def test_dense_labels_count_only_on_slices_that_hold_both_values(positive):
    p = positive
    found = Annotation.from_labels(stack_of([0, p, p], [0, 0, 0], [p, p, p], [p, 0, 0]))
    none = [UNLABELLED] * 3
    assert found.targets[:, 0].tolist() == [[1, 0, 0], none, none, [0, 1, 1]]
    assert found.classes == ClassMap.of(cell=positive, membrane=0)
    assert found.annotated_slices == (0, 3)
    assert found.share_labelled().tolist() == [1, 0, 0, 1]


def test_what_was_decided_is_said():
    partly = Annotation.from_labels(stack_of([0, 255], [0, 0], [0, 0]))
    assert "255 is cell, 0 is membrane" in partly.notes[0]
    assert "2 of 3 slices" in partly.notes[1]
    assert len(Annotation.from_labels(stack_of([0, 255])).notes) == 1


def test_a_class_map_decides_over_the_dense_form():
    classes = ClassMap.of(membrane=1, cell=0)
    found = Annotation.from_labels(stack_of([0, 1], [1, 1]), classes)
    assert found.targets[:, 0].tolist() == [[1, 0], [0, 0]]
    assert found.notes == ()


# ---- slices of one class, and strokes of one class


@pytest.mark.parametrize("text", ["a=objects,background=0", "a=1+2,background=0"])
def test_slices_of_0_are_unannotated_until_they_are_marked(text):
    classes = ClassMap.parse(text)
    found = Annotation.from_labels(stack_of([0, 1, 2], [0, 0, 0], [0, 0, 0]), classes)
    assert found.annotated_slices == (0,)
    assert found.notes == (
        "2 of 3 slices are 0 throughout and unannotated: mark those that are all background.",
    )
    marked = found.only("background", [2])
    assert marked.targets[:, 0].tolist() == [[1, 0, 0], [UNLABELLED] * 3, [1, 1, 1]]
    complete = Annotation.from_labels(
        stack_of([0, 1, 2], [0, 0, 0], [0, 0, 0]), classes, zero_slices=True
    )
    assert complete.annotated_slices == (0, 1, 2)


def test_slices_can_be_wholly_objects_and_are_refused_if_they_hold_another_class():
    found = Annotation.from_labels(stack_of([0, 1], [0, 0], [0, 2]), NEW_ANNOTATION)
    assert found.only("membrane", [1, 2]).targets[1:, 0].tolist() == [[1, 1], [1, 1]]
    with pytest.raises(AnnotationError, match="Slice 0 has labels of cell, so it is not only mem"):
        found.only("membrane", [0])
    with pytest.raises(ClassMapError, match="no class 'glia': the classes are cell, membrane"):
        found.only("glia", [0])
    with pytest.raises(SplitError, match="Slice 3 is outside the stack"):
        found.only("cell", [3])


@pytest.mark.parametrize("value", [1, 255])
@pytest.mark.parametrize("thick", [1, 6, 14])
def test_strokes_of_one_class_are_never_read_as_dense(value, thick):
    labels = np.zeros((3, 32, 32), np.uint8)
    labels[:2, 4 : 4 + thick, 2:30] = value
    with pytest.raises(UndecidedLabels) as caught:
        Annotation.from_labels(labels)
    other = 2 if value == 1 else 1
    for text in (f"object={value},background=0", f"object={value},background={other}"):
        assert text in str(caught.value)
        Annotation.from_labels(labels, ClassMap.parse(text))  # both ways out work


def test_zero_is_unlabelled_where_the_class_map_does_not_name_it():
    found = Annotation.from_labels(stack_of([0, 1, 2], [0, 0, 0]), NEW_ANNOTATION)
    assert found.targets[:, 0].tolist() == [[UNLABELLED, 0, 1], [UNLABELLED] * 3]
    assert found.annotated_slices == (0,)
    assert found.share_labelled() == pytest.approx([2 / 3, 0])


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.int64])
def test_any_integers_and_one_slice_are_read(dtype):
    found = Annotation.from_labels(np.array([[0, 1], [1, 1]], dtype))
    assert found.targets.tolist() == [[[1, 0], [0, 0]]]
    assert found.targets.dtype == np.uint8


@pytest.mark.parametrize("values", [[0, 1, 2], [0, 2], [1, 255], [0, 32, 255], [0, -1]])
def test_other_values_have_to_be_told(values):
    with pytest.raises(ClassMapError) as caught:
        Annotation.from_labels(np.array([values], np.int16))
    said = str(caught.value)
    assert all(str(v) in said for v in values)
    assert "cell=255,membrane=0+32" in said


def test_an_untold_instance_segmentation_is_named_as_such():
    with pytest.raises(ClassMapError, match=r"99 labels.*instance segmentation"):
        Annotation.from_labels(np.arange(100).reshape(10, 10))


@pytest.mark.parametrize("classes", [None, NEW_ANNOTATION])
def test_an_empty_annotation_is_refused(classes):
    with pytest.raises(AnnotationError, match="empty"):
        Annotation.from_labels(np.zeros((2, 4, 4), np.uint8), classes)


def test_dense_labels_without_one_slice_of_both_values_are_refused():
    with pytest.raises(AnnotationError, match="No slice of the annotation holds both 0 and 1"):
        Annotation.from_labels(stack_of([0, 0], [1, 1]))
    with pytest.raises(AnnotationError, match="Every pixel of the annotation is 255"):
        Annotation.from_labels(stack_of([255, 255], [255, 255]))


@pytest.mark.parametrize("shape", [(4,), (1, 2, 3, 4)])
def test_what_is_no_stack_is_refused_with_its_shape(shape):
    with pytest.raises(AnnotationError, match=str(shape).replace("(", r"\(").replace(")", r"\)")):
        Annotation.from_labels(np.ones(shape, np.uint8))


def test_fractions_are_no_labels():
    with pytest.raises(AnnotationError, match="float64"):
        Annotation.from_labels(np.zeros((2, 2)))
