"""The training plots drawn for a file, at its own size and free of the screen's pixels.

The scenes on the screen are not rendered into the file: Qt's SVG generator clips nothing on Qt 5, writes
curves in data units that few programs draw with the right line width, and pyqtgraph's points as pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QBrush, QColor, QFont, QPainter, QPen, QPolygonF

from napari_advseg.app.messages.discriminator_messages import WARNING
from napari_advseg.core.evaluation.best_validation import best_index
from napari_advseg.gui.widgets.theme import ThemeColours, mix

from .frame import Frame, line_path
from .health_pane import BAND, HealthPane
from .health_series import LEVEL_WORDS, LEVELS, band
from .legend import paint_entry, paint_point
from .markers import SHADE, alarm_span
from .pane import FEW, PlotPane
from .series import Series, lambda_label, series_pen

WIDTH_OF_ONE, HEIGHT = 600, 400
"""Size of one plot in the figure, in pixels before scaling."""
_LEFT, _TOP, _RIGHT, _BOTTOM = 56, 14, 110, 46
_TEXT = 13


def paint_figure(painter: QPainter, panes: Sequence[PlotPane], theme: ThemeColours) -> None:
    """Draw the panes side by side, as they are zoomed and switched, each `WIDTH_OF_ONE` × `HEIGHT`."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillRect(QRectF(0, 0, WIDTH_OF_ONE * len(panes), HEIGHT), QColor(theme.background))
    font = QFont(panes[0].font().family())
    font.setPixelSize(_TEXT)
    painter.setFont(font)
    for i, pane in enumerate(panes):
        place = QRectF(i * WIDTH_OF_ONE, 0, WIDTH_OF_ONE, HEIGHT).adjusted(
            _LEFT, _TOP, -_RIGHT, -_BOTTOM
        )
        x, y = pane.plot.viewRange()
        frame = Frame(place, (x[0], x[1]), (y[0], y[1]))
        if isinstance(pane, HealthPane):
            paint_below(painter, frame, pane, theme)
        _paint_axes(painter, frame, pane, theme)
        if isinstance(pane, HealthPane):
            paint_levels(painter, frame, theme)
        for series in pane.shown():
            _paint_series(painter, frame, pane, series, theme)
        _paint_marks(painter, frame, pane.marks, theme)
        _paint_best(painter, frame, pane, theme)
        _paint_legend(painter, frame, pane, theme)


def _paint_axes(painter: QPainter, frame: Frame, pane: PlotPane, theme: ThemeColours) -> None:
    rect, text = frame.rect, QColor(theme.text)
    grid = QPen(QColor(mix(theme.background, theme.text, 0.15)), 1)
    for value, label in _ticks(pane, "left", frame.y, rect.height()):
        height = frame.point(frame.x[0], value).y()
        painter.setPen(grid)
        painter.drawLine(QPointF(rect.left(), height), QPointF(rect.right(), height))
        painter.setPen(text)
        _write(painter, QRectF(rect.left() - 50, height - 10, 44, 20), "right", label)
    painter.setPen(text)
    for value, label in _ticks(pane, "bottom", frame.x, rect.width()):
        x = frame.point(value, frame.y[0]).x()
        painter.drawLine(QPointF(x, rect.bottom()), QPointF(x, rect.bottom() + 4))
        _write(painter, QRectF(x - 40, rect.bottom() + 5, 80, 18), "centre", label)
    _write(painter, QRectF(rect.left(), rect.bottom() + 24, rect.width(), 18), "centre", "update")
    painter.save()
    painter.translate(rect.left() - 44, rect.center().y())
    painter.rotate(-90)
    _write(painter, QRectF(-150, -10, 300, 18), "centre", _label(pane))
    painter.restore()
    painter.drawLine(rect.bottomLeft(), rect.topLeft())
    painter.drawLine(rect.bottomLeft(), rect.bottomRight())


def _label(pane: PlotPane) -> str:
    return pane.label if pane.of_class is None else f"{pane.label} {pane.of_class}"


def _ticks(
    pane: PlotPane, side: str, span: tuple[float, float], length: float
) -> list[tuple[float, str]]:
    """Places and labels of the ticks that pyqtgraph chooses for an axis."""
    axis = pane.plot.getAxis(side)
    levels = axis.tickValues(*span, length)
    found: list[tuple[float, str]] = []
    for spacing, values in levels[:2]:
        if len(found) < 4:
            found += zip(values, axis.tickStrings(values, 1, spacing), strict=True)
    return found


def _write(painter: QPainter, rect: QRectF, where: str, text: str) -> None:
    across = {
        "left": Qt.AlignmentFlag.AlignLeft,
        "right": Qt.AlignmentFlag.AlignRight,
        "centre": Qt.AlignmentFlag.AlignHCenter,
    }[where]
    painter.drawText(rect, int(across | Qt.AlignmentFlag.AlignVCenter), text)


def _paint_marks(
    painter: QPainter, frame: Frame, marks: Sequence[tuple[int, float]], theme: ThemeColours
) -> None:
    raised, before = False, -math.inf
    for update, weight in marks:
        foot = frame.point(update, frame.y[0])
        if not frame.holds(foot):
            continue
        painter.setPen(
            QPen(QColor(mix(theme.text, theme.background, 0.35)), 1, Qt.PenStyle.DashLine)
        )
        painter.drawLine(foot, QPointF(foot.x(), frame.rect.top()))
        raised = not raised and foot.x() - before < 60
        before = foot.x()
        painter.setPen(QColor(theme.text))
        text = lambda_label(weight)
        width = painter.fontMetrics().horizontalAdvance(text) + 4
        place = QRectF(foot.x() + 3, foot.y() - (46 if raised else 26), width, 18)
        backing = QColor(theme.background)
        backing.setAlpha(190)
        painter.fillRect(place, backing)
        _write(painter, place.adjusted(2, 0, 0, 0), "left", text)


def _paint_series(
    painter: QPainter, frame: Frame, pane: PlotPane, series: Series, theme: ThemeColours
) -> None:
    values = pane.values(series)
    foot = pane.foot()
    places = [
        frame.point(validated.update, value) if math.isfinite(value) else None
        for validated, value in zip(pane.history, values, strict=True)
    ]
    pen = series_pen(series, theme)
    pen.setCosmetic(False)  # in a file lines grow with the figure
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(pen)
    painter.drawPath(line_path(places, frame.rect))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QBrush(pen.color()))
    around = [None, *places, None]
    for i, (place, value) in enumerate(zip(places, values, strict=True)):
        if place is None:
            continue
        alone = around[i] is None and around[i + 2] is None
        if frame.holds(place) and (alone or len(places) <= FEW):
            paint_point(painter, place, series)
        elif value < foot and place.y() > frame.rect.bottom():
            x, y = place.x(), frame.rect.bottom()
            corners = [QPointF(x - 4, y - 8), QPointF(x + 4, y - 8), QPointF(x, y - 1)]
            painter.drawPolygon(QPolygonF(corners))


def _paint_best(painter: QPainter, frame: Frame, pane: PlotPane, theme: ThemeColours) -> None:
    for series in (one for one in pane.shown() if one.validation and pane.marks_best):
        values = pane.values(series)
        best = best_index(values)
        if best is None:
            continue
        place = frame.point(pane.history[best].update, values[best])
        if frame.holds(place):
            painter.setPen(QPen(QColor(theme.text), 1.5))
            painter.setBrush(QBrush(series_pen(series, theme).color()))
            painter.drawEllipse(place, 5, 5)


def _paint_legend(painter: QPainter, frame: Frame, pane: PlotPane, theme: ThemeColours) -> None:
    for i, series in enumerate(one for one in pane.shown() if one in pane.measured()):
        rect = QRectF(frame.rect.right() + 14, frame.rect.top() + 20 * i, _RIGHT - 14, 20)
        paint_entry(painter, rect, series, theme, shown=True)


def paint_below(painter: QPainter, frame: Frame, pane: HealthPane, theme: ThemeColours) -> None:
    """Draw the spans of the alarms and the bands around the curves, cut at the axes."""
    painter.save()
    painter.setClipRect(frame.rect)
    shade = QColor(theme.problem)
    shade.setAlpha(SHADE)
    for alarm in pane.alarms:
        first, last = alarm_span(alarm, pane.reach)
        start, end = frame.point(first, frame.y[0]), frame.point(last, frame.y[1])
        painter.fillRect(QRectF(start, end).normalized(), shade)
        painter.setPen(QPen(QColor(theme.problem), 1, Qt.PenStyle.DotLine))
        painter.drawLine(start, QPointF(start.x(), end.y()))
        painter.drawText(QPointF(start.x() + 3, frame.rect.top() + 14), WARNING)
    painter.setPen(Qt.PenStyle.NoPen)
    for series in pane.shown():
        points = band(series, pane.history)
        colour = series_pen(series, theme).color()
        colour.setAlpha(BAND)
        painter.setBrush(colour)
        corners = [frame.point(update, low) for update, low, _ in points]
        corners += [frame.point(update, high) for update, _, high in reversed(points)]
        painter.drawPolygon(QPolygonF(corners))
    painter.restore()


def paint_levels(painter: QPainter, frame: Frame, theme: ThemeColours) -> None:
    """Draw the levels beyond which D is saturated, where they are in range."""
    for level in LEVELS:
        start, end = frame.point(frame.x[0], level), frame.point(frame.x[1], level)
        if frame.holds(start):
            painter.setPen(QPen(QColor(theme.problem), 1, Qt.PenStyle.DashLine))
            painter.drawLine(start, end)
            painter.setPen(QColor(theme.text))
            painter.drawText(start + QPointF(6, -3), LEVEL_WORDS)
