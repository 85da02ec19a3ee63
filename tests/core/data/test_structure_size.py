"""How thick structures are, and the scale that is chosen from it."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import disk

from napari_advseg.core.config.classes import UNLABELLED, ClassMap
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.split import Split
from napari_advseg.core.data.structure_size import (
    StructureSize,
    suitable_scale,
    thinnest_structure,
)

TWO = ClassMap.of(background=0, object=1)
WHOLE = Split((0,), (1,))


def annotated(plane, classes=TWO):
    return Annotation(np.stack([plane, plane]), classes)


@pytest.mark.parametrize("width", [4, 10, 31, 60])
def test_a_band_is_as_thick_as_it_is(width):
    plane = np.zeros((200, 300), np.uint8)
    plane[70 : 70 + width] = 1
    found = thinnest_structure(annotated(plane), (0,))
    assert found.name == "object"
    assert found.thickness == pytest.approx(width, abs=1.0)


@pytest.mark.parametrize("radius", [6, 20, 40])
def test_a_disc_has_two_thirds_of_its_diameter(radius):
    plane = np.zeros((200, 200), np.uint8)
    plane[disk((100, 100), radius)] = 1
    found = thinnest_structure(annotated(plane), (0,))
    assert found.thickness == pytest.approx(4 * radius / 3, rel=0.15)


def test_the_thinnest_class_beside_the_most_frequent_one_decides():
    plane = np.zeros((200, 200), np.uint8)
    plane[20:60] = 1
    plane[100:106] = 2
    three = ClassMap.of(background=0, thick=1, thin=2)
    assert thinnest_structure(annotated(plane, three), (0,)).name == "thin"


def test_strokes_do_not_show_it():
    plane = np.full((100, 100), UNLABELLED, np.uint8)
    plane[10:13], plane[50:53] = 0, 1
    assert thinnest_structure(annotated(plane), (0,)) is None


def test_what_is_unlabelled_is_no_rim():
    """A band that is labelled in its middle alone is not taken for a thin one."""
    plane = np.full((100, 200), UNLABELLED, np.uint8)
    plane[:40], plane[60:] = 0, 0
    plane[48:52] = 1
    assert thinnest_structure(annotated(plane), (0,)).thickness > 10


@pytest.mark.parametrize(
    ("thickness", "shape", "patch", "scale"),
    [
        (8, (2, 512, 512), 128, 1),  # membranes
        (45, (2, 1024, 1024), 128, 2),  # mitochondria at 5 nm
        (130, (2, 1024, 1024), 128, 8),
        (130, (2, 600, 1024), 128, 4),  # a patch has to fit
        (130, (2, 200, 200), 128, 1),
        (1e9, (2, 9000, 9000), 128, 8),
    ],
)
def test_structures_keep_their_pixels_and_patches_fit(thickness, shape, patch, scale):
    assert suitable_scale(StructureSize("x", thickness), shape, WHOLE, patch) == scale


def test_a_divided_slice_leaves_less_room():
    divided = Split((0,), (0,), (0, 213), (341, 512))
    assert suitable_scale(StructureSize("x", 60), (1, 512, 512), divided, 128) == 1
    assert suitable_scale(None, (1, 512, 512), WHOLE, 128) == 1
