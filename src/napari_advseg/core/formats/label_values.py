"""From an opened image to label values: whole-number floats, one bit a pixel, maps of colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.runtime.errors import AnnotationError

from .grey_stack import grey_axes
from .lazy_view import arranged
from .opened_image import OpenedImage

MOST_COLOURS = 64
"""A picture with more colours is not a map of labels."""
_SHOWN_COLOURS = 6


def label_values(opened: OpenedImage, path: Path) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Read labels.

    A colour becomes the number 0xRRGGBB, so that black is 0 and a class can be named by it
    (``cell=#ff0000``).

    Returns
    -------
    labels : ndarray of integers, shape (Z, Y, X)
        A copy, of native byte order; bool becomes 0 and 1.
    notes : tuple of str

    Raises
    ------
    AnnotationError
        If it holds no stack of whole numbers, and no map of few colours.
    """
    axes = grey_axes(opened, path, AnnotationError)
    fixed = {i: 0 for i in range(len(opened.axes)) if i not in (*axes.order, axes.c)}
    notes = (*opened.notes, *axes.notes)
    if axes.c is None:
        labels = np.array(arranged(opened.data, axes.order, fixed))
    else:
        channels = [
            np.asarray(arranged(opened.data, axes.order, {**fixed, axes.c: c}))
            for c in range(min(3, opened.shape[axes.c]))
        ]
        labels, found = _colours(channels, path)
        notes = (*notes, *found)
    labels = _whole(labels, path)
    labels = labels.astype(labels.dtype.newbyteorder("="), copy=False)
    return (labels[np.newaxis] if labels.ndim == 2 else labels), notes


def _whole(labels: NDArray[Any], path: Path) -> NDArray[Any]:
    """Labels as integers."""
    if labels.dtype.kind == "b":
        return labels.astype(np.uint8)
    if labels.dtype.kind in "ui":
        return labels
    limit = np.iinfo(np.int32)
    if labels.dtype.kind == "f" and np.isfinite(labels).all() and labels.size:
        least, most = float(labels.min()), float(labels.max())
        if (labels == np.round(labels)).all() and limit.min <= least and most <= limit.max:
            return labels.astype(_narrowest(int(least), int(most)))
    raise AnnotationError(
        f"The annotation {path} holds {labels.dtype} values, and not only whole numbers: "
        "convert it to integers."
    )


def _narrowest(least: int, most: int) -> np.dtype[Any]:
    kinds = (np.uint8, np.uint16, np.int16, np.int32)
    return next(
        np.dtype(kind)
        for kind in kinds
        if np.iinfo(kind).min <= least and most <= np.iinfo(kind).max
    )


def _colours(channels: list[NDArray[Any]], path: Path) -> tuple[NDArray[Any], tuple[str, ...]]:
    first = channels[0]
    if len(channels) < 3 or first.dtype.kind not in "ui" or first.dtype.itemsize > 2:
        raise AnnotationError(
            f"The annotation {path} holds {len(channels)} channels: save the one with the labels."
        )
    red, green, blue = channels
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return red, ()  # a grey picture: labels by value
    shift = 8 * (first.dtype.itemsize - 1)
    packed = sum(
        (channel.astype(np.int32) >> shift) << place
        for channel, place in zip(channels, (16, 8, 0), strict=True)
    )
    values = np.unique(np.asarray(packed))
    if len(values) > MOST_COLOURS:
        raise AnnotationError(
            f"The annotation {path} holds {len(values)} colours, so it is a picture and not a map of labels: "
            "save the labels as numbers, one for each class."
        )
    shown = ", ".join(f"#{value:06x} is {value}" for value in values[:_SHOWN_COLOURS])
    more = ", …" if len(values) > _SHOWN_COLOURS else ""
    return np.asarray(packed), (f"Colours are read as labels: {shown}{more}.",)
