"""Scores of the batches that networks learn from, averaged over an epoch, as Keras reports them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.models.losses import probabilities


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


class BatchScores:
    """Means of scores over the batches since the last reset; undefined ones do not count."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, Tensor] = {}

    def add(self, scores: Mapping[str, Tensor]) -> None:
        """Take in the scores of a batch, scalars that stay on their device."""
        for name, score in scores.items():
            defined = ~score.isnan()
            zero = torch.zeros((), device=score.device)
            self._sums[name] = self._sums.get(name, zero) + torch.where(defined, score, zero)
            self._counts[name] = self._counts.get(name, zero) + defined

    def means(self) -> dict[str, float]:
        """Mean of each score, NaN where no batch defined it."""
        return {name: float(self._sums[name] / self._counts[name]) for name in self._sums}

    def reset(self) -> None:
        """Start a new epoch."""
        self._sums.clear()
        self._counts.clear()

    def state(self) -> dict[str, tuple[float, float]]:
        """What `restore` needs."""
        return {name: (float(self._sums[name]), float(self._counts[name])) for name in self._sums}

    def restore(self, state: Mapping[str, tuple[float, float]], device: torch.device) -> None:
        """Go on from what `state` gave."""
        self.reset()
        for name, (total, count) in state.items():
            self._sums[name] = torch.tensor(total, device=device)
            self._counts[name] = torch.tensor(count, device=device)
