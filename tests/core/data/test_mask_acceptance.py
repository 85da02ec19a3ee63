"""Accepting a mask into an annotation, against a plain pixel-by-pixel reading of the rule."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg.core.config.classes import UNLABELLED, ClassMap
from napari_advseg.core.data.mask_acceptance import accept_slice, accept_stack, same_classes
from napari_advseg.core.runtime.errors import ClassMapError

SPARSE = ClassMap.of(cell=1, membrane=2)
DENSE = ClassMap.of(cell=255, membrane=(0, 32))


def written(labels, change):
    """The annotation after the change."""
    after = labels.copy()
    after[change.where] = change.after
    return after


def by_hand(labels, indices, classes, region, overwrite):
    """The rule, one pixel at a time."""
    class_of = {v: i for i, c in enumerate(classes.classes) for v in c.values}
    after = labels.copy()
    for at in np.ndindex(labels.shape):
        painted = class_of.get(int(labels[at]))
        take = indices[at] != UNLABELLED and region[at] and painted != indices[at]
        if take and (overwrite or painted is None):
            after[at] = classes.mask_values[indices[at]]
    return after


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    ("classes", "values"),
    [
        (SPARSE, (0, 1, 2)),
        (DENSE, (0, 32, 255)),
        (ClassMap.of(membrane=1, glia=7, synapse=(300, 9)), (0, 1, 7, 9, 300)),
    ],
)
def test_each_pixel_follows_the_rule(classes, values, overwrite):
    draws = np.random.default_rng(0)
    labels = draws.choice(np.array(values, np.int32), (24, 40))
    indices = draws.choice(np.array([*range(len(classes)), UNLABELLED], np.uint8), labels.shape)
    region = draws.random(labels.shape) < 0.5
    change = accept_slice(3, labels, indices, classes, region=region, overwrite=overwrite)
    expected = by_hand(labels, indices, classes, region, overwrite)
    np.testing.assert_array_equal(written(labels, change), expected)
    np.testing.assert_array_equal(change.where, expected != labels)
    np.testing.assert_array_equal(change.before, labels[change.where])
    assert change.after.dtype == labels.dtype
    assert change.z == 3
    replaced = by_hand(labels, indices, classes, region, True)
    assert change.kept == np.count_nonzero(replaced != expected)


def test_what_was_not_predicted_stays_as_it_is():
    labels = np.array([[0, 1, 2]], np.uint8)
    change = accept_slice(0, labels, np.full((1, 3), UNLABELLED, np.uint8), SPARSE, overwrite=True)
    assert (change.pixels, change.kept) == (0, 0)


def test_a_dense_slice_that_counts_as_unannotated_is_filled_without_overwriting():
    labels = np.zeros((2, 3), np.uint8)
    indices = np.array([[0, 0, 1], [1, 0, UNLABELLED]], np.uint8)
    assert accept_slice(0, labels, indices, DENSE).pixels == 0
    change = accept_slice(0, labels, indices, DENSE, blank=True)
    np.testing.assert_array_equal(written(labels, change), [[255, 255, 0], [0, 255, 0]])
    assert (change.pixels, change.kept) == (3, 0)  # a membrane pixel was 0 and is


def test_a_stack_gives_the_slices_that_change():
    labels = np.zeros((4, 5, 6), np.uint8)
    indices = np.full(labels.shape, UNLABELLED, np.uint8)
    indices[1], indices[3, 0] = 0, 1
    table = same_classes(ClassMap.of(membrane=0, cell=255), SPARSE)
    found = list(accept_stack(labels, indices, SPARSE, table=table))
    assert [(c.z, c.pixels, set(c.after)) for c in found] == [(1, 30, {2}), (3, 6, {1})]
    assert not labels.any()  # nothing is written here


def test_a_dense_stack_is_filled_on_the_slices_that_nobody_annotated():
    labels = np.zeros((3, 4, 4), np.uint8)
    labels[0, :2] = 255  # annotated
    labels[2, 1, 1] = 255  # painted on since it was last read
    indices = np.zeros(labels.shape, np.uint8)
    table = same_classes(DENSE, DENSE)
    found = list(accept_stack(labels, indices, DENSE, table=table, unannotated={1, 2}))
    assert [(c.z, c.pixels, c.kept) for c in found] == [(0, 0, 8), (1, 16, 0), (2, 0, 15)]


def test_classes_are_matched_by_name_whatever_their_order():
    table = same_classes(ClassMap.of(cell=255, membrane=0), ClassMap.of(membrane=2, cell=1))
    np.testing.assert_array_equal(table[[0, 1, UNLABELLED]], [1, 0, UNLABELLED])
    with pytest.raises(ClassMapError, match=r"show cell, glia and the annotation has cell, membr"):
        same_classes(ClassMap.of(cell=1, glia=2), SPARSE)


def test_a_label_that_no_class_names_is_refused():
    with pytest.raises(ClassMapError, match="9"):
        accept_slice(0, np.full((2, 2), 9, np.uint8), np.zeros((2, 2), np.uint8), SPARSE)


def test_a_value_that_the_layer_cannot_hold_is_refused():
    classes = ClassMap.of(cell=1, membrane=300)
    with pytest.raises(ClassMapError, match="300 does not fit"):
        accept_slice(0, np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8), classes)
