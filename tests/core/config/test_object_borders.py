"""Borders of objects against scikit-image, slice by slice."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, generate_binary_structure
from skimage.segmentation import find_boundaries

from napari_advseg.core.config.object_borders import object_borders


@pytest.fixture
def objects():
    """Three slices of objects that touch each other, the image's border and 0."""
    draws = np.random.default_rng(1)
    return np.kron(draws.integers(0, 4, (3, 6, 7)), np.ones((1, 5, 6), int))


def test_borders_are_those_of_scikit_image(objects):
    expected = [find_boundaries(one, connectivity=1, mode="inner") for one in objects]
    assert (object_borders(objects) == np.stack(expected)).all()


def test_two_pixels_wide_is_what_two_erosions_take(objects):
    cross = generate_binary_structure(2, 1)
    expected = np.zeros(objects.shape, bool)
    for z, one in enumerate(objects):
        for number in (1, 2, 3):
            inner = binary_erosion(one == number, cross, iterations=2, border_value=1)
            expected[z] |= (one == number) & ~inner
    assert (object_borders(objects, width=2) == expected).all()


def test_touching_leaves_out_what_faces_0(objects):
    touching = object_borders(objects, around=False)
    assert touching.any()
    for z, one in enumerate(objects):  # only one object: nothing touches
        assert not object_borders(np.where(one == 1, 1, 0), around=False).any(), z
    # scikit-image's thick boundaries of objects that have no 0 between them
    filled = objects + 1
    expected = [find_boundaries(one, connectivity=1, mode="thick") for one in filled]
    assert (object_borders(filled, around=False) == np.stack(expected)).all()


def test_borders_do_not_reach_into_the_next_slice():
    stack = np.stack([np.full((4, 4), 1), np.full((4, 4), 2)])
    assert not object_borders(stack).any()
