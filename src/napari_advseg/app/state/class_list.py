"""The class list as rows: pure functions from what is known and told to what the window shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.runtime.errors import AdvSegError

from .annotation_summary import AnnotationSummary

FEWEST = 2
"""Classes that a network needs to tell apart."""


@dataclass(frozen=True)
class ClassRow:
    """One class as the list shows it.

    Attributes
    ----------
    name : str
    values : tuple of int
        Its label values; empty while nobody has said which.
    values_text : str
        The values as they were typed, for example ``0+32``.
    colour : str
        ``#rrggbb`` or ``#rrggbbaa``.
    pixels : int or None
        Pixels that hold one of its values; None until they are counted.
    share : float or None
        Their share of all labelled pixels, 0 to 1.
    """

    name: str
    values: tuple[int, ...] = ()
    values_text: str = ""
    colour: str = "#80808000"
    pixels: int | None = None
    share: float | None = None


@dataclass(frozen=True)
class ClassList:
    """The classes of the chosen annotation as the window shows them.

    Attributes
    ----------
    rows : tuple of ClassRow
        In the order of the classes; the first is the positive one.
    values_open : bool
        Whether label values can be typed: those of an annotation made by painting are only shown.
    painted : int or None
        Position of the class that the brush paints.
    unnamed : tuple of int
        Labels of the annotation that have no class.
    note : str
        What it says of unpainted pixels.
    """

    rows: tuple[ClassRow, ...] = ()
    values_open: bool = True
    painted: int | None = None
    unnamed: tuple[int, ...] = ()
    note: str = ""


UNKNOWN = (ClassRow("cell"), ClassRow("membrane"))
"""What is asked of labels that nothing is known of."""


def rows_of_text(text: str) -> tuple[ClassRow, ...]:
    """Read ``name=value+value,...`` as far as it goes; what is no number is kept as typed."""
    rows = []
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, typed = part.partition("=")
        rows.append(ClassRow(name.strip(), _numbers(typed), typed.strip()))
    return tuple(rows)


def rows_of_map(classes: ClassMap) -> tuple[ClassRow, ...]:
    """The rows of a class map."""
    return tuple(ClassRow(one.name, one.values, _joined(one.values)) for one in classes.classes)


def text_of_rows(rows: Iterable[ClassRow]) -> str:
    """The text ``name=value+value,...`` of rows; a value that is missing leaves ``name=``."""
    return ",".join(f"{row.name}={row.values_text}" for row in rows)


def map_of_text(text: str) -> ClassMap | None:
    """The class map that a text stands for, None if it stands for none."""
    try:
        return ClassMap.parse(text)
    except AdvSegError:
        return None


def _numbers(typed: str) -> tuple[int, ...]:
    try:
        return tuple(int(value) for value in typed.split("+"))
    except ValueError:
        return ()


def _joined(values: Iterable[int]) -> str:
    return "+".join(map(str, values))


def counted(rows: Sequence[ClassRow], summary: AnnotationSummary | None) -> tuple[ClassRow, ...]:
    """Add the pixels and the share of each class, where the summary has counted its values."""
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


def painted_only(rows: Sequence[ClassRow]) -> bool:
    """Whether this is the map of an annotation made by painting: one value a class, 0 unlabelled."""
    return bool(rows) and all(len(row.values) == 1 and row.values != (0,) for row in rows)


def renamed(rows: Sequence[ClassRow], index: int, name: str) -> tuple[ClassRow, ...]:
    """Give a class another name."""
    return _changed(rows, index, replace(rows[index], name=name.strip()))


def revalued(rows: Sequence[ClassRow], index: int, typed: str) -> tuple[ClassRow, ...]:
    """Give a class other label values, as typed; commas and blanks stand for plus."""
    typed = "+".join(typed.replace("+", " ").replace(",", " ").split())
    return _changed(rows, index, replace(rows[index], values=_numbers(typed), values_text=typed))


def _changed(rows: Sequence[ClassRow], index: int, row: ClassRow) -> tuple[ClassRow, ...]:
    return (*rows[:index], row, *rows[index + 1 :])


def added(rows: Sequence[ClassRow], unnamed: Sequence[int]) -> tuple[ClassRow, ...]:
    """Append a class: of the first label that is painted and has no class, else of the next free one."""
    used = {value for row in rows for value in row.values}
    free = [value for value in unnamed if value not in used and value != 0]
    value = free[0] if free else max(used | {0}) + 1
    number = len(rows) + 1
    while any(row.name == f"class {number}" for row in rows):
        number += 1
    return (*rows, ClassRow(f"class {number}", (value,), str(value)))


def one_for_each(values: Sequence[int]) -> tuple[ClassRow, ...]:
    """A class for each label, the highest first; 0 only where there would be a single class without."""
    given = sorted((v for v in values if v != 0), reverse=True)
    if len(given) < FEWEST:
        given = sorted(values, reverse=True)
    return tuple(ClassRow(f"label {value}", (value,), str(value)) for value in given)


def without(rows: Sequence[ClassRow], index: int) -> tuple[ClassRow, ...]:
    """Leave a class out."""
    return (*rows[:index], *rows[index + 1 :])


def with_values_of(rows: Sequence[ClassRow], index: int, into: int) -> tuple[ClassRow, ...]:
    """Give the values of class `index` to class `into` and leave the first out."""
    both = (*rows[into].values, *rows[index].values)
    merged = replace(rows[into], values=both, values_text=_joined(both))
    return without(_changed(rows, into, merged), index)


def moved_up(rows: Sequence[ClassRow], index: int) -> tuple[ClassRow, ...]:
    """Swap a class with the one before it; the first class is the positive one."""
    if index == 0:
        return tuple(rows)
    return (*rows[: index - 1], rows[index], rows[index - 1], *rows[index + 1 :])


def index_of_value(rows: Sequence[ClassRow], value: int | None) -> int | None:
    """Position of the class that a label value stands for, None if for none."""
    return next((i for i, row in enumerate(rows) if value in row.values), None)


def words_of_share(share: float | None) -> str:
    """A share in percent, as short as it can be said."""
    if share is None:
        return ""
    if 0 < share < 0.01:
        return "<1 %"
    return f"{share:.0%}".replace("%", " %")
