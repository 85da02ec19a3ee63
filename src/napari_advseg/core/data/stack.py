"""An image stack of one or several grey channels: axes, voxel size, channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.runtime.errors import ImageError, first_line

from .voxel_size import VoxelSize

MOST_CHANNELS = 64


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
        Size of a voxel along Z, Y, X; 1 along an axis of unknown size.
    further : tuple of array-like, each of shape (Z, Y, X)
        The other channels.
    channel_axis : int or None
        Axis of the source file along which the channels lie.
    unit : str or None
        Unit of `scale`, a key of `napari_advseg.core.data.voxel_size.METRES`; None if unknown.
    notes : tuple of str
        What was decided about the file while it was opened, a sentence each.
    translate : (float, float, float)
        Position of the first voxel along Z, Y, X, in the unit of `scale`.
    nodata : float or None
        Grey value of pixels that hold no data, as the file names it.
    """

    data: Any
    name: str = "image"
    source: Path | None = None
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    further: tuple[Any, ...] = ()
    channel_axis: int | None = None
    unit: str | None = None
    notes: tuple[str, ...] = ()
    translate: tuple[float, float, float] = (0.0, 0.0, 0.0)
    nodata: float | None = None

    @classmethod
    def from_array(
        cls,
        data: Any,
        *,
        name: str = "image",
        source: Path | None = None,
        scale: Sequence[float] = (),
        unit: str | None = None,
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
        return cls(data, name, source, (steps[0], steps[1], steps[2]), unit=unit)

    @classmethod
    def from_channels(
        cls,
        data: Any,
        channel_axis: int,
        *,
        name: str = "image",
        source: Path | None = None,
        scale: Sequence[float] = (),
        unit: str | None = None,
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
            cls.from_array(
                _Channel(data, axis, c), name=name, source=source, scale=scale, unit=unit
            )
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

    def with_voxel_size(self, voxel: VoxelSize) -> EMStack:
        """Return the stack with another voxel size."""
        return replace(self, scale=voxel.steps, unit=voxel.unit)

    @property
    def voxel_size(self) -> VoxelSize:
        """Voxel size with its unit."""
        return VoxelSize(self.scale, self.unit)

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
            reason = first_line(error).rstrip(".")
            raise ImageError(
                f"Slice {z} of {self.name} cannot be read ({reason}): "
                "check where its pixels come from, or choose another image."
            ) from error


def same_pixels(one: Any, other: Any) -> bool:
    """Whether two arrays hold the same pixels, judged by the first, a middle and the last slice.

    Parameters
    ----------
    one, other : array-like, shape (Z, …, Y, X) or (Y, X)
        May be lazy. One slice is the same as a stack of depth 1.
    """
    both = [one, other]
    if {len(a.shape) for a in both} == {2, 3}:
        both = [a[np.newaxis] if len(a.shape) == 2 else a for a in both]
    first, second = both
    kinds = {np.dtype(a.dtype) for a in both}
    if tuple(first.shape) != tuple(second.shape) or len(kinds) > 1 or 0 in first.shape:
        return False
    floats = kinds.pop().kind == "f"
    depth = int(first.shape[0])
    return all(
        np.array_equal(_in_this_thread(first[z]), _in_this_thread(second[z]), equal_nan=floats)
        for z in sorted({0, depth // 2, depth - 1})
    )


def _in_this_thread(lazy: Any) -> NDArray[Any]:
    """Pixels of a slice; dask would start threads of its own for it, which stay."""
    compute = getattr(lazy, "compute", None)
    return np.asarray(lazy if compute is None else compute(scheduler="synchronous"))


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
