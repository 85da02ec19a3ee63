"""Which threshold on the probability suits the masks of a network best, measured on validation slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.inference.predictions import to_indices

from .boundary_scores import BoundaryScores
from .metrics import confusion, f1_scores

THRESHOLDS: tuple[float, ...] = tuple(k / 20 for k in range(1, 20))
ALIKE = 0.001
"""Scores this close are alike; of thresholds that score alike the one nearest to 0.5 is taken."""
REGIONS = 3.0
"""Equally large regions, or as many as unequal ones count for, from which on regions count."""


@dataclass(frozen=True)
class ThresholdChoice:
    """The best threshold by one measure.

    Attributes
    ----------
    measure : str
        ``F1 membrane`` or ``V_Rand``.
    threshold : float
        Probability of the first class from which a pixel belongs to it.
    score : float
        At that threshold.
    score_at_half : float
        At 0.5.
    """

    measure: str
    threshold: float
    score: float
    score_at_half: float

    def as_json(self) -> dict[str, Any]:
        """What ``summary.json`` says of it."""
        return {
            "measure": self.measure,
            "threshold": self.threshold,
            "score": round(self.score, 4),
            "score at 0.5": round(self.score_at_half, 4),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ThresholdChoice:
        """What `as_json` gave.

        Raises
        ------
        KeyError, TypeError, ValueError
            If `values` are of another kind.
        """
        numbers = (float(values[key]) for key in ("threshold", "score", "score at 0.5"))
        return cls(str(values["measure"]), *numbers)


def best_threshold(scores: Sequence[tuple[float, float]], measure: str) -> ThresholdChoice | None:
    """The choice among (threshold, score); 0.5 is one of them. None without a finite score."""
    finite = [(t, s) for t, s in scores if isfinite(s)]
    if not finite:
        return None
    most = max(s for _, s in finite)
    threshold, score = min(
        ((t, s) for t, s in finite if s >= most - ALIKE), key=lambda one: abs(one[0] - 0.5)
    )
    at_half = next((s for t, s in finite if t == 0.5), float("nan"))
    return ThresholdChoice(measure, threshold, score, at_half)


def f1_by_threshold(
    predictions: Sequence[NDArray[Any]], truths: Sequence[NDArray[np.uint8]]
) -> tuple[int, list[tuple[float, float]]]:
    """F1 of the rarer class at each of `THRESHOLDS`.

    Parameters
    ----------
    predictions : sequence of ndarray of float, each (Y, X)
        Probability of the first class.
    truths : sequence of ndarray of uint8, each (Y, X)
        Class indices, 0 or 1, `UNLABELLED` where nobody said.

    Returns
    -------
    index : int
        The class that fewer labelled pixels have.
    scores : list of (float, float)
        Threshold and F1; NaN without a labelled pixel.
    """
    labelled = [truth != UNLABELLED for truth in truths]
    ones = sum(int((t[known] == 1).sum()) for t, known in zip(truths, labelled, strict=True))
    total = sum(int(known.sum()) for known in labelled)
    rarer = int(2 * ones <= total)
    scores = []
    for threshold in THRESHOLDS:
        counts = np.zeros((2, 2), np.int64)
        for found, truth in zip(predictions, truths, strict=True):
            counts += confusion(to_indices(found, threshold), truth, 2)
        scores.append((threshold, float(f1_scores(counts)[rarer])))
    return rarer, scores


def regions_count(truths: Sequence[NDArray[np.uint8]]) -> bool:
    """Whether the first class lies in regions that the other one parts, as cells do between membranes.

    It does where it has most of the pixels and its connected components, on average over the slices,
    are as diverse as `REGIONS` equally large ones: 1 / Σ a², a being their shares of its pixels.
    """
    numbers = []
    first = total = 0
    for truth in truths:
        inside = truth == 0
        first, total = first + int(inside.sum()), total + int((truth != UNLABELLED).sum())
        if inside.any():
            sizes = np.bincount(ndimage.label(inside)[0].ravel())[1:]
            numbers.append(float(sizes.sum()) ** 2 / float((sizes.astype(float) ** 2).sum()))
    return 2 * first > total and bool(numbers) and float(np.mean(numbers)) >= REGIONS


def choose_threshold(
    predictions: Sequence[NDArray[Any]],
    truths: Sequence[NDArray[np.uint8]],
    classes: tuple[str, ...],
    boundaries: BoundaryScores | None,
) -> tuple[ThresholdChoice, ...]:
    """The best thresholds, that of the measure that counts first.

    V_Rand counts where the first class lies in regions (see `regions_count`): there a gap of a few
    pixels joins two cells. Elsewhere the F1 of the rarer class does.
    """
    rarer, scores = f1_by_threshold(predictions, truths)
    by_f1 = best_threshold(scores, f"F1 {classes[rarer]}")
    by_regions = None
    if boundaries is not None and regions_count(truths):
        by_regions = best_threshold(boundaries.v_rand_by_threshold, "V_Rand")
    return tuple(choice for choice in (by_regions, by_f1) if choice is not None)
