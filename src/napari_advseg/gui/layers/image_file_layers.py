"""Image layers and the files that they came from, also those that napari opened by itself."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.voxel_size import UNKNOWN_VOXEL
from napari_advseg.core.formats.paths import may_be_image

from .layer_voxels import set_voxel_size, voxel_size_of
from .overlay import add_image

if TYPE_CHECKING:
    import napari

log = logging.getLogger(__name__)

SOURCE_KEY = "advseg_source"
"""Layer metadata: the file that an image was read from."""
NOTES_KEY = "advseg_notes"
"""Layer metadata: what was decided about the file while it was opened, a list of sentences."""


def file_metadata(stack: EMStack) -> dict[str, Any]:
    """Metadata of the layer of a stack: its file, and the notes on it."""
    found: dict[str, Any] = {}
    if stack.source is not None:
        found[SOURCE_KEY] = str(stack.source)
    if stack.notes:
        found[NOTES_KEY] = list(stack.notes)
    return found


def notes_of(layer: Layer) -> tuple[str, ...]:
    """Notes on the file of a layer; none if others wrote something else there."""
    notes = layer.metadata.get(NOTES_KEY, ())
    return tuple(map(str, notes)) if isinstance(notes, list | tuple) else ()


def unchecked_file(layer: Layer) -> Path | None:
    """The file of an image layer that napari itself opened, until this program has looked at it."""
    path = layer.source.path
    by_napari = layer.source.reader_plugin in ("napari", "builtins")
    plain = isinstance(layer, Image) and not isinstance(layer, Labels)
    if not path or not by_napari or not plain or SOURCE_KEY in layer.metadata:
        return None
    return Path(path) if may_be_image(Path(path)) else None


def as_napari_reads(path: Path) -> Any:
    """Pixels of a file as napari itself reads them; None if it cannot. Safe on any thread."""
    from napari.plugins.io import read_data_with_plugins

    try:
        layers, _ = read_data_with_plugins([str(path)], plugin="napari", stack=False)
        data = layers[0][0] if layers else None
    except Exception:  # whatever a reader raises
        log.debug("napari cannot read %s.", path, exc_info=True)
        return None
    return data[0] if isinstance(data, list) else data


def take_over(viewer: napari.Viewer, layer: Layer, stack: EMStack, *, replace: bool) -> Layer:
    """Let a layer be the stack of its file; return the layer that shows it then.

    A voxel size that somebody gave the layer stays.
    """
    if replace or layer.multiscale or getattr(layer, "rgb", False):
        index = viewer.layers.index(layer)
        metadata = {**layer.metadata, **file_metadata(stack)}
        new = add_image(viewer, stack, metadata=metadata, visible=layer.visible)
        viewer.layers.move(viewer.layers.index(new), index)
        name = layer.name
        viewer.layers.remove(layer)
        new.name = name
        return new
    layer.metadata = {**layer.metadata, **file_metadata(stack)}  # set anew, which tells of it
    if voxel_size_of(layer) == UNKNOWN_VOXEL and stack.voxel_size != UNKNOWN_VOXEL:
        set_voxel_size(layer, stack.voxel_size)
    if not np.any(layer.translate) and any(stack.translate):
        layer.translate = stack.translate[-layer.ndim :]
    return layer


def lying_over(image: Layer, layers: Iterable[Layer]) -> list[Layer]:
    """The image and the layers of its size at its place: annotations, masks, further channels."""
    return [
        one
        for one in layers
        if one is image
        or (
            isinstance(one, Image | Labels)
            and one.ndim == image.ndim
            and one.data.shape == image.data.shape
            and voxel_size_of(one) == voxel_size_of(image)
            and np.allclose(one.translate, image.translate)
        )
    ]
