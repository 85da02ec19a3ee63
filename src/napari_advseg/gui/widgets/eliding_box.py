"""A combo box whose text ends in … where it does not fit, and whose tooltip then has all of it."""

from __future__ import annotations

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QHelpEvent, QPaintEvent
from qtpy.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter, QToolTip


class ElidingComboBox(QComboBox):
    """Shows of a name that is too long its beginning and its end."""

    def elided(self) -> str:
        """The text as it is drawn."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        style = self.style()
        if style is None:
            return self.currentText()
        field = style.subControlRect(
            QStyle.ComplexControl.CC_ComboBox,
            option,
            QStyle.SubControl.SC_ComboBoxEditField,
            self,
        )
        words = self.currentText() if self.currentIndex() >= 0 else self.placeholderText()
        middle = Qt.TextElideMode.ElideMiddle
        return self.fontMetrics().elidedText(words, middle, field.width() - 4)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the box with a text that fits."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        option.currentText = self.elided()
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def event(self, event: QEvent | None) -> bool:
        """Put the whole name above the explanation in the tooltip where it is cut."""
        if isinstance(event, QHelpEvent) and self.elided() != self.currentText():
            words = "\n".join(filter(None, (self.currentText(), self.toolTip())))
            QToolTip.showText(event.globalPos(), words, self)
            return True
        return super().event(event)
