"""A process that opens the dock through napari, trains two updates with it if asked, and ends by itself.

::

    python tests/gui/open_dock.py script              # a shown window and its event loop
    python tests/gui/open_dock.py notebook            # no event loop; the window is shown at the end
    python tests/gui/open_dock.py notebook --train    # two updates before that

A hidden window trains in half the time: without a GPU, each repaint of a shown one costs 20 ms.
The last line printed is JSON: what is open, and which validations the run had.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from types import MappingProxyType
from typing import Any

import napari
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication

import napari_advseg
from napari_advseg.app.state.model import RunState
from napari_advseg.app.state.run_form import Budget
from napari_advseg.core.config.classes import NEW_ANNOTATION
from napari_advseg.core.data.synthetic import synthetic_stack
from napari_advseg.gui.window.viewer_session import ViewerSession, session_of

PLUGIN, WIDGET = "napari-advseg", "Adversarial Segmentation"
SMALL = {"network.width": 2, "network.depth": 2, "discriminator.depth": 2, "patch": 32, "batch": 2}


def opened(viewer: napari.Viewer) -> dict[str, Any]:
    """What is open in a viewer's window."""
    window = viewer.window
    return {
        "docks": sorted(window.dock_widgets),
        "sessions": len(window._qt_window.findChildren(ViewerSession)),
        "visible": window._qt_window.isVisible(),
        "binding": type(QApplication.instance()).__module__.partition(".")[0],
        "package": str(Path(napari_advseg.__file__).parent),
    }


class Run:
    """A run of two updates, started as soon as the dock has read the annotation."""

    def __init__(self, viewer: napari.Viewer, runs: Path) -> None:
        self._runs, self.done = runs, False
        self._session = session = session_of(viewer)
        self._model = session.model
        stack, truth = synthetic_stack(shape=(6, 64, 64))
        name = session.adapter.open_stack(stack)
        session.adapter.open_labels(truth, NEW_ANNOTATION, like=name, name="annotation")
        self._model.events.summary.connect(self._start)
        self._model.events.state.connect(self._changed)
        self._start()

    @property
    def updates(self) -> list[int]:
        """The updates that were validated."""
        return [scored.update for scored in self._model.history]

    def _start(self) -> None:
        if self._model.summary is None or self.done:
            return
        self._model.events.summary.disconnect(self._start)
        self._session.controller.data.choose(
            budget=Budget(2, "updates"),
            advanced=MappingProxyType({**self._model.choices.advanced, **SMALL}),
            runs_folder=self._runs,
        )
        self._session.controller.run.start()
        self._changed(self._model.state)

    def _changed(self, state: RunState) -> None:
        if state is RunState.IDLE:
            self.done = True
            print(self._model.status, dict(self._model.problems), file=sys.stderr)  # noqa: T201


def main(how: str, *options: str) -> None:
    """Open, wait for the run if there is one, report and close."""
    viewer = napari.Viewer(show=how == "script")
    viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
    with tempfile.TemporaryDirectory() as runs:
        run = Run(viewer, Path(runs)) if "--train" in options else None

        def look() -> None:
            if run is not None and not run.done:
                return
            updates = [] if run is None else run.updates
            print(json.dumps({**opened(viewer), "updates": updates}), flush=True)  # noqa: T201
            viewer.close()

        if how == "script":
            timer = QTimer(viewer.window._qt_window)
            timer.timeout.connect(look)
            timer.start(50)
            napari.run()
        else:
            while run is not None and not run.done:
                QApplication.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
            viewer.show()
            QApplication.processEvents()
            look()


if __name__ == "__main__":
    main(*sys.argv[1:])
