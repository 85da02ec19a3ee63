"""Voxel sizes of napari's layers: its units are those of pint, ours have the names of files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from napari.layers import Layer

from napari_advseg.core.data.voxel_size import NAMES, VoxelSize, convert, known_unit


def transform_keywords(
    voxel: VoxelSize, translate: Sequence[float] = (), ndim: int = 3
) -> dict[str, Any]:
    """Keyword arguments of a layer of `ndim` axes with this voxel size; without a unit, napari's own.

    Parameters
    ----------
    voxel : VoxelSize
    translate : sequence of float, optional
        Position of the first voxel along Z, Y, X.
    ndim : {2, 3}
    """
    shown, factor = _shown(voxel)
    found: dict[str, Any] = {"scale": shown.steps[-ndim:]}
    if any(translate):
        found["translate"] = tuple(t * factor for t in translate)[-ndim:]
    if shown.unit is not None:
        found["units"] = (NAMES[shown.unit],) * ndim
    return found


def _shown(voxel: VoxelSize) -> tuple[VoxelSize, float]:
    """As it is given to napari, whose scale bar would make 10 kÅ of Å; and the factor of lengths."""
    if voxel.unit != "Å":
        return voxel, 1.0
    return VoxelSize.of([convert(step, "Å", "nm") for step in voxel.steps], "nm"), 0.1


def voxel_size_of(layer: Layer) -> VoxelSize:
    """Voxel size of a layer; in pixels it has no unit."""
    return voxel_size_from(layer.scale, layer.units)


def voxel_size_from(scale: Iterable[Any], units: Iterable[Any]) -> VoxelSize:
    """Voxel size along Z, Y, X from a layer's scale and units, either of which may be missing.

    Of a slice with a known size, the thickness is the height of a pixel.
    """
    steps = [float(step) for step in scale][-3:] or [1.0, 1.0, 1.0]
    known = [known_unit(unit) for unit in units][-3:] or [None] * len(steps)
    if len(steps) == 2:
        steps, known = [1.0 if known[0] is None else steps[0], *steps], [known[0], *known]
    return VoxelSize.in_one_unit(steps, known)


def set_voxel_size(layer: Layer, voxel: VoxelSize) -> None:
    """Give a layer another voxel size; its first voxel stays where it is, in voxels."""
    voxel, _ = _shown(voxel)
    before = [float(s) for s in layer.scale]
    after = voxel.steps[-layer.ndim :]
    units = "pixel" if voxel.unit is None else NAMES[voxel.unit]
    translate = [
        float(t) * new / abs(old) if old else 0.0
        for t, old, new in zip(layer.translate, before, after, strict=True)
    ]
    layer.units = (units,) * layer.ndim
    layer.scale = np.array(after)
    layer.translate = np.array(translate)
