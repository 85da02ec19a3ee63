"""The threshold that scored best on the validation slices of a run, as its summary names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_advseg.core.runtime.events import NetworkName


@dataclass(frozen=True)
class BestThreshold:
    """The best threshold of one network, by the measure that counts for its classes.

    Attributes
    ----------
    network : str
    measure : str
        ``F1 mitochondria`` or ``V_Rand``.
    threshold : float
        Probability of the first class from which a pixel belongs to it.
    score : float
        At that threshold.
    score_at_half : float
        At 0.5.
    """

    network: NetworkName
    measure: str
    threshold: float
    score: float
    score_at_half: float


def best_thresholds(summary: Mapping[str, Any]) -> tuple[BestThreshold, ...]:
    """Those that the summary of a run names, one for each network; none of a run without any."""
    found = []
    for network in ("standard", "adversarial"):
        try:
            first = summary["thresholds"][network][0]
            numbers = (float(first[key]) for key in ("threshold", "score", "score at 0.5"))
            found.append(BestThreshold(network, str(first["measure"]), *numbers))
        except (KeyError, IndexError, TypeError, ValueError):  # none, or of another version
            continue
    return tuple(found)
