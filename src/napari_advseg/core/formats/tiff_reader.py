"""A TIFF as an opened image: pixels mapped or lazy where possible, axes, orientation, voxel size, classes."""

from __future__ import annotations

import weakref
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_advseg.core.runtime.errors import AdvSegError

from . import lazy_view
from .lazy_view import PagedArray, arranged, converted
from .opened_image import OpenedImage, Purpose
from .tiff_checks import empty_pieces, less_than_declared, refuse_cut_off, refuse_less_than_declared
from .tiff_file import open_handle, opened, readable
from .tiff_pages import StackPages, stack_pages
from .tiff_photometric import Values, values_of
from .tiff_tags import carried_classes, nodata_of
from .tiff_voxel_size import voxel_size


def open_tiff(path: Path, purpose: Purpose, refusal: type[AdvSegError]) -> OpenedImage:
    """Open a TIFF.

    Uncompressed pixels that lie in one piece are mapped. Others are decoded: at once up to
    `napari_advseg.core.formats.lazy_view.HELD_BYTES`, else slice by slice.

    Raises
    ------
    AdvSegError
        A `refusal`, if the file is cut off, holds several images, or cannot be decoded.
    ClassMapError
        If labels carry a damaged class map.
    """
    with opened(path, refusal) as tif:
        refuse_cut_off(tif, path, refusal)
        for series in tif.series:
            _refuse_empty(series, path, refusal)
            refuse_less_than_declared([series.keyframe], series.keyframe.shape, path, refusal)
        stack = stack_pages(tif, path, refusal)
        key = stack.pages[0].keyframe
        values = values_of(key, purpose, path, refusal)
        data: Any = _mapped(tif, stack, path, refusal)
        if data is None:
            refuse_less_than_declared(stack.pages, stack.shape, path, refusal)
            data = _decoded(stack) if _small(stack) else _lazy(stack, path, refusal)
        voxel, voxel_notes = voxel_size(tif, stack.depth)
        classes = carried_classes(tif, path) if purpose == "labels" else None
        notes = (*stack.notes, *_holes(stack), *values.notes, *voxel_notes)
        turned = _turned(_with_values(data, values), stack.axes, _orientation(key))
        return OpenedImage(*turned, voxel, notes, classes, nodata=nodata_of(key))


def _refuse_empty(series: tifffile.TiffPageSeries, path: Path, refusal: type[AdvSegError]) -> None:
    if 0 in series.shape:
        axes = zip(series.axes, series.shape, strict=True)
        shape = " × ".join(f"{axis} {n}" for axis, n in axes if n != 1)
        raise refusal(f"The file {path} holds no pixels ({shape}): choose another file.")


def _small(stack: StackPages) -> bool:
    nbytes = prod(stack.shape) * stack.pages[0].keyframe.dtype.itemsize
    return bool(nbytes <= lazy_view.HELD_BYTES)


def _mapped(
    tif: tifffile.TiffFile, stack: StackPages, path: Path, refusal: type[AdvSegError]
) -> NDArray[Any] | None:
    """Map the pixels of a stack that lies in one piece; None if it does not."""
    series = stack.series
    if series is None or series.dataoffset is None or series.dtype.kind not in "uif":
        return None
    declared = prod(stack.shape) * series.dtype.itemsize
    stored = tif.filehandle.size - series.dataoffset
    if declared > stored:
        raise less_than_declared(path, refusal, stack.shape, series.dtype, stored)
    dtype = series.dtype.newbyteorder(tif.byteorder)
    return np.memmap(path, dtype, "r", series.dataoffset, stack.shape)


def _decoded(stack: StackPages) -> NDArray[Any]:
    if stack.series is not None:
        found: NDArray[Any] = stack.series.asarray()
        return found.reshape(stack.shape)
    return np.stack([page.asarray() for page in stack.pages]).reshape(stack.shape)


def _lazy(stack: StackPages, path: Path, refusal: type[AdvSegError]) -> PagedArray:
    """Pages decoded when they are asked for, from a handle that is closed with the array."""
    tif = open_handle(path)
    with readable(path, refusal):
        len(tif.pages)
        pages = stack_pages(tif, path, refusal).pages

    def read(number: int) -> NDArray[Any]:
        page = pages[number]
        file = page.parent.filehandle
        with readable(path, refusal):
            if page.parent is tif:
                found: NDArray[Any] = page.asarray()
                return found
            file.open()  # another file of a set
            try:
                found = page.asarray()
                return found
            finally:
                file.close()

    key = stack.pages[0].keyframe
    found = PagedArray(stack.shape, key.dtype, stack.page_axes, read)
    weakref.finalize(found, tif.close)
    return found


def _with_values(data: Any, values: Values) -> Any:
    if values.convert is None:
        return data
    if isinstance(data, np.ndarray) and data.nbytes <= lazy_view.HELD_BYTES:
        return values.convert(np.asarray(data)).astype(values.dtype, copy=False)
    return converted(data, values.convert, values.dtype)


def _holes(stack: StackPages) -> tuple[str, ...]:
    empty = (
        empty_pieces(stack.pages) if stack.series is None or stack.series.dataoffset is None else 0
    )
    what = "An empty tile is" if empty == 1 else f"{empty} empty tiles are"
    return (f"{what} read as 0.",) if empty else ()


def _orientation(key: Any) -> int:
    tag = key.tags.get("Orientation")
    return int(tag.value) if tag is not None and tag.value in range(1, 9) else 1


def _turned(data: Any, axes: str, orientation: int) -> tuple[Any, str]:
    """Turn the pixels as the orientation tag says: 1 is as stored, from 5 on rows are columns."""
    if orientation == 1 or "Y" not in axes or "X" not in axes:
        return data, axes
    y, x = axes.index("Y"), axes.index("X")
    order = list(range(len(axes)))
    if orientation >= 5:
        order[y], order[x] = x, y
    flipped = [y] if orientation in (3, 4, 7, 8) else []
    flipped += [x] if orientation in (2, 3, 6, 7) else []
    return arranged(data, order, flipped=flipped), axes
