"""Vertical lines in a plot where λ, the weight of the adversarial term, changes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QFont

from napari_advseg.app.messages.discriminator_messages import WARNING
from napari_advseg.core.runtime.events import Alarm
from napari_advseg.gui.widgets.theme import ThemeColours, mix

from .axes import MARKS
from .series import lambda_label

ROOM = 40
"""Pixels that the short label of a λ mark takes; labels of two that are closer become one."""
NARROW = 200
"""In a plot that is not as wide, in pixels, labels are short."""


class LambdaLines:
    """Draws them; their labels stand above the plot, where they cover no curve.

    Parameters
    ----------
    plot : pyqtgraph.PlotWidget

    Attributes
    ----------
    lines : list of pyqtgraph.InfiniteLine
    labels : list of (float, str)
        Update and words of each label.
    """

    def __init__(self, plot: pg.PlotWidget) -> None:
        self._plot = plot
        self.lines: list[pg.InfiniteLine] = []
        self.labels: list[tuple[float, str]] = []
        self._marks: tuple[tuple[int, float], ...] = ()
        self._visible = True
        view = plot.getViewBox()
        view.sigXRangeChanged.connect(self._place)
        view.sigResized.connect(self._place)

    def show(self, marks: Sequence[tuple[int, float]]) -> None:
        """Mark these (update, λ) and no others."""
        for line in self.lines:
            self._plot.removeItem(line)
        self.lines, self._marks = [], tuple(marks)
        for update, _ in marks:
            line = pg.InfiniteLine(update)
            line.setZValue(-1)
            self._plot.addItem(line, ignoreBounds=True)
            self.lines.append(line)
        self._place()

    def set_visible(self, on: bool) -> None:
        """Show or hide all of them."""
        self._visible = on
        for line in self.lines:
            line.setVisible(on)
        self._place()

    def style(self, theme: ThemeColours, font: QFont) -> None:
        """Paint them in a theme's colours."""
        faint = mix(theme.text, theme.background, 0.35)
        for line in self.lines:
            line.setPen(pg.mkPen(faint, width=1, style=Qt.PenStyle.DashLine))

    def _place(self, *_: Any) -> None:
        """Shorten labels in a narrow plot, and make one of two that would overlap."""
        view = self._plot.getViewBox()
        pixel = view.viewPixelSize()[0]
        self.labels = []
        updates = [update for update, _ in self._marks]
        close = any(b - a < 2 * ROOM * pixel for a, b in pairwise(updates))
        short = close or view.width() < NARROW
        for update, weight in self._marks if self._visible else ():
            words = lambda_label(weight, short=short)
            if self.labels and update - self.labels[-1][0] < ROOM * pixel:
                words = f"{lambda_label(0, short=True)} {lambda_label(weight, short=True)}"
                self.labels[-1] = ((update + self.labels[-1][0]) / 2, words)
            else:
                self.labels.append((float(update), words))
        self._plot.getAxis(MARKS).setTicks([self.labels])


def style_label(label: Any, theme: ThemeColours, font: QFont) -> None:
    """Set the words at a line on a patch of background, so that a curve under them does not hide them."""
    label.setFont(font)
    label.setColor(QColor(theme.text))
    fill = QColor(theme.background)
    fill.setAlpha(190)
    label.fill = pg.mkBrush(fill)


SHADE = 45
"""Opacity of a span, of 255."""


class AlarmSpans:
    """Draws a span for each alarm, with a sign at its beginning.

    Parameters
    ----------
    plot : pyqtgraph.PlotWidget

    Attributes
    ----------
    regions : list of pyqtgraph.LinearRegionItem
    """

    def __init__(self, plot: pg.PlotWidget) -> None:
        self._plot = plot
        self._alarms: tuple[Alarm, ...] = ()
        self.regions: list[pg.LinearRegionItem] = []
        self._signs: list[pg.InfLineLabel] = []

    def show(self, alarms: Sequence[Alarm], reach: float) -> None:
        """Draw these alarms; one that lasts goes on to `reach`."""
        if tuple(alarms) != self._alarms:
            self._alarms = tuple(alarms)
            self._make()
        for alarm, region in zip(self._alarms, self.regions, strict=True):
            region.setRegion(alarm_span(alarm, reach))

    def style(self, theme: ThemeColours, font: QFont) -> None:
        """Paint them in a theme's colours and a font."""
        shade = QColor(theme.problem)
        edge = pg.mkPen(theme.problem, width=1, style=Qt.PenStyle.DotLine)
        shade.setAlpha(SHADE)
        for region, sign in zip(self.regions, self._signs, strict=True):
            region.setBrush(shade)
            for line in region.lines:
                line.setPen(edge)
            sign.setColor(QColor(theme.problem))
            sign.setFont(font)

    def _make(self) -> None:
        for region in self.regions:
            self._plot.removeItem(region)
        self.regions, self._signs = [], []
        for _ in self._alarms:
            region = pg.LinearRegionItem(movable=False)
            region.setZValue(-5)
            self._plot.addItem(region, ignoreBounds=True)
            self.regions.append(region)
            sign = pg.InfLineLabel(region.lines[0], WARNING, position=0.9, movable=False)
            self._signs.append(sign)


def alarm_span(alarm: Alarm, reach: float) -> tuple[float, float]:
    """First and last update of an alarm; of one that lasts the last is `reach`."""
    return alarm.since, max(alarm.since, reach if alarm.until is None else alarm.until)
