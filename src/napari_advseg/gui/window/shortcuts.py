"""The keys that are the same wherever the keyboard is: on the canvas, in a dock, in one that floats."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QShortcut, QWidget

from napari_advseg.app.controller import Controller

if TYPE_CHECKING:
    import napari

CLASSES = 9
"""Alt+1 to Alt+9 pick a class."""
NEXT, PREVIOUS = "F6", "Shift+F6"
"""From the canvas to the dock, to the curves, and round again: napari's own Tab order never leaves the
canvas and what is beside it."""

Keys = dict[str, Callable[[], None]]


class WorkbenchKeys(QObject):
    """Alt+1 to Alt+9, F6 and Shift+F6 in the window; in the docks these and the keys of a run.

    On the canvas the keys of a run are napari's to call, see `Session`. A dock that floats is a window
    of its own, where keys of the main window may not arrive, so each dock has its own.

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
        self._viewer = viewer
        run = controller.run
        self._of_run: Keys = {"Ctrl+Return": run.start, "Ctrl+Enter": run.start, "Ctrl+.": run.stop}
        self._everywhere: Keys = {
            f"Alt+{number}": partial(controller.classes.pick, number - 1)
            for number in range(1, CLASSES + 1)
        }
        self._everywhere |= {NEXT: lambda: self._go(1), PREVIOUS: lambda: self._go(-1)}
        self._shortcuts: dict[QWidget, list[QShortcut]] = {}
        self._docks: list[QWidget] = []
        window = viewer.window._qt_window
        self._bind(window, self._everywhere, Qt.ShortcutContext.WindowShortcut)

    def add(self, dock: QWidget) -> None:
        """Give the keys to a dock's widget, to which F6 comes after those that were added before."""
        self._docks.append(dock)
        dock.destroyed.connect(lambda: self._forget(dock))
        keys = {**self._everywhere, **self._of_run}
        self._bind(dock, keys, Qt.ShortcutContext.WidgetWithChildrenShortcut)

    def close(self) -> None:
        """Give the keys back."""
        for shortcuts in self._shortcuts.values():
            for shortcut in shortcuts:
                shortcut.setEnabled(False)
                shortcut.deleteLater()
        self._shortcuts, self._docks = {}, []

    def _bind(self, owner: QWidget, keys: Keys, context: Qt.ShortcutContext) -> None:
        self._shortcuts[owner] = []
        for key, act in keys.items():
            shortcut = QShortcut(QKeySequence(key), owner)
            shortcut.setContext(context)
            # Where the window and a dock both have the key, Qt tells one of them that it is ambiguous.
            shortcut.activated.connect(act)
            shortcut.activatedAmbiguously.connect(act)
            self._shortcuts[owner].append(shortcut)

    def _forget(self, dock: QWidget) -> None:
        self._shortcuts.pop(dock, None)
        if dock in self._docks:
            self._docks.remove(dock)

    def _go(self, by: int) -> None:
        """Take the keyboard to the next place that is shown, to where it was last there."""
        canvas = self._viewer.window._qt_viewer.canvas.native
        places = [canvas, *(dock for dock in self._docks if dock.isVisible())]
        here = next((i for i, place in enumerate(places) if _has_keyboard(place)), 0)
        place = places[(here + by) % len(places)]
        target = place if place is canvas else _last_stop(place) or first_stop(place)
        place.window().activateWindow()
        target.setFocus(Qt.FocusReason.ShortcutFocusReason)


def first_stop(part: QWidget) -> QWidget:
    """What Tab meets first in a widget; the widget itself if there is nothing."""
    stop = part.nextInFocusChain()
    while stop is not None and stop is not part:
        if part.isAncestorOf(stop) and takes_tab(stop):
            return stop
        stop = stop.nextInFocusChain()
    return part


def takes_tab(widget: QWidget) -> bool:
    """Whether Tab stops at a widget."""
    policy = widget.focusPolicy() & Qt.FocusPolicy.TabFocus
    usable = widget.isVisible() and widget.isEnabled()
    return usable and policy == Qt.FocusPolicy.TabFocus and widget.focusProxy() is None


def _last_stop(part: QWidget) -> QWidget | None:
    """Where the keyboard was last in a widget, if it can be there again."""
    stop = part.focusWidget()
    return stop if stop is not None and takes_tab(stop) else None


def _has_keyboard(place: QWidget) -> bool:
    window = place.window()
    focus = window.focusWidget() if window is not None and window.isActiveWindow() else None
    return focus is not None and (focus is place or place.isAncestorOf(focus))
