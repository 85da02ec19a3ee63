"""Borders of objects in an instance segmentation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def object_borders(
    objects: NDArray[Any], *, around: bool = True, width: int = 1
) -> NDArray[np.bool_]:
    """Pixels of objects that lie at their borders, within each slice.

    Pixels are neighbours if they share an edge. The border of the image is not a border of an object.

    Parameters
    ----------
    objects : ndarray of integers, shape (..., Y, X)
        A number for each object, 0 elsewhere.
    around : bool
        Include borders with pixels that are 0; otherwise only borders between two objects.
    width : int
        Pixels on each side of a border, so that two objects that touch are `2 * width` apart.

    Returns
    -------
    ndarray of bool, same shape
        With ``around=True`` and ``width=1`` the result of
        ``skimage.segmentation.find_boundaries(objects, connectivity=1, mode="inner")`` for each slice.
    """
    found = np.zeros(objects.shape, np.bool_)
    for here, there in _neighbours(objects):
        differ = objects[here] != objects[there]
        if not around:
            differ &= (objects[here] != 0) & (objects[there] != 0)
        found[here] |= differ
        found[there] |= differ
    found &= objects != 0
    for _ in range(width - 1):
        inner = found.copy()
        for here, there in _neighbours(objects):
            same = objects[here] == objects[there]
            inner[here] |= found[there] & same
            inner[there] |= found[here] & same
        found = inner
    return found


def _neighbours(pixels: NDArray[Any]) -> tuple[tuple[Any, Any], ...]:
    """Indices of all pixels with a neighbour below or to the right, and of those neighbours."""
    every, first, last = slice(None), slice(None, -1), slice(1, None)
    if pixels.ndim < 2:
        return (((..., first), (..., last)),)
    return ((..., first, every), (..., last, every)), ((..., first), (..., last))
