"""Section 4, "apply to": a run applied to image files, their masks written beside and opened."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_advseg.app.messages.prerequisites import apply_files_waits_for
from napari_advseg.app.ports.engine import Engine
from napari_advseg.app.ports.viewer import Emit
from napari_advseg.app.state.model import RunState
from napari_advseg.app.state.run_form import gui_threads
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.formats.image_files import FileProgress, FileResult
from napari_advseg.core.runtime.control import RunControl, Stopped
from napari_advseg.core.runtime.errors import AdvSegError, Subject
from napari_advseg.core.runtime.events import NetworkName, Notice, Outcome, RunFinished

from .base import AppContext, BaseController
from .run import RunController

log = logging.getLogger(__name__)

SUBJECT = Subject.APPLYING_TO_FILES
MOST_OPENED = 4
"""Stacks that are opened with their masks; of more, the files tell."""
PER_FILE = 1000
"""Steps of the progress bar for each file."""


@dataclass(frozen=True, eq=False)
class Predicted:
    """An image file and its masks, read to be shown.

    Attributes
    ----------
    stack : EMStack
    masks : tuple of (str, ndarray of uint8)
        Network and class indices + 1, shape (Z, Y, X).
    classes : ClassMap
    """

    stack: EMStack
    masks: tuple[tuple[NetworkName, NDArray[np.uint8]], ...]
    classes: ClassMap


@dataclass(frozen=True)
class _Through:
    """Nothing more comes: what was wrong with some files, and whether all were taken."""

    error: str
    all: bool


class FilesController(BaseController):
    """Applies the run that is shown to one file, several, or those of a folder."""

    def __init__(self, context: AppContext, run: RunController) -> None:
        super().__init__(context)
        self._run = run
        self._opened = 0

    def apply(self, images: Sequence[Path] | Path, out: Path) -> None:
        """Predict image files in the background.

        Parameters
        ----------
        images : sequence of Path, or Path
            Files, or one folder of which every image is taken.
        out : Path
            Folder for the masks, ``NAME_standard_mask.tif``; masks that are there are kept.
        """
        model = self._model
        waits = apply_files_waits_for(model)
        run = model.run
        if waits or run is None or run.folder is None:
            model.set_problem(SUBJECT, waits)
            return
        model.clear_problems(SUBJECT)
        self._opened = 0
        threshold = model.threshold
        folder = run.folder

        def task(emit: Emit, control: RunControl) -> None:
            loaded = self._engine.load_run(folder)
            files = self._engine.image_files(images, out) if isinstance(images, Path) else images
            work = _Work(self._engine, emit, out, loaded.classes, len(files))
            try:
                self._engine.predict_files(
                    loaded,
                    files,
                    out,
                    threshold=threshold,
                    threads=gui_threads(),
                    on_progress=emit,
                    on_file=work.done,
                    control=control,
                    on_notice=lambda sentence: emit(Notice(sentence)),
                )
            except Stopped:
                work.finish(Outcome.STOPPED)
            else:
                work.finish(Outcome.COMPLETED)

        self._run.carry_out(
            task,
            {
                FileProgress: self._progress,
                Predicted: self._show,
                _Through: self._through,
                Notice: self._notice,
            },
            f"Applying the run; the masks go to {out}.",
        )

    def _notice(self, event: Notice) -> None:
        self._model.status = event.text

    def _progress(self, event: FileProgress) -> None:
        share = event.slice / max(event.slices, 1)
        done = int(PER_FILE * (event.file - 1 + share))
        text = self._model.progress.text
        if self._model.state is RunState.RUNNING:  # else it says that it is paused or stopping
            text = f"{event.image.name}, file {event.file} of {event.files}"
        self._model.progress = replace(
            self._model.progress, done=done, total=PER_FILE * event.files, text=text
        )

    def _show(self, event: Predicted) -> None:
        self._viewer.open_predicted(
            event.stack, event.masks, event.classes, visible=not self._opened
        )
        self._opened += 1

    def _through(self, event: _Through) -> None:
        progress = self._model.progress
        if event.all:  # the last may have failed
            self._model.progress = replace(progress, done=progress.total)
        if event.error:
            self._model.set_problem(SUBJECT, event.error)


class _Work:
    """What the background task has done: results, and how many stacks it has given to be shown."""

    def __init__(
        self, engine: Engine, emit: Emit, out: Path, classes: ClassMap, files: int
    ) -> None:
        self._engine, self._emit, self._out = engine, emit, out
        self._classes, self._files = classes, files
        self._results: list[FileResult] = []
        self._opened = 0

    def done(self, result: FileResult) -> None:
        """Take a file's result, and read what is shown of it."""
        self._results.append(result)
        if result.error is not None:
            log.warning("%s was not predicted: %s", result.image, result.error)
        if not result.masks or self._opened == MOST_OPENED:
            return
        try:
            stack = self._engine.read_stack(result.image)
            masks = tuple((name, self._indices(path)) for name, path in result.masks)
        except (
            AdvSegError
        ):  # moved or replaced since it was written: the files are there all the same
            log.warning("%s is not shown.", result.image, exc_info=True)
            return
        self._opened += 1
        self._emit(Predicted(stack, masks, self._classes))

    def _indices(self, path: Path) -> NDArray[np.uint8]:
        labels = self._engine.read_label_file(path).labels
        return self._classes.of_masks.encode(labels) + np.uint8(1)

    def finish(self, outcome: Outcome) -> None:
        """Say what became of all files."""
        written = [r for r in self._results if r.masks]
        failed = [r.error for r in self._results if r.error is not None]
        kept = sum(len(r.kept) for r in self._results)
        more = f" {_count(len(failed) - 1, 'more file')} failed." if len(failed) > 1 else ""
        self._emit(_Through(failed[0] + more if failed else "", outcome is Outcome.COMPLETED))
        stopped = f"Stopped after {len(self._results)} of {self._files} files."
        parts = [stopped] if outcome is Outcome.STOPPED else []
        if written:
            where = f"Masks of {_count(len(written), 'file')} are in {self._out}"
            few = self._opened < len(written)
            parts.append(f"{where}; the first {self._opened} are opened." if few else f"{where}.")
        if kept:
            parts.append(
                f"{_count(kept, 'mask')} of an earlier time were kept: choose another folder to predict anew."
            )
        if failed and not parts:
            parts.append("No file was predicted.")
        self._emit(RunFinished(outcome, 0, " ".join(parts)))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
