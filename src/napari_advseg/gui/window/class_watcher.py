"""Keeps the class list in step with the annotation's brush, colours and undo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtCore import QObject

from napari_advseg.app.controller import Controller

if TYPE_CHECKING:
    import napari
    from napari.utils.events import Event


class ClassWatcher(QObject):
    """Follows the chosen annotation's layer until `disconnect_all`.

    Parameters
    ----------
    viewer : napari.Viewer
    controller : Controller
    parent : QObject
    """

    def __init__(
        self, viewer: napari.Viewer, controller: Controller, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._controller = viewer, controller
        self._layer: Labels | None = None
        self._undone = 0
        controller.model.events.choices.connect(self._annotation_changed)
        viewer.layers.events.removed.connect(self._annotation_changed)
        self._annotation_changed()

    def disconnect_all(self) -> None:
        """Listen no more."""
        self._controller.model.events.choices.disconnect(self._annotation_changed)
        self._viewer.layers.events.removed.disconnect(self._annotation_changed)
        self._let_go()

    def _annotation_changed(self, event: Event | None = None) -> None:
        chosen = self._controller.model.choices.annotation
        found = next((one for one in self._viewer.layers if str(one.unique_id) == chosen), None)
        layer = found if isinstance(found, Labels) else None
        if layer is self._layer:
            return
        self._let_go()
        self._layer = layer
        if layer is not None:
            self._undone = len(layer._redo_history)
            layer.events.selected_label.connect(self._looks_changed)
            layer.events.colormap.connect(self._looks_changed)
            layer.events.set_data.connect(self._drawn)
        self._controller.classes.refresh()

    def _let_go(self) -> None:
        if self._layer is not None:
            self._layer.events.selected_label.disconnect(self._looks_changed)
            self._layer.events.colormap.disconnect(self._looks_changed)
            self._layer.events.set_data.disconnect(self._drawn)
        self._layer = None

    def _looks_changed(self, event: Event) -> None:
        self._controller.classes.refresh()

    def _drawn(self, event: Event) -> None:
        """Read the annotation anew after an undo or a redo, of which napari 0.9 has no event."""
        assert self._layer is not None
        undone = len(self._layer._redo_history)
        if undone != self._undone:
            self._undone = undone
            self._controller.data.refresh_summary()
