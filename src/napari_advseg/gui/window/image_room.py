"""Room for the image in a small window: napari's layer controls become a tab behind the dock."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QTabWidget, QWidget

WIDE = 1440
"""Window width from which the layer controls can stay on the left: the image then has 45 % of the window."""
_SIDES = (Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea)


class ImageRoom(QObject):
    """Moves the layer controls, 340 pixels wide, to where they take no room of their own, and back.

    What the user moves elsewhere stays there.

    Parameters
    ----------
    viewer : napari.Viewer
    parent : QObject
    """

    def __init__(self, viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._dock: QDockWidget | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._settle)
        self._window.installEventFilter(self)

    # Asked for each time: a reference to the window would outlive it.

    @property
    def _window(self) -> QMainWindow:
        window: QMainWindow = self._viewer.window._qt_window
        return window

    @property
    def _controls(self) -> QDockWidget:
        controls: QDockWidget = self._viewer.window._qt_viewer.dockLayerControls
        return controls

    @property
    def _list(self) -> QDockWidget:
        layers: QDockWidget = self._viewer.window._qt_viewer.dockLayerList
        return layers

    def share_with(self, dock: QDockWidget) -> None:
        """Let the layer controls share the place of a dock while the window is narrow."""
        self._dock = dock
        dock.destroyed.connect(self._forget)
        dock.installEventFilter(self)
        self._fit()

    def give_back(self) -> None:
        """Put the layer controls back above the layer list, if they are still behind the dock."""
        if not self._moved():
            return
        self._window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, self._controls)
        self._window.splitDockWidget(self._controls, self._list, Qt.Orientation.Vertical)
        self._controls.show()

    def close(self) -> None:
        """Put the layer controls back and leave the window alone."""
        self._window.removeEventFilter(self)
        self.give_back()
        self._dock = None

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is None or self._dock is None:
            return False
        if watched is self._dock and event.type() == QEvent.Type.ShowToParent:
            self._soon.start()  # shown again, as a tab it would stay behind
        elif watched is not self._dock and event.type() == QEvent.Type.Resize:
            self._fit()
        return False

    def _fit(self) -> None:
        wide = self._window.width() >= WIDE
        if wide:
            self.give_back()
        elif self._dock is not None and self._can_move(self._dock):
            area = self._window.dockWidgetArea(self._dock)
            self._window.setTabPosition(area, QTabWidget.TabPosition.North)
            self._window.tabifyDockWidget(self._dock, self._controls)
            self._soon.start()

    def _settle(self) -> None:
        """Show the dock in front, and let it and the layer list take no more room than they need."""
        if self._dock is not None and self._moved():
            self._dock.raise_()
            docks = [self._list, self._dock]
            widths = [dock.minimumSizeHint().width() for dock in docks]
            self._window.resizeDocks(docks, widths, Qt.Orientation.Horizontal)

    def _can_move(self, dock: QDockWidget) -> bool:
        """Whether both are where a window has them at first: the dock on a side, the controls on the left."""
        window, controls = self._window, self._controls
        return (
            not (dock.isFloating() or controls.isFloating() or controls.isHidden())
            and window.dockWidgetArea(dock) in _SIDES
            and window.dockWidgetArea(controls) == Qt.DockWidgetArea.LeftDockWidgetArea
            and not window.tabifiedDockWidgets(controls)
        )

    def _moved(self) -> bool:
        return self._dock is not None and self._controls in self._window.tabifiedDockWidgets(
            self._dock
        )

    def _forget(self, dock: QWidget | None = None) -> None:
        self._dock = None
