"""How long a brush stroke takes while both networks train, against napari without this plugin.

    QT_API=pyqt5 xvfb-run -a -s "-screen 0 1280x800x24" python bench/painting.py

A stroke is a press, 100 mouse moves and a release on a Labels layer of 3 × 2048 × 2048, each move drawn
before the next. Windows take turns, each in a process of its own: napari alone, then the dock with a
paired run on the same image and the annotation that is painted on. A pair gives one ratio of the
median strokes; target: a median ratio of at most 1.5 on 2 cores.

With --live-strokes there is a third window, in which the run learns from what is painted. A stroke then
begins a second after the one before, in all windows, so that each is copied before the next, and the
third window goes on until new strokes have come in at two validations.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import mkdtemp
from time import perf_counter

import numpy as np
from common import save
from scipy.ndimage import gaussian_filter

SIDE, DEPTH, MOVES = 2048, 3, 100
BRUSH = 20
REST_MS, LIVE_REST_MS = 300, 1000
"""Between two strokes; the dock looks for new strokes after 400 ms without one."""
WINDOWS = ("alone", "training", "live")
TAKEN, MOST_STROKES = 2, 60
VALIDATE_EVERY, LIVE_VALIDATE_EVERY = 50, 10


def image_and_labels() -> tuple[np.ndarray, np.ndarray]:
    """A stack of bright cells in noise, and two strokes' worth of labels on every slice."""
    draws = np.random.default_rng(0)
    field = gaussian_filter(draws.standard_normal((DEPTH, SIDE, SIDE), np.float32), (0, 12, 12))
    grey = 120 + 900 * field + draws.normal(0, 20, field.shape)
    labels = np.zeros(field.shape, np.uint8)
    labels[:, 200:300, 200:1800] = 1
    labels[:, 400:440, 200:1800] = 2
    return np.clip(grey, 0, 255).astype(np.uint8), labels


def strokes(window: str, count: int, rest: int) -> list[float]:
    """Seconds of each stroke in one window; `rest` in milliseconds lies between two."""
    import napari
    from qtpy.QtCore import QPoint, Qt, QTimer
    from qtpy.QtTest import QTest
    from qtpy.QtWidgets import QApplication

    training, live = window != "alone", window == "live"
    viewer = napari.Viewer()
    viewer.window.resize(1280, 800)
    grey, values = image_and_labels()
    before = values.copy()
    viewer.add_image(grey, name="em")
    if training:
        session = started(viewer, values, live)
        layer = viewer.layers["annotation"]
    else:
        layer = viewer.add_labels(values, name="annotation")
    viewer.layers.selection.active = layer
    layer.mode, layer.brush_size, layer.selected_label = "paint", BRUSH, 1
    canvas = viewer.window._qt_viewer.canvas.native
    found: list[float] = []

    def stroke() -> None:
        width, height = canvas.width(), canvas.height()
        row = height // 4 + (len(found) * 37) % (height // 2)
        start = perf_counter()
        QTest.mouseMove(canvas, QPoint(width // 4, row))
        QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPoint(width // 4, row))
        for move in range(MOVES):
            x = width // 4 + move * width // (2 * MOVES)
            QTest.mouseMove(canvas, QPoint(x, row + (move * 7) % 40))
            QApplication.processEvents()
        QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(3 * width // 4, row))
        QApplication.processEvents()
        found.append(perf_counter() - start)
        taken = session.model.strokes_taken if live else TAKEN
        if len(found) < count or (taken < TAKEN and len(found) < MOST_STROKES):
            QTimer.singleShot(rest, stroke)
        else:
            QTimer.singleShot(100, viewer.close)  # which stops the run

    def begin() -> None:
        if training and session.model.update_reached == 0:
            QTimer.singleShot(200, begin)
        else:
            QTimer.singleShot(500, stroke)

    QTimer.singleShot(1500, begin)
    napari.run()
    changed = int((layer.data != before).sum())
    if not changed:
        sys.exit("nothing was painted: the mouse events did not reach the canvas")
    if live and session.model.strokes_taken < TAKEN:
        sys.exit(f"new strokes came in less than {TAKEN} times in {MOST_STROKES} strokes")
    return found[1:]  # the first draws the layer's texture


def started(viewer: object, values: np.ndarray, live: bool) -> object:
    """The session of a viewer in which a paired run on this image has been started."""
    from types import MappingProxyType

    from napari_advseg.app.state.run_form import Budget
    from napari_advseg.core.config.classes import NEW_ANNOTATION
    from napari_advseg.core.runtime.events import Notice, Step
    from napari_advseg.gui.dock.widget import AdversarialSegmentation
    from napari_advseg.gui.window.viewer_session import session_of

    dock = AdversarialSegmentation(viewer)  # type: ignore[arg-type]
    viewer.window.add_dock_widget(dock, name="Adversarial Segmentation")  # type: ignore[attr-defined]
    session = session_of(viewer)
    session.adapter.open_labels(values, NEW_ANNOTATION, like="em", name="annotation")
    session.controller.data.choose(
        budget=Budget(100_000, "updates"),
        advanced=MappingProxyType(
            {"validate_every": LIVE_VALIDATE_EVERY if live else VALIDATE_EVERY}
        ),
        runs_folder=Path(mkdtemp()),
        live_strokes=live,
    )
    session.model.update_reached = session.model.strokes_taken = 0
    run = session.controller.run

    def note(event: Step) -> None:
        session.model.update_reached = event.update

    def count(event: Notice) -> None:
        session.model.strokes_taken += event.text.startswith("New strokes on")

    shown, told = run._on_event[Step], run._on_event[Notice]
    run._on_event[Step] = lambda event: (note(event), shown(event))
    run._on_event[Notice] = lambda event: (count(event), told(event))

    def start() -> None:
        if session.model.summary is not None and not session.model.busy:
            session.model.events.summary.disconnect(start)
            run.start()

    session.model.events.summary.connect(start)
    return session


def main() -> None:
    """Let both windows take turns, and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--strokes", type=int, default=8)
    parser.add_argument("--live-strokes", action="store_true", help="a third window uses them")
    parser.add_argument("--window", choices=WINDOWS, help="one window, for a pair")
    parser.add_argument("--rest", type=int, default=REST_MS, help="ms between two strokes")
    args = parser.parse_args()
    if args.window:
        print(json.dumps(strokes(args.window, args.strokes, args.rest)))
        return
    windows, rest = (WINDOWS, LIVE_REST_MS) if args.live_strokes else (WINDOWS[:2], args.rest)
    pairs: list[dict[str, list[float]]] = []
    loads = []
    for _ in range(args.pairs):
        pair = {}
        for window in windows:
            call = [
                sys.executable, __file__, "--window", window, "--strokes", str(args.strokes),
                "--rest", str(rest),
            ]  # fmt: skip
            done = subprocess.run(call, capture_output=True, text=True, check=True)
            pair[window] = json.loads(done.stdout.splitlines()[-1])
        pairs.append(pair)
        loads.append(os.getloadavg()[0])
        print({window: round(median(times), 3) for window, times in pair.items()}, flush=True)
    ratios = {
        window: [median(pair[window]) / median(pair["alone"]) for pair in pairs]
        for window in windows[1:]
    }
    for window, found in ratios.items():
        print(window, "ratios", [round(r, 2) for r in found], "median", round(median(found), 2))
    name = "painting_live" if args.live_strokes else "painting"
    save(name, {"pairs": pairs, "ratios": ratios, "loads": loads})


if __name__ == "__main__":
    main()
