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
from .mask_style import mask_style
from .overlay import add_image, kept_selection, shaped_like, transform_of

if TYPE_CHECKING:
    import napari

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
            looks = mask_style(network, classes, colours, network == masks[-1][0])
            layer = Labels(
                shaped_like(indices, image),
                name=f"{stack.name} {network} mask",
                colormap=looks.colormap,
                opacity=looks.opacity,
                visible=visible and looks.visible,
                metadata={PREDICTED_KEY: network, **mask_metadata(classes)},
                **transform_of(image),
            )
            layer.contour, layer.selected_label = looks.contour, looks.selected
            viewer.layers.append(layer)
    image.metadata.pop(PREDICTED_KEY)
