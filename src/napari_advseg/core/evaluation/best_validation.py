"""The best validation of a run: the one with the highest mean F1, the earliest of equals.

The mean over the classes, because the F1 of a class that is nearly everywhere hardly changes. Runs that did not
measure it are judged by their F1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite, nan

from napari_advseg.core.runtime.events import SHORT, NetworkName, Validated


@dataclass(frozen=True)
class BestValidation:
    """The best validation of one network.

    Attributes
    ----------
    network : {"standard", "adversarial"}
    update : int
        Number of the update that it followed.
    f1 : float
        Validation F1: the mean over the classes, or of the run or one class.
    measure : str
        ``mean F1``, or ``F1`` of the run or of one class.
    """

    network: NetworkName
    update: int
    f1: float
    measure: str = "F1"

    def __str__(self) -> str:
        return f"{SHORT[self.network]} {self.f1:.3f} at update {self.update}"


def best_index(values: Sequence[float]) -> int | None:
    """Position of the first highest finite value; None without a finite value."""
    finite = [i for i, value in enumerate(values) if isfinite(value)]
    return max(finite, key=lambda i: values[i], default=None)


def best_validation(
    history: Sequence[Validated], network: NetworkName, class_name: str | None = None
) -> BestValidation | None:
    """The best validation of a network, by its mean F1 or the F1 of one class; None without a score."""
    scores = [one.scores.of(network) for one in history]
    measure = "F1"
    if class_name is not None:
        values = [one.f1_val_by_class.get(class_name, nan) for one in scores]
    elif any(one.mean_f1_val is not None for one in scores):
        measure = "mean F1"
        values = [nan if one.mean_f1_val is None else one.mean_f1_val for one in scores]
    else:
        values = [nan if one.f1_val is None else one.f1_val for one in scores]
    best = best_index(values)
    if best is None:
        return None
    return BestValidation(network, history[best].update, values[best], measure)


def best_validations(
    history: Sequence[Validated],
    networks: Iterable[NetworkName] = tuple(SHORT),
    class_name: str | None = None,
) -> tuple[BestValidation, ...]:
    """`best_validation` of each network that has a score."""
    found = (best_validation(history, network, class_name) for network in networks)
    return tuple(best for best in found if best is not None)


def best_of_all(history: Sequence[Validated]) -> BestValidation | None:
    """The best validation of any network, the earliest of equals; None without a score."""
    return max(best_validations(history), key=lambda best: (best.f1, -best.update), default=None)
