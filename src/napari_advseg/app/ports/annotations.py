"""What the application asks of an annotation layer beyond its pixels: classes, colours, the brush."""

from __future__ import annotations

from typing import Protocol


class AnnotationPort(Protocol):
    """Labels layers by name, on the GUI thread; a layer that is gone raises `AdvSegError`."""

    def keep_told(self, layer: str, text: str, *, carried: bool = False) -> None:
        """Keep in the layer what the person said of its classes, and give new classes a colour.

        With `carried` it takes the place of a class map that the layer's file carries.
        """
        ...

    def colours(self, layer: str, values: tuple[int, ...]) -> tuple[str, ...]:
        """Colour of each label value as the layer shows it, ``#rrggbbaa``."""
        ...

    def recolour(self, layer: str, values: tuple[int, ...], colour: str) -> None:
        """Show label values in another colour, ``#rrggbb``, as translucent as before."""
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
