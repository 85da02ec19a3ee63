"""Crops around validation labels, and a fixed sample of them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.data.split import Split
from napari_advseg.core.evaluation.validation_sample import (
    MARGIN,
    evenly_spread,
    validation_crops,
)


def labelled(shape, *boxes):
    targets = np.full(shape, UNLABELLED, np.uint8)
    for z, rows, columns in boxes:
        targets[z, slice(*rows), slice(*columns)] = 0
    return targets


def covered(crops, shape):
    count = np.zeros(shape, int)
    for crop in crops:
        count[crop.z, slice(*crop.rows), slice(*crop.columns)] += 1
    return count


def test_a_slice_within_one_tile_is_one_crop():
    crops = validation_crops(np.zeros((3, 512, 512), np.uint8), Split((0,), (1, 2)), 512)
    assert [(c.z, c.rows, c.columns) for c in crops] == [
        (1, (0, 512), (0, 512)),
        (2, (0, 512), (0, 512)),
    ]


def test_crops_hold_every_label_once_and_no_slice_that_trains():
    targets = labelled(
        (3, 300, 400), (0, (0, 50), (0, 50)), (1, (40, 290), (30, 200)), (2, (0, 9), (0, 9))
    )
    crops = validation_crops(targets, Split((0,), (1, 2)), 128)
    count = covered(crops, targets.shape)
    assert (count[1:][targets[1:] != UNLABELLED] == 1).all()
    assert not count[0].any()
    assert all(c.rows[1] - c.rows[0] <= 128 - 2 * MARGIN for c in crops)


def test_tiles_without_a_label_are_left_out():
    targets = labelled((1, 4000, 5000), (0, (1500, 2500), (2200, 4200)))
    crops = validation_crops(targets, Split((0,), (0,), (0, 3000), (3334, 5000)), 512)
    assert covered(crops, targets.shape)[0, 1500:2500, 3334:4200].all()
    assert sum(crop.pixels for crop in crops) < 0.1 * targets.size


@pytest.mark.parametrize("number", [1, 2, 5, 9, 10, 12])
def test_a_sample_is_evenly_spread_and_holds_no_crop_twice(number):
    crops = validation_crops(np.zeros((11, 64, 64), np.uint8), Split((0,), tuple(range(1, 11))), 64)
    sample = evenly_spread(crops, number)
    slices = [crop.z for crop in sample]
    assert len(set(slices)) == len(slices) == min(number, 10)
    gaps = np.diff([0, *slices, 11])
    assert gaps.max() <= -(-11 // min(number, 10)) + 1


def test_an_even_sample_of_many_crops_spreads_over_the_slices_area():
    crops = validation_crops(
        np.zeros((9, 800, 1000), np.uint8), Split((0,), tuple(range(1, 9))), 512
    )
    sample = evenly_spread(crops, 8)
    assert len({crop.origin for crop in sample}) > 2
