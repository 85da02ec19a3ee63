"""Zarr of version 2 and 3: plain arrays, groups of arrays, and OME-Zarr (see `ngff`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_advseg.core.runtime.errors import AdvSegError, first_line

from . import ngff
from .datasets import Dataset, chosen, guessed_axes, letters
from .lazy_view import held
from .missing_library import library
from .opened_image import OpenedImage, Purpose


def open_zarr(path: Path, inside: str, purpose: Purpose, refusal: type[AdvSegError]) -> OpenedImage:
    """Open an array of a Zarr store; it is read slice by slice if it is large.

    Of an OME-Zarr image the finest level is taken, or the one that is named.

    Parameters
    ----------
    path : Path
        The outermost folder of the store.
    inside : str
        Name of an array or group in it; empty to take the only one that fits.

    Raises
    ------
    AdvSegError
        A `refusal`, if the store is damaged, there is no such array, or zarr is not installed; a
        `SeveralDatasets` if several fit.
    """
    zarr = library("zarr", refusal, path, "is a Zarr store")
    try:
        root = zarr.open(str(path), mode="r")
        node = root[inside] if inside else root
    except KeyError:
        raise refusal(
            f"The store {path} holds no array {inside}: check the name, or choose the store itself."
        ) from None
    except Exception as error:  # whatever a damaged store, or a codec, makes of it
        raise refusal(
            f"The store {path} is damaged or of a kind that cannot be read ({first_line(error).rstrip('.')}): "
            "copy it again."
        ) from error
    name, array = _array(zarr, root, node, inside, purpose, path, refusal)
    level = ngff.level_of(root if isinstance(root, zarr.Group) else None, name)
    finest = level is not None  # of an OME-Zarr: what everybody means
    notes = () if name == inside or finest else (f"The array {name} of the store is read.",)
    try:
        data = held(array)
    except Exception as error:  # as above
        raise refusal(
            f"The pixels of {path} cannot be read ({first_line(error).rstrip('.')}): copy the store again."
        ) from error
    if level is not None and len(level.axes) == len(array.shape):
        return OpenedImage(data, level.axes, level.voxel, notes, translate=level.translate)
    return OpenedImage(data, _axes(array), notes=notes)


def _array(
    zarr: Any, root: Any, node: Any, inside: str, purpose: Purpose, path: Path,
    refusal: type[AdvSegError],
) -> tuple[str, Any]:  # fmt: skip
    """The array that is meant, with its name in the store."""
    if isinstance(node, zarr.Array):
        return inside, node
    prefix = f"{inside}/" if inside else ""
    image = ngff.image_in(node, purpose)
    if image is not None:
        name = f"{prefix}{image}"
        return name, root[name]
    members = [
        (name, one) for name, one in node.members(max_depth=None) if isinstance(one, zarr.Array)
    ]
    found = [Dataset(f"{prefix}{name}", one.shape, one.dtype) for name, one in members]
    name = chosen(found, purpose, path, refusal).name
    return name, root[name]


def _axes(array: Any) -> str:
    """Axes by the names of the dimensions, or the usual order."""
    named = getattr(array.metadata, "dimension_names", None) or array.attrs.get(
        "_ARRAY_DIMENSIONS", ()
    )
    return letters(named, len(array.shape)) or guessed_axes(array.shape)
