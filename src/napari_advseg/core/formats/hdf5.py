"""HDF5: the dataset that is asked for, or the only one that fits; axes and voxel sizes of ilastik and Fiji."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.core.data.voxel_size import VoxelSize, usable
from napari_advseg.core.runtime.errors import AdvSegError, first_line

from .datasets import Dataset, chosen, guessed_axes, letters
from .lazy_view import held
from .missing_library import library
from .opened_image import OpenedImage, Purpose

BEGINNING = b"\x89HDF\r\n\x1a\n"
_COARSER = re.compile(r"(^|/)(s\d+/([1-9]\d*)/cells|ResolutionLevel [1-9]\d*/)")
"""Levels of a pyramid other than the finest, of BigDataViewer and Imaris."""


def open_hdf5(path: Path, inside: str, purpose: Purpose, refusal: type[AdvSegError]) -> OpenedImage:
    """Open a dataset of an HDF5 file; it is read slice by slice if it is large.

    Parameters
    ----------
    path : Path
    inside : str
        Name of the dataset; empty to take the only one that fits.

    Raises
    ------
    AdvSegError
        A `refusal`, if the file is damaged, there is no such dataset, or h5py is not installed; a
        `SeveralDatasets` if several fit.
    """
    h5py = library("h5py", refusal, path, "is an HDF5 file")
    try:
        file = h5py.File(path, "r")
        names = [inside] if inside in file and inside else []
        if names and isinstance(file[inside], h5py.Dataset):
            dataset = file[inside]
        else:
            found = _datasets(file, h5py, inside)
            if inside and not found:
                held_names = ", ".join(one.name for one in _datasets(file, h5py, "")) or "none"
                raise refusal(
                    f"The file {path} holds no dataset {inside}: choose one that it has ({held_names})."
                )
            dataset = file[chosen(found, purpose, path, refusal).name]
        axes = _axes(dataset)
        voxel = _voxel_size(dataset, axes)
        notes = () if inside else (f"The dataset {dataset.name.lstrip('/')} of the file is read.",)
        return OpenedImage(held(dataset), axes, voxel, notes)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise _unreadable(error, path, refusal) from error


def _unreadable(error: Exception, path: Path, refusal: type[AdvSegError]) -> AdvSegError:
    reason = first_line(error).rstrip(".")
    if "unable to lock" in reason.casefold():
        return refusal(
            f"The file {path} is being written by another program ({reason}): close it there first."
        )
    if "filter" in reason.casefold() or "plugin" in reason.casefold():
        return refusal(
            f"The file {path} is compressed with a filter that HDF5 does not have ({reason}): "
            "save it with gzip compression."
        )
    return refusal(
        f"The file {path} is damaged or of a kind that cannot be read ({reason}): copy it again."
    )


def _datasets(file: Any, h5py: Any, inside: str) -> list[Dataset]:
    """Datasets of a file or of a group of it, but for coarser levels of a pyramid."""
    found: list[Dataset] = []
    prefix = f"{inside}/" if inside else ""

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape and not _COARSER.search(name):
            found.append(Dataset(f"{prefix}{name}", item.shape, item.dtype))

    if not inside:
        file.visititems(visit)
    elif inside in file and isinstance(file[inside], h5py.Group):
        file[inside].visititems(visit)
    return found


def _axes(dataset: Any) -> str:
    """Axes by ilastik's axistags, the labels of the dimensions, or the usual order."""
    ndim = len(dataset.shape)
    named: list[Any] = []
    try:
        tags = json.loads(dataset.attrs["axistags"])
        named = [axis["key"] for axis in tags["axes"]]
    except (KeyError, ValueError, TypeError):
        named = [dimension.label for dimension in dataset.dims]
    return letters(named, ndim) or guessed_axes(dataset.shape)


def _voxel_size(dataset: Any, axes: str) -> VoxelSize:
    """``element_size_um`` of Fiji and ilastik, ``resolution`` of CREMI in nm; Z, Y, X."""
    for name, unit in (("element_size_um", "µm"), ("resolution", "nm")):
        value = dataset.attrs.get(name)
        steps = [] if value is None else [usable(step) for step in np.atleast_1d(value)[-3:]]
        if len(steps) == 3 and all(steps):
            return VoxelSize.of(steps, unit)
    return VoxelSize()
