"""One viewer window's application: state, controller, threads, curves; the dock is a view of it.

It lives as long as the window, so that hiding or closing the dock stops nothing, and ends with it.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget

from napari_advseg.app.controller import Controller
from napari_advseg.app.ports.engine import Engine
from napari_advseg.gui.layers.overlay import OVERLAY_KEY
from napari_advseg.gui.layers.viewer_adapter import NapariViewerAdapter

from .autosave_timer import AutosaveTimer
from .class_watcher import ClassWatcher
from .image_room import ImageRoom
from .layer_watcher import LayerWatcher
from .plots_dock import PlotsDock
from .shortcuts import WorkbenchKeys
from .stroke_watcher import StrokeWatcher
from .task_runner import QtTaskRunner

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer

log = logging.getLogger(__name__)

CLOSING_SECONDS = 15.0
"""How long closing the window waits for the update, or tile, that a run is at."""
KEYS = {"Control-Enter": "start", "Control-.": "stop"}


class ViewerSession(QObject):
    """The application of one viewer window; get it by `session_of`.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer itself, not a proxy of it.
    engine : Engine, optional
        Other functions than the engine's own.
    """

    def __init__(self, viewer: napari.Viewer, engine: Engine | None = None) -> None:
        super().__init__(viewer.window._qt_window)
        self.setObjectName("advseg_session")
        _let_idle_threads_sleep()
        self._viewer = viewer
        self._closing = self._closed = False
        self.adapter = NapariViewerAdapter(viewer)
        self.controller = Controller(self.adapter, QtTaskRunner(self), engine)
        self.model = self.controller.model
        self._watcher = LayerWatcher(
            viewer,
            self.controller,
            is_overlay,
            self.adapter.slice_in_view,
            self.adapter.project_layers.describe,
            self,
        )
        self._classes = ClassWatcher(viewer, self.controller, self)
        self.keys = WorkbenchKeys(viewer, self.controller, self)
        self.autosave = AutosaveTimer(self.controller, parent=self)
        self.controller.project.unsaved.look()
        self._strokes = StrokeWatcher(viewer, self.controller.run.live, self)
        self._plots = PlotsDock(viewer, self.model, self.keys, self)
        self.room = ImageRoom(viewer, self)
        self._bind_keys()
        viewer.window._qt_window.installEventFilter(self)

    @property
    def viewer(self) -> napari.Viewer:
        """The viewer itself, also where napari passed a proxy of it."""
        return self._viewer

    def show_plots(self) -> PlotsDock:
        """Dock the curves at the bottom, if they are not there; they are folded until a run has some."""
        self._plots.dock()
        return self._plots

    # ---- the window's end

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        window = self.parent()
        if watched is window and isinstance(window, QWidget) and event is not None:
            if event.type() == QEvent.Type.Close:
                # A person may still answer no to napari's question; a program is not asked.
                self._closing = True
                if not event.spontaneous() or not window.isVisible():
                    self.close()
            elif event.type() == QEvent.Type.Hide and self._closing and not event.spontaneous():
                self.close()
            elif event.type() == QEvent.Type.WindowActivate:
                self._closing = False  # the answer was no
        return False

    def close(self) -> None:
        """Stop what is going on, keep what it has, wait, and listen to the viewer no more."""
        if self._closed:
            return
        self._closed = True
        self.room.close()
        self._viewer.window._qt_window.removeEventFilter(self)
        self._watcher.disconnect_all()
        self._classes.disconnect_all()
        self.keys.close()
        self._strokes.disconnect_all()
        self.autosave.stop()
        for key in KEYS:
            self._viewer.bind_key(key, None)
        if not self.controller.shutdown(CLOSING_SECONDS):
            log.warning("The window closed before the run had ended.")
        self.adapter.close()
        self.setParent(None)
        self.deleteLater()

    def _bind_keys(self) -> None:
        for key, action in KEYS.items():
            act = getattr(self.controller.run, action)
            self._viewer.bind_key(key, lambda viewer, act=act: act(), overwrite=True)


def session_of(viewer: napari.Viewer, engine: Engine | None = None) -> ViewerSession:
    """The session of a viewer's window, made when it is first asked for.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer or the proxy of it that napari passes to plugins.
    engine : Engine, optional
        The engine's functions for a new session.
    """
    # A proxy also wraps the window and its docks, and Qt takes no wrapped object.
    viewer = getattr(viewer, "__wrapped__", viewer)
    found = viewer.window._qt_window.findChild(ViewerSession)
    return ViewerSession(viewer, engine) if found is None else found


def _let_idle_threads_sleep() -> None:
    """Keep torch's idle CPU threads from spinning beside the window; it must be said before torch loads."""
    if "torch" not in sys.modules:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def is_overlay(layer: Layer) -> bool:
    """Whether a layer is a mask that this program laid over an image and still writes."""
    return OVERLAY_KEY in layer.metadata
