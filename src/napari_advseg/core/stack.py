"""A grey image stack: axes, voxel size, normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ImageError

_LARGEST = 1e30
"""Grey values from here on would leave float32 when they are normalised."""
_LEAST_DEVIATION = 1e-30
"""A smaller standard deviation has no room in float32."""


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
        shape = tuple(int(n) for n in data.shape)
        if 0 in shape:
            raise ImageError(f"The image has shape {shape} and no pixels: choose another.")
        if len(shape) not in (2, 3):
            raise ImageError(
                f"The image has shape {shape}: give a grey stack (Z, Y, X) or a slice (Y, X)."
            )
        if len(shape) == 3 and shape[-1] in (3, 4) and shape[0] > 4:
            raise ImageError(f"The image has shape {shape}, it looks like RGB: convert it to grey.")
        if _kind(data.dtype) not in "uif":
            raise ImageError(
                f"The image holds {data.dtype} values: convert it to uint8, uint16, int16 or float."
            )
        if len(shape) == 2:
            data = data[np.newaxis]
        steps = (1.0, 1.0, 1.0, *(_size(s) for s in scale))[-3:]
        return cls(data, name, source, (steps[0], steps[1], steps[2]))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Depth, height and width."""
        depth, height, width = self.data.shape
        return int(depth), int(height), int(width)

    def slice(self, z: int) -> NDArray[np.float32]:
        """Slice `z` as float32, shape (Y, X), raw grey values.

        Raises
        ------
        ImageError
            If a lazy stack cannot give it.
        """
        try:
            with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
                return np.asarray(self.data[z]).astype(np.float32)
        except Exception as error:  # a lazy array raises what its maker chose
            reason = str(error).strip().split("\n", 1)[0].rstrip(".") or type(error).__name__
            raise ImageError(
                f"Slice {z} of {self.name} cannot be read ({reason}): "
                "check where its pixels come from, or choose another image."
            ) from error


def _kind(dtype: Any) -> str:
    """Letter of numpy's kind of number; empty for a type that numpy does not know."""
    try:
        return str(np.dtype(dtype).kind)
    except TypeError:
        return "-"


def _size(step: float) -> float:
    """Size of a voxel from a layer's scale, which is negative where the axis is turned round."""
    size = abs(float(step))
    return size if isfinite(size) and size > 0 else 1.0


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
        offset, lowest, highest = 0.0, np.inf, -np.inf
        for z in range(stack.shape[0]):
            raw = stack.slice(z)
            with np.errstate(invalid="ignore"):
                low, high = float(raw.min()), float(raw.max())  # NaN if there is one
            if not (low > -_LARGEST and high < _LARGEST):  # also if NaN
                raise ImageError(_not_finite_sentence(stack, z, raw))
            lowest, highest = min(lowest, low), max(highest, high)
            if z == 0:  # taken off first, it keeps the sum of squares well conditioned
                offset = float(raw.mean(dtype=np.float64))
            grey = raw.astype(np.float64)
            grey -= offset
            count += grey.size
            total += float(grey.sum())
            squares += float(np.square(grey).sum())
        if lowest == highest:
            raise ImageError(
                f"Every pixel of the image is {lowest:g}: choose an image with contrast."
            )
        variance = squares / count - (total / count) ** 2
        if variance < _LEAST_DEVIATION**2:
            raise ImageError(
                f"The grey values of the image, {lowest:g} to {highest:g}, hardly differ: "
                "choose an image with contrast."
            )
        return cls(offset + total / count, float(np.sqrt(variance)))

    def __call__(self, grey: NDArray[Any]) -> NDArray[np.float32]:
        """Normalise grey values of any shape."""
        return ((grey - self.mean) / self.std).astype(np.float32)


def _not_finite_sentence(stack: EMStack, z: int, raw: NDArray[np.float32]) -> str:
    """How many values of slice `z` no network can take, and why."""
    bad = int(raw.size - (np.abs(raw) < _LARGEST).sum())
    strange = int(raw.size - np.isfinite(np.asarray(stack.data[z])).sum())
    what = f"{strange} NaN or infinite" if strange else f"{bad} huge (beyond {_LARGEST:g})"
    return f"Slice {z} holds {what} values: replace them before training."
