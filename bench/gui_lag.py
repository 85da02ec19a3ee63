"""How alive the window stays while a paired run trains on the CPU: lag of the Qt event loop.

    QT_API=pyqt5 xvfb-run -a -s "-screen 0 1280x800x24" python bench/gui_lag.py

A timer of 5 ms is watched from the first update to the end of the run (masks and curves live, the whole
stack predicted at the end); the lag of a tick is how much later than 5 ms after the last one it came.
The same timer without a run is measured first, in the same window. Target: 99th percentile under 50 ms.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import mkdtemp
from time import perf_counter
from types import MappingProxyType

import napari
import numpy as np
from common import RESULTS, isbi, save
from qtpy import API_NAME
from qtpy.QtCore import Qt, QTimer

from napari_advseg.app.state.model import RunState
from napari_advseg.app.state.run_form import Budget
from napari_advseg.core.config.classes import NEW_ANNOTATION, ClassMap
from napari_advseg.core.data.synthetic import synthetic_stack
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.window.viewer_session import session_of

TICK = 0.005  # seconds
IDLE_SECONDS = 10


class LagMeter:
    """Watches how late a timer comes."""

    def __init__(self) -> None:
        self.lags: list[float] = []
        self._last = 0.0
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(round(TICK * 1000))
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        """Watch from now on."""
        self.lags = []
        self._last = perf_counter()
        self._timer.start()

    def stop(self) -> dict[str, float]:
        """Percentiles in milliseconds."""
        self._timer.stop()
        ms = 1000 * np.array(self.lags)
        names = {"median": 50, "p90": 90, "p99": 99, "p99.9": 99.9, "max": 100}
        found = {name: round(float(np.percentile(ms, p)), 1) for name, p in names.items()}
        return {
            "ticks": len(ms),
            "seconds": round(float(len(ms) * TICK + ms.sum() / 1000), 1),
            **found,
        }

    def _tick(self) -> None:
        now = perf_counter()
        self.lags.append(max(0.0, now - self._last - TICK))
        self._last = now


def main() -> None:
    """Measure idle, then during a run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--updates", type=int, default=120)
    parser.add_argument("--validations", type=int, default=6)
    parser.add_argument(
        "--synthetic", action="store_true", help="the built-in sample instead of ISBI"
    )
    args = parser.parse_args()
    viewer = napari.Viewer()
    viewer.window.resize(1280, 800)
    viewer.window.add_dock_widget(AdversarialSegmentation(viewer), name="Adversarial Segmentation")
    session = session_of(viewer)
    controller, model, adapter = session.controller, session.model, session.adapter
    if args.synthetic:
        (stack, labels), classes = synthetic_stack(), NEW_ANNOTATION
    else:
        stack, annotation = isbi()
        classes = ClassMap.of(cell=255, membrane=0)
        labels = annotation.classes.decode(annotation.targets)
    name = adapter.open_stack(stack)
    adapter.open_labels(np.asarray(labels), classes, like=name, name="annotation")
    controller.data.choose(
        budget=Budget(args.updates, "updates"),
        advanced=MappingProxyType({"validations": args.validations}),
        runs_folder=Path(mkdtemp()),
    )
    meter, found = LagMeter(), {}

    def idle_over() -> None:
        found["idle"] = meter.stop()
        model.events.state.connect(state_changed)
        controller.run.start()
        if model.state is RunState.IDLE:
            sys.exit(f"the run did not start: {model.status} {dict(model.problems)}")

    def state_changed(state: RunState) -> None:
        if state is RunState.RUNNING:
            meter.start()
        elif state is RunState.IDLE:
            found["training"] = meter.stop()
            viewer.close()

    QTimer.singleShot(
        3000, lambda: (meter.start(), QTimer.singleShot(1000 * IDLE_SECONDS, idle_over))
    )
    napari.run()
    for what, numbers in found.items():
        print(f"{what:>9}: " + ", ".join(f"{k} {v}" for k, v in numbers.items()))
    print("p99 under 50 ms:", found["training"]["p99"] < 50)
    path = save(f"gui_lag_{API_NAME.lower()}", found)
    print(path.relative_to(RESULTS.parents[1]))


if __name__ == "__main__":
    main()
