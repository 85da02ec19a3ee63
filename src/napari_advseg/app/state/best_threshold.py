"""The threshold that scored best on the validation slices of a run, as its summary names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_advseg.core.evaluation.threshold_choice import ThresholdChoice
from napari_advseg.core.runtime.events import SHORT, NetworkName


@dataclass(frozen=True)
class BestThreshold:
    """The best threshold of one network, by the measure that counts for its classes."""

    network: NetworkName
    choice: ThresholdChoice


def best_thresholds(summary: Mapping[str, Any]) -> tuple[BestThreshold, ...]:
    """Those that the summary of a run names, one for each network; none of a run without any."""
    found = []
    for network in SHORT:
        try:
            first = summary["thresholds"][network][0]
            found.append(BestThreshold(network, ThresholdChoice.from_json(first)))
        except (KeyError, IndexError, TypeError, ValueError):  # none, or of another version
            continue
    return tuple(found)
