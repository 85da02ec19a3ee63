"""Vertical lines in a plot where λ, the weight of the adversarial term, changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QFont

# isort: split
# pyqtgraph takes whichever Qt binding is loaded, and picks one itself if none is: qtpy comes first.
import pyqtgraph as pg

from .plot_series import lambda_label
from .theme import ThemeColours, mix

LABEL_WIDTH, SHORT_WIDTH = 85, 60
"""Room in pixels for the labels of two λ marks, which may both stand between their lines."""
NARROW = 200
"""In a plot that is not as wide, in pixels, labels are short."""


class LambdaLines:
    """Draws them, each with its label.

    Parameters
    ----------
    plot : pyqtgraph.PlotWidget

    Attributes
    ----------
    lines : list of pyqtgraph.InfiniteLine
    """

    def __init__(self, plot: pg.PlotWidget) -> None:
        self._plot = plot
        self.lines: list[pg.InfiniteLine] = []
        self._marks: tuple[tuple[int, float], ...] = ()
        view = plot.getViewBox()
        view.sigXRangeChanged.connect(self._place)
        view.sigResized.connect(self._place)

    def show(self, marks: Sequence[tuple[int, float]]) -> None:
        """Mark these (update, λ) and no others."""
        for line in self.lines:
            self._plot.removeItem(line)
        self.lines, self._marks = [], tuple(marks)
        for update, weight in marks:
            line = pg.InfiniteLine(
                update, label=lambda_label(weight), labelOpts={"position": 0.08, "movable": False}
            )
            line.setZValue(4)
            self._plot.addItem(line, ignoreBounds=True)
            self.lines.append(line)
        self._place()

    def set_visible(self, on: bool) -> None:
        """Show or hide all of them."""
        for line in self.lines:
            line.setVisible(on)

    def style(self, theme: ThemeColours, font: QFont) -> None:
        """Paint them in a theme's colours and a font."""
        faint = mix(theme.text, theme.background, 0.35)
        for line in self.lines:
            line.setPen(pg.mkPen(faint, width=1, style=Qt.PenStyle.DashLine))
            style_label(line.label, theme, font)

    def _place(self, *_: Any) -> None:
        """Shorten labels in a narrow plot, and raise one that would cover the one before it."""
        view = self._plot.getViewBox()
        narrow = view.width() < NARROW
        room = (SHORT_WIDTH if narrow else LABEL_WIDTH) * view.viewPixelSize()[0]
        raised, before = False, -math.inf
        for line, (_, weight) in zip(self.lines, self._marks, strict=True):
            raised = not raised and line.value() - before < room
            before = line.value()
            line.label.setFormat(lambda_label(weight, short=narrow))
            line.label.setPosition(0.24 if raised else 0.08)


def style_label(label: Any, theme: ThemeColours, font: QFont) -> None:
    """Set the words at a line on a patch of background, so that a curve under them does not hide them."""
    label.setFont(font)
    label.setColor(QColor(theme.text))
    fill = QColor(theme.background)
    fill.setAlpha(190)
    label.fill = pg.mkBrush(fill)
