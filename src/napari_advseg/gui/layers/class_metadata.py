"""Classes in the metadata of Labels layers, as text ``name=value+value,name=value``.

The only module of the application and the window in which classes are text. The metadata belongs to a layer
for as long as napari keeps it, also in its copies, so keys and text are a file format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_advseg.app.ports.annotations import ClassRow
from napari_advseg.app.state.class_rows import complete_map
from napari_advseg.app.state.class_text import format_rows, parse_rows
from napari_advseg.core.config.classes import ClassMap, SegmentationClass

CLASSES_KEY = "advseg_classes"
"""Layer metadata: the class map of a Labels layer, as text."""
ENTERED_KEY = "advseg_told"
"""Layer metadata: the classes that the user entered, as text; they take precedence over `CLASSES_KEY`."""


def class_map_metadata(classes: ClassMap) -> dict[str, str]:
    """Metadata of a Labels layer that carries a class map."""
    return {CLASSES_KEY: str(classes)}


def mask_metadata(classes: ClassMap) -> dict[str, str]:
    """Metadata of a mask layer of a run with these classes; its labels are the class indices + 1."""
    one_label_each = (
        SegmentationClass(name=name, values=(index + 1,))
        for index, name in enumerate(classes.names)
    )
    return class_map_metadata(ClassMap(classes=tuple(one_label_each)))


def read_carried_map(metadata: Mapping[str, Any]) -> ClassMap | None:
    """Class map that a layer carries, None if it carries none.

    Raises
    ------
    ClassMapError
        If the text is not a class map.
    """
    text = metadata.get(CLASSES_KEY)
    return None if text is None else ClassMap.parse(str(text))


def read_entered_rows(metadata: Mapping[str, Any]) -> tuple[ClassRow, ...] | None:
    """Classes that the user entered, complete or not; None if they entered none."""
    text = metadata.get(ENTERED_KEY)
    return None if text is None else parse_rows(str(text))


def read_meaning(metadata: Mapping[str, Any]) -> ClassMap | None:
    """The classes that the user entered, else the class map; None if that is missing or incomplete."""
    text = metadata.get(ENTERED_KEY, metadata.get(CLASSES_KEY))
    return None if text is None else complete_map(parse_rows(str(text)))


def write_entered_rows(
    metadata: dict[Any, Any], rows: tuple[ClassRow, ...], *, carried: bool
) -> ClassMap | None:
    """Store the classes that the user entered; return their class map, None while they are incomplete.

    A complete list also replaces the class map that the layer carries; with `carried` it is written even if
    there is none, since the layer's file has one.
    """
    metadata[ENTERED_KEY] = format_rows(rows)
    classes = complete_map(rows)
    if classes is not None and (carried or CLASSES_KEY in metadata):
        metadata.update(class_map_metadata(classes))
    return classes
