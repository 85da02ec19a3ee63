"""The legend above a plot: one small switch for each curve, with a sample of its line."""

from __future__ import annotations

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import QAbstractButton, QSizePolicy, QStyle, QStyleOptionFocusRect, QWidget

from napari_advseg.gui.widgets.qt_types import required
from napari_advseg.gui.widgets.theme import LEAST_TEXT_CONTRAST, ThemeColours, mix, readable

from .series import Series, series_pen

SAMPLE_WIDTH = 18
_GAP = 3


def paint_entry(
    painter: QPainter, rect: QRectF, series: Series, theme: ThemeColours, shown: bool
) -> None:
    """Draw one legend entry, a sample of the line and the curve's name, into `rect`."""
    pen = series_pen(series, theme)
    pen.setCosmetic(False)
    text = theme.text
    if not shown:
        grey = mix(theme.text, theme.background, 0.6)
        text = readable(grey, theme.background, LEAST_TEXT_CONTRAST)
        pen.setColor(QColor(readable(grey, theme.background)))
        font = painter.font()
        font.setStrikeOut(True)  # what is hidden is told by more than a shade
        painter.setFont(font)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(pen)
    middle = rect.center().y()
    painter.drawLine(QPointF(rect.left() + 2, middle), QPointF(rect.left() + SAMPLE_WIDTH, middle))
    if series.spread:
        painter.setBrush(pen.color())
        painter.setPen(Qt.PenStyle.NoPen)
        paint_point(painter, QPointF(rect.left() + SAMPLE_WIDTH / 2 + 1, middle), series)
    painter.setPen(QPen(QColor(text)))
    beside = rect.adjusted(SAMPLE_WIDTH + _GAP, 0, 0, 0)
    painter.drawText(
        beside, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), series.name
    )


def paint_point(painter: QPainter, place: QPointF, series: Series) -> None:
    """Draw a point of a curve with the painter's brush."""
    size = series.point_size / 2
    if series.symbol == "s":
        painter.drawRect(QRectF(place.x() - size, place.y() - size, 2 * size, 2 * size))
    else:
        painter.drawEllipse(place, size, size)


class LegendSwitch(QAbstractButton):
    """A checkable button that shows one curve's line and switches the curve on and off."""

    def __init__(self, series: Series, theme: ThemeColours, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.series = series
        self._theme = theme
        self.setCheckable(True)
        self.setChecked(True)
        self.setText(series.name)
        self.setToolTip(f"{series.tooltip}. Click to hide or show the curve.")
        self.setAccessibleName(series.key)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def set_theme(self, theme: ThemeColours) -> None:
        """Repaint in another theme's colours."""
        self._theme = theme
        self.update()

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        width = SAMPLE_WIDTH + _GAP + metrics.horizontalAdvance(self.text()) + 4
        return QSize(width, max(metrics.height(), 14) + 1)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        if self.underMouse():
            painter.fillRect(self.rect(), QColor(self._theme.foreground))
        paint_entry(painter, QRectF(self.rect()), self.series, self._theme, self.isChecked())
        if self.hasFocus():
            option = QStyleOptionFocusRect()
            option.initFrom(self)
            option.rect = self.rect()
            required(self.style()).drawPrimitive(
                QStyle.PrimitiveElement.PE_FrameFocusRect, option, painter, self
            )
        painter.end()
