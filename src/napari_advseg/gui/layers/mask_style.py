"""How masks look: with two classes an outline in the network's colour, with more the classes' colours.

With two classes a mask is one layer that shows the second class, the membrane. With more it is two: the
class colours, faint enough for the image to be seen, and above them outlines in the network's colour.
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
SHOWN_VALUE = 2
"""The second class in a mask layer, whose pixels hold the class index + 1 and 0 where nothing was predicted."""
OPACITY = 0.9
FILL_OPACITY = 0.35
CONTOURS = {"standard": 2, "adversarial": 1, DIFFERENCE: 0}
"""Width of the outlines in pixels. Filled, two masks hide the membrane and each other; as outlines, blue
shows on the inner side of orange where both run along the same border."""
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
    role: str, classes: ClassMap, colours: Mapping[str, str], visible: bool
) -> MaskStyle:
    """Looks of a network's mask, or of the disagreement.

    Parameters
    ----------
    role : {"standard", "adversarial", "disagreement"}
    classes : ClassMap
    colours : mapping of str to str
        Colour of each class, by name; used with more than two.
    visible : bool
        Whether the class colours of a mask are shown from the start.
    """
    if role == DIFFERENCE:
        # Magenta over both masks would hide which of the two is right: it is shown when asked for.
        return MaskStyle({1: DISAGREEMENT}, 1, visible=False)
    if len(classes) == 2:
        shown: dict[int | None, str] = {SHOWN_VALUE: NETWORK_COLOURS[role]}
        return MaskStyle(shown, SHOWN_VALUE, contour=CONTOURS[role])
    by_value: dict[int | None, str] = {
        index + 1: colours[name] for index, name in enumerate(classes.names)
    }
    return MaskStyle(by_value, 1, FILL_OPACITY, visible=visible, of_classes=True)
