"""The outline of a mask in its network's colour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_advseg.gui.widgets.theme import NETWORK_COLOURS

from .hidden_contour import HiddenContour
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
        self._contour = HiddenContour()
        self._visible_in_2d = False
        self._value: int | None = None

    @property
    def present(self) -> Labels | None:
        """The layer, None if the person deleted it."""
        return self.layer if self.layer is not None and self.layer in self._viewer.layers else None

    def begin(
        self, mask: Labels, like: dict[str, Any], metadata: dict[str, str], value: int | None
    ) -> None:
        """Outline the pixels of one value of a mask, or with None the borders between all classes."""
        layer = self.present
        self._value = value
        if layer is not None and layer.ndim == mask.data.ndim:
            layer.data = mask.data
            for name, setting in like.items():
                setattr(layer, name, setting)
            self.outline_only(value)
            layers = self._viewer.layers
            if mask in layers and layers.index(layer) < layers.index(mask):
                layers.move(layers.index(layer), layers.index(mask) + 1)
            return
        self.remove()
        self.layer = Labels(
            mask.data,
            name=f"{self._network} outline",
            colormap=self._colormap(),
            metadata=metadata,
            opacity=OPACITY,
            **like,
        )
        self.layer.editable = False
        self.layer.visible, self._visible_in_2d = self._viewer.dims.ndisplay == 2, True
        self._contour = HiddenContour(CONTOURS[self._network])
        self._viewer.layers.append(self.layer)
        self.fit_display()

    def outline_only(self, value: int | None) -> None:
        """Outline one value from now on, or with None all of them."""
        self._value = value
        if self.present is not None:
            self.present.colormap = self._colormap()

    def _colormap(self) -> DirectLabelColormap:
        colour = NETWORK_COLOURS[self._network]
        if self._value is None:
            return DirectLabelColormap(color_dict={None: colour, 0: "transparent"})
        return DirectLabelColormap(
            color_dict={None: "transparent", 0: "transparent", self._value: colour}
        )

    def follow(self, mask: Labels) -> None:
        """Outline another layer of the same run, which took the place of the one before."""
        if self.present is not None:
            self.present.data = mask.data

    def refresh(self) -> None:
        """Draw the layer anew."""
        if self.present is not None:
            self.present.refresh(extent=False)

    def fit_display(self) -> None:
        """Hide the layer in 3D, where napari draws no contours, and show it again in 2D."""
        layer = self.present
        if layer is None:
            return
        before = layer.contour
        self._contour.fit(layer, self._viewer.dims.ndisplay)
        if before and not layer.contour:
            self._visible_in_2d, layer.visible = layer.visible, False
        elif layer.contour and not before:
            layer.visible = layer.visible or self._visible_in_2d

    def give_up(self) -> None:
        """Leave the layer beside a mask that has become the person's."""
        self.layer = None

    def remove(self) -> None:
        """Take the layer out of the viewer."""
        if self.present is not None:
            self._viewer.layers.remove(self.present)
        self.layer = None
