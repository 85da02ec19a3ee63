"""What every format gives: pixels with named axes, and what the file says besides them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.voxel_size import VoxelSize

Purpose = Literal["image", "labels"]
"""What a file is opened as: grey values as viewers show them, or label values."""


@dataclass(frozen=True)
class OpenedImage:
    """An image file, opened.

    Attributes
    ----------
    data : array-like
        Indexed with integers and slices; may be lazy.
    axes : str
        A letter for each axis of `data`: Y and X; Z; C for channels, S for samples such as RGB; any other
        letter for an axis that the file gives another name or none.
    voxel : VoxelSize
    notes : tuple of str
        What was decided about the file, a sentence each.
    classes : ClassMap or None
        The class map that the file carries.
    translate : (float, float, float)
        Position of the first voxel along Z, Y, X, in the unit of `voxel`.
    nodata : float or None
        Grey value of pixels without data, if the file names one.
    """

    data: Any
    axes: str
    voxel: VoxelSize = field(default_factory=VoxelSize)
    notes: tuple[str, ...] = ()
    classes: ClassMap | None = None
    translate: tuple[float, float, float] = (0.0, 0.0, 0.0)
    nodata: float | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return tuple(int(n) for n in self.data.shape)

    def __str__(self) -> str:
        return " × ".join(f"{axis} {n}" for axis, n in zip(self.axes, self.shape, strict=True))
