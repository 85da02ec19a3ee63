"""Which colour a class has in masks: the annotation's, and it follows when that is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
from napari.layers import Labels, Layer
from napari.utils.colormaps import DirectLabelColormap
from psygnal import Signal

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.gui.widgets.class_colours import class_colours

from .class_metadata import read_meaning
from .overlay import OVERLAY_KEY

if TYPE_CHECKING:
    import napari
    from napari.utils.events import Event


class MaskColours:
    """Opaque colours of the classes of the masks that are shown.

    Parameters
    ----------
    viewer : napari.Viewer
        In which an annotation of the same classes is looked for.

    Attributes
    ----------
    by_name : dict of str to str
        Colour of each class as ``#rrggbb``, in the order of the classes; empty before there are masks.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer
        self._classes: ClassMap | None = None
        self._annotation: Labels | None = None
        self.by_name: dict[str, str] = {}

    def begin(self, classes: ClassMap) -> dict[str, str]:
        """Take the colours that an annotation with these classes has, or else their usual ones."""
        self.close()
        self._classes = classes
        self._annotation = next(filter(self._is_annotation, reversed(self._viewer.layers)), None)
        if self._annotation is not None:
            self._annotation.events.colormap.connect(self._read)
        self._read()
        return self.by_name

    def close(self) -> None:
        """Listen to the annotation no more."""
        if self._annotation is not None:
            self._annotation.events.colormap.disconnect(self._read)
            self._annotation = None

    def forget(self, layer: Layer) -> None:
        """Let go of an annotation that was removed; the colours stay."""
        if layer is self._annotation:
            self.close()

    def _is_annotation(self, layer: Layer) -> TypeGuard[Labels]:
        if not isinstance(layer, Labels) or OVERLAY_KEY in layer.metadata:
            return False
        return read_meaning(layer.metadata) == self._classes

    def _read(self, event: Event | None = None) -> None:
        assert self._classes is not None
        colours: dict[Any, Any] = dict(class_colours(self._classes))
        colormap = None if self._annotation is None else self._annotation.colormap
        if isinstance(colormap, DirectLabelColormap):
            colours.update(colormap.color_dict)
        values = zip(self._classes.names, self._classes.mask_values, strict=True)
        found = {name: _opaque(colours[value]) for name, value in values}
        if found != self.by_name:
            self.by_name = found
            self.changed.emit()


def _opaque(colour: Any) -> str:
    """``#rrggbb`` of a colour in text or of four numbers from 0 to 1."""
    if isinstance(colour, str):
        return colour[:7]
    return "#" + "".join(f"{round(float(part) * 255):02x}" for part in np.asarray(colour)[:3])
