"""An image stack of one or several grey channels: axes, voxel size, normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isclose, isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ImageError

MOST_CHANNELS = 64
_LARGEST = 1e30
"""Grey values from here on would leave float32 when they are normalised."""
_LEAST_DEVIATION = 1e-30
"""A smaller standard deviation has no room in float32."""


@dataclass(frozen=True)
class EMStack:
    """A stack with axes ZYX, of one grey channel or several; one slice is a stack of depth 1.

    Attributes
    ----------
    data : array-like, shape (Z, Y, X)
        uint8, uint16, int16 or float; may be lazy (dask, zarr): it is read slice by slice. With several
        channels the first.
    name : str
        What the person calls it.
    source : Path or None
        The file it came from.
    scale : (float, float, float)
        Size of a voxel along Z, Y, X in the image's own unit.
    further : tuple of array-like, each of shape (Z, Y, X)
        The other channels.
    channel_axis : int or None
        Axis of the source file along which the channels lie.
    """

    data: Any
    name: str = "image"
    source: Path | None = None
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    further: tuple[Any, ...] = ()
    channel_axis: int | None = None

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

    @classmethod
    def from_channels(
        cls,
        data: Any,
        channel_axis: int,
        *,
        name: str = "image",
        source: Path | None = None,
        scale: Sequence[float] = (),
    ) -> EMStack:
        """Wrap a 3D or 4D array of which one axis counts the channels.

        Parameters
        ----------
        data : array-like, shape (C, Z, Y, X) or (C, Y, X), the axes in any order
        channel_axis : int
            Axis of the channels; -1 is the last.

        Raises
        ------
        ImageError
            If there is no such axis, or as `from_array` does.
        """
        shape = tuple(int(n) for n in data.shape)
        if len(shape) not in (3, 4) or not -len(shape) <= channel_axis < len(shape):
            raise ImageError(
                f"The image has shape {shape}, so axis {channel_axis} cannot be that of its channels: "
                "give an image of 3 or 4 axes and say which of them, from 0."
            )
        axis = channel_axis % len(shape)
        if shape[axis] > MOST_CHANNELS:
            raise ImageError(
                f"Axis {channel_axis} of the image has {shape[axis]} entries: choose the axis of the "
                f"channels, of which there may be {MOST_CHANNELS}."
            )
        stacks = [
            cls.from_array(_Channel(data, axis, c), name=name, source=source, scale=scale)
            for c in range(shape[axis])
        ]
        return replace(cls.together(stacks), channel_axis=channel_axis)

    @classmethod
    def together(cls, stacks: Sequence[EMStack]) -> EMStack:
        """Take stacks of one shape as the channels of one image, named as the first.

        Raises
        ------
        ImageError
            If their shapes differ.
        """
        first = stacks[0]
        for other in stacks[1:]:
            if other.shape != first.shape:
                raise ImageError(
                    f"{first.name} has shape {first.shape} and {other.name} {other.shape}: "
                    "choose channels of one size."
                )
        if len(stacks) == 1:
            return first
        return replace(first, further=tuple(one.data for one in stacks[1:]))

    @property
    def channels(self) -> int:
        """Number of channels."""
        return 1 + len(self.further)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Depth, height and width."""
        depth, height, width = self.data.shape
        return int(depth), int(height), int(width)

    def slice(self, z: int) -> NDArray[np.float32]:
        """Slice `z` as float32, raw grey values: shape (Y, X), with several channels (C, Y, X).

        Raises
        ------
        ImageError
            If a lazy stack cannot give it.
        """
        try:
            with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
                planes = [
                    np.asarray(one[z]).astype(np.float32) for one in (self.data, *self.further)
                ]
                return planes[0] if len(planes) == 1 else np.stack(planes)
        except Exception as error:  # a lazy array raises what its maker chose
            reason = str(error).strip().split("\n", 1)[0].rstrip(".") or type(error).__name__
            raise ImageError(
                f"Slice {z} of {self.name} cannot be read ({reason}): "
                "check where its pixels come from, or choose another image."
            ) from error


@dataclass(frozen=True)
class _Channel:
    """One channel of an array, read slice by slice: lazy arrays stay lazy."""

    data: Any
    axis: int
    channel: int

    @property
    def shape(self) -> tuple[int, ...]:
        shape = tuple(int(n) for i, n in enumerate(self.data.shape) if i != self.axis)
        return (1, *shape)[-3:]

    @property
    def dtype(self) -> Any:
        return self.data.dtype

    def __getitem__(self, z: int) -> NDArray[Any]:
        stack = len(self.data.shape) == 4
        where: list[Any] = [z, slice(None), slice(None)] if stack else [slice(None), slice(None)]
        where.insert(self.axis, self.channel)
        return np.asarray(self.data[tuple(where)])


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
        """Measure a stack of one channel, one slice at a time, in float64.

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

    def numbers(self) -> dict[str, Any]:
        """What `alike` compares, as plain values."""
        return {"mean": self.mean, "std": self.std}


@dataclass(frozen=True)
class ChannelNormalisation:
    """`Normalisation` of each channel by its own statistics."""

    each: tuple[Normalisation, ...]

    @classmethod
    def of(cls, stack: EMStack) -> ChannelNormalisation:
        """Measure every channel.

        Raises
        ------
        ImageError
            As `Normalisation.of` does, with the number of the channel.
        """
        found = []
        for number, data in enumerate((stack.data, *stack.further), start=1):
            try:
                found.append(Normalisation.of(replace(stack, data=data, further=())))
            except ImageError as error:
                raise ImageError(f"Channel {number}: {error}") from error
        return cls(tuple(found))

    def __call__(self, planes: NDArray[Any]) -> NDArray[np.float32]:
        """Normalise (C, Y, X)."""
        return np.stack([one(plane) for one, plane in zip(self.each, planes, strict=True)])

    def numbers(self) -> dict[str, Any]:
        """What `alike` compares, as plain values: a list with an entry for each channel."""
        return {name: [one.numbers()[name] for one in self.each] for name in ("mean", "std")}


AnyNormalisation = Normalisation | ChannelNormalisation


def normalisation_of(stack: EMStack) -> AnyNormalisation:
    """Measure a stack of one or several channels.

    Raises
    ------
    ImageError
        As `Normalisation.of` does.
    """
    return Normalisation.of(stack) if stack.channels == 1 else ChannelNormalisation.of(stack)


def alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two normalisations are those of the same image."""
    found, kept = (
        [float(v) for name in ("mean", "std") for v in _listed(numbers[name])]
        for numbers in (one, other)
    )
    return len(found) == len(kept) and all(map(isclose, found, kept))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _not_finite_sentence(stack: EMStack, z: int, raw: NDArray[np.float32]) -> str:
    """How many values of slice `z` no network can take, and why."""
    bad = int(raw.size - (np.abs(raw) < _LARGEST).sum())
    strange = int(raw.size - np.isfinite(np.asarray(stack.data[z])).sum())
    what = f"{strange} NaN or infinite" if strange else f"{bad} huge (beyond {_LARGEST:g})"
    return f"Slice {z} holds {what} values: replace them before training."
