"""Names of scores and of the discriminator's statistics as text.

They are the columns of ``metrics.csv`` (as in the 2017 experiment) and of ``discriminator.csv``, the keys of
checkpoints and of ``summary.json``, the tags in TensorBoard and the names of curves. Everything that converts
between these names and the values of `runtime.scores` is here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from napari_advseg.core.runtime.events import SHORT, NetworkName
from napari_advseg.core.runtime.scores import (
    DiscriminatorScores,
    DiscriminatorStatistics,
    NetworkScores,
    Scores,
    measured,
)

Side = Literal["train", "val"]
SIDES: tuple[Side, ...] = ("train", "val")
Measure = Literal["F1", "Accuracy"]

# ---- scores


@dataclass(frozen=True)
class ScoreName:
    """Name of a score that each validation may hold.

    Attributes
    ----------
    who : str
        ``S``, ``G/S``, ``D`` or ``G/D``.
    measure : {"F1", "Accuracy"}
    side : {"train", "val"}
    part, field : str
        Where `Scores` holds the value.
    """

    who: str
    measure: Measure
    side: Side
    part: Literal["standard", "adversarial", "discriminator"]
    field: str

    @property
    def text(self) -> str:
        """Such as ``G/S F1 val``."""
        return f"{self.who} {self.measure} {self.side}"

    @property
    def is_validation(self) -> bool:
        """Whether it is measured on validation data."""
        return self.side == "val"

    def value(self, scores: Scores, of_class: str | None = None) -> float | None:
        """The score of one validation, None if it was not measured.

        With `of_class` an F1 is that of the class, which is measured on validation slices only.
        """
        if of_class is None or self.part == "discriminator":
            value: float | None = getattr(getattr(scores, self.part), self.field)
            return value
        by_class = scores.of(self.part).f1_val_by_class
        return by_class.get(of_class) if self.is_validation else None


def _names() -> tuple[ScoreName, ...]:
    f1 = (
        ScoreName(short, "F1", side, network, f"f1_{side}")
        for network, short in SHORT.items()
        for side in SIDES
    )
    accuracy = (
        ScoreName(who, "Accuracy", side, "discriminator", f"{field}_{side}")
        for who, field in (("D", "accuracy"), ("G/D", "fooling_rate"))
        for side in SIDES
    )
    return (*f1, *accuracy)


SCORES: dict[str, ScoreName] = {name.text: name for name in _names()}
"""The eight scores by their text, in the order of ``metrics.csv``."""

STEP_SCORES = {
    "standard_f1": "S F1",
    "adversarial_f1": "G/S F1",
    "accuracy": "D Accuracy",
    "fooling_rate": "G/D Accuracy",
}
"""Field of `StepScores` → its text in a checkpoint."""


def class_score(network: NetworkName, class_name: str) -> str:
    """Name of a class's F1 on the validation slices: ``S F1 membrane val``."""
    return f"{SHORT[network]} F1 {class_name} val"


def mean_score(network: NetworkName) -> str:
    """Name of the mean F1 over the classes on the validation slices: ``S mean F1 val``."""
    return f"{SHORT[network]} mean F1 val"


_MEANS = {mean_score(network): network for network in SHORT}


def score_columns(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Names of all scores, in the order of ``metrics.csv``."""
    return (*SCORES, *(class_score(network, name) for name in classes for network in SHORT))


def scores_as_text(scores: Scores) -> dict[str, float]:
    """Text → value of each score that was measured, in the order of checkpoints and ``summary.json``."""
    found: dict[str, float | None] = {}
    for network, short in SHORT.items():
        of_network = scores.of(network)
        found[f"{short} F1 val"] = of_network.f1_val
        found[mean_score(network)] = of_network.mean_f1_val
        for name, f1 in of_network.f1_val_by_class.items():
            found[class_score(network, name)] = f1
        found[f"{short} F1 train"] = of_network.f1_train
    for side in reversed(SIDES):
        for who in ("D", "G/D"):
            name = f"{who} Accuracy {side}"
            found[name] = SCORES[name].value(scores)
    return {name: value for name, value in found.items() if value is not None}


_OF_CLASS = re.compile(r"(G/)?S F1 (.+) val", re.DOTALL)


def scores_from_text(values: Mapping[str, float]) -> Scores:
    """Scores from what `scores_as_text` gave; names that are not known are ignored."""
    parts: dict[str, dict[str, Any]] = {"standard": {}, "adversarial": {}, "discriminator": {}}
    classes: dict[str, dict[str, float]] = {"standard": {}, "adversarial": {}}
    for text, value in values.items():
        if name := SCORES.get(text):
            parts[name.part][name.field] = value
        elif network := _MEANS.get(text):
            parts[network]["mean_f1_val"] = value
        elif match := _OF_CLASS.fullmatch(text):
            classes["adversarial" if match[1] else "standard"][match[2]] = value
    return Scores(
        NetworkScores(**parts["standard"], f1_val_by_class=classes["standard"]),
        NetworkScores(**parts["adversarial"], f1_val_by_class=classes["adversarial"]),
        DiscriminatorScores(**parts["discriminator"]),
    )


# ---- statistics of D

HEALTH = (
    "real mean",
    "real spread",
    "fake mean",
    "fake spread",
    "broken mean",
    "fake magnitude",
    "largest",
    "called real",
    "right",
    "last bias",
    "last weight",
    "gradient ratio",
)
"""The columns of ``discriminator.csv``; see `DiscriminatorStatistics`."""

_FIELDS = {
    "broken mean": "broken_mean",
    "real mean": "real_mean",
    "real spread": "real_spread",
    "fake mean": "fake_mean",
    "fake spread": "fake_spread",
    "fake magnitude": "fake_magnitude",
    "largest": "largest",
    "called real": "called_real",
    "right": "right",
    "last bias": "last_bias",
    "last weight": "last_weight",
    "λ": "weight",
    "gradient ratio": "gradient_ratio",
}
"""Text → field of `DiscriminatorStatistics`, in the order of checkpoints."""


def statistic(statistics: DiscriminatorStatistics[float], name: str) -> float | None:
    """One of D's statistics by its text; None if it was not measured."""
    value: float | None = getattr(statistics, _FIELDS[name])
    return value


def statistics_as_text(statistics: DiscriminatorStatistics[float]) -> dict[str, float]:
    """Text → value of each statistic that was measured, in the order of checkpoints."""
    values = measured(statistics)
    return {name: values[field] for name, field in _FIELDS.items() if field in values}


def statistics_from_text(values: Mapping[str, float]) -> DiscriminatorStatistics[float]:
    """Statistics from what `statistics_as_text` gave; names that are not known are ignored."""
    return DiscriminatorStatistics(
        **{_FIELDS[name]: value for name, value in values.items() if name in _FIELDS}
    )
