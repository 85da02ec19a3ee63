"""The main job in one command: napari with a stack, the dock open, a short paired run started.

::

    python -m napari_advseg.gui.demo [--image STACK.tif --labels LABELS.tif] [--exit-after --out demo]

Without files of your own it is a synthetic stack with mitochondria: three annotated slices train, three
validate, and the adversary learns from the other twelve without labels. The last sentence says what came out.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

import napari
import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_advseg.app.messages.verdict_messages import verdict_words
from napari_advseg.app.state.model import AppModel, RunState
from napari_advseg.app.state.run_form import Budget
from napari_advseg.cli.report import validation_line
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.synthetic import MITOCHONDRIA, synthetic_mitochondria
from napari_advseg.core.formats.io import read_labels, read_stack
from napari_advseg.core.runtime.errors import AdvSegError
from napari_advseg.core.runtime.events import Validated
from napari_advseg.core.storage.run_folder import METRICS
from napari_advseg.gui.dock.widget import DOCK_NAME, AdversarialSegmentation
from napari_advseg.gui.window.viewer_session import ViewerSession, session_of

MINUTES = 2.5
VALIDATIONS = 8
"""Enough points for a curve; validations of a run in minutes take at most a fifth of it."""
OF_SAMPLE = MappingProxyType({"network.width": 8, "discriminator.width": 12, "scale": 2})
"""Small networks that see the sample at half its size: twice as many updates, of whole mitochondria."""
SHAPE, SEED = (18, 512, 512), 2
TRAIN, VAL = (1, 4, 7), (11, 14, 17)
"""The slices of the sample that are annotated; far apart, since neighbours look alike."""
SIZE = (1280, 800)
MANY = 6
"""More slices than this are counted, not named."""
MASKS_SAVED_WITHIN_MS = 30_000


def main() -> int:
    """Open the window and start; return the exit status."""
    args = arguments()
    # On PyQt5 napari cannot follow the desktop's theme, and says so twice; the demo needs none.
    warnings.filterwarnings("ignore", "System theme detection")
    viewer = napari.Viewer(title="napari-advseg demo")
    viewer.window.resize(*SIZE)
    try:
        _open_layers(viewer, args.image, args.labels)
    except AdvSegError as error:
        print(f"demo: {error}", file=sys.stderr)  # noqa: T201
        viewer.close()
        return 2
    viewer.window.add_dock_widget(AdversarialSegmentation(viewer), name=DOCK_NAME, area="right")
    budget = Budget(args.updates, "updates") if args.updates else Budget(args.minutes, "minutes")
    demo = _Demo(viewer, session_of(viewer), args.out if args.exit_after else None, budget)
    demo.split = None if args.image else (TRAIN, VAL)
    QTimer.singleShot(0, demo.begin)
    napari.run()
    return demo.status


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--image", type=Path, help="a grey stack of your own, TIFF")
    parser.add_argument("--labels", type=Path, help="its annotation, TIFF")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of the whole run")
    parser.add_argument("--updates", type=int, help="instead of minutes")
    parser.add_argument("--exit-after", action="store_true", help="save everything, then leave")
    parser.add_argument("--out", type=Path, default=Path("demo"), help="where --exit-after saves")
    args = parser.parse_args()
    if (args.image is None) != (args.labels is None):
        parser.error("give both --image and --labels, or neither for the built-in sample")
    return args


def _open_layers(viewer: napari.Viewer, image: Path | None, labels: Path | None) -> None:
    adapter = session_of(viewer).adapter
    classes: ClassMap | None
    if image is None or labels is None:
        stack, truth, classes = sample()
    else:
        stack = read_stack(image)
        truth, classes = read_labels(labels)
    name = adapter.open_stack(stack)
    adapter.open_labels(truth, classes, like=name, name="annotation")


def sample() -> tuple[EMStack, NDArray[np.uint8], ClassMap]:
    """Return the synthetic stack with mitochondria, its labels on `TRAIN` and `VAL`, and their classes.

    Slices that are not annotated are 0 throughout, as in an annotation that is not finished.
    """
    stack, truth = synthetic_mitochondria(SEED, SHAPE)
    labels = np.zeros_like(truth)
    annotated = [*TRAIN, *VAL]
    labels[annotated] = truth[annotated]
    return stack, labels, MITOCHONDRIA


def outcome(model: AppModel) -> str:
    """Say what came out, from the numbers of the run and of the table of slices."""
    last = model.history[-1]
    summary = model.summary
    split = None if summary is None else summary.split
    used = "" if split is None else f" on {_slices(split.train)}, measured on {_slices(split.val)}"
    return f"{last.update} updates of both networks{used}. {verdict_words(model)}"


def _slices(numbers: Sequence[int]) -> str:
    """``slice 2`` or ``slices 2, 5 and 8``; many are counted."""
    if len(numbers) == 1:
        return f"slice {numbers[0]}"
    if len(numbers) > MANY:
        return f"{len(numbers)} slices"
    return f"slices {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


class _Demo:
    """Starts the run once the annotation is read; afterwards saves and leaves, if asked to."""

    def __init__(
        self, viewer: napari.Viewer, session: ViewerSession, out: Path | None, budget: Budget
    ) -> None:
        self.status = 0
        self.split: tuple[tuple[int, ...], tuple[int, ...]] | None = None
        self._viewer, self._out, self._budget = viewer, out, budget
        self._controller, self._model = session.controller, session.model
        self._started = False

    def begin(self) -> None:
        """Choose a short run, and start it as soon as the dock has read the annotation."""
        choices = self._model.choices
        self._controller.data.choose(
            budget=self._budget,
            advanced=MappingProxyType({**choices.advanced, "validations": VALIDATIONS}),
        )
        if self.split is not None:
            self._controller.data.choose(
                advanced=MappingProxyType({**self._model.choices.advanced, **OF_SAMPLE})
            )
            self._controller.data.set_split(*self.split)
        if self._out is not None:
            self._out.mkdir(parents=True, exist_ok=True)
            self._controller.data.choose(runs_folder=self._out / "runs")
        self._model.events.summary.connect(self._start)
        self._model.events.history.connect(self._print)
        self._model.events.state.connect(self._state_changed)
        self._start()

    def _start(self) -> None:
        if self._started or self._model.summary is None:
            return
        self._started = True
        split = self._model.summary.split
        if split is not None:  # the slice in view is where masks appear first
            self._controller.go_to_slice(split.val[0])
        self._controller.run.start()
        if self._model.state is RunState.IDLE:  # something stands in the way
            self._fail(self._reason())

    def _print(self, history: tuple[Validated, ...]) -> None:
        if history:
            print(validation_line(history[-1]), flush=True)  # noqa: T201

    def _state_changed(self, state: RunState) -> None:
        if state is not RunState.IDLE:
            return
        if not self._model.history:
            self._fail(self._reason())
        elif self._out is None:
            QTimer.singleShot(0, self._conclude)  # after the last masks
        else:
            self._controller.keep.save_masks(self._out, self._masks_saved)
            QTimer.singleShot(
                MASKS_SAVED_WITHIN_MS, lambda: self._fail("The masks were not saved.")
            )

    def _conclude(self) -> None:
        """Uncover the masks, and print what came out."""
        if self._model.masks_shown and (layer := self._model.annotation) is not None:
            self._viewer.layers[layer.name].visible = False
        print(outcome(self._model), flush=True)  # noqa: T201

    def _masks_saved(self) -> None:
        out, run = self._out, self._model.run
        if out is None or run is None or run.folder is None:
            return
        shutil.copy(run.folder / METRICS, out / METRICS)
        self._conclude()
        QTimer.singleShot(500, self._photograph)  # after the last repaint

    def _photograph(self) -> None:
        out = self._out or Path()
        self._viewer.screenshot(str(out / "window.png"), canvas_only=False, flash=False)
        print(f"wrote {', '.join(sorted(p.name for p in out.iterdir()))} to {out}")  # noqa: T201
        self._viewer.close()

    def _reason(self) -> str:
        """Why there is no run: what the dock shows next to its controls, else its status."""
        return " ".join(self._model.problems.values()) or self._model.status

    def _fail(self, sentence: str) -> None:
        print(f"demo: {sentence}", file=sys.stderr)  # noqa: T201
        self.status = 1
        if self._out is not None:
            self._viewer.close()


if __name__ == "__main__":
    sys.exit(main())
