"""Segmentation losses and probabilities, from logits; unlabelled pixels count nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from math import log, log1p

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_advseg.core.config.classes import UNLABELLED


def binary_cross_entropy(logits: Tensor, target: Tensor, clip: float | None = None) -> Tensor:
    """Binary cross-entropy of each logit, in float32.

    Parameters
    ----------
    logits, target : Tensor, of the same shape
    clip : float, optional
        Probabilities are held between `clip` and 1 − `clip`, as Keras does; beyond, no gradient passes.
    """
    logits = logits.float()
    if clip is not None:
        bound = log1p(-clip) - log(clip)
        logits = logits.clamp(-bound, bound)
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none")


def segmentation_loss(logits: Tensor, targets: Tensor, clip: float | None = None) -> Tensor:
    """Mean cross-entropy over labelled pixels.

    Parameters
    ----------
    logits : Tensor, shape (N, 1 or C, H, W)
        One channel: logit of the first of two classes.
    targets : Tensor of uint8, shape (N, H, W)
        Class indices, `UNLABELLED` where nobody said.
    clip : float, optional
        See `binary_cross_entropy`.

    Returns
    -------
    Tensor
        Scalar; 0 where nothing is labelled.
    """
    labelled = targets != UNLABELLED
    if logits.shape[1] == 1:
        each = binary_cross_entropy(logits[:, 0], (targets == 0).float(), clip)
    else:
        likelihood = logits.float().log_softmax(dim=1)
        if clip is not None:
            likelihood = likelihood.clamp(log(clip), log1p(-clip))
        each = F.nll_loss(likelihood, targets.long(), ignore_index=UNLABELLED, reduction="none")
    return (each * labelled).sum() / labelled.sum().clamp(min=1)


def soft_dice_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """One minus the mean soft Dice coefficient of the classes that a batch holds.

    2 Σ p·g / (Σ p + Σ g) of each class, with probabilities p and truth g over all labelled pixels of the
    batch together (Milletari et al. 2016, without squares). A class that no labelled pixel has is left
    out: every pixel's p would be pushed to 0 as hard as in a batch of such pixels alone.

    Parameters
    ----------
    logits, targets
        As of `segmentation_loss`.

    Returns
    -------
    Tensor
        Scalar in [0, 1]; 0 where nothing is labelled.
    """
    labelled = targets != UNLABELLED
    found = probabilities(logits)
    if found.shape[1] == 1:
        found = torch.cat([found, 1 - found], dim=1)
    classes = torch.arange(found.shape[1], device=targets.device).view(1, -1, 1, 1)
    truth = (targets.unsqueeze(1) == classes).to(found.dtype)
    found = found * labelled.unsqueeze(1)
    both, sizes = (found * truth).sum((0, 2, 3)), truth.sum((0, 2, 3))
    present = sizes > 0
    dice = 2 * both / (found.sum((0, 2, 3)) + sizes).clamp(min=1e-6)
    return ((1 - dice) * present).sum() / present.sum().clamp(min=1)


@dataclass(frozen=True)
class SegmentationLoss:
    """What S and G learn from the annotation.

    Attributes
    ----------
    dice : float
        Weight of `soft_dice_loss` beside the cross-entropy; 0 leaves it out.
    clip : float or None
        See `binary_cross_entropy`.
    """

    dice: float = 0.0
    clip: float | None = None

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Scalar loss of logits (N, 1 or C, H, W) and class indices (N, H, W)."""
        loss = segmentation_loss(logits, targets, self.clip)
        return loss + self.dice * soft_dice_loss(logits, targets) if self.dice else loss


CROSS_ENTROPY = SegmentationLoss()


def probabilities(logits: Tensor) -> Tensor:
    """Class probabilities (N, 1 or C, H, W) of logits of the same shape."""
    logits = logits.float()
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)
