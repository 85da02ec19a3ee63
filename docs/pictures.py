"""Make a picture of the real window during a run with dense labels, for talks and announcements.

    QT_API=pyqt6 xvfb-run -a -s "-screen 0 1280x800x24" python docs/pictures.py [--theme light]

It opens ISBI 2012 from ../shared/data/isbi2012, trains both networks with the quick preset for --minutes, and
photographs the window while the run goes on, after the first validation past 60 % of its updates; then it
stops the run and leaves.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import napari
from driving import DATA, SIZE, of_few_colours, require_isbi
from qtpy.QtCore import QTimer

from napari_advseg.app.state.model import RunState
from napari_advseg.app.state.run_form import Budget
from napari_advseg.core.formats.io import read_isbi2012
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.window.viewer_session import session_of

MINUTES, WHEN = 4.0, 0.6
SLICE = 24  # a validation slice


class Photographer:
    """Starts a run, takes the picture, stops."""

    def __init__(self, viewer: Any, path: Path, minutes: float) -> None:
        self._viewer, self._path = viewer, path
        self.taken = self._asked = False
        session = session_of(viewer)
        self._controller, self._model = session.controller, session.model
        self._controller.data.choose(runs_folder=Path(mkdtemp()), budget=Budget(minutes, "minutes"))
        self._model.events.summary.connect(self._start)
        self._model.events.history.connect(self._validated)
        self._model.events.state.connect(self._leave)

    def _start(self) -> None:
        if self._model.summary is not None and self._model.state is RunState.IDLE:
            self._model.events.summary.disconnect(self._start)
            self._controller.go_to_slice(SLICE)
            self._controller.run.start()

    def _validated(self, history: tuple[Any, ...]) -> None:
        if self._asked or not history:
            return
        if history[-1].update >= WHEN * self._model.progress.total:
            self._asked = True
            QTimer.singleShot(3000, self._photograph)  # the masks of this validation are drawn then

    def _photograph(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        pixels = self._viewer.screenshot(canvas_only=False, flash=False)
        of_few_colours(pixels[..., :3]).save(self._path, optimize=True)
        self.taken = True
        print(self._path)
        self._controller.run.stop()

    def _leave(self, state: RunState) -> None:
        if state is RunState.IDLE and self.taken:
            self._viewer.close()


def main() -> None:
    """Open, train, photograph."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--out", type=Path, default=Path("window.png"))
    args = parser.parse_args()
    require_isbi()
    os.environ["XDG_DATA_HOME"] = (
        mkdtemp()
    )  # nobody's own annotations are offered or written (Linux)
    viewer = napari.Viewer(title="napari-advseg")
    viewer.theme = args.theme
    viewer.window.resize(*SIZE)
    stack, labels = read_isbi2012(DATA)
    adapter = session_of(viewer).adapter
    name = adapter.open_stack(stack)
    layer = adapter.open_labels(labels, None, like=name, name="annotation")
    viewer.layers[layer].visible = False  # so that the masks over the image can be seen
    viewer.layers.selection.active = viewer.layers[name]
    viewer.window.add_dock_widget(AdversarialSegmentation(viewer), name="Adversarial Segmentation")
    photographer = Photographer(viewer, args.out.resolve(), args.minutes)
    napari.run()
    if not photographer.taken:
        sys.exit("The run ended before the picture was taken.")


if __name__ == "__main__":
    main()
