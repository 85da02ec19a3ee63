"""Pixels out of a TIFF, which may be cut off, damaged, or no TIFF at all.

What a file declares is held against what it holds before anything is decoded: tifffile drops slices
whose directory is lost, fills up with zeros, or leaves uninitialised memory where pieces are missing.
"""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_advseg.core.runtime.errors import AdvSegError, first_line, short_reason

log = logging.getLogger(__name__)

_BEGINNINGS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""Of a classic TIFF and a BigTIFF in either byte order."""
_MOST_EXPANSION = {1: 8, 8: 1040, 32946: 1040}
"""Bytes that one stored byte can become: uncompressed (one bit a pixel) and deflate, by compression tag."""
_LONGEST_REASON = 100

# What tifffile, zlib and numpy raise on bytes gone bad.
_UNREADABLE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,  # of XML
    TypeError,
    ValueError,
    struct.error,
    tifffile.TiffFileError,
    zlib.error,
)


@contextmanager
def opened(path: Path, refusal: type[AdvSegError]) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF; whatever makes it unreadable, until the block ends, becomes `refusal`.

    Parameters
    ----------
    path : Path
        The file.
    refusal : type
        The error to raise, with one sentence that names the file and the way out.
    """
    _refuse_what_is_no_tiff(path, refusal)
    try:
        with _silenced(), tifffile.TiffFile(path) as tif:
            yield tif
    except AdvSegError:
        raise
    except MemoryError as error:
        raise refusal(
            f"The pixels of {path} do not fit in memory: "
            "save it as an uncompressed TIFF, which is read slice by slice, or crop it."
        ) from error
    except _UNREADABLE as error:
        raise refusal(
            f"The file {path} is damaged or of a kind that cannot be read ({_reason(error)}): "
            "copy it again, or save it as an uncompressed TIFF."
        ) from error


def pixels(
    tif: tifffile.TiffFile, path: Path, refusal: type[AdvSegError], *, with_channels: bool = False
) -> NDArray[Any]:
    """Pixels of the file's stack, 2D or 3D, mapped where possible.

    Axes of length 1 are dropped. With channels, what would look like RGB and a fourth axis are taken too.

    Raises
    ------
    AdvSegError
        A `refusal`, if the file is cut off, is no grey stack, or holds several images.
    """
    _refuse_cut_off(tif, path, refusal)
    first = tif.series[0]
    kept = [
        (axis, n) for axis, n in zip(first.axes, first.shape, strict=True) if n != 1 or axis in "YX"
    ]
    _refuse_no_grey_stack(kept, path, refusal, with_channels)
    _refuse_less_than_declared(first, tif, path, refusal)
    alike = _slices_alike(tif, path, refusal)
    if len(alike) > 1:  # one series a slice, as page-wise writers leave
        return np.stack([one.asarray() for one in alike])
    if first.dataoffset is not None and first.dtype is not None and first.dtype.kind in "uif":
        dtype = first.dtype.newbyteorder(tif.byteorder)
        return np.memmap(path, dtype, "r", first.dataoffset, tuple(n for _, n in kept))
    found: NDArray[Any] = first.asarray().reshape([n for _, n in kept])
    return found


def _refuse_what_is_no_tiff(path: Path, refusal: type[AdvSegError]) -> None:
    try:
        if path.is_dir():
            raise refusal(f"{path} is a folder: choose a TIFF file.")
        if not path.is_file():
            raise refusal(f"There is no file {path}: check the path.")
        with path.open("rb") as file:
            beginning = file.read(4)
    except OSError as error:
        raise refusal(
            f"The file {path} cannot be opened ({short_reason(error)}): "
            "check the path, and whether you may read it."
        ) from error
    if not beginning:
        raise refusal(f"The file {path} is empty: copy it again.")
    if beginning not in _BEGINNINGS:
        raise refusal(f"The file {path} is no TIFF: save it as TIFF, or choose another file.")


@contextmanager
def _silenced() -> Iterator[None]:
    """Keep what tifffile says of a file's oddities from the person, who gets one sentence or none."""
    logger = logging.getLogger("tifffile")

    def keep_quiet(record: logging.LogRecord) -> bool:
        log.debug("tifffile: %s", record.getMessage())
        return False

    logger.addFilter(keep_quiet)
    try:
        yield
    finally:
        logger.removeFilter(keep_quiet)


def _reason(error: BaseException) -> str:
    """The first line of an error, short enough to stand within a sentence."""
    text = first_line(error).rstrip(".")
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 1] + "…"


def _slices_alike(
    tif: tifffile.TiffFile, path: Path, refusal: type[AdvSegError]
) -> list[tifffile.TiffPageSeries]:
    """The stack's only series, or the 2D series that are its slices; thumbnails are left out."""
    first, *others = tif.series
    others = [s for s in others if not (s.keyframe.is_reduced or s.keyframe.is_mask)]
    strange = [
        s for s in others if s.shape != first.shape or s.dtype != first.dtype or len(s.shape) != 2
    ]
    if strange:
        raise refusal(
            f"The file {path} holds {len(others) + 1} images ({_kind(first)}, {_kind(strange[0])}), "
            "which are no slices of one stack: save the stack as a file of its own."
        )
    for one in others:
        _refuse_less_than_declared(one, tif, path, refusal)
    return [first, *others]


def _kind(series: tifffile.TiffPageSeries) -> str:
    return f"{' × '.join(map(str, series.shape))} {series.dtype}"


def _refuse_no_grey_stack(
    axes: list[tuple[str, int]], path: Path, refusal: type[AdvSegError], with_channels: bool
) -> None:
    shape = " × ".join(f"{axis} {n}" for axis, n in axes)
    if not axes or any(n == 0 for _, n in axes):
        raise refusal(
            f"The file {path} holds no pixels ({shape or 'no axes'}): choose another file."
        )
    channels = [n for axis, n in axes if axis == "S" or (axis == "C" and n <= 4)]
    if with_channels and len(axes) <= 4:
        return
    if channels and len(axes) <= 4:
        raise refusal(
            f"The file {path} holds {channels[0]} channels, as RGB does: convert it to grey, "
            "or save it as a grey stack if they are slices."
        )
    if len(axes) > 3:
        raise refusal(
            f"The file {path} has {len(axes)} axes ({shape}): save one stack Z, Y, X of it."
        )


def _refuse_less_than_declared(
    series: tifffile.TiffPageSeries, tif: tifffile.TiffFile, path: Path, refusal: type[AdvSegError]
) -> None:
    """Refuse pixels that the file cannot hold, before memory is taken for them."""
    key = series.keyframe
    pages = list(series.pages)
    declared = prod(series.shape) * series.dtype.itemsize
    if series.dataoffset is not None:
        if series.dataoffset + declared <= tif.filehandle.size:
            return
        stored = tif.filehandle.size - series.dataoffset
    else:
        stored = sum(sum(p.databytecounts) for p in pages if p is not None)
        pieces = 1 if key.is_contiguous else prod(key.chunked)
        if all(p is not None and _whole(p, pieces) for p in pages):
            expansion = _MOST_EXPANSION.get(int(key.compression))
            if expansion is None or declared <= expansion * stored:
                return
    raise refusal(
        f"The file {path} declares {_kind(series)} and holds {stored} bytes of it: "
        "copy it again, or save it anew."
    )


def _whole(page: tifffile.TiffPage | tifffile.TiffFrame, pieces: int) -> bool:
    """Whether each strip or tile of a page is there."""
    offsets, counts = page.dataoffsets, page.databytecounts
    return len(offsets) >= pieces and len(counts) >= pieces and all(offsets) and all(counts)


def _refuse_cut_off(tif: tifffile.TiffFile, path: Path, refusal: type[AdvSegError]) -> None:
    """Refuse a file that ends early: tifffile would drop slices or fill up with zeros."""
    size = tif.filehandle.size
    whole, pages = _directories(tif)
    if whole and len(tif.pages) != pages:  # iterating over a circle of directories would never end
        raise refusal(f"The file {path} has a damaged list of slices: copy it again.")
    if whole:
        pieces = (zip(p.dataoffsets, p.databytecounts, strict=True) for p in tif.pages)
        whole = all(o + count <= size for page in pieces for o, count in page if count)
    if not whole:
        raise refusal(f"The file {path} is cut off at {size} bytes: copy it again.")
    declared, first = _imagej_images(tif), tif.pages.first
    if declared > 1 and len(tif.pages) == 1 and first.is_final:
        held = (size - first.dataoffsets[0]) // max(first.nbytes, 1)
        if held < declared:
            raise refusal(
                f"The file {path} declares {declared} slices and holds {held}: "
                "copy it again, or save it anew."
            )


def _imagej_images(tif: tifffile.TiffFile) -> int:
    """Slices that ImageJ's description of the one directory declares."""
    found = tif.imagej_metadata if tif.is_imagej else None
    numbers = [(found or {}).get(name, 1) for name in ("frames", "slices", "channels")]
    return prod(n for n in numbers if isinstance(n, int) and n > 0)


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
