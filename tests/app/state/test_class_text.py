"""Rows of classes as the text of layer metadata, and back."""

from __future__ import annotations

import pytest

from napari_advseg.app.ports.annotations import ClassRow
from napari_advseg.app.state.class_rows import complete_map, rows_from_map
from napari_advseg.app.state.class_text import format_rows, parse_rows
from napari_advseg.core.config.classes import ClassMap


@pytest.mark.parametrize(
    "text",
    ["", "cell=255,membrane=0+32", "cell=,membrane=", "a b=-1", "cell=007", "cell=1,rim=3+-", "=1"],
)
def test_text_becomes_rows_and_the_same_text_again(text):
    assert format_rows(parse_rows(text)) == text


@pytest.mark.parametrize(
    "rows",
    [
        (),
        (ClassRow("cell", (255,)), ClassRow("membrane", (0, 32))),
        (ClassRow("cell"), ClassRow("", (1,))),
        (ClassRow("cell", (7,), "007"), ClassRow("rim", (), "3+-")),
    ],
)
def test_rows_become_text_and_the_same_rows_again(rows):
    assert parse_rows(format_rows(rows)) == rows


def test_complete_text_is_read_and_written_as_by_a_class_map():
    classes = ClassMap.parse(" cell = 255 , membrane=0+32 ")
    assert complete_map(parse_rows(" cell = 255 , membrane=0+32 ")) == classes
    assert format_rows(rows_from_map(classes)) == str(classes)
