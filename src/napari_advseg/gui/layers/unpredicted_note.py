"""Words on the canvas where the slice in view is not predicted: an empty mask would look like background."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import napari

WORDS = "Slice {} is not predicted yet"
FONT_SIZE = 12
"""In points; the box around the words keeps them readable on any image."""


class UnpredictedNote:
    """Uses napari's text overlay, unless the user shows words of their own there.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer
        self._text = ""

    def show(self, z: int | None) -> None:
        """Say that slice `z` is not predicted, or with None say nothing."""
        overlay: Any = self._viewer.canvas.overlays["text"]
        if overlay.visible and overlay.text != self._text:
            return
        text = "" if z is None else WORDS.format(z)
        if text == self._text:
            return
        self._text = text
        if text:
            overlay.position, overlay.font_size, overlay.box = "top_left", FONT_SIZE, True
        overlay.text, overlay.visible = text, bool(text)
