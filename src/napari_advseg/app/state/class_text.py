"""Rows of classes as text, ``name=value+value,name=value``.

Only the code that reads and writes layer metadata imports this module: everywhere else in the application
and in the window classes are passed as rows or as a class map. In contrast to `ClassMap.parse`, an incomplete
list can be read and written.
"""

from __future__ import annotations

from collections.abc import Iterable

from napari_advseg.app.ports.annotations import ClassRow

from .class_rows import row_from_fields


def parse_rows(text: str) -> tuple[ClassRow, ...]:
    """Read rows from text; a class without values, or with values that are not numbers, is incomplete."""
    rows = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, values_text = part.partition("=")
        rows.append(row_from_fields(name.strip(), values_text.strip()))
    return tuple(rows)


def format_rows(rows: Iterable[ClassRow]) -> str:
    """Write rows as text; a class without values ends with ``=``."""
    return ",".join(f"{row.name}={row.values_text}" for row in rows)
