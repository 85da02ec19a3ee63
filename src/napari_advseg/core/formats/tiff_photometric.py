"""Which values the pixels of a TIFF stand for: min-is-white, palettes, one bit a pixel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tifffile import PHOTOMETRIC

from napari_advseg.core.runtime.errors import AdvSegError

from .opened_image import Purpose

Convert = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True)
class Values:
    """How stored numbers become values.

    Attributes
    ----------
    convert : callable or None
        None if they are the values.
    dtype : dtype
        Of the values.
    notes : tuple of str
    """

    convert: Convert | None
    dtype: np.dtype[Any]
    notes: tuple[str, ...] = ()


def values_of(key: Any, purpose: Purpose, path: Path, refusal: type[AdvSegError]) -> Values:
    """Find out what the numbers of a page stand for.

    Grey values are those that every viewer shows. Labels are read by value; with one bit a pixel the
    photometric tag says which of the two is 0.

    Parameters
    ----------
    key : TiffPage

    Raises
    ------
    AdvSegError
        A `refusal`, if an image has a palette of colours.
    """
    dtype = np.dtype(key.dtype)
    white_is_zero = key.photometric == PHOTOMETRIC.MINISWHITE
    if key.photometric == PHOTOMETRIC.PALETTE and purpose == "image" and key.colormap is not None:
        table = _grey_palette(key.colormap, path, refusal)
        return Values(lambda found: table[found], table.dtype)
    if white_is_zero and (purpose == "image" or key.bitspersample == 1):
        said = "One bit a pixel, shown white where it is 0 (min-is-white): white is read as 1."
        return Values(
            _inversion(dtype, key.bitspersample), dtype, (said,) if purpose == "labels" else ()
        )
    if white_is_zero:
        note = "The file shows 0 as white (min-is-white); labels are read by value, so 0 is 0."
        return Values(None, dtype, (note,))
    return Values(None, dtype)


def _inversion(dtype: np.dtype[Any], bits: int) -> Convert:
    if dtype.kind == "b":
        return np.logical_not
    if dtype.kind == "u":
        white = dtype.type(2**bits - 1)
        return lambda found: white - found
    if dtype.kind == "i":
        return np.invert
    return np.negative


def _grey_palette(colormap: NDArray[Any], path: Path, refusal: type[AdvSegError]) -> NDArray[Any]:
    """Grey value of each index: uint8 where the palette has no finer ones."""
    red, green, blue = colormap[:3]
    if not (np.array_equal(red, green) and np.array_equal(red, blue)):
        raise refusal(
            f"The image {path} has a palette of colours, so its numbers need not be grey values: "
            "convert it to grey (Fiji: Image > Lookup Tables > Grays, then save it)."
        )
    grey = np.asarray(red)
    if not (grey % 257).any():
        return (grey // 257).astype(np.uint8)
    return (grey >> 8).astype(np.uint8) if not (grey & 255).any() else grey.astype(np.uint16)
