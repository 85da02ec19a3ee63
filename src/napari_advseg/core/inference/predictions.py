"""From class probabilities to what is kept of a slice, and from that to a mask.

Of two classes one probability says everything and is kept, so that a threshold can move; of more the
likeliest class is kept, and there is no threshold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.config.classes import NO_TISSUE
from napari_advseg.core.runtime.events import Prediction


def class_indices(probabilities: NDArray[Any], threshold: float = 0.5) -> NDArray[np.uint8]:
    """Class indices of probabilities.

    Parameters
    ----------
    probabilities : ndarray of float, shape (1 or C, ...)
        One channel: the probability of the first of two classes.
    threshold : float
        From this probability on a pixel is of the first of two classes; not used for more.

    Returns
    -------
    ndarray of uint8, shape (...)
        Of more than two classes the likeliest; of equally likely ones the first. `NO_TISSUE` where the
        probabilities are NaN.
    """
    if len(probabilities) == 1:
        return to_indices(probabilities[0], threshold)
    indices = np.asarray(probabilities.argmax(axis=0), np.uint8)
    return _without_tissue(indices, probabilities[0])


def kept_prediction(probabilities: NDArray[Any]) -> Prediction:
    """What is kept of class probabilities (1 or C, Y, X): float16 or uint8, shape (Y, X)."""
    if len(probabilities) == 1:
        return np.asarray(probabilities[0], np.float16)
    return class_indices(probabilities)


def predicted_indices(prediction: Prediction, threshold: float) -> NDArray[np.uint8]:
    """Class indices of what `kept_prediction` gave, in an array of their own."""
    if prediction.dtype.kind == "f":
        return to_indices(prediction, threshold)
    return np.array(prediction, np.uint8)


def to_indices(probability_first_class: NDArray[Any], threshold: float) -> NDArray[np.uint8]:
    """Turn the probability of the first of two classes into class indices.

    Parameters
    ----------
    probability_first_class : ndarray of float, any shape
        0 to 1.
    threshold : float
        From this probability on, a pixel is of the first class.

    Returns
    -------
    ndarray of uint8, same shape
        0 where the probability reaches the threshold, 1 elsewhere; `NO_TISSUE` where it is NaN.
    """
    probability = np.asarray(probability_first_class)
    first = probability >= threshold
    indices = np.logical_not(first, out=first).view(np.uint8)
    return _without_tissue(indices, probability)


def _without_tissue(indices: NDArray[np.uint8], probability: NDArray[Any]) -> NDArray[np.uint8]:
    nothing = np.isnan(probability)
    if nothing.any():
        indices[nothing] = NO_TISSUE
    return indices
