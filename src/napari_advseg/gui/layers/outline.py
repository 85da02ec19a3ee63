"""The outline of a mask with more than two classes, in its network's colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_advseg.gui.widgets.theme import NETWORK_COLOURS

from .mask_style import CONTOURS, OPACITY

if TYPE_CHECKING:
    import napari


class Outline:
    """A Labels layer over the pixels of a mask layer, which it shares and never writes.

    It can not be painted on. One that the person deletes stays away until the next run; one that they
    rename goes on.

    Parameters
    ----------
    viewer : napari.Viewer
    network : {"standard", "adversarial"}
    """

    def __init__(self, viewer: napari.Viewer, network: str) -> None:
        self._viewer, self._network = viewer, network
        self.layer: Labels | None = None
        self._width = CONTOURS[network]
        self._hidden_in_3d = False

    @property
    def present(self) -> Labels | None:
        """The layer, None if the person deleted it."""
        return self.layer if self.layer is not None and self.layer in self._viewer.layers else None

    def begin(self, mask: Labels, like: dict[str, Any], metadata: dict[str, str]) -> None:
        """Outline the borders between the classes of a mask."""
        layer = self.present
        if layer is not None and layer.ndim == mask.data.ndim:
            layer.data = mask.data
            for name, value in like.items():
                setattr(layer, name, value)
            return
        self.remove()
        colour = NETWORK_COLOURS[self._network]
        self.layer = Labels(
            mask.data,
            name=f"{self._network} outline",
            colormap=DirectLabelColormap(color_dict={None: colour, 0: "transparent"}),
            metadata=metadata,
            opacity=OPACITY,
            **like,
        )
        self.layer.editable = False
        self.layer.contour = self._width
        self._viewer.layers.append(self.layer)
        self.fit_display()

    def follow(self, mask: Labels) -> None:
        """Outline another layer of the same run, which took the place of the one before."""
        if self.present is not None:
            self.present.data = mask.data

    def refresh(self) -> None:
        """Draw the layer anew."""
        if self.present is not None:
            self.present.refresh(extent=False)

    def fit_display(self) -> None:
        """Hide it in 3D, where there are no outlines, and show it again in 2D."""
        layer = self.present
        if layer is None:
            return
        if self._viewer.dims.ndisplay == 3 and layer.contour:
            self._width, layer.contour = layer.contour, 0
            self._hidden_in_3d, layer.visible = layer.visible, False
        elif self._viewer.dims.ndisplay == 2 and not layer.contour:
            layer.contour = self._width
            layer.visible = layer.visible or self._hidden_in_3d

    def give_up(self) -> None:
        """Leave the layer beside a mask that has become the person's."""
        self.layer = None

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        if self.present is not None:
            self._viewer.layers.remove(self.present)
        self.layer = None
