"""Shaded spans of updates in a plot in which an alarm lasted."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QFont

# isort: split
# pyqtgraph takes whichever Qt binding is loaded, and picks one itself if none is: qtpy comes first.
import pyqtgraph as pg

from ..app.adversary_words import WARNING
from ..core.alarms import Alarm
from .theme import ThemeColours

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
