"""From an opened image to a grey stack ZYX: which axis is Z, which counts channels, what is RGB."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.core.data.stack import MOST_CHANNELS, EMStack
from napari_advseg.core.runtime.errors import AdvSegError, ImageError, several_channels

from .lazy_view import arranged
from .opened_image import OpenedImage

MOST_DECLARED_CHANNELS = 7
"""More channels than ImageJ can have are slices whose axis was named wrongly."""


@dataclass(frozen=True)
class Axes:
    """Axes of an opened image by their meaning, as positions in its data.

    Attributes
    ----------
    z, c : int or None
    y, x : int
    notes : tuple of str
    """

    z: int | None
    y: int
    x: int
    c: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[int, ...]:
        """Z, if there is one, Y and X."""
        return (self.y, self.x) if self.z is None else (self.z, self.y, self.x)


def grey_stack(opened: OpenedImage, path: Path, channel_axis: int | None = None) -> EMStack:
    """Take an opened image as a stack.

    Axes of length 1 are dropped; what is left besides Y, X and channels is Z, whatever it is called.

    Parameters
    ----------
    opened : OpenedImage
    path : Path
        Where it came from.
    channel_axis : int, optional
        Axis that counts the channels, of the file's axes with or without those of length 1.

    Raises
    ------
    ImageError
        If it is not one grey stack.
    """
    if any(n == 0 for n in opened.shape):
        raise ImageError(f"The file {path} holds no pixels ({opened}): choose another file.")
    if channel_axis is not None:
        axes = channel_axes(opened, path, channel_axis)
        channels = tuple(range(opened.shape[axes.c or 0]))
    else:
        axes = grey_axes(opened, path, ImageError)
        channels = (0,)
        if axes.c is not None:
            _check_equal_channels(opened, axes, path)
    fixed = {i: 0 for i in range(len(opened.axes)) if i not in (*axes.order, axes.c)}
    stacks = [
        EMStack.from_array(
            _as_zyx(opened.data, axes, fixed if axes.c is None else {**fixed, axes.c: channel}),
            name=name_of(path), source=path, scale=opened.voxel.steps, unit=opened.voxel.unit,
        )
        for channel in channels
    ]  # fmt: skip
    notes = (*opened.notes, *axes.notes)
    return replace(
        EMStack.together(stacks),
        channel_axis=channel_axis,
        notes=notes,
        translate=opened.translate,
        nodata=opened.nodata,
    )


def name_of(path: Path) -> str:
    """Name of an image without the suffixes of its file."""
    return path.name.removesuffix(path.suffix).removesuffix(".ome") or path.name


def grey_axes(opened: OpenedImage, path: Path, refusal: type[AdvSegError]) -> Axes:
    """Find Z, Y and X of a grey image; RGB is given as its channel axis.

    Raises
    ------
    AdvSegError
        A `refusal`, if there are channels, or more axes than a stack has.
    """
    y, x = _plane(opened)
    rest = [i for i, n in enumerate(opened.shape) if n > 1 and i not in (y, x)]
    samples = [i for i in rest if opened.axes[i] == "S"]
    channels = [i for i in rest if opened.axes[i] == "C"]
    others = [i for i in rest if i not in (*samples, *channels)]
    if len(rest) > 2 or len(others) > 1 or (samples and channels):
        shape = _shape_words(opened, rest, (y, x))
        raise refusal(
            f"The file {path} has {len(rest) + 2} axes ({shape}): save one stack Z, Y, X of it."
        )
    z = others[0] if others else None
    if samples:
        return Axes(z, y, x, samples[0])
    if not channels:
        return Axes(z, y, x)
    count = opened.shape[channels[0]]
    if z is None and count > MOST_DECLARED_CHANNELS:
        note = f"The file calls its {count} slices channels; they are read as slices."
        return Axes(channels[0], y, x, notes=(note,))
    axis = sorted((*rest, y, x)).index(channels[0])
    raise several_channels(
        refusal,
        f"The file {path} holds {count} channels: convert it to grey, or save it as a grey stack if they are "
        "slices (Fiji: Image > Properties).",
        axis,
        count,
    )


def channel_axes(opened: OpenedImage, path: Path, asked: int) -> Axes:
    """Find Z, Y, X and the asked axis of channels.

    The axis may be counted with or without those of length 1; where both are possible, the axis that the
    file itself calls channels is meant, else it is counted without.

    Raises
    ------
    ImageError
        If there is no such axis, or the others are not those of a stack.
    """
    plane = _plane(opened)
    kept = [i for i, n in enumerate(opened.shape) if n > 1 or i in plane]
    every = list(range(len(opened.shape)))
    possible = [axes[asked] for axes in (kept, every) if -len(axes) <= asked < len(axes)]
    if not possible or len(kept) not in (2, 3, 4):
        shape = tuple(opened.shape[i] for i in kept)
        raise ImageError(
            f"{path}: The image has shape {shape}, so axis {asked} cannot be that of its channels: "
            "give an image of 3 or 4 axes and say which of them, from 0."
        )
    named = [i for i in possible if opened.axes[i] in "CS"]
    c = named[0] if named else possible[0]
    if opened.shape[c] > MOST_CHANNELS:
        raise ImageError(
            f"{path}: Axis {asked} of the image has {opened.shape[c]} entries: choose the axis of the "
            f"channels, of which there may be {MOST_CHANNELS}."
        )
    left = [i for i in kept if i != c]
    if c in plane:  # the file's names do not hold
        y, x = left[-2:]
    else:
        y, x = plane
    z = next((i for i in left if i not in (y, x)), None)
    return Axes(z, y, x, c)


def _shape_words(opened: OpenedImage, rest: list[int], plane: tuple[int, int]) -> str:
    """Shape in words, without axes of length 1."""
    return " × ".join(f"{opened.axes[i]} {opened.shape[i]}" for i in sorted((*rest, *plane)))


def _plane(opened: OpenedImage) -> tuple[int, int]:
    """Positions of Y and X; the last two axes where the file does not name them."""
    if "Y" in opened.axes and "X" in opened.axes:
        return opened.axes.index("Y"), opened.axes.index("X")
    last = [i for i, axis in enumerate(opened.axes) if axis not in "CS"]
    return last[-2], last[-1]


def _as_zyx(data: Any, axes: Axes, fixed: dict[int, int]) -> Any:
    return arranged(data, axes.order, fixed)


def _check_equal_channels(opened: OpenedImage, axes: Axes, path: Path) -> None:
    """Refuse RGB whose channels differ; that of a grey picture has three equal ones."""
    assert axes.c is not None
    count = opened.shape[axes.c]
    fixed = {i: 0 for i in range(len(opened.axes)) if i not in (*axes.order, axes.c)}
    planes = [arranged(opened.data, axes.order, {**fixed, axes.c: c}) for c in range(min(count, 3))]
    slices = range(planes[0].shape[0]) if axes.z is not None else (slice(None),)
    equal = count in (3, 4) and all(
        np.array_equal(planes[0][z], other[z]) for z in slices for other in planes[1:]
    )
    if not equal:
        kept = sorted((*axes.order, axes.c))
        raise several_channels(
            ImageError,
            f"The file {path} holds {count} channels, as RGB does: convert it to grey, "
            "or save it as a grey stack if they are slices.",
            kept.index(axes.c),
            count,
        )
