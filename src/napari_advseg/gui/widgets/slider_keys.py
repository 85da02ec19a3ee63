"""Keys for superqt's slider of fractions, which takes none by itself."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QSlider
from superqt import QLabeledDoubleSlider


class SliderKeys(QObject):
    """Moves a slider as Qt's own: arrows by a step, Page Up and Page Down by a page, Home and End.

    Parameters
    ----------
    slider : QLabeledDoubleSlider
    """

    def __init__(self, slider: QLabeledDoubleSlider) -> None:
        super().__init__(slider)
        self._slider = slider
        slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the bar within has the keyboard
        bar = slider.findChild(QSlider)
        if bar is not None:
            bar.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return False
        slider = self._slider
        # superqt declares whole numbers, and no type for the step.
        step: float = slider.singleStep()  # type: ignore[no-untyped-call]
        page: float = slider.pageStep()
        value: float = slider.value()
        places: dict[int, float] = {
            Qt.Key.Key_Left: value - step,
            Qt.Key.Key_Down: value - step,
            Qt.Key.Key_Right: value + step,
            Qt.Key.Key_Up: value + step,
            Qt.Key.Key_PageDown: value - page,
            Qt.Key.Key_PageUp: value + page,
            Qt.Key.Key_Home: slider.minimum(),
            Qt.Key.Key_End: slider.maximum(),
        }
        if event.key() not in places:
            return False
        wanted = min(max(places[event.key()], slider.minimum()), slider.maximum())
        slider.setValue(round(wanted, slider.decimals()))
        return True
