"""A stack in the formats beside TIFF: each function writes one and returns its path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import mrcfile
import tifffile
import zarr
from PIL import Image

from .odd_tiffs import GREY


def slices(folder: Path) -> Path:
    """A file for each slice."""
    home = folder / "slices"
    home.mkdir()
    for z, one in enumerate(GREY):
        tifffile.imwrite(home / f"slice{z + 7}.tif", one)  # slice10 sorts before slice9 as text
    return home


def picture(folder: Path) -> Path:
    """One slice as PNG."""
    path = folder / "slice.png"
    Image.fromarray(GREY[0]).save(path)
    return path


def mrc(folder: Path) -> Path:
    """With a voxel size in Å."""
    path = folder / "tomogram.mrc"
    with mrcfile.new(path) as file:
        file.set_data(GREY.astype("uint16"))
        file.voxel_size = (40.0, 40.0, 500.0)
    return path


def hdf5(folder: Path) -> Path:
    """With a voxel size in µm."""
    path = folder / "stack.h5"
    with h5py.File(path, "w") as file:
        file["volume"] = GREY
        file["volume"].attrs["element_size_um"] = (0.05, 0.004, 0.004)
    return path


def plain_zarr(folder: Path) -> Path:
    """An array."""
    path = folder / "plain.zarr"
    zarr.create_array(str(path), data=GREY)
    return path


def ome_zarr(folder: Path) -> Path:
    """Two levels, with scale and translation."""
    path = folder / "levels.zarr"
    group = zarr.create_group(str(path))
    datasets = []
    for level in (0, 1):
        step = 2**level
        group.create_array(str(level), data=GREY[:, ::step, ::step])
        transformations = [
            {"type": "scale", "scale": [50.0, 4.0 * step, 4.0 * step]},
            {"type": "translation", "translation": [100.0, 8.0, 0.0]},
        ]
        datasets.append({"path": str(level), "coordinateTransformations": transformations})
    axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    return path


OTHERS: dict[str, Callable[[Path], Path]] = {
    one.__name__: one for one in (slices, picture, mrc, hdf5, plain_zarr, ome_zarr)
}
FOLDERS = ("slices", "plain_zarr", "ome_zarr")
"""Those that a dialog for folders opens."""
