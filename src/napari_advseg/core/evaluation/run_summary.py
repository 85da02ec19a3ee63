"""What a run comes to: its best validations, and how its two networks compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.inference.predictions import predicted_indices
from napari_advseg.core.runtime.events import (
    SHORT,
    FinalScores,
    NetworkName,
    Prediction,
    Validated,
)
from napari_advseg.core.storage.score_names import scores_as_text

from .best_validation import best_validation, best_validations
from .boundary_scores import BoundaryScores
from .paired_comparison import Verdict
from .slice_scores import VALIDATION, SliceScore, SliceTable, SliceTruth, score_slice
from .threshold_choice import ThresholdChoice
from .validator import Validator


class Comparison:
    """S and G/S on the validation slices, as of the last validation.

    Parameters
    ----------
    settings : RunSettings
    """

    def __init__(self, settings: RunSettings) -> None:
        self._settings = settings
        self._boundaries: dict[NetworkName, BoundaryScores | None] = {}
        self._boundaries_of: tuple[int, ...] | None = None
        self._thresholds: dict[NetworkName, tuple[ThresholdChoice, ...]] = {}

    def score_boundaries(
        self,
        validator: Validator,
        raise_if_stopped: Callable[[], None],
        slices: tuple[int, ...] | None = None,
    ) -> None:
        """Measure V_Rand and V_Info of each network, where there are such; takes seconds.

        With `slices` only these validation slices are measured, which the summary reports.
        """
        for name in self._settings.networks:
            self._boundaries[name] = validator.boundary_scores(name, raise_if_stopped, slices)
        if slices is not None and len(slices) < len(validator.data.split.val):
            self._boundaries_of = slices

    def choose_thresholds(self, validator: Validator) -> None:
        """Find each network's best threshold, by V_Rand where that is measured already."""
        for name in self._settings.networks:
            self._thresholds[name] = validator.thresholds(name, self._boundaries.get(name))

    def verdict(self, slices: SliceTable) -> Verdict | None:
        """Which network is better; None without a pair, or without scores of single slices."""
        if len(self._settings.networks) < 2:
            return None
        rows = [row for row in slices.rows if row.use == VALIDATION]
        measures: dict[str, tuple[Sequence[float], Sequence[float]]] = {
            "mean F1": (
                [row.score("standard", None) for row in rows],
                [row.score("adversarial", None) for row in rows],
            )
        }
        standard, adversarial = (self._boundaries.get(name) for name in SHORT)
        if standard is not None and adversarial is not None:
            measures = {
                "V_Rand": (standard.v_rand_slices, adversarial.v_rand_slices),
                **measures,
            }
        regime = self._settings.discriminator.regime
        return Verdict.of(measures, unannotated=regime == "unannotated")

    def summary(self, slices: SliceTable) -> dict[str, Any]:
        """What ``summary.json`` says of it."""
        verdict = self.verdict(slices)
        return {
            "boundaries": {
                name: {"V_Rand": found.v_rand, "V_Info": found.v_info} if found else {}
                for name, found in self._boundaries.items()
            },
            **({} if self._boundaries_of is None else {"boundary_slices": self._boundaries_of}),
            "thresholds": {
                name: [choice.as_json() for choice in found]
                for name, found in self._thresholds.items()
            },
            "verdict": None if verdict is None else verdict.as_json(),
        }


def best_as_json(history: Sequence[Validated], name: NetworkName) -> dict[str, Any]:
    """What ``summary.json`` says of the best validation of a network."""
    best = best_validation(history, name)
    if best is None:
        return {"update": None, "F1 val": None}
    then = next(one for one in history if one.update == best.update).scores.of(name)
    f1 = then.f1_val if then.f1_val == then.f1_val else None  # of a class without a pixel
    mean = {} if then.mean_f1_val is None else {"mean F1 val": then.mean_f1_val}
    return {"update": best.update, "F1 val": f1, **mean}


def best_sentence(history: Sequence[Validated], networks: Iterable[NetworkName]) -> str:
    """The best validation of each network in one sentence; empty without any."""
    found = best_validations(history, networks)
    parts = ", ".join(map(str, found))
    return f"Best {found[0].measure}: {parts}." if found else ""


def last_scores(history: Sequence[Validated], final: FinalScores | None = None) -> dict[str, Any]:
    """What ``summary.json`` says of the last validation, or of the final scores on all slices."""
    last = history[-1] if history else None
    scores = scores_as_text(last.scores) if last else {}
    if final is not None:
        scores |= scores_as_text(final.scores)
    found: dict[str, Any] = {
        "validated_at_update": last.update if last else None,
        "scores": {name: score for name, score in scores.items() if score == score},
    }
    if final is not None:
        found["scores_measured_on"] = final.measured_on
    if last is not None and last.measured_on:
        found["validations_measured_on"] = last.measured_on
    return found


Predictions = Mapping[tuple[NetworkName, int], Prediction]


class SliceLog:
    """Measures slices as they are predicted; all of its rows are of the same weights.

    Parameters
    ----------
    settings : RunSettings
        Its networks, and the threshold at which masks are taken.
    """

    def __init__(self, settings: RunSettings) -> None:
        self._networks, self._threshold = settings.networks, settings.threshold
        self.table = SliceTable()

    def validated(self, predictions: Predictions, data: TrainingData) -> None:
        """Forget what was there and take every slice of a validation that all networks predicted."""
        names = data.annotation.classes.names
        self.table = SliceTable(self._networks, names, threshold=self._level(len(names)))
        for z in sorted({z for _, z in predictions}):
            self.add(z, predictions, data)

    def measured(self, rows: Iterable[SliceScore], data: TrainingData) -> None:
        """Forget what was there and take slices that were measured already."""
        names = data.annotation.classes.names
        level = self._level(len(names))
        self.table = SliceTable(self._networks, names, threshold=level).with_rows(rows, level)

    def add(self, z: int, predictions: Predictions, data: TrainingData) -> None:
        """Take one slice more, predicted with the weights of the last validation."""
        begun = bool(self.table.networks)
        if begun and all((name, z) in predictions for name in self._networks):
            level = self._level(len(self.table.classes))
            self.table = self.table.with_rows([self._score(z, predictions, data)], level)

    def _score(self, z: int, predictions: Predictions, data: TrainingData) -> SliceScore:
        masks = {
            name: predicted_indices(predictions[name, z], self._threshold)
            for name in self._networks
        }
        truth = SliceTruth.of(data.annotation, data.split)
        return score_slice(z, masks, len(self.table.classes), truth)

    def _level(self, classes: int) -> float | None:
        return self._threshold if classes == 2 else None
