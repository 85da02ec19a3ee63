"""How masks look: the structure filled in the network's colour, or all classes in their own colours.

A mask is two layers: the filling, faint enough for the image to be seen, and above it the outline in the
network's colour. With two classes the structure is one of them, and the other stays clear.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.gui.widgets.theme import DISAGREEMENT, NETWORK_COLOURS

DIFFERENCE = "disagreement"
"""Role and name of the overlay that shows where the two networks differ."""
OPACITY = 0.9
"""Of outlines and of the disagreement."""
FILL_OPACITY = 0.4
CONTOURS = {"standard": 2, "adversarial": 1, DIFFERENCE: 0}
"""Width of the outlines in pixels: blue shows on the inner side of orange where both run along the same
border."""
_CLEAR = np.zeros(4)


@dataclass(frozen=True)
class MaskStyle:
    """What a mask layer starts with; the person may change all of it.

    Attributes
    ----------
    colours : dict
        Colour of each value, as napari's `DirectLabelColormap` takes them.
    selected : int
        Value that a brush would paint.
    opacity : float
    contour : int
        Width of the outline in pixels; 0 fills.
    visible : bool
    of_classes : bool
        Whether the colours are those of classes.
    """

    colours: Mapping[int | None, Any]
    selected: int
    opacity: float = OPACITY
    contour: int = 0
    visible: bool = True
    of_classes: bool = False

    @property
    def colormap(self) -> DirectLabelColormap:
        """The colours as a colormap of their own."""
        return DirectLabelColormap(color_dict={None: _CLEAR, 0: _CLEAR, **self.colours})


def mask_style(
    role: str,
    classes: ClassMap,
    colours: Mapping[str, str],
    visible: bool,
    structure: int | None = None,
    fill: float = FILL_OPACITY,
) -> MaskStyle:
    """Looks of a network's mask, or of the disagreement.

    Parameters
    ----------
    role : {"standard", "adversarial", "disagreement"}
    classes : ClassMap
    colours : mapping of str to str
        Colour of each class, by name; used with more than two.
    visible : bool
        Whether the filling of a mask is shown from the start.
    structure : int, optional
        Index of the only class to draw; by default all of more than two, and the second of two.
    fill : float
        Opacity of the filling, 0 to 1.
    """
    if role == DIFFERENCE:
        # Magenta over both masks would hide which of the two is right: it is shown when asked for.
        return MaskStyle({1: DISAGREEMENT}, 1, visible=False)
    if len(classes) == 2:
        value = value_of(1 if structure is None else structure)
        return MaskStyle({value: NETWORK_COLOURS[role]}, value, fill, visible=visible)
    by_value: dict[int | None, str] = {
        value_of(index): colours[name]
        for index, name in enumerate(classes.names)
        if structure in (None, index)
    }
    return MaskStyle(by_value, min(filter(None, by_value)), fill, visible=visible, of_classes=True)


def value_of(index: int) -> int:
    """Pixel value of a class in a mask layer; 0 is not predicted."""
    return index + 1
