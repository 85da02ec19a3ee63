"""Pixel metrics from pooled counts: F1 of each class, accuracy."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.config.classes import NO_TISSUE, UNLABELLED

_VALUES = 256  # of an uint8


def sum_by_class(masks: Iterable[NDArray[np.uint8]], classes: int) -> NDArray[np.int64]:
    """Pixels of each class in masks of class indices; others, such as `NO_TISSUE`, count nowhere."""
    counts = [np.bincount(one.ravel(), minlength=classes)[:classes] for one in masks]
    return np.asarray(np.sum(counts, axis=0), np.int64)


def confusion(
    predicted: NDArray[np.uint8], target: NDArray[np.uint8], classes: int
) -> NDArray[np.int64]:
    """Count how often each class was predicted where each class is true.

    Counts of several slices or tiles may be added before a score is taken: that pools their pixels.

    Parameters
    ----------
    predicted : ndarray of uint8, any shape
        Class index of each pixel.
    target : ndarray of uint8, same shape
        True class index, `UNLABELLED` (255) where nobody said; those pixels count nowhere, nor do those that
        are predicted as `NO_TISSUE`.
    classes : int
        Number of classes *C*.

    Returns
    -------
    ndarray of int64, shape (C, C)
        Pixels by true class (rows) and predicted class (columns).

    Raises
    ------
    ValueError
        If the shapes differ, or a labelled pixel has an index of *C* or above on either side.
    """
    if predicted.shape != target.shape:
        raise ValueError(f"The prediction has shape {predicted.shape}, the truth {target.shape}.")
    # One table over all pairs of bytes needs no pass that takes the unlabelled pixels out first.
    pairs = target.astype(np.uint16)
    pairs <<= 8
    pairs |= predicted
    table = np.bincount(pairs.ravel(), minlength=_VALUES**2).reshape(_VALUES, _VALUES)
    counts = table[:classes, :classes]
    strange = table[:UNLABELLED].sum() - table[:UNLABELLED, NO_TISSUE].sum() - counts.sum()
    if strange:
        raise ValueError(f"{strange} labelled pixels have a class index of {classes} or above.")
    return counts.astype(np.int64)


def f1_scores(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """F1 of each class, 2 TP / (2 TP + FP + FN), from pooled counts.

    Parameters
    ----------
    confusion : ndarray of int, shape (C, C)
        Rows truth, columns prediction.

    Returns
    -------
    ndarray of float64, shape (C,)
        0 to 1; NaN for a class that occurs neither in the truth nor in the prediction.
    """
    hits = 2.0 * np.diagonal(confusion)
    pixels = (confusion.sum(axis=0) + confusion.sum(axis=1)).astype(np.float64)
    scores = np.full(len(pixels), np.nan)
    np.divide(hits, pixels, out=scores, where=pixels > 0)
    return scores


def mean_f1(confusion: NDArray[np.int64]) -> float:
    """F1 of each class that truly occurs, averaged with equal weights (macro F1).

    A class without a true pixel is left out, so that all predictions of the same pixels are means over
    the same classes; pixels called so by mistake lower the F1 of the classes that they truly have.

    Parameters
    ----------
    confusion : ndarray of int, shape (C, C)
        Rows truth, columns prediction.

    Returns
    -------
    float
        0 to 1; NaN without a true pixel.
    """
    occurs = confusion.sum(axis=1) > 0
    return float(f1_scores(confusion)[occurs].mean()) if occurs.any() else float("nan")


def overall_f1(confusion: NDArray[np.int64]) -> float:
    """The one number for how good a mask is: F1 of the first of two classes, `mean_f1` of more."""
    return float(f1_scores(confusion)[0]) if len(confusion) == 2 else mean_f1(confusion)


def accuracy(confusion: NDArray[np.int64]) -> float:
    """Share of labelled pixels whose class is right, 0 to 1; NaN without a labelled pixel."""
    pixels = int(confusion.sum())
    return float(np.trace(confusion)) / pixels if pixels else float("nan")
