"""The dock of the curves: folded until a run has something to show, then as high as it was left."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import QDockWidget

from napari_advseg.app.messages.discriminator_messages import shows_adversary
from napari_advseg.app.state.model import AppModel
from napari_advseg.gui.plots.training_plots import TrainingPlots
from napari_advseg.gui.widgets.theme import follow_theme

from .shortcuts import WorkbenchKeys

PLOTS_NAME = "Training curves"
PLOTS_HEIGHT = 150


class PlotsDock(QObject):
    """Docks the curves at the bottom, keeps them in step with the model, shows and hides them.

    They are shown when a run starts or is loaded. A user who hides them is not shown them again before
    asking for them.

    Parameters
    ----------
    viewer : napari.Viewer
    model : AppModel
    keys : WorkbenchKeys
        The curves get the keys of the window.
    parent : QObject
    """

    shown = Signal(bool)
    """The curves were shown or hidden."""

    def __init__(self, viewer: Any, model: AppModel, keys: WorkbenchKeys, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._model, self._keys = viewer, model, keys
        self._plots: TrainingPlots | None = None
        self._dock: QDockWidget | None = None
        self._wanted: bool | None = None
        self._height = PLOTS_HEIGHT
        self._own = False
        self._connected = False
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(0)
        self._soon.timeout.connect(self._fold)

    def dock(self) -> None:
        """Dock the curves, if they are not there."""
        if self._plots is None:
            plots = self._plots = TrainingPlots()
            plots.destroyed.connect(self._forget)
            follow_theme(self._viewer, plots.set_theme, plots)
            self._keys.add(plots)
            self._connect()
            self._show_history(self._model.history, ())
            self._show_marks()
            self._show_alarms()
            self._show_adversary()
            self._prefer_structure()
        if PLOTS_NAME not in self._viewer.window.dock_widgets:
            # The dock of the sections keeps the height of the window.
            right = Qt.DockWidgetArea.RightDockWidgetArea
            window = self._viewer.window._qt_window
            window.setCorner(Qt.Corner.BottomRightCorner, right)
            add = self._viewer.window.add_dock_widget
            self._dock = dock = add(self._plots, name=PLOTS_NAME, area="bottom")
            dock.installEventFilter(self)
            self._fold()
            self._soon.start()  # the main window shows a new dock once more when it is laid out

    def _fold(self) -> None:
        self.set_shown(bool(self._model.history) if self._wanted is None else self._wanted)

    @property
    def is_shown(self) -> bool:
        """Whether the curves are not hidden."""
        return self._dock is not None and not self._dock.isHidden()

    def want(self, on: bool) -> None:
        """Show or hide the curves because the user asked for it, and remember that."""
        self._wanted = on
        self.set_shown(on)

    def set_shown(self, on: bool) -> None:
        """Show the curves as high as they were left, or hide them."""
        if on and self._dock is None:
            self.dock()
        if self._dock is None or on == self.is_shown:
            return
        self._own = True
        if not on and not self._dock.isFloating():
            self._height = max(self._dock.height(), PLOTS_HEIGHT)
        self._dock.setVisible(on)
        if on:
            window = self._viewer.window._qt_window
            window.resizeDocks([self._dock], [self._height], Qt.Orientation.Vertical)
        self._own = False
        self.shown.emit(on)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Notice that the user hid or showed the dock by napari's own means."""
        explicit = (QEvent.Type.ShowToParent, QEvent.Type.HideToParent)
        ours = self._own or self._soon.isActive()
        if watched is self._dock and event is not None and event.type() in explicit and not ours:
            self._wanted = event.type() == QEvent.Type.ShowToParent
            self.shown.emit(self._wanted)
        return False

    def _forget(self) -> None:
        self._plots = self._dock = None
        self.shown.emit(False)

    # ---- the model

    def _connect(self) -> None:
        if self._connected:
            return
        self._connected = True
        events = self._model.events
        events.history.connect(self._show_history)
        events.lambda_marks.connect(self._show_marks)
        events.alarms.connect(self._show_alarms)
        events.health.connect(self._show_live)
        for signal in (events.run, events.choices):
            signal.connect(self._show_adversary)
        for signal in (events.run, events.structure):
            signal.connect(self._prefer_structure)

    def _show_history(self, new: tuple[Any, ...], old: tuple[Any, ...]) -> None:
        if self._plots is None:
            return
        if old and new[:-1] == old:
            self._plots.add(new[-1])
        else:
            self._plots.set_history(list(new))
        if new and self._wanted is not False:
            self.set_shown(True)

    def _show_marks(self) -> None:
        if self._plots is not None:
            self._plots.set_marks(self._model.lambda_marks)

    def _show_alarms(self) -> None:
        if self._plots is not None:
            self._plots.set_alarms(self._model.alarms)

    def _show_live(self) -> None:
        if self._plots is not None:
            self._plots.add_live(self._model.progress.done, self._model.health)

    def _prefer_structure(self) -> None:
        run, index = self._model.run, self._model.structure
        names = () if run is None or run.classes is None else run.classes.names
        if self._plots is not None and index is not None and index < len(names):
            self._plots.f1_choice.prefer(names[index])

    def _show_adversary(self) -> None:
        if self._plots is not None:
            self._plots.show_health(shows_adversary(self._model))
