"""The class list as the window shows it: rows of classes with their colours and pixel counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from napari_advseg.app.ports.annotations import ClassRow
from napari_advseg.core.runtime.errors import ClassMapError, UndecidedLabels

from .annotation_summary import AnnotationSummary
from .class_rows import MIN_CLASSES


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


class Offer(Enum):
    """A way to name the labels of an annotation."""

    OBJECTS = "objects"
    """Each label except 0 is an object, 0 is background."""
    STROKES = "strokes"
    """The one label is a class, 0 is unlabelled."""
    EACH = "each"
    """Each label is a class, 0 is unlabelled."""


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
    offers : tuple of Offer
        Ways to name the labels of an annotation whose classes are unknown, each by one click.
    """

    rows: tuple[ShownClass, ...] = ()
    values_editable: bool = True
    painted: int | None = None
    unnamed: tuple[int, ...] = ()
    note: str = ""
    offers: tuple[Offer, ...] = ()


def placeholder_rows(names: Sequence[str]) -> tuple[ShownClass, ...]:
    """Rows of an annotation whose classes are unknown: the user enters the values."""
    return tuple(map(ShownClass, names))


def shown_rows(rows: Sequence[ClassRow]) -> tuple[ShownClass, ...]:
    """Rows to show, without colours and pixel counts so far."""
    return tuple(ShownClass(row.name, row.values, row.typed, row.derived) for row in rows)


def plain_rows(rows: Sequence[ClassRow]) -> tuple[ClassRow, ...]:
    """Rows without colours and pixel counts."""
    return tuple(ClassRow(row.name, row.values, row.typed, row.derived) for row in rows)


def with_pixel_counts(
    rows: Sequence[ShownClass], summary: AnnotationSummary | None
) -> tuple[ShownClass, ...]:
    """Add the pixels and the share of each class whose values the summary has counted."""
    if summary is None or summary.classes is None or not summary.pixels_of_class:
        return tuple(rows)
    labelled = sum(summary.pixels_of_class)
    classes = summary.classes.classes
    counts = zip(classes, summary.pixels_of_class, strict=True)
    pixels = {(one.values, one.derived): n for one, n in counts}
    return tuple(
        replace(row, pixels=pixels[key], share=pixels[key] / max(labelled, 1))
        if (key := (row.values, row.derived)) in pixels
        else row
        for row in rows
    )


def offers_of(rows: Sequence[ClassRow], summary: AnnotationSummary | None) -> tuple[Offer, ...]:
    """Ways to name labels whose classes are unknown; none if they are known or are being typed."""
    if summary is None or not isinstance(summary.problem, ClassMapError):
        return ()
    if not rows or any(row.values_text for row in rows):
        return ()
    if isinstance(summary.problem, UndecidedLabels):
        return Offer.OBJECTS, Offer.STROKES
    return (Offer.OBJECTS, Offer.EACH) if len(summary.unnamed) >= MIN_CLASSES else (Offer.OBJECTS,)


def format_share(share: float | None) -> str:
    """A share in percent, without decimals."""
    if share is None:
        return ""
    if 0 < share < 0.01:
        return "<1 %"
    return f"{share:.0%}".replace("%", " %")
