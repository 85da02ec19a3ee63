"""PNG and JPEG: a slice for each file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_advseg.core.runtime.errors import AdvSegError, first_line

from .opened_image import OpenedImage, Purpose

PICTURE_BEGINNINGS = (b"\x89PNG", b"\xff\xd8\xff")
_SAMPLES = {"LA": 2, "RGB": 3, "RGBA": 4}
_GREY = ("1", "L", "I", "F")


def open_picture(path: Path, purpose: Purpose, refusal: type[AdvSegError]) -> OpenedImage:
    """Open a PNG or JPEG; an index of colours is grey in an image and a value in labels.

    Raises
    ------
    AdvSegError
        A `refusal`, if it is damaged, or of a kind that is no grey picture and no RGB.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            if picture.mode == "P" and purpose == "image":
                picture = picture.convert("RGB")  # type: ignore[assignment]  # also an Image
            mode = picture.mode
            pixels = np.asarray(picture)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise refusal(
            f"The file {path} is damaged or of a kind that cannot be read ({first_line(error)}): "
            "copy it again, or save it as TIFF."
        ) from error
    if mode in _SAMPLES:
        if mode == "LA":
            return OpenedImage(pixels[..., 0], "YX")
        return OpenedImage(pixels, "YXS")
    if mode == "P" or mode.startswith(_GREY):
        return OpenedImage(pixels, "YX")
    raise refusal(f"The file {path} has the colours {mode}: convert it to grey.")
