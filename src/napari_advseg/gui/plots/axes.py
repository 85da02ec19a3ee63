"""The axes of a plot: room for their labels, colours of napari's theme, one size of text."""

from __future__ import annotations

from qtpy.QtCore import QRectF
from qtpy.QtGui import QColor, QFont, QFontMetrics
from qtpy.QtWidgets import QGraphicsSceneResizeEvent, QWidget

# isort: split
# pyqtgraph takes whichever Qt binding is loaded, and picks one itself if none is: qtpy comes first.
import pyqtgraph as pg

from napari_advseg.gui.widgets.theme import ThemeColours, mix

SIDES = ("left", "bottom")
MARKS = "top"
"""The side whose axis holds the labels of λ marks, outside of the curves."""


class RoomyAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no types
    """An axis that keeps its end labels, 1.0 or the last update, though half of them stands out."""

    def boundingRect(self) -> QRectF:
        rect: QRectF = super().boundingRect()
        return rect.adjusted(-20, -8, 20, 8)

    def resizeEvent(self, ev: QGraphicsSceneResizeEvent | None = None) -> None:
        super().resizeEvent(ev)
        if self.orientation == "bottom":  # in line with the ticks, so that it takes no height
            words = self.label.boundingRect()
            self.label.setPos(-words.width() - 6, self.size().height() - words.height())


def plot_with_axes(label: str, parent: QWidget) -> pg.PlotWidget:
    """An empty plot over updates whose vertical axis is called `label`.

    With its parent from the beginning it comes before what is beside it in the order of Tab.
    """
    plot = pg.PlotWidget(parent, axisItems={side: RoomyAxis(side) for side in (*SIDES, MARKS)})
    item = plot.getPlotItem()
    item.setMenuEnabled(False)
    item.hideButtons()
    item.setDownsampling(auto=True, mode="peak")
    item.setClipToView(True)
    item.showGrid(y=True, alpha=0.2)
    item.setContentsMargins(0, 2, 12, 0)  # room for half a tick label
    for side, text in zip(SIDES, (label, "update"), strict=True):
        axis = plot.getAxis(side)
        axis.setLabel(text)
        axis.enableAutoSIPrefix(False)
        axis.setStyle(tickLength=-4, autoExpandTextSpace=False)
    marks = plot.getAxis(MARKS)
    marks.setStyle(tickLength=0, showValues=True)
    marks.setTicks([[]])
    return plot


def colour_axes(plot: pg.PlotWidget, theme: ThemeColours) -> None:
    """Paint background and axes in a theme's colours; pyqtgraph does not follow napari's by itself."""
    plot.setBackground(theme.background)
    for side in SIDES:
        axis = plot.getAxis(side)
        axis.setPen(QColor(mix(theme.text, theme.background, 0.45)))
        axis.setTextPen(QColor(theme.text))
    plot.getAxis(MARKS).setPen(None)
    plot.getAxis(MARKS).setTextPen(QColor(theme.text))


def size_axes(plot: pg.PlotWidget, font: QFont, theme: ThemeColours) -> None:
    """Set the axes' text in a font, with as much room as it needs."""
    for side in SIDES:
        axis = plot.getAxis(side)
        axis.setTickFont(font)
        style = {"font-size": f"{font.pointSize()}pt", "color": theme.text}
        axis.setLabel(axis.labelText, **style)
    metrics = QFontMetrics(font)
    line = metrics.height()
    plot.getAxis("left").setWidth(line + metrics.horizontalAdvance("0.000") + 8)
    plot.getAxis("bottom").setHeight(line + 5)
    plot.getAxis(MARKS).setTickFont(font)
    plot.getAxis(MARKS).setHeight(line)
