"""Scores of the batches that networks learn from, averaged over an epoch, as Keras reports them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.models.losses import probabilities
from napari_advseg.core.runtime.scores import StepScores, measured
from napari_advseg.core.storage.score_names import STEP_SCORES


def batch_f1(logits: Tensor, targets: Tensor) -> Tensor:
    """F1 of one batch, probabilities rounded; NaN where it is undefined.

    Of two classes it is that of the first; of more the mean over the classes that the batch truly
    holds, of each pixel's likeliest class.

    Parameters
    ----------
    logits : Tensor, shape (N, 1 or C, H, W)
    targets : Tensor of uint8, shape (N, H, W)

    Returns
    -------
    Tensor
        Scalar on the device.
    """
    if logits.shape[1] == 1:
        return _class_f1(probabilities(logits)[:, 0] > 0.5, targets, 0)
    likeliest = logits.argmax(dim=1)
    classes = range(logits.shape[1])
    scores = torch.stack([_class_f1(likeliest == index, targets, index) for index in classes])
    occurs = torch.stack([(targets == index).any() for index in classes])
    return torch.where(occurs, scores, 0).sum() / occurs.sum()


def _class_f1(found: Tensor, targets: Tensor, index: int) -> Tensor:
    found = found & (targets != UNLABELLED)
    truth = targets == index
    return 2 * (found & truth).sum() / (found.sum() + truth.sum())


class RunningMean:
    """Mean of a score over batches; batches that do not define it are left out."""

    def __init__(self, total: Tensor, count: Tensor) -> None:
        self.total, self.count = total, count

    @classmethod
    def on(cls, device: torch.device) -> RunningMean:
        """Start on a device."""
        return cls(torch.zeros((), device=device), torch.zeros((), device=device))

    def add(self, score: Tensor) -> None:
        """Take in the score of a batch, a scalar that stays on its device."""
        defined = ~score.isnan()
        self.total = self.total + torch.where(defined, score, 0.0)
        self.count = self.count + defined

    def mean(self) -> float:
        """The mean, NaN where no batch defined the score."""
        return float(self.total / self.count)


class BatchScores:
    """Means of scores over the batches since the last reset."""

    def __init__(self) -> None:
        self._means: dict[str, RunningMean] = {}  # by field of StepScores

    def add(self, scores: StepScores[Tensor]) -> None:
        """Take in the scores of a batch, scalars that stay on their device."""
        for name, score in measured(scores).items():
            self._means.setdefault(name, RunningMean.on(score.device)).add(score)

    def means(self) -> StepScores[float]:
        """Mean of each score, NaN where no batch defined it."""
        return StepScores(**{name: one.mean() for name, one in self._means.items()})

    def reset(self) -> None:
        """Start a new epoch."""
        self._means.clear()

    def state(self) -> dict[str, tuple[float, float]]:
        """Sum and number of each score by its text, for a checkpoint."""
        return {
            STEP_SCORES[name]: (float(one.total), float(one.count))
            for name, one in self._means.items()
        }

    def restore(self, state: Mapping[str, tuple[float, float]], device: torch.device) -> None:
        """Continue from what `state` gave."""
        self.reset()
        fields = {text: name for name, text in STEP_SCORES.items()}
        for text, (total, count) in state.items():
            self._means[fields[text]] = RunningMean(
                torch.tensor(total, device=device), torch.tensor(count, device=device)
            )
