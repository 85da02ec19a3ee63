"""napari's model of a viewer in a plain Qt window: layers, dims and docks without a canvas.

Most tests of the dock look at its controls and at layers, neither at the canvas nor at napari's own docks.
Here a layer costs a tenth of what it costs in napari's window, and nothing is painted by OpenGL.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

from napari.components import ViewerModel
from pydantic import PrivateAttr
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication, QDockWidget, QMainWindow, QWidget

from napari_advseg.gui.window.viewer_session import ViewerSession
from support.listeners import listeners

AREAS = {
    "left": Qt.DockWidgetArea.LeftDockWidgetArea,
    "right": Qt.DockWidgetArea.RightDockWidgetArea,
    "bottom": Qt.DockWidgetArea.BottomDockWidgetArea,
}


class PlainWindow:
    """What the plugin uses of napari's window: docks, and a widget in place of the canvas."""

    def __init__(self) -> None:
        self._qt_window = QMainWindow()
        canvas = QWidget()
        canvas.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._qt_window.setCentralWidget(canvas)
        self.dock_widgets: dict[str, QWidget] = {}
        self._qt_viewer = SimpleNamespace(
            canvas=SimpleNamespace(native=canvas),
            dockLayerControls=self._part("layer controls"),
            dockLayerList=self._part("layer list"),
        )

    def _part(self, name: str) -> QDockWidget:
        """A dock of napari's own, on the left, which `dock_widgets` does not name."""
        dock = QDockWidget(name, self._qt_window)
        dock.setWidget(QWidget())
        self._qt_window.addDockWidget(AREAS["left"], dock)
        return dock

    def add_dock_widget(self, widget: QWidget, name: str, area: str = "right") -> QDockWidget:
        """Dock a widget as napari does."""
        dock = QDockWidget(name, self._qt_window)
        dock.setWidget(widget)
        self._qt_window.addDockWidget(AREAS[area], dock)
        self.dock_widgets[name] = widget
        return dock

    def resize(self, width: int, height: int) -> None:
        """Set the window's size in pixels."""
        self._qt_window.resize(width, height)


class PlainViewer(ViewerModel):
    """napari's viewer but for its window, which is a `PlainWindow`."""

    _window: PlainWindow = PrivateAttr()

    def __init__(self) -> None:
        super().__init__()
        self._window = PlainWindow()

    @property
    def window(self) -> PlainWindow:
        """The window that the viewer is shown in."""
        return self._window


@contextmanager
def plain_viewer() -> Iterator[PlainViewer]:
    """A viewer in a shown plain window of 1280 × 800. Raises if something still listens to it at the end."""
    viewer = PlainViewer()
    window = viewer.window._qt_window
    viewer.window.resize(1280, 800)
    window.show()
    try:
        yield viewer
    finally:
        for session in window.findChildren(ViewerSession):
            session.close()
        viewer.layers.clear()
        window.close()
        window.deleteLater()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not listeners(viewer)
