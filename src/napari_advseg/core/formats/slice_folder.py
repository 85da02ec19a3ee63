"""A folder of slices, one file each, as one stack in natural order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.data.voxel_size import VoxelSize
from napari_advseg.core.runtime.errors import AdvSegError, short_reason

from .grey_stack import grey_stack
from .label_values import label_values
from .lazy_view import PagedArray, held
from .natural_order import natural_key
from .opened_image import OpenedImage, Purpose
from .suffixes import SLICE_SUFFIXES

OpenImage = Callable[[Path, Purpose, type[AdvSegError]], OpenedImage]


def slice_files(folder: Path, refusal: type[AdvSegError]) -> tuple[Path, ...]:
    """Files of the slices of a folder, slice9 before slice10.

    Raises
    ------
    AdvSegError
        A `refusal`, if the folder cannot be read, or holds none, or files of several kinds.
    """
    try:
        found = [
            path
            for path in folder.iterdir()
            if path.suffix.lower() in SLICE_SUFFIXES
            and not path.name.startswith(".")
            and path.is_file()
        ]
    except OSError as error:
        raise refusal(
            f"The folder {folder} cannot be read ({short_reason(error)}): choose another."
        ) from error
    if not found:
        raise refusal(
            f"The folder {folder} holds no slices (TIFF, PNG or JPEG): choose one with a file for each slice."
        )
    kinds = Counter(path.suffix.lower()[:4] for path in found)
    if len(kinds) > 1:
        counted = " and ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        raise refusal(
            f"The folder {folder} holds {counted} files: put the slices of a stack into their own folder."
        )
    return tuple(sorted(found, key=natural_key))


def open_slices(
    folder: Path, purpose: Purpose, refusal: type[AdvSegError], open_image: OpenImage
) -> OpenedImage:
    """Open the slices of a folder; their pixels are read when they are needed.

    Raises
    ------
    AdvSegError
        A `refusal`, if a file cannot be read, holds more than one slice, or has another size than the
        first one.
    """
    paths = slice_files(folder, refusal)
    first = _Slice.read(paths[0], purpose, refusal, open_image)
    notes = [f"{len(paths)} slices, {paths[0].name} to {paths[-1].name}.", *first.notes]
    if purpose == "labels":
        planes = [_Slice.read(path, purpose, refusal, open_image).like(first) for path in paths]
        return OpenedImage(np.stack(planes), "ZYX", _thickness_unknown(first, notes), tuple(notes))

    def read(number: int) -> NDArray[Any]:
        return _Slice.read(paths[number], purpose, refusal, open_image).like(first, exact=True)

    data = PagedArray((len(paths), *first.pixels.shape), first.pixels.dtype, 2, read)
    return OpenedImage(held(data), "ZYX", _thickness_unknown(first, notes), tuple(notes))


class _Slice:
    """One file."""

    def __init__(
        self, path: Path, pixels: NDArray[Any], voxel: VoxelSize, notes: tuple[str, ...],
        refusal: type[AdvSegError],
    ) -> None:  # fmt: skip
        self.path, self.pixels, self.voxel, self.notes = path, pixels, voxel, notes
        self._refusal = refusal

    @classmethod
    def read(
        cls, path: Path, purpose: Purpose, refusal: type[AdvSegError], open_image: OpenImage
    ) -> _Slice:
        opened = open_image(path, purpose, refusal)
        if purpose == "labels":
            stack, notes = label_values(opened, path)
        else:
            grey = grey_stack(opened, path)
            stack, notes = grey.data, grey.notes
        if len(stack) != 1:
            raise refusal(
                f"The file {path} holds {len(stack)} slices, so its folder is not one of single slices: "
                "choose the file itself."
            )
        return cls(path, np.asarray(stack[0]), opened.voxel, notes, refusal)

    def like(self, first: _Slice, *, exact: bool = False) -> NDArray[Any]:
        """The pixels, if they are like those of the first slice."""
        same = self.pixels.shape == first.pixels.shape
        if not same or (exact and self.pixels.dtype != first.pixels.dtype):
            raise self._refusal(
                f"The slice {self.path} is {_kind(self.pixels)} and {first.path.name} {_kind(first.pixels)}: "
                "make all slices alike, or move what is no slice elsewhere."
            )
        return self.pixels


def _kind(pixels: NDArray[Any]) -> str:
    return f"{' × '.join(map(str, pixels.shape))} {pixels.dtype}"


def _thickness_unknown(first: _Slice, notes: list[str]) -> VoxelSize:
    """Slices say how large their pixels are, not how thick they are."""
    if first.voxel.unit is not None:
        _, y, x = first.voxel.steps
        unit = first.voxel.unit
        notes.append(
            f"The slices say {y:g} × {x:g} {unit} for a pixel and nothing of their thickness, so the voxel "
            f"size is unknown: set it, for example 50,{y:g},{x:g}{unit}."
        )
    return VoxelSize()
