"""The legend of a mask with more than two classes: a coloured square and a name for each."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QPainter, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget
from superqt import QFlowLayout

from napari_advseg.gui.layers.mask_colours import MaskColours
from napari_advseg.gui.widgets.qt_types import required
from napari_advseg.gui.widgets.section import describe, follow

SIDE = 11
"""Of a square in pixels."""


class ClassLegend(QWidget):
    """Names and colours of the classes of the masks; hidden with two, which need none.

    Parameters
    ----------
    colours : MaskColours
    parent : QWidget, optional
    """

    def __init__(self, colours: MaskColours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        describe(
            self,
            "class_legend",
            "Classes of the masks. Outlines have the networks' colours: blue standard, orange adversarial.",
        )
        self._colours = colours
        self._entries = QFlowLayout(self)
        self._entries.setContentsMargins(0, 0, 0, 0)
        self._entries.setHorizontalSpacing(10)
        self._entries.setVerticalSpacing(1)
        follow(self, colours.changed, self._show)

    def _show(self) -> None:
        while self._entries.count():
            item = self._entries.takeAt(0)
            widget = None if item is None else item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        found = self._colours.by_name
        self.setVisible(len(found) > 2)
        for name, colour in found.items() if len(found) > 2 else ():
            self._entries.addWidget(_entry(name, colour))
        self.updateGeometry()

    def shown(self) -> Mapping[str, str]:
        """Name and colour of each entry, read from what is shown."""
        items = map(self._entries.itemAt, range(self._entries.count()))
        entries = [required(required(item).widget()) for item in items]
        labels = [entry.findChildren(QLabel) for entry in entries]
        return {words.text(): _colour_of(required(square.pixmap())) for square, words in labels}


def _entry(name: str, colour: str) -> QWidget:
    entry = QWidget()
    layout = QHBoxLayout(entry)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(4)
    square, words = QLabel(), QLabel(name)
    square.setPixmap(_square(colour))
    words.setTextFormat(Qt.TextFormat.PlainText)
    layout.addWidget(square)
    layout.addWidget(words)
    return entry


def _colour_of(square: QPixmap) -> str:
    """Colour in the middle of a square."""
    return str(QColor(square.toImage().pixel(SIDE // 2, SIDE // 2)).name())


def _square(colour: str) -> QPixmap:
    """A filled square whose grey border is seen on a dark and on a light theme."""
    pixmap = QPixmap(SIDE, SIDE)
    pixmap.fill(QColor(colour))
    painter = QPainter(pixmap)
    painter.setPen(QColor("#808080"))
    painter.drawRect(0, 0, SIDE - 1, SIDE - 1)
    painter.end()
    return pixmap
