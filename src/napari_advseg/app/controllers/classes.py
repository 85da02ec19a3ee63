"""The classes of the chosen annotation: names, values, colours, adding, removing, merging, picking.

The user's edits become rows that are passed to `DataController.set_classes`; where a class is removed or
merged, pixels of the annotation change as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from napari_advseg.app.ports.annotations import ClassRow
from napari_advseg.app.state import class_rows
from napari_advseg.app.state.annotation_summary import AnnotationSummary
from napari_advseg.app.state.class_list import (
    ClassList,
    Offer,
    ShownClass,
    offers_of,
    placeholder_rows,
    plain_rows,
    shown_rows,
    with_pixel_counts,
)
from napari_advseg.app.state.class_rows import MIN_CLASSES
from napari_advseg.app.state.looked_for import first_two
from napari_advseg.core.config.classes import OBJECTS
from napari_advseg.core.config.slice_ranges import slice_words
from napari_advseg.core.runtime.errors import AdvSegError, ClassMapError, Subject

from .base import AppContext, BaseController
from .data import DataController

Result = TypeVar("Result")

UNPAINTED = "Unpainted is unlabelled, never background."


@dataclass(frozen=True)
class _RemovedClass:
    """A class that was removed; it is restored when the user undoes the change of its pixels."""

    index: int
    row: ClassRow


class ClassController(BaseController):
    """Keeps `AppModel.class_list` in step with the annotation, and acts on it.

    Parameters
    ----------
    context : AppContext
    data : DataController
        Receives the classes.
    """

    def __init__(self, context: AppContext, data: DataController) -> None:
        super().__init__(context)
        self._data = data
        self._removed: dict[str, list[_RemovedClass]] = {}
        self._shown_of: str | None = None
        self._model.events.summary.connect(self._summary_changed)
        self._model.events.choices.connect(self.refresh)

    # ---- showing

    def refresh(self) -> None:
        """Update the list from the choices, the summary, and the layer's colours and brush."""
        rows, known = self._known_rows()
        self._shown_of = self._model.choices.annotation
        unnamed = () if known is None else known.unnamed
        one_label = class_rows.one_label_per_class(rows)
        by_painting = known is not None and known.carried and one_label
        painted, rows = self._with_colours(rows)
        self._model.class_list = ClassList(
            rows,
            values_editable=not by_painting or bool(unnamed),
            painted=painted,
            unnamed=unnamed,
            note=UNPAINTED if one_label else "",
            offers=offers_of(rows, known),
        )

    def _known_rows(self) -> tuple[tuple[ShownClass, ...], AnnotationSummary | None]:
        summary, entered = self._model.summary, self._model.choices.classes
        if self._shown_of != self._model.choices.annotation:
            summary = None  # it describes the previous annotation
        if entered is not None:
            rows = shown_rows(entered)
        elif summary is None:
            known = self._shown_of == self._model.choices.annotation
            rows = self._model.class_list.rows if known else ()
        elif summary.classes is not None:
            rows = shown_rows(class_rows.rows_from_map(summary.classes))
        else:
            shown = [row.name for row in self._model.class_list.rows]  # of this annotation, or none
            rows = placeholder_rows(shown or self._names())
        return with_pixel_counts(rows, summary), summary

    def _with_colours(
        self, rows: tuple[ShownClass, ...]
    ) -> tuple[int | None, tuple[ShownClass, ...]]:
        """Position of the class that the brush paints, and the rows in the layer's colours."""
        annotation = self._model.annotation
        if annotation is None:
            return None, rows
        layer = self._viewer.annotations
        try:
            labels = [class_rows.label_of(rows, index) for index in range(len(rows))]
            values = tuple(label for label in labels if label is not None)
            colours = dict(zip(values, layer.colours(annotation.name, values), strict=True))
            painted = class_rows.index_of_value(rows, layer.painted_value(annotation.name))
        except AdvSegError:
            return None, rows
        pairs = zip(rows, labels, strict=True)
        return painted, tuple(
            row if label is None else replace(row, colour=colours[label]) for row, label in pairs
        )

    def _summary_changed(self) -> None:
        self._restore_removed()
        self._show_colours()
        self.refresh()

    def _show_colours(self) -> None:
        """Show the classes of a layer that came with the viewer's own colours."""
        summary = self._model.summary
        if summary is not None and summary.classes is not None and not summary.unnamed:
            classes = summary.classes
            self._try(lambda name: self._viewer.annotations.show_classes(name, classes))

    # ---- naming, values, colours, order

    @property
    def rows(self) -> tuple[ClassRow, ...]:
        """The classes in order, without colours and pixel counts."""
        return plain_rows(self._model.class_list.rows)

    def rename(self, index: int, name: str) -> None:
        """Change the name of a class."""
        self._set(class_rows.rename_row(self.rows, index, name))

    def set_values(self, index: int, typed: str) -> None:
        """Change the label values of a class to what the user typed, for example ``0+32``."""
        self._set(class_rows.set_row_values(self.rows, index, typed))

    def move_up(self, index: int) -> None:
        """Swap a class with the one before it; the first one is the positive one."""
        self._set(class_rows.move_row_up(self.rows, index))

    def recolour(self, index: int, colour: str) -> None:
        """Show a class in another colour, ``#rrggbb``."""
        rows = self.rows
        label = class_rows.label_of(rows, index)
        if label is None:
            return
        values = rows[index].values or (label,)
        rest = OBJECTS in rows[index].derived
        layer = self._viewer.annotations
        self._try(lambda name: layer.recolour(name, values, colour, rest=rest))
        self.refresh()

    def _set(self, rows: tuple[ClassRow, ...]) -> None:
        if rows != self.rows:
            self._data.set_classes(rows)

    # ---- adding, removing, merging

    def add(self) -> int:
        """Append a class and paint with it; return its position."""
        self._set(class_rows.append_row(self.rows, self._model.class_list.unnamed))
        self.pick(len(self.rows) - 1)
        return len(self.rows) - 1

    def make_class_per_label(self) -> None:
        """Make one class for each label of an annotation whose classes are unknown."""
        self._set(class_rows.row_per_label(self._model.class_list.unnamed))

    def name_labels(self, offer: Offer) -> None:
        """Name the labels of an annotation whose classes are unknown."""
        names, unnamed = self._names(), self._model.class_list.unnamed
        if offer is Offer.EACH:
            self.make_class_per_label()
        elif offer is Offer.OBJECTS:
            self._set(class_rows.objects_and_background(names))
        else:
            self._set(class_rows.strokes_of_one_class(names, max(unnamed)))

    def _names(self) -> tuple[str, ...]:
        return first_two(self._model.looked_for)

    def set_borders(self, word: str, name: str) -> None:
        """Give the borders of objects to the class `name`; without a word, leave them to the objects."""
        self._set(class_rows.set_borders(self.rows, word, name))

    def refusal_to_remove(self, index: int) -> str:
        """Reason why a class cannot be removed; an empty string if it can."""
        rows = self.rows
        if len(rows) <= MIN_CLASSES:
            return "Two classes are the fewest: rename this one, or add another first."
        if OBJECTS in rows[index].derived:
            return f"{rows[index].name} has all labels that no class names: merge it instead."
        zero = class_rows.index_of_value(rows, 0)
        if zero not in (None, index) and rows[index].values:
            return f"0 is {rows[zero].name} here, so no pixel can be unlabelled: merge instead."
        return ""

    def pixels_of(self, index: int) -> int:
        """Number of pixels that a class has now."""
        values = self.rows[index].values
        return self._try(lambda name: self._viewer.annotations.count(name, values)) or 0

    def remove(self, index: int) -> None:
        """Remove a class; its pixels become unlabelled, as one undo step."""
        row = self.rows[index]
        if not self.refusal_to_remove(index):
            self._replace(index, 0, f"of {row.name} are unlabelled now")

    def merge(self, index: int, into: int) -> None:
        """Merge class `index` into class `into`.

        If each class is one painted value, the pixels change to the value of the other class, as one undo
        step. Otherwise the pixels stay and the other class gets the values.
        """
        rows = self.rows
        if len(rows) <= MIN_CLASSES or index == into or not rows[into].complete:
            return
        if not class_rows.one_label_per_class(rows):
            self._set(class_rows.merge_rows(rows, index, into))
            return
        words = f"of {rows[index].name} are {rows[into].name} now"
        self._replace(index, rows[into].values[0], words)

    def _replace(self, index: int, by: int, words: str) -> None:
        """Change the pixels of a class to another value, and remove the class from the list."""
        rows = self.rows
        layer, values = self._viewer.annotations, rows[index].values
        changed = self._try(lambda name: layer.replace(name, values, by))
        if changed is None:
            return
        key = self._model.choices.annotation or ""
        self._removed.setdefault(key, []).append(_RemovedClass(index, rows[index]))
        self._set(class_rows.remove_row(rows, index))
        if changed:
            self._model.status = f"{changed:,} pixels {words}; Ctrl+Z on the annotation undoes it."

    def _restore_removed(self) -> None:
        """Restore removed classes whose labels occur again after an undo."""
        summary = self._model.summary
        removed = self._removed.get(self._model.choices.annotation or "", [])
        back = [one for one in removed if summary and set(one.row.values) & set(summary.unnamed)]
        if not back:
            return
        rows = self.rows
        for one in reversed(back):
            removed.remove(one)
            rows = class_rows.insert_row(rows, one.index, one.row)
        self._set(rows)

    # ---- painting

    def pick(self, index: int) -> None:
        """Select a class for the brush."""
        rows = self.rows
        if 0 <= index < len(rows) and rows[index].complete:
            layer, painted = self._viewer.annotations, self._label_to_paint
            self._try(lambda name: layer.paint_with(name, painted(name, index)))
        self.refresh()

    def _label_to_paint(self, layer: str, index: int) -> int:
        """Label that the brush paints for a class: of objects that of a new one."""
        row = self.rows[index]
        if row.values:
            return row.values[0]
        if OBJECTS in row.derived:
            return self._viewer.annotations.free_label(layer, self._taken())
        raise ClassMapError(f"{row.name} are the borders of objects and cannot be painted.")

    def _taken(self) -> tuple[int, ...]:
        return tuple(value for row in self.rows for value in row.values)

    def fill_slices(self, slices: tuple[int, ...], index: int) -> None:
        """Make slices wholly of one class, as one undo step, and use them in the next run.

        Where the only label of the class is 0, which also stands for slices that are not annotated, the class
        gets a second label.
        """
        layer = self._viewer.annotations
        value = self._try(lambda name: self._label_to_fill(name, index))
        if value is None:
            return
        changed = self._try(lambda name: layer.fill_slices(name, slices, value))
        if changed is None:
            return
        self._data.annotated(slices)
        self._model.status = (
            f"{slice_words(slices).capitalize()} {'is' if len(slices) == 1 else 'are'} all "
            f"{self.rows[index].name} now; Ctrl+Z on the annotation undoes it."
        )

    def _label_to_fill(self, layer: str, index: int) -> int:
        row = self.rows[index]
        if any(row.values):
            return next(value for value in row.values if value)
        if not row.values:
            return self._label_to_paint(layer, index)
        value = self._viewer.annotations.free_label(layer, self._taken())
        self._set(class_rows.add_value(self.rows, index, value))
        return value

    def _try(self, act: Callable[[str], Result]) -> Result | None:
        """Act on the chosen annotation; an error is shown next to the classes."""
        annotation = self._model.annotation
        if annotation is None:
            return None
        try:
            return act(annotation.name)
        except AdvSegError as error:
            self._model.set_problem(Subject.CLASSES, str(error))
            return None
