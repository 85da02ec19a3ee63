"""Tells a run that goes on when somebody has painted on its annotation and rests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels, Layer
from qtpy.QtCore import QObject, QTimer

from napari_advseg.app.controllers.live_annotation import LiveAnnotationController

if TYPE_CHECKING:
    import napari
    from napari.utils.events import Event
    from napari.utils.events.event import EventEmitter

PAUSE_MS = 400
"""Without a change for this long, strokes are looked for."""


class StrokeWatcher(QObject):
    """Looks for strokes in the window's thread, a little at a time, until `disconnect_all`.

    Parameters
    ----------
    viewer : napari.Viewer
    live : LiveStrokes
    parent : QObject
    """

    def __init__(
        self, viewer: napari.Viewer, live: LiveAnnotationController, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._live = viewer, live
        self._pause = _timer(self, PAUSE_MS)
        self._pause.timeout.connect(self._begin)
        self._idle = _timer(self, 0)
        self._idle.timeout.connect(self._look)
        viewer.layers.events.inserted.connect(self._inserted)
        viewer.layers.events.removed.connect(self._removed)
        for layer in viewer.layers:
            self._watch(layer)

    def disconnect_all(self) -> None:
        """Listen no more."""
        self._pause.stop()
        self._idle.stop()
        self._viewer.layers.events.inserted.disconnect(self._inserted)
        self._viewer.layers.events.removed.disconnect(self._removed)
        for layer in self._viewer.layers:
            self._unwatch(layer)

    def _inserted(self, event: Event) -> None:
        self._watch(event.value)

    def _removed(self, event: Event) -> None:
        self._unwatch(event.value)

    def _watch(self, layer: Layer) -> None:
        for signal in _signals(layer):
            signal.connect(self._changed)

    def _unwatch(self, layer: Layer) -> None:
        for signal in _signals(layer):
            signal.disconnect(self._changed)

    def _changed(self, event: Event) -> None:
        if self._live.follows(str(event.source.unique_id)):
            self._pause.start()

    def _begin(self) -> None:
        self._live.painted()
        self._idle.start()

    def _look(self) -> None:
        if self._live.look():
            self._idle.start()


def _timer(parent: QObject, milliseconds: int) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    return timer


def _signals(layer: Layer) -> tuple[EventEmitter, ...]:
    """All that a change of a Labels layer may come with; of undo and redo there is set_data alone."""
    if not isinstance(layer, Labels):
        return ()
    events = layer.events
    return events.paint, events.labels_update, events.data, events.set_data
