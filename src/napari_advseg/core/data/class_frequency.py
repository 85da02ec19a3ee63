"""How much more often training patches show a class than the annotation does."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from napari_advseg.core.config.classes import UNLABELLED

DRAWN = 256
"""Patches whose pixels are counted."""


def log_oversampling(
    targets: torch.Tensor, patches: torch.Tensor, classes: int
) -> tuple[float, ...] | None:
    """Logarithm of (share of a class in patches) / (share of it in the training slices), for each class.

    Where patches are drawn around rare classes, a network that learns from them takes those for more
    frequent than they are, and paints too much of them. With these numbers added to its logits while it
    learns, the logits themselves are of the true frequencies (Menon et al. 2021, "Long-tail learning via
    logit adjustment", with the sign that a biased training set asks for).

    Parameters
    ----------
    targets : Tensor of uint8, shape (S, Y, X)
        Class indices of the training slices; only labelled pixels count.
    patches : Tensor of uint8, shape (N, patch, patch)
        Class indices of patches as they are drawn.
    classes : int
        Number of classes.

    Returns
    -------
    tuple of float or None
        None where a class is missing on either side.
    """
    there, drawn = (_counts(t, classes) for t in (targets, patches))
    if not (there.all() and drawn.all()):
        return None
    ratios = np.log(drawn / drawn.sum()) - np.log(there / there.sum())
    return tuple(float(r) for r in ratios)


def _counts(targets: torch.Tensor, classes: int) -> NDArray[np.int64]:
    known = targets[targets != UNLABELLED].flatten().long()
    return np.asarray(torch.bincount(known, minlength=classes)[:classes].cpu())
