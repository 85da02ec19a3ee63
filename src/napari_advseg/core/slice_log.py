"""The scores of single slices that a run collects for ``slices.csv``."""

from __future__ import annotations

from collections.abc import Mapping

from .events import NetworkName
from .predictions import Prediction, predicted_indices
from .settings import RunSettings
from .slice_scores import SliceScore, SliceTable, SliceTruth, score_slice
from .training_data import TrainingData

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
