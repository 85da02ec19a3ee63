"""Segmentation losses and probabilities, from logits; unlabelled pixels count nowhere."""

from __future__ import annotations

from math import log, log1p

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


def probabilities(logits: Tensor) -> Tensor:
    """Class probabilities (N, 1 or C, H, W) of logits of the same shape."""
    logits = logits.float()
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)
