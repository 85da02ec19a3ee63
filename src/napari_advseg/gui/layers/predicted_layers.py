"""Image files that a run was applied to, opened with their masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.runtime.events import NetworkName
from napari_advseg.gui.widgets.class_colours import more_colour

from .class_metadata import mask_metadata
from .mask_style import CONTOURS, OPACITY, mask_style
from .overlay import add_image, kept_selection, shaped_like, transform_of

if TYPE_CHECKING:
    import napari

_SLICES = 8
"""Slices of a mask that decide which class is the structure."""
PREDICTED_KEY = "advseg_predicted"
"""Layer metadata: the network that made a mask; or that an image comes as a result, while it is added."""


def open_predicted(
    viewer: napari.Viewer,
    stack: EMStack,
    masks: Sequence[tuple[NetworkName, NDArray[np.uint8]]],
    classes: ClassMap,
    *,
    metadata: dict[str, Any],
    visible: bool,
) -> None:
    """Add an image and the masks over it; what is selected stays selected.

    Parameters
    ----------
    viewer : napari.Viewer
    stack : EMStack
        Its pixels may be mapped from the file: they stay there.
    masks : sequence of (str, ndarray of uint8)
        Network and class indices + 1, shape (Z, Y, X).
    classes : ClassMap
        Of the run.
    metadata : dict
        Of the image layer.
    visible : bool
        Whether the layers are shown from the start.
    """
    colours = {name: more_colour(index) for index, name in enumerate(classes.names)}
    # napari selects what it adds, and the dock follows an image that is selected: not this one.
    as_result = {**metadata, PREDICTED_KEY: "image"}
    with kept_selection(viewer):
        image = add_image(viewer, stack, metadata=as_result, visible=visible)
        for network, indices in masks:
            filled = network == masks[-1][0]  # two fillings over each other would mix their colours
            structure = _rarest(indices) if len(classes) == 2 else None
            looks = mask_style(network, classes, colours, filled, structure)
            outlined = not filled and len(classes) == 2
            layer = Labels(
                shaped_like(indices, image),
                name=f"{stack.name} {network} mask",
                colormap=looks.colormap,
                opacity=OPACITY if outlined else looks.opacity,
                visible=visible and (looks.visible or outlined),
                metadata={PREDICTED_KEY: network, **mask_metadata(classes)},
                **transform_of(image),
            )
            layer.contour = CONTOURS[network] if outlined else looks.contour
            layer.selected_label = looks.selected
            viewer.layers.append(layer)
    image.metadata.pop(PREDICTED_KEY)


def _rarest(indices: NDArray[np.uint8]) -> int:
    """Index of the rarer of two classes in a mask of class indices + 1, by its first slices."""
    counts = np.bincount(indices[:_SLICES].ravel(), minlength=3)[1:3]
    return 0 if 0 < counts[0] < counts[1] else 1
