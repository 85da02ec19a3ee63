"""Pixels that are no tissue: black or white frames, empty slices, NaN, a value that a file names as nodata.

A frame is a region of one value. It is found by its value, the smallest, the largest or the rim's own, and by
its shape: it holds a square of `CORE` pixels, and touches the rim of the slice or is large. Single dark
pixels of tissue, or a saturated vesicle, are none.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

CORE = 7
"""Side of a square of one value that every padding holds; noise leaves none in tissue."""
FREQUENT = 0.1
"""Share of the rim from which on its most frequent value may be that of a frame."""
LARGE = 0.01
"""Share of a slice from which on a region inside it is padding, too."""
_CROSS = ndimage.generate_binary_structure(2, 1)


def padding_of(grey: NDArray[np.float32], nodata: float | None = None) -> NDArray[np.bool_] | None:
    """Find the pixels of a slice that are no tissue; None if there are none.

    Parameters
    ----------
    grey : ndarray of float32, shape (Y, X)
        Raw grey values.
    nodata : float, optional
        Value that the file names as no data; NaN always is.

    Returns
    -------
    ndarray of bool, shape (Y, X), or None
    """
    nothing = without_data(grey, nodata)
    empty = np.zeros(grey.shape, np.bool_) if nothing is None else nothing
    known = grey if nothing is None else grey[~nothing]
    if known.size:
        low, high = known.min(), known.max()
        if low == high:
            return np.ones(grey.shape, np.bool_)
        for value in {float(low), float(high), *_of_the_rim(grey)}:
            empty |= _regions(grey == np.float32(value))
    return empty if empty.any() else None


def without_data(
    grey: NDArray[np.float32], nodata: float | None = None
) -> NDArray[np.bool_] | None:
    """Pixels that are NaN or of the value that the file names as no data; None if there are none."""
    empty = np.isnan(grey)
    if nodata is not None:
        empty |= grey == np.float32(nodata)
    return empty if empty.any() else None


def _of_the_rim(grey: NDArray[np.float32]) -> tuple[float, ...]:
    """The most frequent value along the rim, if it is frequent: frames may have any grey value."""
    rim = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    values, counts = np.unique(rim[~np.isnan(rim)], return_counts=True)
    if not len(values) or counts.max() < FREQUENT * rim.size:
        return ()
    return (float(values[counts.argmax()]),)


def _regions(same: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Connected regions of one value that are padding."""
    nothing = np.zeros(same.shape, np.bool_)
    if np.count_nonzero(same) < CORE**2:
        return nothing
    cores = ndimage.minimum_filter(
        same, CORE, mode="constant", cval=1
    )  # at the rim half a core will do
    if not cores.any():
        return nothing
    labels, count = ndimage.label(same, _CROSS)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    chosen = np.zeros(count + 1, np.bool_)
    chosen[rim] = True
    chosen |= sizes >= LARGE * same.size
    with_core = np.zeros(count + 1, np.bool_)
    with_core[labels[cores]] = True
    chosen &= with_core
    chosen[0] = False
    return np.asarray(chosen[labels])
