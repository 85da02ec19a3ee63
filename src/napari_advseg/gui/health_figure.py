"""What the plot of D's health has beside its curves, drawn for a file: bands, alarms, levels."""

from __future__ import annotations

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF

from ..app.adversary_words import WARNING
from .alarm_spans import SHADE, alarm_span
from .health_pane import BAND, HealthPane
from .health_series import LEVEL_WORDS, LEVELS, band
from .plot_frame import Frame
from .plot_series import series_pen
from .theme import ThemeColours


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
