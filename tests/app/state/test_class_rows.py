"""Rows of classes: complete or not, as values, and what an edit makes of them."""

from __future__ import annotations

import pytest

from napari_advseg.app.ports.annotations import ClassRow
from napari_advseg.app.state.class_rows import (
    append_row,
    complete_map,
    insert_row,
    merge_rows,
    move_row_up,
    objects_and_background,
    one_label_per_class,
    remove_row,
    rename_row,
    row_per_label,
    rows_from_map,
    set_borders,
    set_row_values,
    to_class_map,
)
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.runtime.errors import ClassMapError

CELL, MEMBRANE, GLIA = (
    ClassRow("cell", (255,)),
    ClassRow("membrane", (0, 32)),
    ClassRow("glia", (7,)),
)
ROWS = (CELL, MEMBRANE, GLIA)


@pytest.mark.parametrize("text", ["cell=255,membrane=0+32", "a b=-1,c=2147483647", "x=1,y=2,z=3"])
def test_a_class_map_becomes_rows_and_the_same_map_again(text):
    classes = ClassMap.parse(text)
    assert to_class_map(rows_from_map(classes)) == classes
    assert str(to_class_map(rows_from_map(classes))) == text


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ((), ""),
        ((CELL,), "cell=255"),
        ((CELL, ClassRow("membrane")), "cell=255,membrane="),
        ((CELL, ClassRow("membrane", (), "0+-")), "cell=255,membrane=0+-"),
        ((CELL, ClassRow("", (0,))), "cell=255,=0"),
        ((CELL, ClassRow("cell", (0,))), "cell=255,cell=0"),
        ((CELL, ClassRow("membrane", (255,))), "cell=255,membrane=255"),
        ((CELL, ClassRow("membrane", (2**31,))), "cell=255,membrane=2147483648"),
    ],
)
def test_incomplete_rows_are_refused_in_the_words_of_the_command_line(rows, text):
    with pytest.raises(ClassMapError) as of_rows:
        to_class_map(rows)
    with pytest.raises(ClassMapError) as of_text:
        ClassMap.parse(text)
    assert str(of_rows.value) == str(of_text.value)
    assert complete_map(rows) is None


@pytest.mark.parametrize(
    ("typed", "kept", "values"),
    [
        ("0, 32 64", "0+32+64", (0, 32, 64)),
        ("7", "7", (7,)),
        ("", "", ()),
        ("3++4", "3+4", (3, 4)),
        ("007", "007", (7,)),
        ("3 -", "3+-", ()),
        ("-1", "-1", (-1,)),
    ],
)
def test_values_are_read_as_users_type_them(typed, kept, values):
    (row,) = set_row_values((ClassRow("cell", (1,)),), 0, typed)
    assert (row.name, row.values_text, row.values) == ("cell", kept, values)


def test_a_new_name_keeps_values_and_what_was_typed():
    rows = (CELL, ClassRow("membrane", (), "0+-"))
    assert rename_row(rows, 1, "  border ") == (CELL, ClassRow("border", (), "0+-"))


def test_a_new_class_gets_the_first_unnamed_label_or_the_next_value_and_a_name_of_its_own():
    assert append_row(ROWS, (0, 255, 64))[3] == ClassRow("class 4", (64,))
    assert append_row(ROWS, ())[3] == ClassRow("class 4", (256,))
    named = (CELL, ClassRow("class 3", (1,)))
    assert append_row(named, ())[2] == ClassRow("class 4", (256,))


def test_borders_of_objects_go_to_a_class_and_back():
    rows = objects_and_background(("mitochondrion", "background"))
    gap = set_borders(rows, "touching", "background")
    assert str(to_class_map(gap)) == "mitochondrion=objects,background=0+touching"
    membrane = set_borders(gap, "borders", "membrane")
    assert str(to_class_map(membrane)) == "mitochondrion=objects,background=0,membrane=borders"
    assert set_borders(membrane, "", "") == rows


def test_one_class_for_each_label_leaves_0_out_unless_it_is_needed():
    assert row_per_label((0, 32, 200)) == (
        ClassRow("label 200", (200,)),
        ClassRow("label 32", (32,)),
    )
    assert row_per_label((0, 9)) == (ClassRow("label 9", (9,)), ClassRow("label 0", (0,)))


def test_rows_move_merge_go_and_come_back():
    assert move_row_up(ROWS, 0) == ROWS
    assert move_row_up(ROWS, 2) == (CELL, GLIA, MEMBRANE)
    assert merge_rows(ROWS, 2, 0) == (ClassRow("cell", (255, 7)), MEMBRANE)
    assert merge_rows(ROWS, 0, 2) == (MEMBRANE, ClassRow("glia", (7, 255)))
    assert insert_row(remove_row(ROWS, 1), 1, MEMBRANE) == ROWS


@pytest.mark.parametrize(
    ("rows", "expected"),
    [((), False), (ROWS, False), ((CELL, GLIA), True), ((CELL, ClassRow("x", (0,))), False)],
)
def test_a_painted_annotation_has_one_label_other_than_0_for_each_class(rows, expected):
    assert one_label_per_class(rows) is expected
