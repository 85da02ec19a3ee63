"""MRC: tomograms and stacks of electron microscopes, mapped from the file, with their voxel size in Å."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.core.data.voxel_size import VoxelSize
from napari_advseg.core.runtime.errors import AdvSegError, first_line

from .missing_library import library
from .opened_image import OpenedImage

_HEADER_BYTES = 1024
_IMOD_STAMP = 1146047817
"""Bytes 152 to 155 of a file of IMOD; the flags follow, of which the first says that bytes are signed."""
_AXES = {1: "X", 2: "Y", 3: "Z"}


def open_mrc(path: Path, refusal: type[AdvSegError]) -> OpenedImage:
    """Open an MRC file; rows stay in the order of the file, whose first one other programs may show last.

    Raises
    ------
    AdvSegError
        A `refusal`, if it is cut off, no MRC file, or mrcfile is not installed.
    """
    mrcfile = library("mrcfile", refusal, path, "is an MRC file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of oddities of the header, which change nothing
            with mrcfile.mmap(path, mode="r", permissive=True) as mrc:
                header, pixels = mrc.header, mrc.data
                if pixels is None:
                    raise refusal(f"The file {path} is cut off or no MRC file: copy it again.")
                shape, dtype = pixels.shape, pixels.dtype
                axes = _axes(header, len(shape))
                voxel = _voxel_size(header)
                offset = _HEADER_BYTES + int(header.nsymbt)
    except (ValueError, OSError, ArithmeticError, struct.error) as error:
        raise refusal(
            f"The file {path} is damaged or no MRC file ({first_line(error).rstrip('.')}): "
            "copy it again, or save it as TIFF."
        ) from error
    if dtype.kind not in "uif":
        raise refusal(f"The file {path} holds {dtype} values: save its grey values instead.")
    if dtype == np.int8 and _unsigned_bytes(path):
        dtype = np.dtype(np.uint8)
    return OpenedImage(np.memmap(path, dtype, "r", offset, shape), axes, voxel)


def _axes(header: Any, ndim: int) -> str:
    """Letters of the axes, which the header may name in another order than section, row, column."""
    numbers = [int(header[name]) for name in ("maps", "mapr", "mapc")]
    named = "".join(_AXES.get(number, "") for number in numbers)
    if sorted(named) != ["X", "Y", "Z"]:
        named = "ZYX"
    if ndim == 4:
        return "T" + named
    return named if ndim == 3 else "YX"


def _voxel_size(header: Any) -> VoxelSize:
    """Size in Å; cells of 1 Å a voxel are what programs write that know none."""
    steps = [
        float(header.cella[axis]) / max(int(header[count]), 1)
        for axis, count in (("z", "mz"), ("y", "my"), ("x", "mx"))
    ]
    if not all(step > 0 for step in steps[1:]) or all(step == 1 for step in steps):
        return VoxelSize()
    z = steps[0] if steps[0] > 0 else steps[1]
    return VoxelSize.of([float(f"{step:.6g}") for step in (z, *steps[1:])], "Å")


def _unsigned_bytes(path: Path) -> bool:
    """Whether IMOD wrote bytes from 0 to 255 as mode 0."""
    with path.open("rb") as file:
        file.seek(152)
        for order in "<>":
            file.seek(152)
            stamp, flags = struct.unpack(f"{order}ii", file.read(8))
            if stamp == _IMOD_STAMP:
                return not flags & 1
    return False
