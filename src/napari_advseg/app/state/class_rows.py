"""Rows of classes, complete or not: conversion to and from a class map, and edits of the list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from napari_advseg.app.ports.annotations import ClassRow
from napari_advseg.core.config.classes import (
    BORDERS,
    IGNORE,
    OBJECTS,
    ClassMap,
    SegmentationClass,
    is_ignore,
    malformed_class,
    parse_values,
)
from napari_advseg.core.runtime.errors import ClassMapError

MIN_CLASSES = 2
"""Fewest classes that a network can be trained on."""

BORDER_CLASS = "membrane"
"""Name of a class that is made for the borders of objects."""

Rows = tuple[ClassRow, ...]


# ---- conversion


def rows_from_map(classes: ClassMap) -> Rows:
    """Rows of a class map, in its order; the values to ignore last."""
    ignored = (ClassRow(IGNORE, classes.ignored),) if classes.ignored else ()
    return (
        *(ClassRow(one.name, one.values, derived=one.derived) for one in classes.classes),
        *ignored,
    )


def to_class_map(rows: Sequence[ClassRow]) -> ClassMap:
    """Class map of complete rows.

    Raises
    ------
    ClassMapError
        If a row has no name or no values, a name or a value occurs twice, or there are fewer than two rows.
    """
    ignored = [row for row in rows if is_ignore(row.name) and row.complete and not row.derived]
    classes = tuple(_to_class(row) for row in rows if row not in ignored)
    return ClassMap(classes=classes, ignored=tuple(v for row in ignored for v in row.values))


def complete_map(rows: Sequence[ClassRow]) -> ClassMap | None:
    """Class map of rows, None while they do not form one."""
    try:
        return to_class_map(rows)
    except ClassMapError:
        return None


def _to_class(row: ClassRow) -> SegmentationClass:
    if not row.complete:
        raise malformed_class(f"{row.name}={row.values_text}")
    return SegmentationClass(name=row.name, values=row.values, derived=row.derived)


def row_from_fields(name: str, values_text: str) -> ClassRow:
    """Row of a name and the text of a values field, ``value+value``; other text is kept as typed."""
    values, derived = parse_values(values_text)
    row = ClassRow(name) if values is None else ClassRow(name, values, derived=derived)
    return row if row.values_text == values_text else replace(row, typed=values_text)


# ---- queries


def one_label_per_class(rows: Sequence[ClassRow]) -> bool:
    """Whether each class is a single label other than 0, as in a painted annotation: 0 is unlabelled."""
    return bool(rows) and all(
        len(row.values) == 1 and row.values != (0,) and not row.derived for row in rows
    )


def index_of_value(rows: Sequence[ClassRow], value: int | None) -> int | None:
    """Position of the class that a label value belongs to, None if it belongs to none."""
    named = next((i for i, row in enumerate(rows) if value in row.values), None)
    if named is not None or not value:
        return named
    return next((i for i, row in enumerate(rows) if OBJECTS in row.derived), None)


def label_of(rows: Sequence[ClassRow], index: int) -> int | None:
    """A label that stands for a class where one is enough, as for its colour; None if there is none."""
    row = rows[index]
    if row.values or OBJECTS not in row.derived:
        return row.values[0] if row.values else None
    classes = complete_map(rows)
    return None if classes is None else classes.mask_values[index]


def border_word(rows: Sequence[ClassRow]) -> tuple[int, str] | None:
    """Position of the class of the borders of objects, and their word; None if no class has them."""
    return next(
        ((i, word) for i, row in enumerate(rows) for word in row.derived if word in BORDERS), None
    )


def row_per_label(labels: Sequence[int]) -> Rows:
    """One class for each label, in descending order; 0 only if there were fewer than two without it."""
    chosen = sorted((label for label in labels if label != 0), reverse=True)
    if len(chosen) < MIN_CLASSES:
        chosen = sorted(labels, reverse=True)
    return tuple(ClassRow(f"label {label}", (label,)) for label in chosen)


def border_choices(rows: Sequence[ClassRow]) -> tuple[tuple[str, str, str], ...]:
    """What the borders of objects can be: sentence, word and class name for `set_borders`."""
    gap = next((row.name for row in rows if 0 in row.values), None)
    gaps = () if gap is None else ((f"{gap} between objects that touch", "touching", gap),)
    return (
        ("part of the objects", "", ""),
        *gaps,
        (f"{BORDER_CLASS} between objects that touch", "touching", BORDER_CLASS),
        (f"{BORDER_CLASS} around all objects", "borders", BORDER_CLASS),
    )


def objects_and_background(names: Sequence[str]) -> Rows:
    """Every label except 0 is an object of the first class, 0 the second class."""
    return ClassRow(names[0], derived=(OBJECTS,)), ClassRow(names[1], (0,))


def strokes_of_one_class(names: Sequence[str], label: int) -> Rows:
    """`label` is the first class, another label the second one, and 0 unlabelled."""
    return ClassRow(names[0], (label,)), ClassRow(names[1], (2 if label == 1 else 1,))


# ---- edits


def set_borders(rows: Rows, word: str, name: str) -> Rows:
    """Give the borders of objects to the class `name`, which is made if there is none.

    Parameters
    ----------
    rows : tuple of ClassRow
    word : str
        A key of `BORDERS`; empty leaves the borders to the objects.
    name : str
    """
    without = (replace(r, derived=tuple(w for w in r.derived if w not in BORDERS)) for r in rows)
    kept = tuple(row for row in without if row.complete)
    if not word:
        return kept
    if all(row.name != name for row in kept):
        return (*kept, ClassRow(name, derived=(word,)))
    return tuple(replace(r, derived=(*r.derived, word)) if r.name == name else r for r in kept)


def add_value(rows: Rows, index: int, value: int) -> Rows:
    """Add a label value to a class."""
    return _set_row(
        rows, index, replace(rows[index], values=(*rows[index].values, value), typed="")
    )


def rename_row(rows: Rows, index: int, name: str) -> Rows:
    """Change the name of a class; what is called ignore moves to the end and is no class any more."""
    renamed = replace(rows[index], name=name.strip())
    if is_ignore(name):
        return (*remove_row(rows, index), replace(renamed, name=IGNORE))
    return _set_row(rows, index, renamed)


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
    values = (*rows[into].values, *rows[index].values)
    derived = (*rows[into].derived, *rows[index].derived)
    merged = ClassRow(rows[into].name, values, derived=derived)
    return remove_row(_set_row(rows, into, merged), index)


def move_row_up(rows: Rows, index: int) -> Rows:
    """Swap a class with the one before it; the first class is the positive one."""
    if index == 0:
        return rows
    return (*rows[: index - 1], rows[index], rows[index - 1], *rows[index + 1 :])


def _set_row(rows: Rows, index: int, row: ClassRow) -> Rows:
    return (*rows[:index], row, *rows[index + 1 :])
