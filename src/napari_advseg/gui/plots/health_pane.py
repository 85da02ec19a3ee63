"""The plot of D's health: its logits on real and fake masks, live, and the spans of its alarms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QWidget

# isort: split
# pyqtgraph takes whichever Qt binding is loaded, and picks one itself if none is: qtpy comes first.
import pyqtgraph as pg

from napari_advseg.core.runtime.events import Alarm
from napari_advseg.core.runtime.scores import DiscriminatorStatistics
from napari_advseg.core.storage.score_names import statistic
from napari_advseg.gui.widgets.theme import ThemeColours, mix

from .health_series import HEALTH_SERIES, LEVEL_WORDS, LEVELS, alarm_words, band, number, span
from .markers import AlarmSpans, style_label
from .pane import PlotPane
from .series import Series, series_pen

WHAT = "How D does: its logits on real and on fake masks, mean and spread; dots are of the update at work"
BAND = 55
"""Opacity of a band, of 255."""
MOST_LIVE = 1000
"""Live points kept; of more every other one goes."""
_LEVEL_LABEL = {"position": 0.02, "anchors": [(0, 1), (0, 1)], "movable": False}
SECONDS = 1.0
"""Live points are drawn at most so often."""


class HealthPane(PlotPane):
    """Mean and spread of D's logits at the validations, with live points between them.

    Parameters
    ----------
    theme : ThemeColours
    """

    def __init__(self, theme: ThemeColours, parent: QWidget | None = None) -> None:
        self.alarms: tuple[Alarm, ...] = ()
        self.live: list[tuple[int, DiscriminatorStatistics[float]]] = []
        self._drawn = -math.inf
        super().__init__(
            "health_plot", "D's logits", HEALTH_SERIES, theme, "D's logits were not kept",
            mark_best=False, parent=parent,
        )  # fmt: skip

    def add_live(self, update: int, health: DiscriminatorStatistics[float]) -> bool:
        """Take D's numbers of one update; return whether it is time to draw them."""
        if all(statistic(health, one.key) is None for one in self.series):
            return False
        if self.live and update <= self.live[-1][0]:
            self.live = [one for one in self.live if one[0] < update]
        self.live.append((update, health))
        if len(self.live) > MOST_LIVE:
            self.live = self.live[::2]
        now = perf_counter()
        if now - self._drawn < SECONDS:
            return False
        self._drawn = now
        return True

    def forget_live(self) -> None:
        """Forget the live points: another run begins, or is shown."""
        self.live = []
        self._drawn = -math.inf

    def set_alarms(self, alarms: Sequence[Alarm]) -> None:
        """Shade the spans in which these alarms lasted."""
        self.alarms = tuple(alarms)
        self.draw(follow=False)
        self._spans.style(self._theme, self._font)

    def words_at(self, update: float | None) -> str:
        """The sentences of the alarms at an update."""
        return alarm_words(self.alarms, update)

    def set_theme(self, theme: ThemeColours) -> None:
        super().set_theme(theme)
        for series, fill in self._bands.items():
            colour = series_pen(series, theme).color()
            colour.setAlpha(BAND)
            fill.setBrush(colour)
            self._live[series].setBrush(
                QColor(mix(series_pen(series, theme).color().name(), theme.background, 0.35))
            )
        for line in self._levels:
            line.setPen(pg.mkPen(theme.problem, width=1, style=Qt.PenStyle.DashLine))
            style_label(line.label, theme, self._font)
        self._spans.style(theme, self._font)

    def set_font_size(self, points: int) -> None:
        super().set_font_size(points)
        self.set_theme(self._theme)

    # ---- what there is to draw

    def values(self, series: Series) -> list[float]:
        return [number(one.health, series.key) for one in self.history]

    def has_something(self) -> bool:
        return bool(self.live) or super().has_something()

    def foot(self) -> float:
        return -math.inf  # the axis shows all

    def vertical_limits(self) -> dict[str, float]:
        return {"minYRange": 0.1}

    def vertical_range(self) -> tuple[float, float]:
        shown = self.shown()
        found = [end for one in shown for _, *ends in band(one, self.history) for end in ends]
        found += [value for one in shown for value in self.values(one)]
        found += [number(health, one.key) for one in shown for _, health in self.live]
        return span(found)

    def add_items(self) -> None:
        super().add_items()
        self._spans = AlarmSpans(self.plot)
        self._bands: dict[Series, pg.FillBetweenItem] = {}
        self._live: dict[Series, pg.ScatterPlotItem] = {}
        self._edges: dict[Series, tuple[pg.PlotCurveItem, pg.PlotCurveItem]] = {}
        for one in self.series:
            edges = pg.PlotCurveItem(), pg.PlotCurveItem()
            self._edges[one], fill = edges, pg.FillBetweenItem(*edges)
            fill.setZValue(-2)
            live = pg.ScatterPlotItem(symbol=one.symbol, size=3, pen=None)
            live.setZValue(-1)
            for item in (fill, live):
                self.plot.addItem(item, ignoreBounds=True)
            self._bands[one], self._live[one] = fill, live
        self._levels = [
            pg.InfiniteLine(level, angle=0, label=LEVEL_WORDS, labelOpts=dict(_LEVEL_LABEL))
            for level in LEVELS
        ]
        for line in self._levels:
            self.plot.addItem(line, ignoreBounds=True)
        self.plot.getViewBox().sigYRangeChanged.connect(self._show_levels)

    def draw(self, follow: bool) -> None:
        super().draw(follow)
        shown = self.shown()
        for one in self.series:
            points = band(one, self.history) if one in shown else []
            updates = [update for update, _, _ in points]
            low, high = self._edges[one]
            low.setData(updates, [bottom for _, bottom, _ in points])
            high.setData(updates, [top for _, _, top in points])
            live = [(x, number(health, one.key)) for x, health in self.live] if one in shown else []
            live = [point for point in live if math.isfinite(point[1])]
            self._live[one].setData([x for x, _ in live], [y for _, y in live])
        self._show_levels()
        self._spans.show(self.alarms, self.reach)

    def _show_levels(self, *_: Any) -> None:
        """Show the levels of saturation that are in range."""
        low, high = self.plot.viewRange()[1]
        for line in self._levels:
            line.setVisible(self.has_something() and low <= line.value() <= high)
