"""What the mouse does in a plot, and the same by keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QContextMenuEvent, QCursor, QKeyEvent

from .plot_series import nearest_index

if TYPE_CHECKING:
    from .plot_pane import PlotPane

NO_MODIFIER, KEYPAD = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier
ZOOM = {Qt.Key.Key_Plus: 0.8, Qt.Key.Key_Equal: 0.8, Qt.Key.Key_Minus: 1.25}
"""Keys that scale the axis of updates, and by how much."""


class PlotInput(QObject):
    """Tells what is pointed at, zooms, and opens the menu.

    Parameters
    ----------
    pane : PlotPane
        Its signals are sent.
    """

    def __init__(self, pane: PlotPane) -> None:
        super().__init__(pane)
        self._pane = pane
        pane.plot.installEventFilter(self)
        pane.plot.scene().sigMouseMoved.connect(self._moved)
        pane.plot.scene().sigMouseClicked.connect(self._clicked)
        view = pane.plot.getViewBox()
        view.sigRangeChangedManually.connect(lambda *_: pane.zoomed.emit())

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.Leave:
            self._pane.pointed.emit(None)
        elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._press(event)
        elif isinstance(event, QContextMenuEvent):
            if event.reason() == QContextMenuEvent.Reason.Keyboard:
                self._ask_for_menu()
            return True  # that of the mouse is asked for by the scene
        return False

    def _moved(self, position: Any) -> None:
        view = self._pane.plot.getViewBox()
        inside = view.sceneBoundingRect().contains(position)
        self._pane.pointed.emit(float(view.mapSceneToView(position).x()) if inside else None)

    def _clicked(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.RightButton:
            event.accept()
            self._pane.menuAsked.emit(QCursor.pos())
        elif event.double():
            event.accept()
            self._pane.wholeRunAsked.emit()

    def _press(self, event: QKeyEvent) -> bool:
        """Do what a key says; return whether there was something to do."""
        pane = self._pane
        if event.modifiers() not in (NO_MODIFIER, KEYPAD) or not pane.history:
            return False
        key, updates = event.key(), [one.update for one in pane.history]
        last, x = len(updates) - 1, pane.cursor
        here = None if x is None else nearest_index(updates, x)
        steps = {
            Qt.Key.Key_Left: last if here is None else max(here - 1, 0),
            Qt.Key.Key_Right: 0 if here is None else min(here + 1, last),
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        if key in steps:
            pane.pointed.emit(float(updates[steps[key]]))
        elif key in ZOOM:
            pane.plot.getViewBox().scaleBy(x=ZOOM[key], center=None if x is None else (x, 0))
            pane.zoomed.emit()
        elif key == Qt.Key.Key_0:
            pane.wholeRunAsked.emit()
        elif key == Qt.Key.Key_Escape:
            pane.pointed.emit(None)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._ask_for_menu()
        else:
            return False
        return True

    def _ask_for_menu(self) -> None:
        plot = self._pane.plot
        self._pane.menuAsked.emit(plot.mapToGlobal(plot.rect().center()))
