"""The table beneath the curves: a row for each run, a line sample for each curve, the best F1."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .curves import CURVES, Curves, XAxis
from .figure_style import (
    FAINT,
    GREY,
    INK,
    SMALL,
    LineStyle,
    elided,
    is_validation,
    line_style,
    marked,
    text_width,
    who,
)

_ROW, _HEADS, _PAD = 17.0, 32.0, 8.0
_SAMPLE, _BEST, _GAP, _SIDE = 40.0, 94.0, 16.0, 16.0
_PLACE = {"epoch": ".4g", "update": ".0f", "minutes": ".3g"}
"""How a place on the axis is written."""


def table_height(runs: Sequence[Curves]) -> float:
    """Height of the table in points."""
    return _HEADS + _ROW * len(runs) + _PAD


def draw_table(
    figure: Figure,
    runs: Sequence[Curves],
    axis: XAxis,
    measured: Sequence[str],
    beneath: Collection[str],
) -> None:
    """Draw the table at the bottom of the figure, whose size is set.

    Parameters
    ----------
    figure : Figure
    runs : sequence of Curves
    axis : {"epoch", "update", "minutes"}
        Where the best F1 was, in brackets.
    measured : sequence of str
        Names of the curves that any run holds.
    beneath : collection of str
        As `line_style`.
    """
    width, height = figure.get_size_inches() * 72
    tall = table_height(runs)
    table = figure.add_axes((0, 0, 1, tall / height), label="table")
    table.set(xlim=(0, width), ylim=(tall, 0))
    table.set_axis_off()
    names = [name for name in dict.fromkeys(map(who, CURVES)) if _of(name, measured)]
    room = width - 2 * _SIDE - sum(_GAP + _group_width(name) for name in names)
    shown = [elided(run.name, room) for run in runs]
    x = _SIDE + max(map(text_width, shown)) + _GAP
    table.axhline(_HEADS - 3, _SIDE / width, 1 - _SIDE / width, color=FAINT, linewidth=0.8)
    for i, name in enumerate(shown):
        table.text(_SIDE, _row(i), name, verticalalignment="center")
    for name in names:
        _draw_group(table, x, name, runs, axis, beneath)
        x += _group_width(name) + _GAP


def _of(name: str, curves: Sequence[str]) -> list[str]:
    return [curve for curve in curves if who(curve) == name]


def _group_width(name: str) -> float:
    return 2 * _SAMPLE + (_BEST if name in ("S", "G/S") else 0.0)


def _row(i: int) -> float:
    return _HEADS + _ROW * (i + 0.5)


def _draw_group(
    table: Axes,
    x: float,
    name: str,
    runs: Sequence[Curves],
    axis: XAxis,
    beneath: Collection[str],
) -> None:
    """The columns of one network: train, val, and for F1 the best."""
    f1 = name in ("S", "G/S")
    table.text(x, 4, f"{name} {'F1' if f1 else 'accuracy'}", weight="bold", va="top")
    heads = ("train", "val", f"best val ({axis})") if f1 else ("train", "val")
    for i, head in enumerate(heads):
        table.text(x + i * _SAMPLE, 16, head, size=SMALL, color=GREY, va="top")
    for i, run in enumerate(runs):
        for j, curve in enumerate(_of(name, CURVES)):
            left = x + j * _SAMPLE
            if curve not in run.scores:
                table.text(left, _row(i), "–", color=GREY, va="center")
                continue
            style = line_style(curve, i, len(runs), beneath)
            points = bool(marked(run.scores[curve], i, len(runs)))
            _draw_sample(table, (left, left + _SAMPLE - 10), _row(i), style, points)
            if f1 and is_validation(curve):
                _draw_best(table, left + _SAMPLE, _row(i), run, curve, axis, style)


def _draw_sample(
    table: Axes, ends: tuple[float, float], y: float, style: LineStyle, points: bool
) -> None:
    line = Line2D(ends, (y, y), color=style.colour, linewidth=style.width)
    if style.dashes:
        line.set_linestyle((0, style.dashes))
    table.add_line(line)
    if points:
        table.plot(
            sum(ends) / 2,
            y,
            marker=style.marker,
            markersize=style.marker_size,
            markeredgecolor=style.colour,
            markerfacecolor=style.colour if style.filled else "white",
        )


def _draw_best(
    table: Axes, x: float, y: float, run: Curves, curve: str, axis: XAxis, style: LineStyle
) -> None:
    """The point as it stands in the pane, the value, and where it is."""
    best = run.best(curve)
    if best is None:
        return
    table.plot(
        x + 4,
        y,
        marker=style.marker,
        markersize=style.marker_size + 2,
        markerfacecolor=style.colour,
        markeredgecolor=INK,
    )
    place = format(run.x(axis)[best], _PLACE[axis])
    table.text(x + 12, y, f"{run.scores[curve][best]:.4f} ({place})", va="center")
