"""Classes in layer metadata: the keys and the text that earlier versions wrote and later ones read."""

from __future__ import annotations

import pytest

from napari_advseg.app.ports.annotations import ClassRow
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.runtime.errors import ClassMapError
from napari_advseg.gui.layers.class_metadata import (
    class_map_metadata,
    mask_metadata,
    read_carried_map,
    read_entered_rows,
    read_meaning,
    write_entered_rows,
)

CLASSES = ClassMap.of(cell=255, membrane=(0, 32))
ROWS = (ClassRow("cell", (255,)), ClassRow("membrane", (0, 32)))
TEXT = "cell=255,membrane=0+32"


def test_a_class_map_is_text_and_is_read_again():
    metadata = class_map_metadata(CLASSES)
    assert metadata == {"advseg_classes": TEXT}
    assert read_carried_map(metadata) == read_meaning(metadata) == CLASSES
    assert read_entered_rows(metadata) is None


def test_a_mask_has_one_label_for_each_class():
    three = ClassMap.of(cell=255, membrane=(0, 32), glia=7)
    assert mask_metadata(three) == {"advseg_classes": "cell=1,membrane=2,glia=3"}


@pytest.mark.parametrize(
    ("rows", "text", "classes"),
    [
        (ROWS, TEXT, CLASSES),
        ((ClassRow("cell", (255,)), ClassRow("rim")), "cell=255,rim=", None),
        ((ClassRow("cell", (7,), "007"), ClassRow("rim", (), "3+-")), "cell=007,rim=3+-", None),
        ((), "", None),
    ],
)
def test_entered_classes_are_text_and_are_read_again(rows, text, classes):
    metadata = {}
    assert write_entered_rows(metadata, rows, carried=False) == classes
    assert metadata == {"advseg_told": text}
    assert read_entered_rows(metadata) == rows
    assert read_meaning(metadata) == classes


@pytest.mark.parametrize(
    ("before", "carried", "after"),
    [({}, False, None), ({}, True, TEXT), ({"advseg_classes": "a=1,b=2"}, False, TEXT)],
)
def test_complete_classes_replace_the_class_map_that_is_carried(before, carried, after):
    metadata = dict(before)
    write_entered_rows(metadata, ROWS, carried=carried)
    assert metadata.get("advseg_classes") == after


def test_incomplete_classes_leave_the_class_map_but_are_the_meaning():
    metadata = {"advseg_classes": "a=1,b=2"}
    write_entered_rows(metadata, (ClassRow("a", (1,)),), carried=True)
    assert read_carried_map(metadata) == ClassMap.of(a=1, b=2)
    assert read_meaning(metadata) is None


def test_metadata_without_classes_or_with_other_text():
    assert read_carried_map({}) is read_entered_rows({}) is read_meaning({}) is None
    with pytest.raises(ClassMapError, match="not of the form"):
        read_carried_map({"advseg_classes": "cell"})
