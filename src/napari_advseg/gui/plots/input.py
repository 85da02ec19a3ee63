"""What the mouse does in a plot, and the same by keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from qtpy.QtCore import QEvent, QObject, QPoint, QPointF, Qt, Signal
from qtpy.QtGui import QContextMenuEvent, QCursor, QKeyEvent

# isort: split
# pyqtgraph takes whichever Qt binding is loaded, and picks one itself if none is: qtpy comes first.
import pyqtgraph as pg

from .series import nearest_index

NO_MODIFIER, KEYPAD = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier
ZOOM: dict[int, float] = {Qt.Key.Key_Plus: 0.8, Qt.Key.Key_Equal: 0.8, Qt.Key.Key_Minus: 1.25}
"""Keys that scale the axis of updates, and by how much."""


class PlotInput(QObject):
    """Mouse and keyboard of one plot, as signals.

    Parameters
    ----------
    plot : pyqtgraph.PlotWidget
    updates : callable
        Returns the updates of the validations shown, in ascending order.
    cursor : callable
        Returns the update at the cursor line, None without one.
    """

    pointed = Signal(object)
    """The update under the pointer (float), None once the pointer has left."""
    zoomed = Signal()
    wholeRunAsked = Signal()
    menuAsked = Signal(QPoint)
    """Position on the screen."""

    def __init__(
        self,
        plot: pg.PlotWidget,
        updates: Callable[[], Sequence[int]],
        cursor: Callable[[], float | None],
    ) -> None:
        super().__init__(plot)
        self._plot, self._updates, self._cursor = plot, updates, cursor
        plot.installEventFilter(self)
        plot.scene().sigMouseMoved.connect(self._moved)
        plot.scene().sigMouseClicked.connect(self._clicked)
        plot.getViewBox().sigRangeChangedManually.connect(lambda *_: self.zoomed.emit())

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.Leave:
            self.pointed.emit(None)
        elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._press(event)
        elif isinstance(event, QContextMenuEvent):
            if event.reason() == QContextMenuEvent.Reason.Keyboard:
                self._ask_for_menu()
            return True  # that of the mouse is asked for by the scene
        return False

    def _moved(self, position: QPointF) -> None:
        view = self._plot.getViewBox()
        inside = view.sceneBoundingRect().contains(position)
        self.pointed.emit(float(view.mapSceneToView(position).x()) if inside else None)

    def _clicked(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.RightButton:
            event.accept()
            self.menuAsked.emit(QCursor.pos())
        elif event.double():
            event.accept()
            self.wholeRunAsked.emit()

    def _press(self, event: QKeyEvent) -> bool:
        """Do what a key says; return whether there was something to do."""
        updates = self._updates()
        if event.modifiers() not in (NO_MODIFIER, KEYPAD) or not updates:
            return False
        key, last, x = event.key(), len(updates) - 1, self._cursor()
        here = None if x is None else nearest_index(updates, x)
        steps: dict[int, int] = {
            Qt.Key.Key_Left: last if here is None else max(here - 1, 0),
            Qt.Key.Key_Right: 0 if here is None else min(here + 1, last),
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        if key in steps:
            self.pointed.emit(float(updates[steps[key]]))
        elif key in ZOOM:
            self._plot.getViewBox().scaleBy(x=ZOOM[key], center=None if x is None else (x, 0))
            self.zoomed.emit()
        elif key == Qt.Key.Key_0:
            self.wholeRunAsked.emit()
        elif key == Qt.Key.Key_Escape:
            self.pointed.emit(None)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._ask_for_menu()
        else:
            return False
        return True

    def _ask_for_menu(self) -> None:
        self.menuAsked.emit(self._plot.mapToGlobal(self._plot.rect().center()))
