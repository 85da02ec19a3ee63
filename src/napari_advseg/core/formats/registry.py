"""The formats that are read, and the one function that opens a file of any of them.

A path may lead into a file that holds several datasets: ``stack.h5/volumes/raw``, ``stack.zarr/0``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.runtime.errors import AdvSegError, AnnotationError, short_reason

from .hdf5 import BEGINNING as HDF5_BEGINNING
from .hdf5 import open_hdf5
from .mrc import open_mrc
from .opened_image import OpenedImage, Purpose
from .paths import file_of
from .pictures import PICTURE_BEGINNINGS, open_picture
from .slice_folder import open_slices
from .suffixes import MRC_SUFFIXES
from .tiff_file import BEGINNINGS, opened
from .tiff_reader import open_tiff
from .tiff_tags import carried_classes
from .zarr_folders import is_zarr
from .zarr_store import open_zarr

Open = Callable[[Path, str, Purpose, type[AdvSegError]], OpenedImage]

_FOR_PEOPLE = "TIFF, PNG, JPEG, MRC, HDF5, Zarr, or a folder of slices"


@dataclass(frozen=True)
class Found:
    """A file or folder and how it is opened.

    Attributes
    ----------
    path : Path
    inside : str
        Name of a dataset inside, empty if none was named.
    open : callable
    """

    path: Path
    inside: str
    open: Open


def open_image(path: Path, purpose: Purpose, refusal: type[AdvSegError]) -> OpenedImage:
    """Open a file as an image or as labels, whatever its format.

    Raises
    ------
    AdvSegError
        A `refusal`, if there is no such file, or it cannot be read; a `SeveralDatasets` if it holds
        several and none was named.
    ClassMapError
        If labels carry a damaged class map.
    """
    found = _find(path, refusal)
    return found.open(found.path, found.inside, purpose, refusal)


def carried_class_map(path: Path) -> ClassMap | None:
    """Class map that a file carries; reads no pixels."""
    found = _find(path, AnnotationError)
    if found.open is not _tiff:
        return None
    with opened(path, AnnotationError) as tif:
        return carried_classes(tif, path)


def _find(path: Path, refusal: type[AdvSegError]) -> Found:
    try:
        existing = file_of(path)
        if existing is None:
            raise refusal(f"There is no file {path}: check the path.")
        inside = path.relative_to(existing).as_posix() if existing != path else ""
        if existing.is_dir():
            return Found(existing, inside, open_zarr if is_zarr(existing) else _slices)
        with existing.open("rb") as file:
            beginning = file.read(8)
    except OSError as error:
        raise refusal(
            f"The file {path} cannot be opened ({short_reason(error)}): "
            "check the path, and whether you may read it."
        ) from error
    if not beginning:
        raise refusal(f"The file {path} is empty: copy it again.")
    if beginning == HDF5_BEGINNING:
        return Found(existing, inside, open_hdf5)
    if inside:
        raise refusal(f"There is no file {path}: check the path.")
    reader = _reader_of(beginning, existing)
    if reader is None:
        raise refusal(
            f"The file {path} is of no format that is read ({_FOR_PEOPLE}): "
            "save it as TIFF, or choose another file."
        )
    return Found(existing, "", reader)


def _reader_of(beginning: bytes, path: Path) -> Open | None:
    if beginning[:4] in BEGINNINGS:
        return _tiff
    if any(beginning.startswith(one) for one in PICTURE_BEGINNINGS):
        return _picture
    if path.suffix.lower() in MRC_SUFFIXES:
        return _mrc
    return None


def _tiff(path: Path, _: str, purpose: Purpose, refusal: type[AdvSegError]) -> OpenedImage:
    return open_tiff(path, purpose, refusal)


def _picture(path: Path, _: str, purpose: Purpose, refusal: type[AdvSegError]) -> OpenedImage:
    return open_picture(path, purpose, refusal)


def _mrc(path: Path, _: str, purpose: Purpose, refusal: type[AdvSegError]) -> OpenedImage:
    return open_mrc(path, refusal)


def _slices(path: Path, _: str, purpose: Purpose, refusal: type[AdvSegError]) -> OpenedImage:
    return open_slices(path, purpose, refusal, open_image)
