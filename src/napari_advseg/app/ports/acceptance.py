"""What accepting masks needs of the viewer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.data.mask_acceptance import SliceChange
from napari_advseg.core.runtime.events import NetworkName


class AcceptancePort(Protocol):
    """Masks, rectangles drawn over them, and annotation layers to write to; on the GUI thread alone."""

    def slice_in_view(self) -> int | None:
        """Index of the slice of the masks that is shown in 2D; None if there is not one."""
        ...

    def mask(self, network: NetworkName, z: int) -> NDArray[np.uint8] | None:
        """Class indices (Y, X) of one slice of a network's mask, None where it did not predict."""
        ...

    def draw_rectangle(self) -> None:
        """Let the person draw rectangles over the masks, in a layer made for it.

        Raises
        ------
        AdvSegError
            If there is nothing to draw on, or it is shown side by side or in 3D.
        """
        ...

    def rectangle(self, z: int, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
        """Pixels (Y, X) under what was drawn on slice `z`; None if nothing was."""
        ...

    def forget_rectangle(self) -> None:
        """Take away what was drawn, with its layer."""
        ...

    def write(self, layer: str, changes: Sequence[SliceChange]) -> None:
        """Write pixels into a Labels layer, as one step that its undo takes back.

        Raises
        ------
        AnnotationError
            If the layer is gone or cannot be painted on.
        """
        ...
