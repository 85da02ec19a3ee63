"""The classes of the chosen annotation: told, named, coloured, added, taken out, merged, picked.

The text of a class map is what is told (`DataController.tell_classes`); this module makes that text from
what a person does to the list, and changes pixels where a class is taken out or merged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from napari_advseg.app.ports.viewer import ViewerPort
from napari_advseg.app.state import class_list
from napari_advseg.app.state.annotation_summary import AnnotationSummary
from napari_advseg.app.state.class_list import FEWEST, ClassList, ClassRow
from napari_advseg.app.state.model import AppModel
from napari_advseg.core.runtime.errors import AdvSegError

from .data import DataController

Found = TypeVar("Found")

UNPAINTED = "Unpainted is unlabelled, never background."


@dataclass(frozen=True)
class _TakenOut:
    """A class that was taken out; it comes back with its pixels when a person undoes that."""

    index: int
    row: ClassRow


class ClassController:
    """Keeps `AppModel.class_list` in step with the annotation, and acts on it.

    Parameters
    ----------
    model : AppModel
    viewer : ViewerPort
    data : DataController
        Is told what the classes are.
    """

    def __init__(self, model: AppModel, viewer: ViewerPort, data: DataController) -> None:
        self._model, self._viewer, self._data = model, viewer, data
        self._taken_out: dict[str, list[_TakenOut]] = {}
        self._shown_of: str | None = None
        model.events.summary.connect(self._summary_changed)
        model.events.choices.connect(self.look)

    # ---- showing

    def look(self) -> None:
        """Bring the list in step with what is known, and with the layer's colours and brush."""
        rows, known = self._known_rows()
        self._shown_of = self._model.choices.annotation
        unnamed = () if known is None else known.unnamed
        by_painting = known is not None and known.carried and class_list.painted_only(rows)
        painted, rows = self._of_layer(rows)
        self._model.class_list = ClassList(
            rows,
            values_open=not by_painting or bool(unnamed),
            painted=painted,
            unnamed=unnamed,
            note=UNPAINTED if class_list.painted_only(rows) else "",
        )

    def _known_rows(self) -> tuple[tuple[ClassRow, ...], AnnotationSummary | None]:
        summary, told = self._model.summary, self._model.choices.class_text
        if self._shown_of != self._model.choices.annotation:
            summary = None  # that of the annotation before
        if told is not None:
            rows = class_list.rows_of_text(told)
        elif summary is None:
            rows = self.rows if self._shown_of == self._model.choices.annotation else ()
        elif summary.classes is not None:
            rows = class_list.rows_of_map(summary.classes)
        else:
            rows = class_list.UNKNOWN
        return class_list.counted(rows, summary), summary

    def _of_layer(self, rows: tuple[ClassRow, ...]) -> tuple[int | None, tuple[ClassRow, ...]]:
        annotation = self._model.annotation
        if annotation is None:
            return None, rows
        layer = self._viewer.annotations
        try:
            values = tuple(row.values[0] for row in rows if row.values)
            colours = dict(zip(values, layer.colours(annotation.name, values), strict=True))
            painted = class_list.index_of_value(rows, layer.painted_value(annotation.name))
        except AdvSegError:
            return None, rows
        coloured = (replace(r, colour=colours[r.values[0]]) if r.values else r for r in rows)
        return painted, tuple(coloured)

    def _summary_changed(self) -> None:
        self._bring_back()
        self.look()

    # ---- naming, values, colours, order

    @property
    def rows(self) -> tuple[ClassRow, ...]:
        """The classes in order."""
        return self._model.class_list.rows

    def rename(self, index: int, name: str) -> None:
        """Give a class another name."""
        self._tell(class_list.renamed(self.rows, index, name))

    def set_values(self, index: int, typed: str) -> None:
        """Say which label values mean a class, for example ``0+32``."""
        self._tell(class_list.revalued(self.rows, index, typed))

    def move_up(self, index: int) -> None:
        """Swap a class with the one before it; the first one is the positive one."""
        self._tell(class_list.moved_up(self.rows, index))

    def recolour(self, index: int, colour: str) -> None:
        """Show a class in another colour, ``#rrggbb``."""
        values = self.rows[index].values
        self._try(lambda name: self._viewer.annotations.recolour(name, values, colour))
        self.look()

    def _tell(self, rows: Sequence[ClassRow]) -> None:
        if tuple(rows) != self.rows:
            self._data.tell_classes(class_list.text_of_rows(rows))

    # ---- adding, taking out, merging

    def add(self) -> int:
        """Append a class and paint with it; return its position."""
        self._tell(class_list.added(self.rows, self._model.class_list.unnamed))
        self.pick(len(self.rows) - 1)
        return len(self.rows) - 1

    def one_for_each_label(self) -> None:
        """Make a class of each label of an annotation that nothing is known of."""
        self._tell(class_list.one_for_each(self._model.class_list.unnamed))

    def refusal_to_remove(self, index: int) -> str:
        """Why a class cannot be taken out; empty words if it can."""
        rows = self.rows
        if len(rows) <= FEWEST:
            return "Two classes are the fewest: rename this one, or add another first."
        zero = class_list.index_of_value(rows, 0)
        if zero not in (None, index) and rows[index].values:
            return f"0 is {rows[zero].name} here, so no pixel can be unlabelled: merge instead."
        return ""

    def pixels_of(self, index: int) -> int:
        """Pixels that a class has at this moment."""
        values = self.rows[index].values
        return self._try(lambda name: self._viewer.annotations.count(name, values)) or 0

    def remove(self, index: int) -> None:
        """Take a class out; its pixels become unlabelled, which is one step to undo."""
        row = self.rows[index]
        if not self.refusal_to_remove(index):
            self._replace(index, 0, f"of {row.name} are unlabelled now")

    def merge(self, index: int, into: int) -> None:
        """Make one class of two.

        Where a class is one painted value its pixels get the value of the other, which is one step to
        undo; elsewhere the pixels stay and the other class takes the values over.
        """
        rows = self.rows
        if len(rows) <= FEWEST or index == into or not rows[into].values:
            return
        if not class_list.painted_only(rows):
            self._tell(class_list.with_values_of(rows, index, into))
            return
        words = f"of {rows[index].name} are {rows[into].name} now"
        self._replace(index, rows[into].values[0], words)

    def _replace(self, index: int, by: int, words: str) -> None:
        """Give the pixels of a class another value, and take the class out of the list."""
        rows = self.rows
        layer, values = self._viewer.annotations, rows[index].values
        changed = self._try(lambda name: layer.replace(name, values, by))
        if changed is None:
            return
        key = self._model.choices.annotation or ""
        self._taken_out.setdefault(key, []).append(_TakenOut(index, rows[index]))
        self._tell(class_list.without(rows, index))
        if changed:
            self._model.status = f"{changed:,} pixels {words}; Ctrl+Z on the annotation undoes it."

    def _bring_back(self) -> None:
        """Name the labels of a class again that an undo has brought back."""
        summary = self._model.summary
        taken = self._taken_out.get(self._model.choices.annotation or "", [])
        back = [one for one in taken if summary and set(one.row.values) & set(summary.unnamed)]
        if not back:
            return
        rows = self.rows
        for one in reversed(back):
            taken.remove(one)
            rows = (*rows[: one.index], one.row, *rows[one.index :])
        self._tell(rows)

    # ---- painting

    def pick(self, index: int) -> None:
        """Paint with a class from now on."""
        rows = self.rows
        if 0 <= index < len(rows) and rows[index].values:
            value = rows[index].values[0]
            self._try(lambda name: self._viewer.annotations.paint_with(name, value))
        self.look()

    def _try(self, act: Callable[[str], Found]) -> Found | None:
        """Act on the chosen annotation; what cannot be done is said beside the classes."""
        annotation = self._model.annotation
        if annotation is None:
            return None
        try:
            return act(annotation.name)
        except AdvSegError as error:
            self._model.set_problem("classes", str(error))
            return None
