"""How a curve looks on paper: hue for the network, dashes for training, shade and marker for the run."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache

from matplotlib.colors import to_hex, to_rgb
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from napari_advseg.core.storage.score_names import SCORES

INK, GREY, FAINT = "#1f1f1f", "#595959", "#dedede"
POINTS, SMALL = 9.0, 8.0
"""Sizes of text in points."""
HUES = {"S": "#3494d7", "G/S": "#b87f00", "D": "#595959", "G/D": "#b87f00"}
"""Blue and orange of the window, darkened to a contrast of 3 against white; D belongs to neither network,
G/D scores the masks of G/S."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_FEW = 40
"""Up to so many validations of a single run each is drawn as a point."""
_DARKEST = 0.62  # share of black in the last run's shade


@dataclass(frozen=True)
class LineStyle:
    """Of one curve; lengths in points."""

    colour: str
    width: float
    dashes: tuple[float, ...]
    """On and off in points, empty for a solid line."""
    marker: str
    marker_size: float
    filled: bool


def who(curve: str) -> str:
    """``S``, ``G/S``, ``D`` or ``G/D``: what a curve is about."""
    return SCORES[curve].who


def is_f1(curve: str) -> bool:
    """Whether a curve is of F1, not of accuracy."""
    return SCORES[curve].measure == "F1"


def is_validation(curve: str) -> bool:
    """Whether a curve is a validation's."""
    return SCORES[curve].is_validation


def shade(hue: str, run: int, runs: int) -> str:
    """The hue for one of several runs: the first as it is, the last the darkest."""
    share = _DARKEST * run / (runs - 1) if runs > 1 else 0.0
    red, green, blue = (channel * (1 - share) for channel in to_rgb(hue))
    return to_hex((red, green, blue))


def line_style(curve: str, run: int, runs: int, beneath: Collection[str]) -> LineStyle:
    """The style of a curve of run number `run` of `runs`.

    Networks named in `beneath` share a pane and are drawn first: their lines are wider, to show on both
    sides where the two run together.
    """
    val, under = is_validation(curve), who(curve) in beneath
    width = (2.4 if under else 1.3) if val else (1.8 if under else 1.0)
    if runs > 1:
        width *= 0.85
    size = 5.0 if runs > 1 else (4.4 if under else 3.0)
    dashes = () if val else (4.0, 2.5)
    return LineStyle(shade(HUES[who(curve)], run, runs), width, dashes, MARKERS[run], size, val)


def marked(values: Sequence[float], run: int, runs: int) -> list[int]:
    """Positions that get a marker: all if they are few, else some; always those that no line reaches."""
    padded = [math.nan, *values, math.nan]
    lone = {i for i in range(len(values)) if math.isnan(padded[i]) and math.isnan(padded[i + 2])}
    if runs == 1:
        return sorted(lone if len(values) > _FEW else range(len(values)))
    step = max(1, len(values) // 8)
    return sorted(lone | set(range(run * step // runs, len(values), step)))


@cache
def text_width(text: str, size: float = POINTS, bold: bool = False) -> float:
    """Width of a line of text in points."""
    font = FontProperties(family=["DejaVu Sans"], size=size, weight="bold" if bold else "normal")
    width, _, _ = TextToPath().get_text_width_height_descent(text, font, False)
    return float(width)


def elided(text: str, room: float) -> str:
    """A text that fits into `room` points: its middle gives way to an ellipsis."""
    for kept in range(len(text), 0, -1):
        head = (kept + 1) // 2
        short = text if kept == len(text) else f"{text[:head]}…{text[len(text) - kept + head :]}"
        if text_width(short) <= room:
            return short
    return "…" if text else ""
