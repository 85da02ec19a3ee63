"""What the plots show: the eight curves, their line styles, and a validation in one sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QPen

from napari_advseg.core.evaluation.best_validation import best_validations
from napari_advseg.core.runtime.events import SHORT, Validated
from napari_advseg.core.storage.score_names import SCORES
from napari_advseg.gui.widgets.theme import ThemeColours


@dataclass(frozen=True)
class Series:
    """One curve: its key, a column of ``metrics.csv``, and how it is drawn.

    The key of a curve of D's logits is a column of ``discriminator.csv`` instead, and it has a `spread`.
    """

    key: str
    who: str
    """``S``, ``G/S``, ``D`` or ``G/D``; of D's health ``real`` or ``fake``."""
    validation: bool
    tooltip: str
    spread: str = ""
    """Key of the spread, half as wide as the band around the curve; empty without a band."""
    symbol: str = "o"
    """Of its points: ``o`` a disc, ``s`` a square."""

    @property
    def name(self) -> str:
        """Short name for the legend."""
        if self.spread:
            return self.who
        return f"{self.who} {'val' if self.validation else 'train'}"

    @property
    def point_size(self) -> int:
        """Of its points, in pixels."""
        return 6 if self.spread else 5 if self.validation else 4


_S = "F1 of the standard network S"
_G = "F1 of the adversarially trained network G/S"
_D = "Share of mask regions, half true and half predicted, that the discriminator D judges rightly"
_GD = "Share of G/S's masks that the discriminator D takes for true"
_TRAIN = ", on fixed training patches"
F1_SERIES = (
    Series("S F1 train", "S", False, _S + _TRAIN),
    Series("S F1 val", "S", True, _S + ", on the validation slices"),
    Series("G/S F1 train", "G/S", False, _G + _TRAIN),
    Series("G/S F1 val", "G/S", True, _G + ", on the validation slices"),
)
ACCURACY_SERIES = (
    Series("D Accuracy train", "D", False, _D + _TRAIN),
    Series("D Accuracy val", "D", True, _D + ", on fixed validation patches"),
    Series("G/D Accuracy train", "G/D", False, _GD + _TRAIN),
    Series("G/D Accuracy val", "G/D", True, _GD + ", on fixed validation patches"),
)


def series_pen(series: Series, theme: ThemeColours) -> QPen:
    """Hue tells the network, line style tells training from validation, and real masks from fake ones."""
    # D belongs to neither network, so it has no hue; G/D scores the masks of G/S.
    hues = {"S": theme.standard, "D": theme.text, "real": theme.text, "fake": theme.fake}
    hue = hues.get(series.who, theme.adversarial)
    pen = QPen(Qt.PenStyle.SolidLine)
    pen.setColor(QColor(hue))
    pen.setCosmetic(True)
    pen.setWidthF(2.0 if series.validation else 1.0)
    if not series.validation or series.who == "fake":
        pen.setDashPattern([5.0, 3.0])
    return pen


def classes_scored(history: Iterable[Validated]) -> tuple[str, ...]:
    """Names of the classes whose F1 the validations hold, in their order."""
    return tuple(
        dict.fromkeys(
            name
            for validated in history
            for network in SHORT
            for name in validated.scores.of(network).f1_val_by_class
        )
    )


def score(validated: Validated, key: str, of_class: str | None = None) -> float:
    """A score of one validation, NaN if it was not measured.

    Parameters
    ----------
    validated : Validated
    key : str
        Of a series; see `Series`.
    of_class : str, optional
        Take that class's F1 instead of the run's one, where the key is an F1's.
    """
    value = SCORES[key].value(validated.scores, of_class)
    return math.nan if value is None else float(value)


def nearest_index(updates: Sequence[int], x: float) -> int | None:
    """Position of the validation whose update lies nearest to `x`."""
    return min(range(len(updates)), key=lambda i: abs(updates[i] - x), default=None)


def low_end(curves: Iterable[Sequence[float]], usual: float = 0.5, recent: int = 5) -> float:
    """Lower end of the vertical axis: 0.5, lower in tenths if a best or a recent value is lower.

    The last few values decide and not the very last, lest the axis jump at each validation.
    """
    lowest = usual
    for values in curves:
        finite = [value for value in values if math.isfinite(value)]
        if finite:
            lowest = min(lowest, max(finite), *finite[-recent:])
    return max(math.floor(round(lowest * 10, 6)) / 10, 0.0)


def lone_points(values: Sequence[float]) -> list[int]:
    """Positions of values with a gap or an end on both sides, which no line reaches."""
    padded = [math.nan, *values, math.nan]
    return [
        i
        for i, value in enumerate(values)
        if math.isfinite(value) and math.isnan(padded[i]) and math.isnan(padded[i + 2])
    ]


def validation_sentence(validated: Validated, of_class: str | None = None) -> str:
    """Every measured score of one validation, in one line of text; F1 of a class if one is named."""
    parts = [f"update {validated.update}" + (f", F1 {of_class}" if of_class else "")]
    for series in (F1_SERIES, ACCURACY_SERIES):
        for train, val in (series[:2], series[2:]):
            numbers = [
                f"{score(validated, one.key, of_class):.3f} {'val' if one.validation else 'train'}"
                for one in (train, val)
                if math.isfinite(score(validated, one.key, of_class))
            ]
            if numbers:
                parts.append(f"{train.who} {', '.join(numbers)}")
    return parts[0] + (": " + " · ".join(parts[1:]) if parts[1:] else "")


def best_sentence(history: Sequence[Validated], of_class: str | None = None) -> str:
    """The best validation F1, or F1 of a class, of each network and when; empty without one."""
    found = best_validations(history, class_name=of_class)
    parts = " · ".join(map(str, found))
    what = f"F1 {of_class} val" if of_class else f"{found[0].measure} val" if found else ""
    return f"best {what}: {parts}" if parts else ""


def lambda_label(weight: float, *, short: bool = False) -> str:
    """What stands at a λ mark: the weight from there on, or that it starts to rise from 0."""
    if short:
        return f"λ{weight:g}" if weight else "λ↑"
    return f"λ {weight:g}" if weight else "λ rises"
