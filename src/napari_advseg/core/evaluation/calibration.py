"""Calibrating the masks of two classes: 0.5 becomes the threshold that is best on training patches.

Patches around rare classes make these likelier while learning than they are in the image, and Dice does not
care for probabilities: of synapses, 0.6 % of the pixels, a probability of 0.8 is the best threshold. It
differs from structure to structure, so it is measured, on patches of the training slices that do not overlap:
validation slices stay unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.inference.predictions import to_indices

from .metrics import confusion, mean_f1
from .threshold_choice import THRESHOLDS, best_threshold

FEWEST_PATCHES = 12
"""On fewer patches the best threshold is chance."""
FEWEST_PIXELS = 500
"""Labelled pixels of the rarer class from which on a threshold can be chosen."""
DENSE = 0.5
"""Share of labelled pixels from which on classes are as frequent in the labels as in the image."""


def logit_shift(
    predictions: Sequence[NDArray[np.float32]], truths: Sequence[NDArray[np.uint8]]
) -> float:
    """Logit of the threshold with the best mean F1; 0 where none can be chosen.

    Taken off the logits of the first class, it makes 0.5 that threshold. The mean of both classes, because the
    F1 of a rare one alone is best for a network that knows nothing where the mask is all of it.

    Parameters
    ----------
    predictions : sequence of ndarray of float32, each (Y, X)
        Probability of the first class in a patch, not shifted.
    truths : sequence of ndarray of uint8, each (Y, X)
        Class indices, 0 or 1, `UNLABELLED` where nobody said.
    """
    if len(truths) < FEWEST_PATCHES:
        return 0.0
    values = np.concatenate([one.ravel() for one in truths])
    counts = np.bincount(values, minlength=UNLABELLED + 1)[[0, 1, UNLABELLED]]
    if counts[:2].min() < FEWEST_PIXELS or counts[:2].sum() < DENSE * counts.sum():
        return 0.0
    scores = [(threshold, _mean_f1(predictions, truths, threshold)) for threshold in THRESHOLDS]
    chosen = best_threshold(scores, "mean F1")
    return 0.0 if chosen is None else log(chosen.threshold / (1 - chosen.threshold))


def _mean_f1(
    predictions: Sequence[NDArray[np.float32]], truths: Sequence[NDArray[np.uint8]], level: float
) -> float:
    counts = np.zeros((2, 2), np.int64)
    for found, truth in zip(predictions, truths, strict=True):
        counts += confusion(to_indices(found, level), truth, 2)
    return mean_f1(counts)
