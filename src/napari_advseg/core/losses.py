"""Segmentation losses and probabilities, from logits; unlabelled pixels count nowhere."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from .classes import UNLABELLED


def segmentation_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy over labelled pixels.

    Parameters
    ----------
    logits : Tensor, shape (N, 1 or C, H, W)
        One channel: logit of the first of two classes.
    targets : Tensor of uint8, shape (N, H, W)
        Class indices, `UNLABELLED` where nobody said.

    Returns
    -------
    Tensor
        Scalar; 0 where nothing is labelled.
    """
    labelled = targets != UNLABELLED
    if logits.shape[1] == 1:
        each = F.binary_cross_entropy_with_logits(
            logits[:, 0].float(), (targets == 0).float(), reduction="none"
        )
    else:
        each = F.cross_entropy(
            logits.float(), targets.long(), ignore_index=UNLABELLED, reduction="none"
        )
    return (each * labelled).sum() / labelled.sum().clamp(min=1)


def probabilities(logits: Tensor) -> Tensor:
    """Class probabilities (N, 1 or C, H, W) of logits of the same shape."""
    logits = logits.float()
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)
