"""The contour of a Labels layer is turned off in 3D and restored in 2D."""

from __future__ import annotations

from napari.layers import Labels


class HiddenContour:
    """Width of a layer's contour while it is turned off; napari warns at each drawing of one in 3D.

    Parameters
    ----------
    width : int
        Width that the layer gets when it is shown in 2D; 0 leaves the layer's own.
    """

    def __init__(self, width: int = 0) -> None:
        self._width = width

    def fit(self, layer: Labels, ndisplay: int) -> None:
        """Turn the contour off in 3D and restore it in 2D; one that the user set to 0 stays 0."""
        if ndisplay == 3 and layer.contour:
            self._width, layer.contour = layer.contour, 0
        elif ndisplay == 2 and self._width:
            layer.contour, self._width = self._width, 0

    def width_of(self, layer: Labels) -> int:
        """Width of the layer's contour in 2D, also while it is turned off."""
        return int(layer.contour) or self._width
