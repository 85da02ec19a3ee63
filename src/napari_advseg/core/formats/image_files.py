"""Which image files a run is applied to, what their masks are called, and what became of each.

Light to import: the networks are applied in `predict_many`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import get_args

from napari_advseg.core.runtime.errors import ImageError, short_reason
from napari_advseg.core.runtime.events import NetworkName

from .natural_order import natural_key
from .suffixes import IMAGE_SUFFIXES
from .zarr_folders import is_zarr


@dataclass(frozen=True)
class FileProgress:
    """How far a series of files is.

    Attributes
    ----------
    image : Path
        The file at work.
    file, files : int
        Its number, from 1, and how many there are.
    slice, slices : int
        Slices done of this file, over all its networks, and how many there are.
    """

    image: Path
    file: int
    files: int
    slice: int
    slices: int


@dataclass(frozen=True)
class FileResult:
    """What became of one image file.

    Attributes
    ----------
    image : Path
    masks : tuple of (str, Path)
        Network and file of the masks written.
    kept : tuple of Path
        Masks that were there already and were not written again.
    slices : int
        Depth of the image.
    error : str or None
        Why it was not predicted, in one sentence.
    """

    image: Path
    masks: tuple[tuple[NetworkName, Path], ...] = ()
    kept: tuple[Path, ...] = ()
    slices: int = 0
    error: str | None = None


def image_files(folder: Path, out: Path | None = None) -> tuple[Path, ...]:
    """Images of a folder in natural order; those that were written there for others of them are left out.

    Parameters
    ----------
    folder : Path
    out : Path, optional
        Folder that masks go to; where it is `folder` itself, the masks of an earlier time are no images.

    Raises
    ------
    ImageError
        If the folder cannot be read or holds no image.
    """
    try:
        found = sorted(filter(_is_image, folder.iterdir()), key=natural_key)
        inside = out is not None and out.exists() and out.samefile(folder)
    except OSError as error:
        raise ImageError(
            f"The folder {folder} cannot be read ({short_reason(error)}): choose another."
        ) from error
    if inside:
        stems = {p.stem for p in found}
        written = {
            f"{stem}_{name}_{kind}"
            for stem in stems
            for name in get_args(NetworkName)
            for kind in ("mask", "probability")
        }
        found = [p for p in found if p.stem not in written]
    if not found:
        raise ImageError(
            f"The folder {folder} holds no images: choose a folder of TIFF files or other images."
        )
    return tuple(found)


def is_folder(path: Path) -> bool:
    """Whether a path is a folder of files, and not a Zarr store or an array of one."""
    return path.is_dir() and not is_zarr(path)


def _is_image(path: Path) -> bool:
    if path.name.startswith("."):
        return False
    return is_zarr(path) or (path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())


def mask_names(images: Sequence[Path], network: NetworkName, probability: bool) -> list[str]:
    """File names of one network's masks, ``NAME_standard_mask.tif``; no two are the same."""
    kind = "probability" if probability else "mask"
    times = Counter(path.stem.casefold() for path in images)  # a.tif beside a.tiff, or beside A.tif
    taken: set[str] = set()
    names = []
    for path in images:
        first = path.stem if times[path.stem.casefold()] == 1 else path.name.replace(".", "-")
        further = (f"{first}-{number}" for number in count(2))
        stem = next(one for one in chain([first], further) if one.casefold() not in taken)
        taken.add(stem.casefold())
        names.append(f"{stem}_{network}_{kind}.tif")
    return names
