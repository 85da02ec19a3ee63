"""The layer in which a person draws the rectangle whose pixels are accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Layer, Shapes
from numpy.typing import NDArray

from napari_advseg.core.runtime.errors import AdvSegError

from .overlay import transform_of

if TYPE_CHECKING:
    import napari

NAME = "accept here"
EDGE = "#ffe14d"
"""Neither a network's colour nor a class'; bright on grey."""
FACE = "#ffe14d26"


class Rectangles:
    """A Shapes layer over the masks, there from the first rectangle until they are accepted.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer
        self._layer: Shapes | None = None

    def begin(self, like: Layer | None) -> None:
        """Select the layer, over `like`, in the mode that draws rectangles.

        Raises
        ------
        AdvSegError
            If there is nothing to draw over.
        """
        if like is None:
            raise AdvSegError("The image and the masks are gone: apply the run again.")
        layers = self._viewer.layers
        if self._layer is not None and (self._layer not in layers or self._layer.ndim != like.ndim):
            self.forget()
        if self._layer is None:
            self._layer = Shapes(
                ndim=like.ndim,
                name=NAME,
                edge_color=EDGE,
                face_color=FACE,
                opacity=1.0,
                **transform_of(like),
            )
            layers.append(self._layer)
        self._layer.visible = True
        layers.selection.active = self._layer
        self._layer.mode = "add_rectangle"

    def pixels(self, z: int, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
        """Pixels under the shapes of slice `z`, rotated rectangles and polygons by their own outline.

        Parameters
        ----------
        z : int
        shape : (int, int)
            Height and width.

        Returns
        -------
        ndarray of bool, shape (Y, X), or None
            None if no shape lies on that slice, or none covers a pixel.
        """
        layer = self._layer
        if layer is None or layer not in self._viewer.layers:
            return None
        kinds = list(layer.shape_type)
        found = [
            (corners[:, -2:], kind)
            for corners, kind in zip(layer.data, kinds, strict=True)
            if layer.ndim == 2 or (np.round(corners[:, -3]) == z).all()
        ]
        if not found:
            return None
        plane = Shapes([corners for corners, _ in found], shape_type=[kind for _, kind in found])
        covered = plane.to_masks(shape).any(axis=0)
        return np.asarray(covered, bool) if covered.any() else None

    def forget(self) -> None:
        """Remove the layer, if it is there."""
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
