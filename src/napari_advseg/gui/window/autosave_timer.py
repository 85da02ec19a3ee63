"""The clock of the annotations that save themselves."""

from __future__ import annotations

from qtpy.QtCore import QObject, QTimer

from napari_advseg.app.controller import Controller
from napari_advseg.gui.widgets.section import follow

AUTOSAVE_MS = 50_000
"""From the first stroke that is not saved to its save: within the minute, writing included."""


class AutosaveTimer(QObject):
    """Asks for a save a little after something changed, and again while there is something to save.

    Parameters
    ----------
    controller : Controller
    interval_ms : int, optional
    parent : QObject, optional

    Attributes
    ----------
    timer : QTimer
        Runs while something is not saved yet; strokes do not put it off.
    """

    def __init__(
        self,
        controller: Controller,
        interval_ms: int = AUTOSAVE_MS,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._controller = controller
        self.timer = QTimer(self)
        self.timer.setSingleShot(True)
        self.timer.setInterval(interval_ms)
        self.timer.timeout.connect(self._save)
        follow(self, controller.model.events.project, self._arm)

    def stop(self) -> None:
        """Ask no more: the window goes, and saves once itself."""
        self.timer.stop()
        self.timer.timeout.disconnect(self._save)

    def _arm(self) -> None:
        if self._controller.model.project.due and not self.timer.isActive():
            self.timer.start()

    def _save(self) -> None:
        self._controller.project.autosave()
        self._arm()
