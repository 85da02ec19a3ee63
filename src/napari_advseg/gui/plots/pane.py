"""One plot of the training curves with its legend; the plots of `TrainingPlots` are made of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPoint, Qt, Signal
from qtpy.QtGui import QColor, QPen, QTextOption
from qtpy.QtWidgets import QVBoxLayout, QWidget
from superqt import QFlowLayout

# isort: split
# pyqtgraph takes whichever Qt binding is loaded, and picks one itself if none is: qtpy comes first.
import pyqtgraph as pg

from napari_advseg.core.evaluation.best_validation import best_index
from napari_advseg.core.runtime.events import Validated
from napari_advseg.gui.widgets.theme import ThemeColours, mix

from .axes import colour_axes, plot_with_axes, size_axes
from .input import PlotInput
from .legend import LegendSwitch
from .markers import LambdaLines
from .series import Series, lone_points, low_end, score, series_pen

EMPTY = "curves appear at the first validation"
FEW = 40
"""Up to so many validations each is drawn as a point on its curve."""
SMOOTH = 100
"""Up to so many validations lines are smoothed: 300 took 60 to 90 ms to paint smoothed, 9 ms without."""


class PlotPane(QWidget):
    """A plot of some of the curves over updates; above it a legend that switches them.

    Parameters
    ----------
    name : str
        ``objectName`` of the `pyqtgraph.PlotWidget` inside.
    label : str
        Label of the vertical axis.
    series : sequence of Series
        The curves, in the order of the legend.
    theme : ThemeColours
    nothing : str
        What the plot says if a run measures none of its curves.
    mark_best : bool
        Whether the highest value of each validation curve gets a dot.
    """

    pointed = Signal(object)
    """The update under the pointer (float), None once the pointer has left."""
    zoomed = Signal()
    """The person moved or scaled the plot with the mouse."""
    wholeRunAsked = Signal()
    menuAsked = Signal(QPoint)
    """Where on the screen."""

    def __init__(
        self,
        name: str,
        label: str,
        series: Sequence[Series],
        theme: ThemeColours,
        nothing: str,
        *,
        mark_best: bool,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.series = tuple(series)
        self._theme = theme
        self._nothing = nothing
        self.label = label
        self.marks_best = mark_best
        self.marks: tuple[tuple[int, float], ...] = ()
        self.history: tuple[Validated, ...] = ()
        self.of_class: str | None = None
        self._fit = False
        self.reach = 1
        self._font = self.font()
        self.plot = plot_with_axes(label, self)
        self.plot.setObjectName(name)
        self.plot.setMinimumSize(140, 70)
        self.plot.getViewBox().setLimits(minXRange=1, **self.vertical_limits())
        self.switches = tuple(LegendSwitch(one, theme, self) for one in self.series)
        self._lay_out()
        self.add_items()
        self._lambda = LambdaLines(self.plot)
        self._connect()
        self.set_theme(theme)

    # ---- what is shown

    def show_history(self, history: Sequence[Validated], follow: bool, reach: int = 0) -> None:
        """Draw the validations; with `follow` the axes show the whole run again, `reach` at least."""
        self.history = tuple(history)
        self.reach = max([reach, 1, *(one.update for one in self.history)])
        self.draw(follow)

    def set_fit(self, fit: bool) -> None:
        """Let the vertical axis span the curves' own values instead of 0.5 to 1."""
        self._fit = fit
        self.draw(follow=True)

    def show_class(self, name: str | None, follow: bool) -> None:
        """Draw a class's F1 in place of the run's one, or that again if None."""
        self.of_class = name
        self.draw(follow)

    def set_marks(self, marks: Sequence[tuple[int, float]]) -> None:
        """Mark the (update, λ) where λ changes with vertical lines."""
        self.marks = tuple(marks)
        self._lambda.show(self.marks)
        self._lambda.style(self._theme, self._font)
        self.draw(follow=False)

    def set_cursor(self, update: float | None) -> None:
        """Draw the vertical cursor line at an update, or hide it."""
        self._cursor.setVisible(update is not None)
        if update is not None:
            self._cursor.setValue(update)

    @property
    def cursor_update(self) -> float | None:
        """The update at which the cursor line is drawn."""
        return float(self._cursor.value()) if self._cursor.isVisible() else None

    def set_theme(self, theme: ThemeColours) -> None:
        """Repaint in a theme's colours; pyqtgraph does not follow napari's by itself."""
        self._theme = theme
        colour_axes(self.plot, theme)
        self._message.setColor(QColor(mix(theme.text, theme.background, 0.2)))
        self._cursor.setPen(pg.mkPen(theme.text, width=1))
        for one, switch in zip(self.series, self.switches, strict=True):
            switch.set_theme(theme)
            pen = series_pen(one, theme)
            self._curves[one].setPen(pen)
            for dots in (self._points[one], self._below[one], self._best[one]):
                dots.setBrush(pen.color())
                dots.setPen(QPen(Qt.PenStyle.NoPen))
            self._best[one].setPen(pg.mkPen(theme.text, width=1.5))
        self._lambda.style(theme, self._font)

    def set_font_size(self, points: int) -> None:
        """Set the size of the legend's and the axes' text."""
        font = self.font()
        font.setPointSize(points)
        size_axes(self.plot, font, self._theme)
        self._message.setFont(font)
        self._font = font
        self._lambda.style(self._theme, font)
        for switch in self.switches:
            switch.setStyleSheet(f"font-size: {points}pt;")

    # ---- what there is to draw

    def curve(self, key: str) -> pg.PlotDataItem:
        """The curve of one column of ``metrics.csv``."""
        return next(item for one, item in self._curves.items() if one.key == key)

    def values(self, series: Series) -> list[float]:
        """One curve's values, NaN where a validation did not measure it."""
        return [score(validated, series.key, self.of_class) for validated in self.history]

    def shown(self) -> list[Series]:
        """The curves that are switched on."""
        return [
            one
            for one, switch in zip(self.series, self.switches, strict=True)
            if switch.isChecked()
        ]

    def measured(self) -> list[Series]:
        """The curves that have at least one value."""
        return [one for one in self.series if any(map(math.isfinite, self.values(one)))]

    def has_something(self) -> bool:
        """Whether there is anything to see."""
        return bool(self.measured())

    def foot(self) -> float:
        """Lower end of the vertical axis as it is by default: what is lower leaves a triangle there."""
        return low_end(self.values(one) for one in self.shown())

    def vertical_limits(self) -> dict[str, float]:
        """How far one may zoom out and in, as pyqtgraph's ViewBox takes it."""
        return {"yMin": -0.05, "yMax": 1.05, "minYRange": 0.002}

    def vertical_range(self) -> tuple[float, float]:
        """What the vertical axis shows: 0.5 (or `foot`) to 1, or the curves' own span if so asked."""
        drawn = [self.values(one) for one in self.shown()]
        finite = [value for values in drawn for value in values if math.isfinite(value)]
        if not (self._fit and finite):
            return self.foot(), 1.0
        bottom, top = min(finite), max(finite)
        return (bottom, top) if top - bottom >= 0.01 else (bottom - 0.005, top + 0.005)

    # ---- building

    def _lay_out(self) -> None:
        legend = QFlowLayout()
        legend.setContentsMargins(4, 0, 0, 0)
        legend.setHorizontalSpacing(2)
        legend.setVerticalSpacing(0)
        for switch in self.switches:
            legend.addWidget(switch)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(legend)
        column.addWidget(self.plot, 1)

    def add_items(self) -> None:
        """Put curves, points, cursor and words into the plot."""

        def dots(symbol: str, size: int, z: int) -> pg.ScatterPlotItem:
            item = pg.ScatterPlotItem(symbol=symbol, size=size, antialias=True)
            item.setZValue(z)
            self.plot.addItem(item, ignoreBounds=True)
            return item

        self._curves: dict[Series, pg.PlotDataItem] = {}
        self._points: dict[Series, pg.ScatterPlotItem] = {}
        self._below: dict[Series, pg.ScatterPlotItem] = {}
        self._best: dict[Series, pg.ScatterPlotItem] = {}
        for one in self.series:
            curve = pg.PlotDataItem(connect="finite", antialias=True, name=one.key)
            self.plot.addItem(curve)
            self._curves[one] = curve
            self._points[one] = dots(one.symbol, one.point_size, 1)
            self._below[one] = dots("t", 8, 6)
            self._best[one] = dots("o", 9, 5)
        self._cursor = pg.InfiniteLine(0)
        self._cursor.setVisible(False)
        self.plot.addItem(self._cursor, ignoreBounds=True)
        self._message = pg.TextItem(EMPTY, anchor=(0.5, 0.5))
        centred = QTextOption(Qt.AlignmentFlag.AlignHCenter)
        self._message.textItem.document().setDefaultTextOption(centred)
        self.plot.addItem(self._message, ignoreBounds=True)
        self.plot.getViewBox().sigResized.connect(self._fit_message)

    def _connect(self) -> None:
        for switch in self.switches:
            switch.toggled.connect(lambda _: self.draw(follow=False))
        self._input = PlotInput(
            self.plot, lambda: [one.update for one in self.history], lambda: self.cursor_update
        )
        self._input.pointed.connect(self.pointed)
        self._input.zoomed.connect(self.zoomed)
        self._input.wholeRunAsked.connect(self.wholeRunAsked)
        self._input.menuAsked.connect(self.menuAsked)

    def _fit_message(self, view: pg.ViewBox) -> None:
        self._message.setTextWidth(max(view.width() - 4, 40))

    # ---- drawing

    def draw(self, follow: bool) -> None:
        """Draw all anew; with `follow` the axes show the whole run."""
        shown, measured, foot = self.shown(), self.measured(), self.foot()
        updates = np.array([validated.update for validated in self.history], float)
        for one in self.series:
            self._draw_curve(one, updates, np.array(self.values(one), float), foot, one in shown)
        for one, switch in zip(self.series, self.switches, strict=True):
            switch.setVisible(not self.history or one in measured)
        something = self.has_something()
        self._say(something)
        self._lambda.set_visible(something or bool(self.history))
        if follow or not something:
            self._set_ranges(follow)

    def _draw_curve(
        self,
        series: Series,
        updates: NDArray[np.float64],
        values: NDArray[np.float64],
        foot: float,
        shown: bool,
    ) -> None:
        finite = np.isfinite(values)
        if not (shown and finite.any()):
            updates, values, finite = updates[:0], values[:0], finite[:0]
        self._curves[series].setData(updates, values, antialias=len(values) <= SMOOTH)
        points = np.flatnonzero(finite) if len(values) <= FEW else lone_points(list(values))
        self._points[series].setData(updates[points], values[points])
        # A value under the axis leaves a triangle at its foot, so that it does not vanish unseen.
        under = np.flatnonzero(finite & (np.nan_to_num(values, nan=1.0) < foot) & (not self._fit))
        self._below[series].setData(updates[under], np.full(len(under), foot))
        best = best_index(values.tolist()) if self.marks_best and series.validation else None
        top = [] if best is None else [best]
        self._best[series].setData(updates[top], values[top])

    def _say(self, something: bool) -> None:
        self._message.setVisible(not something)
        self._message.setText(self._nothing if self.history else EMPTY)
        self.plot.setMouseEnabled(something, something)
        self.plot.getAxis("bottom").setStyle(showValues=something)

    def _set_ranges(self, follow: bool) -> None:
        """Show what `vertical_range` says and, with `follow`, all updates."""
        bottom, top = self.vertical_range()
        room = (top - bottom) * 0.04
        if follow:
            self.plot.setXRange(0, self.reach, padding=0.02)
        self.plot.setYRange(bottom - room, top + room, padding=0)
        self._message.setPos(sum(self.plot.viewRange()[0]) / 2, (bottom + top) / 2)
