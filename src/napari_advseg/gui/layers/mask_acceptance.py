"""napari behind `AcceptPort`: masks, the rectangle over them, and the annotation that takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels, Layer
from numpy.typing import NDArray

from napari_advseg.core.data.mask_acceptance import SliceChange
from napari_advseg.core.runtime.errors import AdvSegError, AnnotationError
from napari_advseg.core.runtime.events import NetworkName

from .label_edits import write_as_one_step
from .mask_overlays import MaskOverlays
from .rectangles import Rectangles
from .side_by_side import SideBySide

if TYPE_CHECKING:
    import napari


class MaskAcceptance:
    """A `napari_advseg.app.ports.acceptance.AcceptancePort` for a napari viewer.

    Parameters
    ----------
    viewer : napari.Viewer
    overlays : MaskOverlays
    side_by_side : SideBySide
    slice_in_view : callable
        Index of the slice of the masks that is shown in 2D, None if there is not one.
    under : callable
        The layer to draw over, None if it is gone.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        overlays: MaskOverlays,
        side_by_side: SideBySide,
        slice_in_view: Callable[[], int | None],
        under: Callable[[], Layer | None],
    ) -> None:
        self._viewer, self._overlays, self._side_by_side = viewer, overlays, side_by_side
        self.slice_in_view, self._under = slice_in_view, under
        self._rectangles = Rectangles(viewer)

    def mask(self, network: NetworkName, z: int) -> NDArray[np.uint8] | None:
        """Class indices (Y, X) of one slice, None where the network did not predict."""
        return self._overlays.mask_slice(network, z)

    def draw_rectangle(self) -> None:
        """Select a Shapes layer for rectangles over the masks, made if it is not there."""
        if self._side_by_side.active or self._viewer.dims.ndisplay == 3:
            raise AdvSegError("A rectangle is drawn in 2D: leave side by side and 3D first.")
        self._rectangles.begin(self._under())

    def rectangle(self, z: int, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
        """Pixels (Y, X) under what was drawn on slice `z`; None if nothing was."""
        return self._rectangles.pixels(z, shape)

    def forget_rectangle(self) -> None:
        """Take away what was drawn, with its layer."""
        self._rectangles.forget()

    def write(self, layer: str, changes: Sequence[SliceChange]) -> None:
        """Write pixels as one step of the layer's undo, and select it, so that Ctrl+Z reaches it."""
        found = next((one for one in self._viewer.layers if one.name == layer), None)
        if not isinstance(found, Labels):
            raise AnnotationError("The annotation is gone: choose another.")
        write_as_one_step(found, changes)
        self._viewer.layers.selection.active = found
