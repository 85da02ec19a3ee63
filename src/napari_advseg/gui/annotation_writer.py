"""File → Save Selected Layers: an annotation as a TIFF that says what its labels mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..app.class_rows import map_of_text
from ..app.summary import read_annotation
from ..core.classes import ClassMap
from ..core.errors import AdvSegError
from ..core.io import write_labels
from .annotation_layers import TOLD_KEY
from .overlays import CLASSES_KEY


def save_annotation(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels layer with its class map.

    Parameters
    ----------
    path : str
        Where to.
    data : array of integers, shape (Z, Y, X) or (Y, X)
    attributes : dict
        The layer's, as napari gives them to a writer.

    Returns
    -------
    list of str
        The file.

    Raises
    ------
    AnnotationError
        If the layer is no stack of integers.
    AdvSegError
        If the file cannot be written.
    """
    labels = np.asarray(data)
    scale = tuple(attributes.get("scale", ()))
    classes = _meaning(labels, attributes.get("metadata", {}))
    write_labels(path, labels, classes, scale=scale if len(scale) == 3 else None)
    return [path]


def _meaning(labels: NDArray[Any], metadata: dict[str, Any]) -> ClassMap | None:
    """The class map to write, None where the file would then say more than is known.

    Of a dense annotation without told classes, slices of one value count as unannotated; written with
    a class map they would be full of that value's class.
    """
    told = metadata.get(TOLD_KEY)
    carried = map_of_text(str(metadata.get(CLASSES_KEY, "")))
    try:
        found = read_annotation(labels, carried, told)
    except AdvSegError:
        return carried if told is None else map_of_text(told)
    stack = labels if labels.ndim == 3 else labels[np.newaxis]
    same = np.array_equal(found.classes.encode(stack), found.targets)
    return found.classes if same else None
