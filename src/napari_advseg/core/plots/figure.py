"""The figure of the eight curves, for print: F1 and accuracy of one run or of several.

Hue tells the network and dashes tell training from validation, as in the window; with several runs, shade and
marker tell the run. What is plotted is read in `curves`; the table beneath the panes is in `figure_table`.

matplotlib is used without pyplot, so no window, backend or figure of a person's own is touched.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from napari_advseg.core.runtime.errors import RunFolderError, SettingsError, short_reason
from napari_advseg.core.runtime.filesystem import replacing

from .curves import CURVES, Curves, XAxis
from .figure_labels import draw_marks, label_best, place_marks
from .figure_style import (
    FAINT,
    GREY,
    INK,
    MARKERS,
    POINTS,
    is_f1,
    is_validation,
    line_style,
    marked,
    who,
)
from .figure_table import draw_table, table_height

FORMATS = ("png", "svg", "pdf")
Panes = Literal["auto", "two", "four"]
"""Of a figure: F1 and accuracy, or one for each of S, G/S, D and G/D."""

WIDTH, NARROW = 864.0, 560.0
"""Of a figure with both sides and with one, in points as every length here: 12 and 7.8 inches."""
_LEFT, _RIGHT, _BELOW, _STACKED = 52.0, 18.0, 36.0, 12.0
_TALL, _LOW = 250.0, 165.0
"""Height of a pane that has a column for itself, and of one that shares it."""
_TITLE, _HEAD, _MARK_ROW = 18.0, 12.0, 13.0
_MARGIN = 0.02  # of the horizontal axis beyond its data
_DPI = 200
_X_LABELS = {"epoch": "epoch", "update": "update", "minutes": "minutes of training"}
# No dates: the same curves give the same bytes.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None},
    "pdf": {"CreationDate": None},
}
_STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib
    "font.size": POINTS,
    "text.color": INK,
    "text.parse_math": False,  # a dollar in a folder's name is a dollar
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.useoffset": False,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "svg.fonttype": "none",  # words stay words: they can be searched and edited
    "svg.hashsalt": "napari-advseg",  # random names otherwise
    "pdf.fonttype": 42,
}


def figure_format(path: str | Path) -> str:
    """The format that a file's extension asks for: ``png``, ``svg`` or ``pdf``.

    Raises
    ------
    SettingsError
        If the extension is another one.
    """
    found = Path(path).suffix.lower().removeprefix(".")
    if found not in FORMATS:
        raise SettingsError(f"{path} is no figure: end its name in .png, .svg or .pdf.")
    return found


def draw_curves(
    runs: Sequence[Curves],
    path: str | Path,
    *,
    x: XAxis = "epoch",
    title: str | None = None,
    panes: Panes = "auto",
) -> None:
    """Write `curves_figure` to a file, whole or not at all; equal input gives equal bytes.

    Parameters
    ----------
    runs, x, title, panes
        As in `curves_figure`.
    path : str or Path
        Its extension decides the format: ``.png`` (200 dots per inch), ``.svg`` or ``.pdf``.

    Raises
    ------
    SettingsError
        As `curves_figure`, and if the extension is unknown.
    RunFolderError
        If the file cannot be written.
    """
    path = Path(path)
    kind = figure_format(path)
    figure = curves_figure(runs, x=x, title=title, panes=panes)
    try:
        with replacing(path) as partial, _settled():
            figure.savefig(partial, format=kind, dpi=_DPI, metadata=_METADATA[kind])
    except OSError as error:
        raise RunFolderError(
            f"{path} cannot be written ({short_reason(error)}): choose another place."
        ) from None


def curves_figure(
    runs: Sequence[Curves],
    *,
    x: XAxis = "epoch",
    title: str | None = None,
    panes: Panes = "auto",
) -> Figure:
    """Draw the curves of one run or several.

    Parameters
    ----------
    runs : sequence of Curves
        One to eight, as `read_runs` gives them.
    x : {"epoch", "update", "minutes"}
        Horizontal axis.
    title : str, optional
        Above the panes.
    panes : {"auto", "two", "four"}
        ``two``: F1 and accuracy. ``four``: S, G/S, D and G/D apart. ``auto``: four for several runs.

    Returns
    -------
    matplotlib.figure.Figure
        12 inches wide, less without D. What no run measured has no pane.

    Raises
    ------
    SettingsError
        If there is no run or more than eight, no such axis or panes, or a run does not hold the axis.
    """
    if panes not in get_args(Panes):
        raise SettingsError(f"There are no panes {panes!r}: choose two or four.")
    if not 1 <= len(runs) <= len(MARKERS):
        raise SettingsError(
            f"{len(runs)} runs cannot be told apart in one figure: plot 1 to {len(MARKERS)}."
        )
    places = [run.x(x) for run in runs]
    four = panes == "four" or (panes == "auto" and len(runs) > 1)
    measured = [curve for curve in CURVES if any(curve in run.scores for run in runs)]
    groups = _columns(measured, four)
    beneath = {
        who(pane[0]) for column in groups for pane in column if who(pane[0]) != who(pane[-1])
    }
    end = max(max(place) for place in places) or 1.0
    span = (-end * _MARGIN, end * (1 + _MARGIN))
    with _settled():
        marks = place_marks(runs, x, span, _wide(groups) / len(groups) - _LEFT - _RIGHT)
        head = _HEAD + _MARK_ROW * (1 + max((mark.row for mark in marks), default=-1))
        figure, columns = _add_panes(groups, title, head, table_height(runs))
        for column in columns:
            for pane, curves in column:
                pane.set_xlim(span)
                _scale(pane, curves, runs)
                _draw_lines(pane, runs, places, curves, beneath)
                draw_marks(pane, marks, labelled=pane is column[0][0])
                if len(runs) == 1:
                    label_best(pane, runs[0], places[0], curves)
            _label_axis([pane for pane, _ in column], x, end)
        draw_table(figure, runs, x, measured, beneath)
    return figure


def f1_span(curves: Sequence[Sequence[float]], above: float = 0.06) -> tuple[float, float]:
    """Ends of the F1 axis: the differences of late validations take a quarter of its height at least.

    Early values that are far lower fall off the axis, lest they press all later ones together.

    Parameters
    ----------
    curves : sequence of sequences of float
        F1 of each curve in the order of the validations; NaN is passed over.
    above : float
        Room above the highest value, as a share of the range.
    """
    finite = [[value for value in curve if math.isfinite(value)] for curve in curves]
    finite = [curve for curve in finite if curve]
    top = max(max(curve) for curve in finite)
    late = min(min(curve[len(curve) // 2 :]) for curve in finite)
    lowest, low = min(min(curve) for curve in finite), top - 4 * max(top - late, 0.0025)
    tall = max(top - max(low, lowest), 0.0025)
    bottom = math.floor(low * 100) / 100 if low > lowest else max(lowest - 0.06 * tall, -0.02)
    return bottom, min(top + above * tall, 1.02)


def _columns(measured: Sequence[str], four: bool) -> list[list[list[str]]]:
    """The curves of each pane, by column: F1 left, accuracy right; what has no curve is left out."""
    sides = ((("S",), ("G/S",)), (("D",), ("G/D",))) if four else ((("S", "G/S"),), (("D", "G/D"),))
    panes = [[[c for c in measured if who(c) in names] for names in side] for side in sides]
    return [found for side in panes if (found := [curves for curves in side if curves])]


def _add_panes(
    groups: list[list[list[str]]], title: str | None, head: float, foot: float
) -> tuple[Figure, list[list[tuple[Axes, list[str]]]]]:
    """A figure with empty panes between `head` and `foot`, lengths in points."""
    stacked = max(map(len, groups))
    body = _TALL if stacked == 1 else stacked * _LOW + (stacked - 1) * _STACKED
    head += _TITLE if title else 0.0
    height = head + body + _BELOW + foot
    full = _wide(groups)
    # a pixel is a point while places are computed
    figure = Figure(figsize=(full / 72, height / 72), dpi=72)
    if title:
        figure.text(_LEFT / full, 1 - 8 / height, title, va="top", size=12, weight="bold")
    width = full / len(groups)
    columns = []
    for i, group in enumerate(groups):
        tall = (body - (len(group) - 1) * _STACKED) / len(group)
        column = []
        for j, curves in enumerate(group):
            bottom = height - head - (j + 1) * tall - j * _STACKED
            box = (i * width + _LEFT, bottom, width - _LEFT - _RIGHT, tall)
            pane = figure.add_axes(
                (box[0] / full, box[1] / height, box[2] / full, box[3] / height),
                label=" ".join(dict.fromkeys(map(who, curves))),
            )
            column.append((pane, curves))
        columns.append(column)
    return figure, columns


def _wide(groups: Sequence[object]) -> float:
    return WIDTH if len(groups) > 1 else NARROW


def _label_axis(column: Sequence[Axes], x: XAxis, end: float) -> None:
    """Whole numbers where there are a few, written beneath the lowest pane alone."""
    for pane in column:
        pane.xaxis.set_major_locator(
            MaxNLocator(nbins=8, steps=[1, 2, 5, 10], integer=x == "update" or end >= 4)
        )
        pane.tick_params(labelbottom=pane is column[-1])
    column[-1].set_xlabel(_X_LABELS[x])


def _scale(pane: Axes, curves: Sequence[str], runs: Sequence[Curves]) -> None:
    """Set the vertical axis: 0 to 1 for accuracy, one range for all F1 of the figure."""
    names = list(dict.fromkeys(map(who, curves)))
    pane.grid(axis="y")
    pane.set_axisbelow(True)
    if not is_f1(curves[0]):
        pane.set_ylim(-0.02, 1.02)
        pane.set_yticks([0, 0.25, 0.5, 0.75, 1])
        pane.set_ylabel(f"{names[0]} accuracy" if len(names) == 1 else "accuracy")
        return
    values = [found for run in runs for key, found in run.scores.items() if is_f1(key)]
    # the best of a single run is written above
    low, high = f1_span(values, above=0.15 if len(runs) == 1 else 0.06)
    pane.set_ylim(low, high)
    cut = any(value < low for found in values for value in found)
    label = f"{names[0]} F1" if len(names) == 1 else "F1"
    pane.set_ylabel(label + (f", cut off below {low:.2f}" if cut else ""))


def _draw_lines(
    pane: Axes,
    runs: Sequence[Curves],
    places: Sequence[Sequence[float]],
    curves: Sequence[str],
    beneath: Collection[str],
) -> None:
    for i, run in enumerate(runs):
        for curve in (curve for curve in curves if curve in run.scores):
            style = line_style(curve, i, len(runs), beneath)
            (line,) = pane.plot(
                places[i],
                run.scores[curve],
                color=style.colour,
                linewidth=style.width,
                linestyle=(0, style.dashes) if style.dashes else "solid",
                marker=style.marker,
                markersize=style.marker_size,
                markeredgecolor=style.colour,
                markerfacecolor=style.colour if style.filled else "white",
                markevery=marked(run.scores[curve], i, len(runs)),
                label=f"{run.name}: {curve}",
            )
            best = run.best(curve) if is_f1(curve) and is_validation(curve) else None
            if best is not None:
                pane.plot(
                    places[i][best],
                    run.scores[curve][best],
                    marker=style.marker,
                    markersize=style.marker_size + 2,
                    markerfacecolor=style.colour,
                    markeredgecolor=INK,
                    zorder=line.get_zorder() + 1,
                    label=f"{run.name}: best {curve}",
                )


@contextmanager
def _settled() -> Iterator[None]:
    """The defaults of matplotlib and ours, whatever a person's matplotlibrc says; put back at the end."""
    with warnings.catch_warnings():
        # A box stands for a character that the font has not; nobody can mend that here.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        with matplotlib.style.context(["default", _STYLE]):
            yield
