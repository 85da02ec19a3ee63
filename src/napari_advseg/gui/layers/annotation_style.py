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

from .annotation_layers import UNNAMED_COLOUR, with_objects
from .class_metadata import class_map_metadata, read_carried_map

ANNOTATION_OPACITY = 0.5
DENSE_OPACITY = 0.35
"""Of an annotation that covers whole slices: the image has to be seen through it."""
UNKNOWN_OPACITY = 0.3
"""Of labels that nothing is known of: napari's own colours fill a dense annotation."""
LOOK_AT_EVERY = 8
"""Pixels from one to the next, along both axes, that are looked at to choose an annotation's colours."""


def annotation_style(classes: ClassMap) -> dict[str, Any]:
    """Keyword arguments of a Labels layer that holds an annotation: class map, colours, opacity."""
    looks: dict[str, Any] = {
        "opacity": DENSE_OPACITY if is_dense(classes) else ANNOTATION_OPACITY,
        "metadata": class_map_metadata(classes),
    }
    looks["colormap"] = _class_colormap(classes, UNNAMED_COLOUR)
    return looks


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
            "opacity": ANNOTATION_OPACITY,
            "colormap": DirectLabelColormap(color_dict=colours),
        }
    # What is painted on it with another label has to be seen, too.
    return {"opacity": DENSE_OPACITY, "colormap": _class_colormap(classes, OTHER)}


def _class_colormap(classes: ClassMap, other: Any) -> DirectLabelColormap:
    """The colours of classes, and one for values that belong to none; 0 is clear if it does not."""
    table: dict[int | None, Any] = {None: other, 0: np.zeros(4)}
    table.update((value, colour) for value, colour in class_colours(classes).items())
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
