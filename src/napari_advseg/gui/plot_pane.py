"""One plot of the training curves with its legend; both plots of `TrainingPlots` are made of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QObject, QPoint, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QContextMenuEvent, QCursor, QFontMetrics, QKeyEvent, QPen
from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

# isort: split
# pyqtgraph takes whichever Qt binding is loaded, and picks one itself if none is: qtpy comes first.
import pyqtgraph as pg

from ..core.events import Validated
from .plot_legend import LegendSwitch
from .plot_series import (
    Series,
    best_index,
    lambda_label,
    lone_points,
    low_end,
    nearest_index,
    score,
    series_pen,
)
from .theme import ThemeColours, mix

EMPTY = "curves appear at the first validation"
FEW = 40
"""Up to so many validations each is drawn as a point on its curve."""
SMOOTH = 100
"""Up to so many validations lines are smoothed: 300 took 60 to 90 ms to paint smoothed, 9 ms without."""
NO_MODIFIER, KEYPAD = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier
ZOOM = {Qt.Key.Key_Plus: 0.8, Qt.Key.Key_Equal: 0.8, Qt.Key.Key_Minus: 1.25}
"""Keys that scale the axis of updates, and by how much."""
LABEL_WIDTH = 85
"""Room in pixels for the labels of two λ marks, which may both stand between their lines."""


class RoomyAxis(pg.AxisItem):
    """An axis that keeps its end labels, 1.0 or the last update, though half of them stands out."""

    def boundingRect(self) -> QRectF:
        return super().boundingRect().adjusted(-20, -8, 20, 8)

    def resizeEvent(self, ev: Any = None) -> None:
        super().resizeEvent(ev)
        if self.orientation == "bottom":  # pyqtgraph lets the label's descenders stand out
            self.label.setY(self.size().height() - self.label.boundingRect().height() + 3)


class PlotPane(QWidget):
    """A plot of some of the eight curves over updates, with a legend that switches them.

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
        self._series = tuple(series)
        self._theme = theme
        self._nothing = nothing
        self.label = label
        self.marks_best = mark_best
        self.marks: tuple[tuple[int, float], ...] = ()
        self.history: tuple[Validated, ...] = ()
        self.of_class: str | None = None
        self._lines: list[pg.InfiniteLine] = []
        self._fit = False
        self._font = self.font()
        self.plot = pg.PlotWidget(
            self, axisItems={side: RoomyAxis(side) for side in ("left", "bottom")}
        )
        self.plot.setObjectName(name)
        self.plot.setMinimumSize(160, 90)
        self.switches = tuple(LegendSwitch(one, theme, self) for one in self._series)
        self._lay_out()
        self._prepare_axes()
        self._add_items()
        self._connect()
        self.set_theme(theme)

    def show_history(self, history: Sequence[Validated], follow: bool) -> None:
        """Draw the validations; with `follow` the axes show the whole run again."""
        self.history = tuple(history)
        self._draw(follow)

    def set_fit(self, fit: bool) -> None:
        """Let the vertical axis span the curves' own values instead of 0.5 to 1."""
        self._fit = fit
        self._draw(follow=True)

    def show_class(self, name: str | None, follow: bool) -> None:
        """Draw a class's F1 in place of the run's one, or that again if None."""
        self.of_class = name
        self._draw(follow)

    def set_marks(self, marks: Sequence[tuple[int, float]]) -> None:
        """Mark the (update, λ) where λ changes with vertical lines."""
        self.marks = tuple(marks)
        for line in self._lines:
            self.plot.removeItem(line)
        self._lines = []
        for update, weight in marks:
            line = pg.InfiniteLine(
                update, label=lambda_label(weight), labelOpts={"position": 0.08, "movable": False}
            )
            line.setZValue(4)
            self.plot.addItem(line, ignoreBounds=True)
            self._lines.append(line)
        self._style_marks()
        self._place_marks()
        self._draw(follow=False)

    def add_below_legend(self, widget: QWidget) -> None:
        """Put a widget at the foot of the legend's column."""
        self._legend.addWidget(widget)

    def set_cursor(self, update: float | None) -> None:
        """Draw the vertical cursor line at an update, or hide it."""
        self._cursor.setVisible(update is not None)
        if update is not None:
            self._cursor.setValue(update)

    def set_theme(self, theme: ThemeColours) -> None:
        """Repaint in a theme's colours; pyqtgraph does not follow napari's by itself."""
        self._theme = theme
        self.plot.setBackground(theme.background)
        for side in ("left", "bottom"):
            axis = self.plot.getAxis(side)
            axis.setPen(QColor(mix(theme.text, theme.background, 0.45)))
            axis.setTextPen(QColor(theme.text))
        self._message.setColor(QColor(mix(theme.text, theme.background, 0.2)))
        self._cursor.setPen(pg.mkPen(theme.text, width=1))
        for one, switch in zip(self._series, self.switches, strict=True):
            switch.set_theme(theme)
            pen = series_pen(one, theme)
            self._curves[one].setPen(pen)
            for dots in (self._points[one], self._below[one], self._best[one]):
                dots.setBrush(pen.color())
                dots.setPen(QPen(Qt.PenStyle.NoPen))
            self._best[one].setPen(pg.mkPen(theme.text, width=1.5))
        self._style_marks()

    def set_font_size(self, points: int) -> None:
        """Set the size of the legend's and the axes' text."""
        font = self.font()
        font.setPointSize(points)
        for side in ("left", "bottom"):
            axis = self.plot.getAxis(side)
            axis.setTickFont(font)
            style = {"font-size": f"{points}pt", "color": self._theme.text}
            axis.setLabel(axis.labelText, **style)
        line = QFontMetrics(font).height()
        self.plot.getAxis("left").setWidth(line + QFontMetrics(font).horizontalAdvance("0.000") + 8)
        self.plot.getAxis("bottom").setHeight(2 * line + 5)
        self._message.setFont(font)
        self._font = font
        self._style_marks()
        for switch in self.switches:
            switch.setStyleSheet(f"font-size: {points}pt;")

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
            for one, switch in zip(self._series, self.switches, strict=True)
            if switch.isChecked()
        ]

    def measured(self) -> list[Series]:
        """The curves that have at least one value."""
        return [one for one in self._series if any(map(math.isfinite, self.values(one)))]

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.Leave:
            self.pointed.emit(None)
        elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if self._press(event):
                return True
        elif isinstance(event, QContextMenuEvent):
            if event.reason() == QContextMenuEvent.Reason.Keyboard:
                self._ask_for_menu_by_key()
            return True  # that of the mouse is asked for by the scene
        return super().eventFilter(watched, event)

    def _press(self, event: QKeyEvent) -> bool:
        """What the mouse does, by keys; return whether there was something to do."""
        if event.modifiers() not in (NO_MODIFIER, KEYPAD) or not self.history:
            return False
        key, updates = event.key(), [one.update for one in self.history]
        last, x = len(updates) - 1, self._cursor.value()
        here = nearest_index(updates, x) if self._cursor.isVisible() else None
        steps = {
            Qt.Key.Key_Left: last if here is None else max(here - 1, 0),
            Qt.Key.Key_Right: 0 if here is None else min(here + 1, last),
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        if key in steps:
            self.pointed.emit(float(updates[steps[key]]))
        elif key in ZOOM:
            self.plot.getViewBox().scaleBy(x=ZOOM[key], center=None if here is None else (x, 0))
            self.zoomed.emit()
        elif key == Qt.Key.Key_0:
            self.wholeRunAsked.emit()
        elif key == Qt.Key.Key_Escape:
            self.pointed.emit(None)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._ask_for_menu_by_key()
        else:
            return False
        return True

    def _ask_for_menu_by_key(self) -> None:
        self.menuAsked.emit(self.plot.mapToGlobal(self.plot.rect().center()))

    def _lay_out(self) -> None:
        self._legend = legend = QVBoxLayout()
        legend.setSpacing(0)
        legend.addSpacing(4)
        for switch in self.switches:
            legend.addWidget(switch)
        legend.addStretch()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        row.addWidget(self.plot, 1)
        row.addLayout(legend)

    def _prepare_axes(self) -> None:
        item = self.plot.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        item.setDownsampling(auto=True, mode="peak")
        item.setClipToView(True)
        item.showGrid(y=True, alpha=0.2)
        item.setContentsMargins(0, 6, 16, 0)  # room for half a tick label
        for side, text in (("left", self.label), ("bottom", "update")):
            axis = self.plot.getAxis(side)
            axis.setLabel(text)
            axis.enableAutoSIPrefix(False)
            axis.setStyle(tickLength=-4, autoExpandTextSpace=False)
        self.plot.getViewBox().setLimits(yMin=-0.05, yMax=1.05, minYRange=0.002, minXRange=1)

    def _add_items(self) -> None:
        def dots(symbol: str, size: int, z: int) -> pg.ScatterPlotItem:
            item = pg.ScatterPlotItem(symbol=symbol, size=size, antialias=True)
            item.setZValue(z)
            self.plot.addItem(item, ignoreBounds=True)
            return item

        self._curves: dict[Series, pg.PlotDataItem] = {}
        self._points: dict[Series, pg.ScatterPlotItem] = {}
        self._below: dict[Series, pg.ScatterPlotItem] = {}
        self._best: dict[Series, pg.ScatterPlotItem] = {}
        for one in self._series:
            curve = pg.PlotDataItem(connect="finite", antialias=True, name=one.key)
            self.plot.addItem(curve)
            self._curves[one] = curve
            self._points[one] = dots("o", 5 if one.validation else 4, 1)
            self._below[one] = dots("t", 8, 6)
            self._best[one] = dots("o", 9, 5)
        self._cursor = pg.InfiniteLine(0)
        self._cursor.setVisible(False)
        self.plot.addItem(self._cursor, ignoreBounds=True)
        self._message = pg.TextItem(EMPTY, anchor=(0.5, 0.5))
        self.plot.addItem(self._message, ignoreBounds=True)

    def _connect(self) -> None:
        for switch in self.switches:
            switch.toggled.connect(lambda _: self._draw(follow=False))
        self.plot.scene().sigMouseMoved.connect(self._moved)
        self.plot.scene().sigMouseClicked.connect(self._clicked)
        view = self.plot.getViewBox()
        view.sigRangeChangedManually.connect(lambda *_: self.zoomed.emit())
        view.sigXRangeChanged.connect(self._place_marks)
        view.sigResized.connect(self._place_marks)
        self.plot.installEventFilter(self)

    def _place_marks(self, *_: Any) -> None:
        """Raise the label of a λ mark that would cover the one before it."""
        x_pixel = self.plot.getViewBox().viewPixelSize()[0]
        raised, before = False, -math.inf
        for line in self._lines:
            raised = not raised and line.value() - before < LABEL_WIDTH * x_pixel
            before = line.value()
            line.label.setPosition(0.24 if raised else 0.08)

    def _moved(self, position: Any) -> None:
        view = self.plot.getViewBox()
        inside = view.sceneBoundingRect().contains(position)
        self.pointed.emit(float(view.mapSceneToView(position).x()) if inside else None)

    def _clicked(self, event: Any) -> None:
        if event.button() == Qt.MouseButton.RightButton:
            event.accept()
            self.menuAsked.emit(QCursor.pos())
        elif event.double():
            event.accept()
            self.wholeRunAsked.emit()

    def _draw(self, follow: bool) -> None:
        values = {one: self.values(one) for one in self._series}
        shown = self.shown()
        measured = self.measured()
        low = low_end(values[one] for one in shown)
        updates = np.array([validated.update for validated in self.history], float)
        for one in self._series:
            self._draw_curve(one, updates, np.array(values[one], float), low, one in shown)
        for one, switch in zip(self._series, self.switches, strict=True):
            switch.setVisible(not self.history or one in measured)
        self._say(bool(measured))
        for line in self._lines:
            line.setVisible(bool(self.history))
        if follow or not measured:
            self._set_ranges([values[one] for one in shown if one in measured], low)

    def _draw_curve(
        self, series: Series, updates: np.ndarray, values: np.ndarray, low: float, shown: bool
    ) -> None:
        finite = np.isfinite(values)
        if not (shown and finite.any()):
            updates, values, finite = updates[:0], values[:0], finite[:0]
        self._curves[series].setData(updates, values, antialias=len(values) <= SMOOTH)
        points = np.flatnonzero(finite) if len(values) <= FEW else lone_points(list(values))
        self._points[series].setData(updates[points], values[points])
        # A value under the axis leaves a triangle at its foot, so that it does not vanish unseen.
        under = np.flatnonzero(finite & (np.nan_to_num(values, nan=1.0) < low) & (not self._fit))
        self._below[series].setData(updates[under], np.full(len(under), low))
        best = best_index(values) if self.marks_best and series.validation else None
        top = [] if best is None else [best]
        self._best[series].setData(updates[top], values[top])

    def _say(self, measured: bool) -> None:
        self._message.setVisible(not measured)
        self._message.setText(self._nothing if self.history else EMPTY)
        self.plot.setMouseEnabled(measured, measured)
        self.plot.getAxis("bottom").setStyle(showValues=measured)

    def _set_ranges(self, curves: Sequence[Sequence[float]], low: float) -> None:
        """Show all updates, and 0.5 (or `low`) to 1, or the curves' own span if so asked."""
        last = max([validated.update for validated in self.history], default=1)
        bottom, top = low, 1.0
        finite = [value for values in curves for value in values if math.isfinite(value)]
        if self._fit and finite:
            bottom, top = min(finite), max(finite)
            if top - bottom < 0.01:
                bottom, top = bottom - 0.005, top + 0.005
        room = (top - bottom) * 0.04
        self.plot.setXRange(0, max(last, 1), padding=0.02)
        self.plot.setYRange(bottom - room, top + room, padding=0)
        self._message.setPos(max(last, 1) / 2, (bottom + top) / 2)

    def _style_marks(self) -> None:
        faint = mix(self._theme.text, self._theme.background, 0.35)
        for line in self._lines:
            line.setPen(pg.mkPen(faint, width=1, style=Qt.PenStyle.DashLine))
            line.label.setFont(self._font)
            line.label.setColor(QColor(self._theme.text))
            fill = QColor(self._theme.background)
            fill.setAlpha(190)
            line.label.fill = pg.mkBrush(fill)
