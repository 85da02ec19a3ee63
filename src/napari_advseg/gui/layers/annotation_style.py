"""How a Labels layer looks that holds an annotation, and the class map that it carries."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_advseg.core.config.class_roles import is_dense
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.runtime.errors import AdvSegError
from napari_advseg.gui.widgets.class_colours import OTHER, STRUCTURE, class_colours

from .annotation_layers import (
    DENSE_OPACITY,
    STROKE_OPACITY,
    UNNAMED_COLOUR,
    with_objects,
)
from .class_metadata import class_map_metadata, read_carried_map

COVERED = 0.5
"""Least share of labelled pixels of an annotation that covers whole slices."""
UNKNOWN_OPACITY = 0.3
"""Of labels that nothing is known of: napari's own colours fill a dense annotation."""
LOOK_AT_EVERY = 8
"""Pixels from one to the next, along both axes, that are looked at to choose an annotation's colours."""


def annotation_style(classes: ClassMap, labels: NDArray[Any] | None = None) -> dict[str, Any]:
    """Keyword arguments of a Labels layer that holds an annotation: class map, colours, opacity.

    Parameters
    ----------
    classes : ClassMap
    labels : ndarray of integers, optional
        The layer's pixels: where they cover whole slices, the image has to be seen through them.
    """
    covered = labels is not None and _covered(labels)
    dense = covered or is_dense(classes)
    return {
        "opacity": DENSE_OPACITY if dense else STROKE_OPACITY,
        "metadata": class_map_metadata(classes),
        "colormap": _class_colormap(classes, UNNAMED_COLOUR, covered=covered),
    }


def _covered(labels: NDArray[Any]) -> bool:
    """Whether most pixels of the slices that have labels are labelled."""
    shares = (labels[..., ::LOOK_AT_EVERY, ::LOOK_AT_EVERY] != 0).mean(axis=(-2, -1))
    return bool(np.any(shares)) and float(np.mean(shares[shares > 0])) > COVERED


def style_of_unknown(labels: NDArray[Any]) -> dict[str, Any]:
    """Looks that leave the image visible under labels whose meaning nothing tells.

    Labels of {0, 1} or {0, 255} get the colours that they would have with a class map. They carry none
    for that: what they mean is decided when they are read.
    """
    values = np.unique(labels[..., ::LOOK_AT_EVERY, ::LOOK_AT_EVERY]).tolist()
    if values not in ([0, 1], [0, 255]):
        return {"opacity": UNKNOWN_OPACITY}
    try:
        classes = Annotation.from_labels(labels).classes
    except AdvSegError:  # strokes of one class, or few objects
        colours: dict[int | None, Any] = {None: OTHER, 0: np.zeros(4), values[1]: STRUCTURE}
        return {
            "opacity": STROKE_OPACITY,
            "colormap": DirectLabelColormap(color_dict=colours),
        }
    # What is painted on it with another label has to be seen, too.
    return {"opacity": DENSE_OPACITY, "colormap": _class_colormap(classes, OTHER)}


def _class_colormap(classes: ClassMap, other: Any, *, covered: bool = False) -> DirectLabelColormap:
    """The colours of classes, and one for values that belong to none; 0 is clear if it does not."""
    table: dict[int | None, Any] = {None: other, 0: np.zeros(4)}
    table.update(
        (value, colour) for value, colour in class_colours(classes, covered=covered).items()
    )
    return DirectLabelColormap(color_dict=with_objects(table, classes))


def carried_classes(layer: Labels) -> ClassMap | None:
    """Class map in a layer's metadata, or in the TIFF that it was read from."""
    classes = read_carried_map(layer.metadata)
    if classes is not None:
        return classes
    path = Path(layer.source.path or "")
    if path.suffix.lower() not in (".tif", ".tiff") or not path.is_file():
        return None
    return _classes_in_file(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=32)
def _classes_in_file(path: Path, modified: int) -> ClassMap | None:
    """Class map of a TIFF, read once for each change of it."""
    from napari_advseg.core.formats.io import read_class_map

    return read_class_map(path)
