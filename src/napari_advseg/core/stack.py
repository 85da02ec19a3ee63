"""A grey image stack: axes, voxel size, normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ImageError


@dataclass(frozen=True)
class EMStack:
    """A grey stack with axes ZYX; one slice is a stack of depth 1.

    Attributes
    ----------
    data : array-like, shape (Z, Y, X)
        uint8, uint16, int16 or float; may be lazy (dask, zarr): it is read slice by slice.
    name : str
        What the person calls it.
    source : Path or None
        The file it came from.
    scale : (float, float, float)
        Size of a voxel along Z, Y, X in the image's own unit.
    """

    data: Any
    name: str = "image"
    source: Path | None = None
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @classmethod
    def from_array(
        cls,
        data: Any,
        *,
        name: str = "image",
        source: Path | None = None,
        scale: Sequence[float] = (),
    ) -> EMStack:
        """Wrap a 2D or 3D grey array.

        Raises
        ------
        ImageError
            If the array is neither 2D nor 3D, is empty, or holds no grey values.
        """
        if data.ndim not in (2, 3) or 0 in data.shape:
            raise ImageError(
                f"The image has shape {tuple(data.shape)}: give a grey stack (Z, Y, X) or a slice (Y, X)."
            )
        if data.ndim == 3 and data.shape[-1] in (3, 4) and data.shape[0] > 4:
            raise ImageError(
                f"The image has shape {tuple(data.shape)}, it looks like RGB: convert it to grey."
            )
        if np.dtype(data.dtype).kind not in "uif":
            raise ImageError(
                f"The image holds {data.dtype} values: convert it to uint8, uint16, int16 or float."
            )
        if data.ndim == 2:
            data = data[np.newaxis]
        steps = (1.0, 1.0, 1.0, *(float(s) for s in scale))[-3:]
        return cls(data, name, source, (steps[0], steps[1], steps[2]))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Depth, height and width."""
        depth, height, width = self.data.shape
        return int(depth), int(height), int(width)

    def slice(self, z: int) -> NDArray[np.float32]:
        """Slice `z` as float32, shape (Y, X), raw grey values."""
        return np.asarray(self.data[z]).astype(np.float32)


@dataclass(frozen=True)
class Normalisation:
    """Grey values to zero mean and unit variance, by the stack's own statistics.

    Attributes
    ----------
    mean, std : float
        Of all grey values of the stack.
    """

    mean: float
    std: float

    @classmethod
    def of(cls, stack: EMStack) -> Normalisation:
        """Measure a stack, one slice at a time, in float64.

        Raises
        ------
        ImageError
            If a slice holds NaN or infinite values, or all values are the same.
        """
        count, total, squares = 0, 0.0, 0.0
        # taken off first, it keeps the sum of squares well conditioned
        offset = float(stack.slice(0).mean(dtype=np.float64))
        for z in range(stack.shape[0]):
            grey = stack.slice(z).astype(np.float64)
            bad = int(grey.size - np.isfinite(grey).sum())
            if bad:
                raise ImageError(
                    f"Slice {z} holds {bad} NaN or infinite values: replace them before training."
                )
            grey -= offset
            count += grey.size
            total += float(grey.sum())
            squares += float(np.square(grey).sum())
        variance = squares / count - (total / count) ** 2
        if variance <= 0:
            raise ImageError(
                f"Every pixel of the image is {offset:g}: choose an image with contrast."
            )
        return cls(offset + total / count, float(np.sqrt(variance)))

    def __call__(self, grey: NDArray[Any]) -> NDArray[np.float32]:
        """Normalise grey values of any shape."""
        return ((grey - self.mean) / self.std).astype(np.float32)
