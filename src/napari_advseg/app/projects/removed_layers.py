"""The layers that a project sees: those of the viewer, and for a moment those just removed from it.

A window that closes may remove its layers first. Only when it goes on without them were they deleted.
"""

from __future__ import annotations

from typing import Any

from napari_advseg.app.ports.projects import OpenLayer
from napari_advseg.app.ports.viewer import ViewerPort
from napari_advseg.app.state.model import AppModel
from napari_advseg.app.state.run_form import Choices


class RemovedLayers:
    """Part of a `ProjectPort` that still knows removed layers, until `take`."""

    def __init__(self, model: AppModel, viewer: ViewerPort) -> None:
        self._model, self._viewer = model, viewer
        self._leaving: dict[str, tuple[OpenLayer, Any]] = {}
        self._choices: Choices | None = None

    def add(self, layer: OpenLayer, pixels: Any) -> None:
        """Keep a layer that was removed just now; called before the choices follow."""
        if self._choices is None:
            self._choices = self._model.choices
        self._leaving[layer.key] = (layer, pixels)

    @property
    def choices(self) -> Choices:
        """What was chosen while all these layers were there."""
        return self._model.choices if self._choices is None else self._choices

    def open_layers(self) -> tuple[OpenLayer, ...]:
        """Layers of the viewer and removed ones, images first."""
        leaving = [one for one, _ in self._leaving.values()]
        present = self._viewer.project_layers.open_layers()
        if not leaving:
            return present
        keys = {one.key for one in present}  # one that was moved is both
        every = [*(one for one in leaving if one.key not in keys), *present]
        return tuple(sorted(every, key=lambda one: one.kind != "image"))

    def layer_pixels(self, key: str) -> Any:
        """A layer's pixels, not copied."""
        if key in self._leaving:
            return self._leaving[key][1]
        return self._viewer.project_layers.layer_pixels(key)

    def take(self) -> list[tuple[OpenLayer, Any]]:
        """Forget the removed layers, and return those that did not come back."""
        keys = {one.key for one in self._viewer.project_layers.open_layers()}
        gone = [found for key, found in self._leaving.items() if key not in keys]
        self._leaving, self._choices = {}, None
        return gone
