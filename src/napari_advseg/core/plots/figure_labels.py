"""What is written into the panes: λ marks above them, and the best F1 of a single run beside its point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Affine2DBase, Bbox, ScaledTranslation, blended_transform_factory
from numpy.typing import NDArray

from .curves import Curves, XAxis
from .figure_style import (
    GREY,
    HUES,
    MARKERS,
    POINTS,
    SMALL,
    is_f1,
    is_validation,
    shade,
    text_width,
    who,
)

_ROWS = 3  # of λ labels above a pane
_ROW = 13.0
_SYMBOL = 9.0  # room for the marker of a run
_FAR = (5.0, 10.0, 16.0, 24.0)  # from a point to its label
_LEADER = {"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 4}
_BESIDE = ((0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1), (1, 0), (-1, 0))


@dataclass(frozen=True)
class Mark:
    """Where λ changes: a line through the panes, its label in a row above them."""

    x: float
    label: str
    row: int
    """From 0, the lowest; -1 for a label that found no room."""
    markers: tuple[str, ...]
    """Of the runs that it belongs to; empty if it belongs to all."""


def lambda_label(weight: float) -> str:
    """What stands at a λ mark: the weight from there on, or that it starts to rise from 0."""
    return f"λ {weight:g}" if weight else "λ rises"


def place_marks(
    runs: Sequence[Curves], axis: XAxis, span: tuple[float, float], width: float
) -> list[Mark]:
    """Find each λ mark its place, no label over another.

    Parameters
    ----------
    runs : sequence of Curves
    axis : {"epoch", "update", "minutes"}
    span : tuple of float
        Ends of the horizontal axis.
    width : float
        Of a pane, in points.
    """
    owners: dict[tuple[float, float], list[int]] = {}
    for i, run in enumerate(runs):
        for x, weight in run.marks(axis):
            owners.setdefault((round(x, 6), weight), []).append(i)
    marks: list[Mark] = []
    ends = [-math.inf] * _ROWS
    for (x, weight), found in sorted(owners.items()):
        markers = () if len(found) == len(runs) else tuple(MARKERS[i] for i in found)
        label = lambda_label(weight)
        left = (x - span[0]) / (span[1] - span[0]) * width
        row = next((row for row in range(_ROWS) if ends[row] <= left), -1)
        if row >= 0:
            ends[row] = left + 8 + _SYMBOL * len(markers) + text_width(label, SMALL)
        marks.append(Mark(x, label, row, markers))
    return marks


def draw_marks(pane: Axes, marks: Sequence[Mark], labelled: bool) -> None:
    """Draw the marks' lines, and above a pane at the top of its column their labels."""
    across = blended_transform_factory(pane.transData, pane.transAxes)
    for mark in marks:
        pane.axvline(mark.x, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1.5)
        if not labelled or mark.row < 0:
            continue
        up = 7 + mark.row * _ROW
        for i, marker in enumerate(mark.markers):
            pane.plot(
                mark.x,
                1,
                marker=marker,
                markersize=5,
                color=GREY,
                transform=across + _moved(pane, 3 + _SYMBOL * i, up),
                clip_on=False,
            )
        pane.text(
            mark.x,
            1,
            mark.label,
            transform=across
            + _moved(pane, _SYMBOL * len(mark.markers) - (0 if mark.markers else 1), up),
            size=SMALL,
            color=GREY,
            va="center",
        )


def label_best(pane: Axes, run: Curves, places: Sequence[float], curves: Sequence[str]) -> None:
    """Write the best validation F1 beside its point, where the fewest curves pass."""
    best = [
        (c, i) for c in curves if is_f1(c) and is_validation(c) and (i := run.best(c)) is not None
    ]
    lines = [_on_paper(pane, places, run.scores[c]) for c in curves if c in run.scores]
    taken = np.concatenate([_dense(line) for line in lines])
    inside = pane.get_window_extent()
    for curve, i in best:
        text = f"{run.scores[curve][i]:.4f}"
        x, y = pane.transData.transform((places[i], run.scores[curve][i]))
        wide, high = text_width(text, bold=True) + 4, POINTS + 3
        boxes = [
            Bbox.from_bounds(
                x + dx * (wide / 2 + far) - wide / 2,
                y + dy * (high / 2 + far) - high / 2,
                wide,
                high,
            )
            for far, (dx, dy) in product(_FAR, _BESIDE)
        ]
        costs = [
            3 * _covered(box, taken) + far + 1000 * (not _holds(inside, box))
            for box, far in zip(boxes, np.repeat(_FAR, len(_BESIDE)), strict=True)
        ]
        found = int(np.argmin(costs))
        box, near = boxes[found], found < len(_BESIDE)
        middle = ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2)
        pane.annotate(
            text,
            (places[i], run.scores[curve][i]),
            (middle[0] - x, middle[1] - y),
            textcoords="offset points",
            ha="center",
            va="center",
            color=shade(HUES[who(curve)], 1, 2),
            weight="bold",
            arrowprops=None if near else _LEADER,
        )
        grid = np.mgrid[box.x0 : box.x1 : 6j, box.y0 : box.y1 : 4j].reshape(2, -1).T
        taken = np.concatenate([taken, np.repeat(grid, 5, axis=0)])


def _moved(pane: Axes, right: float, up: float) -> Affine2DBase:
    """A shift by so many points."""
    figure = pane.get_figure(root=True)
    assert figure is not None
    return ScaledTranslation(right / 72, up / 72, figure.dpi_scale_trans)


def _on_paper(pane: Axes, x: Sequence[float], y: Sequence[float]) -> NDArray[np.float64]:
    """Points of a curve in points of the figure, shape (N, 2); gaps are left out."""
    points = np.column_stack([x, y]).astype(float)
    return np.asarray(pane.transData.transform(points[np.isfinite(points).all(axis=1)]))


def _dense(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points along a line about 2 points apart, shape (M, 2)."""
    steps = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    at = np.linspace(0, steps[-1], int(steps[-1] / 2) + 2)
    return np.column_stack([np.interp(at, steps, line[:, k]) for k in (0, 1)])


def _covered(box: Bbox, points: NDArray[np.float64]) -> int:
    """How many of the points a box covers."""
    within = (points >= (box.x0, box.y0)) & (points <= (box.x1, box.y1))
    return int(within.all(axis=1).sum())


def _holds(outer: Bbox, inner: Bbox) -> bool:
    return bool(
        outer.x0 <= inner.x0
        and inner.x1 <= outer.x1
        and outer.y0 <= inner.y0
        and inner.y1 <= outer.y1
    )
