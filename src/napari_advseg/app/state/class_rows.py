"""Rows of classes, complete or not: conversion to and from a class map, and edits of the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from napari_advseg.app.ports.annotations import ClassRow
from napari_advseg.core.config.classes import ClassMap, SegmentationClass, malformed_class
from napari_advseg.core.runtime.errors import ClassMapError

MIN_CLASSES = 2
"""Fewest classes that a network can be trained on."""

Rows = tuple[ClassRow, ...]


# ---- conversion


def rows_from_map(classes: ClassMap) -> Rows:
    """Rows of a class map, in its order."""
    return tuple(ClassRow(one.name, one.values) for one in classes.classes)


def to_class_map(rows: Sequence[ClassRow]) -> ClassMap:
    """Class map of complete rows.

    Raises
    ------
    ClassMapError
        If a row has no name or no values, a name or a value occurs twice, or there are fewer than two rows.
    """
    return ClassMap(classes=tuple(map(_to_class, rows)))


def complete_map(rows: Sequence[ClassRow]) -> ClassMap | None:
    """Class map of rows, None while they do not form one."""
    try:
        return to_class_map(rows)
    except ClassMapError:
        return None


def _to_class(row: ClassRow) -> SegmentationClass:
    if not row.values:
        raise malformed_class(f"{row.name}={row.values_text}")
    return SegmentationClass(name=row.name, values=row.values)


def row_from_fields(name: str, values_text: str) -> ClassRow:
    """Row of a name and the text of a values field, ``value+value``; other text is kept as typed."""
    try:
        row = ClassRow(name, tuple(int(value) for value in values_text.split("+")))
    except ValueError:
        row = ClassRow(name)
    return row if row.values_text == values_text else replace(row, typed=values_text)


# ---- queries


def one_label_per_class(rows: Sequence[ClassRow]) -> bool:
    """Whether each class is a single label other than 0, as in a painted annotation: 0 is unlabelled."""
    return bool(rows) and all(len(row.values) == 1 and row.values != (0,) for row in rows)


def index_of_value(rows: Sequence[ClassRow], value: int | None) -> int | None:
    """Position of the class that a label value belongs to, None if it belongs to none."""
    return next((i for i, row in enumerate(rows) if value in row.values), None)


def row_per_label(labels: Sequence[int]) -> Rows:
    """One class for each label, in descending order; 0 only if there were fewer than two without it."""
    chosen = sorted((label for label in labels if label != 0), reverse=True)
    if len(chosen) < MIN_CLASSES:
        chosen = sorted(labels, reverse=True)
    return tuple(ClassRow(f"label {label}", (label,)) for label in chosen)


# ---- edits


def rename_row(rows: Rows, index: int, name: str) -> Rows:
    """Change the name of a class."""
    return _set_row(rows, index, replace(rows[index], name=name.strip()))


def set_row_values(rows: Rows, index: int, typed: str) -> Rows:
    """Change the label values of a class to what was typed; commas and spaces also separate values."""
    values_text = "+".join(typed.replace("+", " ").replace(",", " ").split())
    return _set_row(rows, index, row_from_fields(rows[index].name, values_text))


def append_row(rows: Rows, unnamed: Sequence[int]) -> Rows:
    """Append a class: its label is the first unnamed one other than 0, else the next free value."""
    used = {value for row in rows for value in row.values}
    free = [value for value in unnamed if value not in used and value != 0]
    value = free[0] if free else max(used | {0}) + 1
    number = len(rows) + 1
    while any(row.name == f"class {number}" for row in rows):
        number += 1
    return (*rows, ClassRow(f"class {number}", (value,)))


def insert_row(rows: Rows, index: int, row: ClassRow) -> Rows:
    """Insert a class before position `index`."""
    return (*rows[:index], row, *rows[index:])


def remove_row(rows: Rows, index: int) -> Rows:
    """Remove a class."""
    return (*rows[:index], *rows[index + 1 :])


def merge_rows(rows: Rows, index: int, into: int) -> Rows:
    """Add the values of class `index` to class `into` and remove class `index`."""
    merged = ClassRow(rows[into].name, (*rows[into].values, *rows[index].values))
    return remove_row(_set_row(rows, into, merged), index)


def move_row_up(rows: Rows, index: int) -> Rows:
    """Swap a class with the one before it; the first class is the positive one."""
    if index == 0:
        return rows
    return (*rows[: index - 1], rows[index], rows[index - 1], *rows[index + 1 :])


def _set_row(rows: Rows, index: int, row: ClassRow) -> Rows:
    return (*rows[:index], row, *rows[index + 1 :])
