"""The class list as the window shows it: rows of classes with their colours and pixel counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from napari_advseg.app.ports.annotations import ClassRow

from .annotation_summary import AnnotationSummary


@dataclass(frozen=True)
class ShownClass(ClassRow):
    """One row of the class list.

    Attributes
    ----------
    colour : str
        ``#rrggbb`` or ``#rrggbbaa``.
    pixels : int or None
        Number of pixels with one of its values; None until they are counted.
    share : float or None
        Their share of all labelled pixels, 0 to 1.
    """

    colour: str = "#80808000"
    pixels: int | None = None
    share: float | None = None


@dataclass(frozen=True)
class ClassList:
    """The classes of the chosen annotation as the window shows them.

    Attributes
    ----------
    rows : tuple of ShownClass
        In the order of the classes; the first is the positive one.
    values_editable : bool
        Whether the user can type label values: those of an annotation made by painting are only shown.
    painted : int or None
        Position of the class that the brush paints.
    unnamed : tuple of int
        Labels of the annotation that have no class.
    note : str
        Sentence about unpainted pixels.
    """

    rows: tuple[ShownClass, ...] = ()
    values_editable: bool = True
    painted: int | None = None
    unnamed: tuple[int, ...] = ()
    note: str = ""


PLACEHOLDER_ROWS = (ShownClass("cell"), ShownClass("membrane"))
"""Rows of an annotation whose classes are unknown: the user enters the values."""


def shown_rows(rows: Sequence[ClassRow]) -> tuple[ShownClass, ...]:
    """Rows to show, without colours and pixel counts so far."""
    return tuple(ShownClass(row.name, row.values, row.typed) for row in rows)


def plain_rows(rows: Sequence[ClassRow]) -> tuple[ClassRow, ...]:
    """Rows without colours and pixel counts."""
    return tuple(ClassRow(row.name, row.values, row.typed) for row in rows)


def with_pixel_counts(
    rows: Sequence[ShownClass], summary: AnnotationSummary | None
) -> tuple[ShownClass, ...]:
    """Add the pixels and the share of each class whose values the summary has counted."""
    if summary is None or summary.classes is None or not summary.pixels_of_class:
        return tuple(rows)
    labelled = sum(summary.pixels_of_class)
    classes = summary.classes.classes
    pixels = {one.values: n for one, n in zip(classes, summary.pixels_of_class, strict=True)}
    return tuple(
        replace(row, pixels=pixels[row.values], share=pixels[row.values] / max(labelled, 1))
        if row.values in pixels
        else row
        for row in rows
    )


def format_share(share: float | None) -> str:
    """A share in percent, without decimals."""
    if share is None:
        return ""
    if 0 < share < 0.01:
        return "<1 %"
    return f"{share:.0%}".replace("%", " %")
