"""What the application asks of an annotation layer beyond its pixels: classes, colours, the brush."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from napari_advseg.core.config.classes import ClassMap


@dataclass(frozen=True)
class ClassRow:
    """One class as the user entered it; it may be incomplete.

    Attributes
    ----------
    name : str
        Empty while the user has not entered one.
    values : tuple of int
        Its label values; empty if the user has not entered any, or if `typed` is not a list of numbers.
    typed : str
        The text of the values field if it differs from the plain form of `values`, else empty.
    derived : tuple of str
        Words in place of values, such as ``objects``; see `napari_advseg.core.config.classes.DERIVED`.
    """

    name: str
    values: tuple[int, ...] = ()
    typed: str = ""
    derived: tuple[str, ...] = ()

    @property
    def values_text(self) -> str:
        """The label values as text, for example ``0+32`` or ``0+touching``."""
        return self.typed or "+".join([*map(str, self.values), *self.derived])

    @property
    def complete(self) -> bool:
        """Whether something says which pixels belong to the class."""
        return bool(self.values or self.derived)


class AnnotationPort(Protocol):
    """Labels layers by name, on the GUI thread; a layer that is gone raises `AdvSegError`."""

    def keep_classes(
        self, layer: str, rows: tuple[ClassRow, ...], *, carried: bool = False
    ) -> None:
        """Store the classes that the user entered in the layer, and give new classes a colour.

        With `carried` they replace the class map that the layer or its file carries.
        """
        ...

    def show_classes(self, layer: str, classes: ClassMap) -> None:
        """Show a layer that still has the viewer's own colours in those of its classes."""
        ...

    def colours(self, layer: str, values: tuple[int, ...]) -> tuple[str, ...]:
        """Colour of each label value as the layer shows it, ``#rrggbbaa``."""
        ...

    def recolour(
        self, layer: str, values: tuple[int, ...], colour: str, *, rest: bool = False
    ) -> None:
        """Show label values in another colour, ``#rrggbb``, as translucent as before.

        With `rest` also all labels that have no colour of their own.
        """
        ...

    def painted_value(self, layer: str) -> int | None:
        """The label that the brush paints; None if the layer is gone."""
        ...

    def paint_with(self, layer: str, value: int) -> None:
        """Choose the label to paint; the brush is taken up if the layer is the selected one.

        Raises
        ------
        AdvSegError
            If the layer is gone or cannot hold the value.
        """
        ...

    def free_label(self, layer: str, taken: tuple[int, ...]) -> int:
        """A positive label that no pixel has and that is not one of `taken`.

        Raises
        ------
        AdvSegError
            If the layer is gone, or has all labels that its pixels can hold.
        """
        ...

    def fill_slices(self, layer: str, slices: tuple[int, ...], value: int) -> int:
        """Give all pixels of some slices one value, as one undo step; return how many changed.

        Raises
        ------
        AdvSegError
            If the layer is gone or its pixels cannot be changed.
        """
        ...

    def count(self, layer: str, values: tuple[int, ...]) -> int:
        """Pixels that hold one of the values."""
        ...

    def replace(self, layer: str, values: tuple[int, ...], by: int) -> int:
        """Give all pixels of some values another one, as one undo step; return how many.

        Raises
        ------
        AdvSegError
            If the layer is gone or its pixels cannot be changed.
        """
        ...
