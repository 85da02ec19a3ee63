"""Opening a TIFF: what makes it unreadable becomes one sentence that names the cause and the way out."""

from __future__ import annotations

import logging
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tifffile

from napari_advseg.core.runtime.errors import AdvSegError, first_line

from .missing_library import missing_library

log = logging.getLogger(__name__)

BEGINNINGS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""Of a classic TIFF and a BigTIFF in either byte order."""
_LONGEST_REASON = 100

# What tifffile, imagecodecs, zlib and numpy raise on bytes gone bad.
_UNREADABLE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,  # of a codec
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
def readable(path: Path, refusal: type[AdvSegError]) -> Iterator[None]:
    """Turn whatever makes a TIFF unreadable within the block into `refusal`."""
    try:
        with _silenced():
            yield
    except AdvSegError:
        raise
    except MemoryError as error:
        raise refusal(
            f"The pixels of {path} do not fit in memory: "
            "save it as an uncompressed TIFF, which is read slice by slice, or crop it."
        ) from error
    except _UNREADABLE as error:
        codec = _missing_codec(error)
        if codec is not None:
            raise missing_library(
                refusal, path, "imagecodecs", f"is compressed with {codec}"
            ) from error
        raise refusal(
            f"The file {path} is damaged or of a kind that cannot be read ({_reason(error)}): "
            "copy it again, or save it as an uncompressed TIFF."
        ) from error


@contextmanager
def opened(path: Path, refusal: type[AdvSegError]) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF until the block ends.

    Parameters
    ----------
    path : Path
        The file.
    refusal : type
        The error to raise, with one sentence that names the file and the way out.
    """
    with readable(path, refusal), open_handle(path) as tif:
        yield tif


def open_handle(path: Path) -> tifffile.TiffFile:
    """Open a TIFF whose pages each have a directory of their own, and are read from the file once."""
    tif = tifffile.TiffFile(path)
    tif.pages.cache = True
    return tif


def _missing_codec(error: BaseException) -> str | None:
    """Name of the codec that tifffile lacks a library for; None if that is not the problem."""
    if isinstance(error, ModuleNotFoundError) and "compression" in str(error.name):
        return "ZSTD"  # tifffile then looks for Python 3.14's own module
    text = first_line(error)
    if "imagecodecs" not in text:
        return None
    found = re.search(r"COMPRESSION\.(\w+)", text)
    if found is not None:
        return found[1].replace("_", " ")
    return "packed bits" if "packints" in text else "a codec"


@contextmanager
def _silenced() -> Iterator[None]:
    """Keep what tifffile says of a file's oddities from the user, who gets one sentence or none."""
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
