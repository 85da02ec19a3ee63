"""Whether a TIFF holds what it declares, before anything is decoded.

tifffile drops slices whose directory is lost, fills up with zeros, or leaves uninitialised memory where
pieces are missing.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import tifffile

from napari_advseg.core.runtime.errors import AdvSegError

_MOST_EXPANSION = {1: 8, 8: 1040, 32946: 1040}
"""Bytes that one stored byte can become: uncompressed (one bit a pixel) and deflate, by compression tag."""


def refuse_cut_off(tif: tifffile.TiffFile, path: Path, refusal: type[AdvSegError]) -> None:
    """Refuse a file that ends early, or whose list of slices is damaged."""
    size = tif.filehandle.size
    whole, pages = _directories(tif)
    if whole and len(tif.pages) != pages:  # iterating over a circle of directories would never end
        raise refusal(f"The file {path} has a damaged list of slices: copy it again.")
    if whole:
        pieces = (zip(p.dataoffsets, p.databytecounts, strict=True) for p in tif.pages)
        whole = all(o + count <= size for page in pieces for o, count in page if count)
    if not whole:
        raise refusal(f"The file {path} is cut off at {size} bytes: copy it again.")
    declared, first = prod(imagej_axes(tif)), tif.pages.first
    if declared > 1 and len(tif.pages) == 1 and first.is_final:
        stored = size - first.dataoffsets[0]
        held = stored // max(first.nbytes, 1)
        if held < declared and stored != first.nbytes:
            raise refusal(
                f"The file {path} declares {declared} slices and holds {held}: "
                "copy it again, or save it anew."
            )


def refuse_less_than_declared(
    pages: Sequence[Any], shape: Sequence[int], path: Path, refusal: type[AdvSegError]
) -> None:
    """Refuse pages that the file cannot hold, before memory is taken for them.

    Parameters
    ----------
    pages : sequence of TiffPage or TiffFrame
    shape : sequence of int
        Of all of them together.
    """
    key = pages[0].keyframe
    declared = prod(shape) * key.dtype.itemsize
    stored = sum(sum(page.databytecounts) for page in pages)
    if all(_whole(page) for page in pages):
        holes = sum(_holes(page) for page in pages)
        pieces = sum(len(page.dataoffsets) for page in pages)
        expansion = _MOST_EXPANSION.get(int(key.compression))
        filled = declared if not holes else declared * (pieces - holes) // max(pieces, 1)
        if expansion is None or filled <= expansion * max(stored, 1):
            return
    raise less_than_declared(path, refusal, shape, key.dtype, stored)


def less_than_declared(
    path: Path, refusal: type[AdvSegError], shape: Sequence[int], dtype: Any, stored: int
) -> AdvSegError:
    """Error for a file that holds fewer bytes than it declares."""
    return refusal(
        f"The file {path} declares {' × '.join(map(str, shape))} {dtype} and holds {stored} bytes of it: "
        "copy it again, or save it anew."
    )


def empty_pieces(pages: Sequence[Any]) -> int:
    """Number of strips or tiles that were left out on purpose: they have neither place nor length."""
    return sum(_holes(page) for page in pages)


def _holes(page: Any) -> int:
    pieces = zip(page.dataoffsets, page.databytecounts, strict=False)
    return sum(not offset and not count for offset, count in pieces)


def _whole(page: Any) -> bool:
    """Whether each strip or tile of a page is there, or was left out on purpose."""
    offsets, counts = page.dataoffsets, page.databytecounts
    key = page.keyframe
    pieces = 1 if key.is_contiguous else prod(key.chunked)
    fits = len(offsets) >= pieces and len(counts) >= pieces
    sparse = any(counts)  # a page of which nothing is there was lost
    return (
        fits
        and all(bool(offset) == bool(count) for offset, count in zip(offsets, counts, strict=False))
        and (sparse or not pieces)
    )


def imagej_axes(tif: tifffile.TiffFile) -> tuple[int, ...]:
    """Frames, slices and channels that ImageJ's description declares; 1 for what it does not."""
    found = tif.imagej_metadata if tif.is_imagej else None
    numbers = [(found or {}).get(name, 1) for name in ("frames", "slices", "channels")]
    return tuple(n if isinstance(n, int) and n > 0 else 1 for n in numbers)


def _directories(tif: tifffile.TiffFile) -> tuple[bool, int]:
    """Whether each page's directory (IFD), and the link to the next, lies inside the file; how many.

    tifffile only logs a link that leads out of the file, and goes on with the pages before it. A link
    back to a directory before it counts as one more.
    """
    layout, file = tif.tiff, tif.filehandle
    file.seek(8 if layout.is_bigtiff else 4)
    seen: set[int] = set()
    while True:
        link = file.read(layout.offsetsize)
        if len(link) < layout.offsetsize:
            return False, len(seen)
        (offset,) = struct.unpack(layout.offsetformat, link)
        if offset == 0:
            return True, len(seen)
        if offset in seen:
            return True, len(seen) + 1
        seen.add(offset)
        file.seek(offset)
        count = file.read(layout.tagnosize)
        if len(count) < layout.tagnosize:
            return False, len(seen)
        file.seek(struct.unpack(layout.tagnoformat, count)[0] * layout.tagsize, 1)
