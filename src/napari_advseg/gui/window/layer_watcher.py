"""Tells the application which layers there are, which slice is shown, and when somebody painted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QObject, QTimer

from napari_advseg.app.controller import Controller
from napari_advseg.app.ports.projects import OpenLayer
from napari_advseg.app.state.run_form import LayerInfo
from napari_advseg.gui.layers.class_metadata import read_entered_rows
from napari_advseg.gui.layers.image_file_layers import notes_of, unchecked_file
from napari_advseg.gui.layers.layer_voxels import voxel_size_of
from napari_advseg.gui.layers.predicted_layers import PREDICTED_KEY

if TYPE_CHECKING:
    import napari
    from napari.utils.events import Event

PAINT_PAUSE_MS = 400
"""Without a stroke for this long, the annotation is read anew."""
REMOVED_PAUSE_MS = 250
"""A window that has not closed this long after a layer was removed goes on without it."""


class LayerWatcher(QObject):
    """Keeps a controller in step with a viewer until `disconnect_all`.

    Parameters
    ----------
    viewer : napari.Viewer
    controller : Controller
    is_overlay : callable
        Whether a layer is one of the program's own masks, which are nobody's annotation.
    slice_in_view : callable
        Index of the slice shown of the chosen image; None if it has none.
    describe : callable
        What a project keeps of a layer; None if nothing.
    parent : QObject
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        controller: Controller,
        is_overlay: Callable[[Layer], bool],
        slice_in_view: Callable[[], int | None],
        describe: Callable[[Layer], OpenLayer | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._describe = describe
        self._viewer, self._controller, self._is_overlay = viewer, controller, is_overlay
        self._slice_in_view = slice_in_view
        self._undone: dict[Labels, int] = {}
        self._painted_pause = QTimer(self)
        self._painted_pause.setSingleShot(True)
        self._painted_pause.setInterval(PAINT_PAUSE_MS)
        self._painted_pause.timeout.connect(controller.data.refresh_summary)
        self._removed_pause = QTimer(self)
        self._removed_pause.setSingleShot(True)
        self._removed_pause.setInterval(REMOVED_PAUSE_MS)
        self._removed_pause.timeout.connect(controller.project.settle_removed)
        layers = viewer.layers.events
        self._sources = [
            (layers.inserted, self._inserted),
            (layers.removing, self._removing),
            (layers.removed, self._removed),
            (layers.reordered, self._layers_changed),
            (layers.renamed, self._layers_changed),
            (viewer.layers.selection.events.changed, self._layers_changed),
            (viewer.dims.events.current_step, self._slice_changed),
        ]
        for signal, slot in self._sources:
            signal.connect(slot)
        for layer in viewer.layers:
            self._watch(layer)
        self._layers_changed()

    def disconnect_all(self) -> None:
        """Listen no more."""
        self._painted_pause.stop()
        self._removed_pause.stop()
        for signal, slot in self._sources:
            signal.disconnect(slot)
        for layer in self._viewer.layers:
            self._unwatch(layer)

    def _inserted(self, event: Event) -> None:
        self._watch(event.value)
        self._layers_changed()

    def _removed(self, event: Event) -> None:
        self._unwatch(event.value)
        self._layers_changed()

    def _watch(self, layer: Layer) -> None:
        layer.events.data.connect(self._data_changed)
        layer.events.scale.connect(self._layers_changed)
        layer.events.units.connect(self._layers_changed)
        layer.events.metadata.connect(self._layers_changed)
        if isinstance(layer, Labels):
            layer.events.paint.connect(self._data_changed)
            layer.events.labels_update.connect(self._data_changed)  # fill
            self._undone[layer] = len(layer._redo_history)
            layer.events.set_data.connect(self._drawn)

    def _unwatch(self, layer: Layer) -> None:
        layer.events.data.disconnect(self._data_changed)
        layer.events.scale.disconnect(self._layers_changed)
        layer.events.units.disconnect(self._layers_changed)
        layer.events.metadata.disconnect(self._layers_changed)
        if isinstance(layer, Labels):
            layer.events.paint.disconnect(self._data_changed)
            layer.events.labels_update.disconnect(self._data_changed)
            layer.events.set_data.disconnect(self._drawn)
            self._undone.pop(layer, None)

    def _layers_changed(self, event: Event | None = None) -> None:
        selected = self._viewer.layers.selection
        infos = [self._info(layer, layer in selected) for layer in self._viewer.layers]
        self._controller.data.set_layers(tuple(info for info in infos if info is not None))
        self._slice_changed()

    def _info(self, layer: Layer, selected: bool) -> LayerInfo | None:
        if self._is_overlay(layer):
            return None
        kind: Literal["image", "labels"]
        rgb = False
        if isinstance(layer, Labels):
            kind = "labels"
        elif isinstance(layer, Image):
            kind, rgb = "image", layer.rgb
        else:
            return None
        data = layer.data[0] if layer.multiscale else layer.data
        class_rows = read_entered_rows(layer.metadata)
        shape = tuple(data.shape)
        predicted = PREDICTED_KEY in layer.metadata
        return LayerInfo(
            str(layer.unique_id),
            layer.name,
            kind,
            shape,
            selected,
            rgb,
            class_rows,
            predicted,
            voxel_size_of(layer),
            notes_of(layer),
            unchecked_file(layer),
        )

    def _removing(self, event: Event) -> None:
        """Before it is gone, while the choices still hold."""
        layer = self._viewer.layers[event.index]
        known = self._describe(layer)
        if known is not None:
            self._controller.project.layer_removed(known, layer.data)
            self._removed_pause.start()

    def _drawn(self, event: Event) -> None:
        """Undo and redo say nothing but that the layer is drawn anew, as it is for each slice."""
        layer = event.source
        steps = len(layer._redo_history)
        if steps != self._undone.get(layer):
            self._undone[layer] = steps
            self._data_changed(event)

    def _data_changed(self, event: Event) -> None:
        layer = event.source
        if isinstance(layer, Labels) and not self._is_overlay(layer):
            self._controller.project.painted(str(layer.unique_id))
        if str(layer.unique_id) == self._controller.model.choices.annotation:
            self._painted_pause.start()
        if event.type == "data":
            self._layers_changed()  # its shape may be another
            if str(layer.unique_id) == self._controller.model.choices.image:
                self._controller.data.image_data_changed()

    def _slice_changed(self, event: Event | None = None) -> None:
        shown = self._slice_in_view()
        if shown is not None:
            self._controller.set_slice_in_view(shown)
