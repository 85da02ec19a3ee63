"""Where the axes of a plot stand in a figure, and what of a line lies within them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from qtpy.QtCore import QPointF, QRectF
from qtpy.QtGui import QPainterPath


@dataclass(frozen=True)
class Frame:
    """Where the axes stand in the figure, and the part of the data that they show."""

    rect: QRectF
    x: tuple[float, float]
    y: tuple[float, float]

    def point(self, x: float, y: float) -> QPointF:
        """Turn (update, score) into a place in the figure."""
        return QPointF(
            self.rect.left() + (x - self.x[0]) / (self.x[1] - self.x[0]) * self.rect.width(),
            self.rect.bottom() - (y - self.y[0]) / (self.y[1] - self.y[0]) * self.rect.height(),
        )

    def holds(self, point: QPointF) -> bool:
        """Whether a place lies within the axes, half a pixel of rounding allowed."""
        return self.rect.adjusted(-0.5, -0.5, 0.5, 0.5).contains(point)


def clip_segment(a: QPointF, b: QPointF, rect: QRectF) -> tuple[QPointF, QPointF] | None:
    """The part of the segment from `a` to `b` inside `rect`, None if there is none.

    References
    ----------
    Y.-D. Liang, B. A. Barsky, "A new concept and method for line clipping", ACM Trans. Graph. 3 (1984).
    """
    d = b - a
    enter, leave = 0.0, 1.0
    for p, q in (
        (-d.x(), a.x() - rect.left()),
        (d.x(), rect.right() - a.x()),
        (-d.y(), a.y() - rect.top()),
        (d.y(), rect.bottom() - a.y()),
    ):
        if p == 0:
            if q < 0:
                return None
        elif p < 0:
            enter = max(enter, q / p)
        else:
            leave = min(leave, q / p)
    return (a + d * enter, a + d * leave) if enter <= leave else None


def line_path(places: Sequence[QPointF | None], rect: QRectF) -> QPainterPath:
    """Join neighbours by lines inside `rect`; None is a gap."""
    path = QPainterPath()
    end: QPointF | None = None
    for a, b in pairwise(places):
        inside = clip_segment(a, b, rect) if a is not None and b is not None else None
        if inside is None:
            end = None
            continue
        if end is None or end != inside[0]:
            path.moveTo(inside[0])
        path.lineTo(inside[1])
        end = inside[1]
    return path
