"""The formats that are read, and the one function that opens a file of any of them."""

from __future__ import annotations

from pathlib import Path

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.runtime.errors import AdvSegError, AnnotationError, short_reason

from .opened_image import OpenedImage, Purpose
from .tiff_file import BEGINNINGS, opened
from .tiff_reader import open_tiff
from .tiff_tags import carried_classes


def open_image(path: Path, purpose: Purpose, refusal: type[AdvSegError]) -> OpenedImage:
    """Open a file as an image or as labels, whatever its format.

    Raises
    ------
    AdvSegError
        A `refusal`, if there is no such file, or it cannot be read.
    ClassMapError
        If labels carry a damaged class map.
    """
    _refuse_what_is_no_tiff(path, refusal)
    return open_tiff(path, purpose, refusal)


def carried_class_map(path: Path) -> ClassMap | None:
    """Class map that a file carries; reads no pixels."""
    _refuse_what_is_no_tiff(path, AnnotationError)
    with opened(path, AnnotationError) as tif:
        return carried_classes(tif, path)


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
    if beginning not in BEGINNINGS:
        raise refusal(f"The file {path} is no TIFF: save it as TIFF, or choose another file.")
