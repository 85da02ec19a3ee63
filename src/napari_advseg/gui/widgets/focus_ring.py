"""A ring around the control that has the keyboard: napari's style sheet shows it on few of them."""

from __future__ import annotations

from contextlib import suppress

from qtpy.QtCore import QEvent, QObject, QPoint, QRect, Qt
from qtpy.QtGui import QPainter, QPaintEvent, QRegion
from qtpy.QtWidgets import QApplication, QScrollArea, QWidget

WIDTH = 2
"""In pixels; the controls of the dock have as much room between them."""
_MOVES = (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide)


class FocusRing(QWidget):
    """Shows which control in a dock has the keyboard.

    The ring lies around the control, so that nothing moves as it comes and goes, and scrolls with it.

    Parameters
    ----------
    part : QWidget
        The dock's widget.
    """

    def __init__(self, part: QWidget) -> None:
        super().__init__(part)
        self.setObjectName("focus_ring")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.hide()
        self._part = part
        self._around: QWidget | None = None
        self._watched: list[QWidget] = []
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._focus_changed)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() in _MOVES:
            self._place()
        return False

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        # napari's style sheet puts its theme into the palette; the mask leaves the ring of it.
        painter.fillRect(self.rect(), self.palette().windowText().color())
        painter.end()

    def _focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        for widget in self._watched:
            with suppress(RuntimeError):  # Qt has deleted it meanwhile
                widget.removeEventFilter(self)
        self._watched = []
        ours = new is not None and self._part.isAncestorOf(new)
        self._around = new if ours else None
        if self._around is not None:
            holder = _holder(self._around, self._part)
            if self.parent() is not holder:
                self.setParent(holder)
            part: QWidget | None = self._around
            while part is not holder and part is not None:
                part.installEventFilter(self)
                self._watched.append(part)
                part = part.parentWidget()
        self._place()

    def _place(self) -> None:
        around, holder = self._around, self.parentWidget()
        if around is None or holder is None or not around.isVisible():
            self.hide()
            return
        place = QRect(around.mapTo(holder, QPoint()), around.size())
        self.setGeometry(place.adjusted(-WIDTH, -WIDTH, WIDTH, WIDTH))
        inner = self.rect().adjusted(WIDTH, WIDTH, -WIDTH, -WIDTH)
        self.setMask(QRegion(self.rect()) - QRegion(inner))
        self.raise_()
        self.show()


def _holder(widget: QWidget, part: QWidget) -> QWidget:
    """What the ring is drawn on: what is scrolled with the widget, else the whole part."""
    above = widget.parentWidget()
    while above is not None and above is not part:
        view = above.parentWidget()
        area = None if view is None else view.parentWidget()
        if isinstance(area, QScrollArea) and area.widget() is above:
            return above
        above = above.parentWidget()
    return part
