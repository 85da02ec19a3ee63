"""Many pixels written into a Labels layer as one step of napari's undo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_advseg.core.data.mask_acceptance import SliceChange
from napari_advseg.core.runtime.errors import AnnotationError, Subject


def write_as_one_step(layer: Labels, changes: Sequence[SliceChange]) -> None:
    """Write changes into a layer; one undo takes all of them back, and the layer says that it was painted.

    The history keeps one byte for each pixel of a slice that changes beside the values themselves:
    coordinates, as `Labels.data_setitem` keeps them, would take 24 for each changed pixel.

    Raises
    ------
    AnnotationError
        If the layer's pixels cannot be written.
    """
    data = layer.data
    if not isinstance(data, np.ndarray) or not data.flags.writeable or not layer.editable:
        raise AnnotationError(
            f"{layer.name} cannot be painted on: duplicate the layer, and choose its copy.",
            subject=Subject.ACCEPTANCE,
        )
    with layer.block_history():
        for change in changes:
            at: Any = change.where if layer.ndim == 2 else (change.z, change.where)
            layer._save_history((at, _short(change.before), _short(change.after)))
            plane = data if layer.ndim == 2 else data[change.z]
            plane[change.where] = change.after  # several times as fast as by `at`
    layer.refresh()


def _short(values: NDArray[Any]) -> NDArray[Any]:
    """The same array; one that repeats a single value takes the memory of that value."""
    if values.size > 1 and bool((values == values[0]).all()):
        return np.broadcast_to(values[0], values.shape)
    return values
