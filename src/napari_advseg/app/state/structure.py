"""Which class the masks show: the structure, which is the rarer class unless the user chose another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.config.classes import ClassMap

from .model import AppModel


def rarest_class(pixels: Sequence[int]) -> int | None:
    """Return the index of the class with the fewest pixels; None if fewer than two classes have any."""
    present = [index for index, count in enumerate(pixels) if count > 0]
    return min(present, key=lambda index: pixels[index]) if len(present) > 1 else None


def rarest_in_annotation(model: AppModel, classes: ClassMap) -> int | None:
    """Return the rarest of a run's classes in the chosen annotation; None if it has other classes."""
    summary = model.summary
    if summary is None or summary.classes is None or summary.classes.names != classes.names:
        return None
    return rarest_class(summary.pixels_of_class)


def rarest_in_mask(indices: NDArray[np.uint8], classes: int) -> int | None:
    """Return the rarest class of a predicted slice; None if it holds one class only."""
    return rarest_class(np.bincount(indices.ravel(), minlength=classes)[:classes].tolist())
