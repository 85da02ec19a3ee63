"""What is done in the background for a run: training, and applying it to a stack."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_advseg.app.messages.run_messages import run_words
from napari_advseg.app.ports.engine import AnnotationUpdates, Engine
from napari_advseg.app.ports.viewer import Emit
from napari_advseg.app.state.model import RunInfo
from napari_advseg.app.state.run_form import gui_threads
from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.evaluation.slice_scores import SliceTruth
from napari_advseg.core.inference.predictions import kept_prediction
from napari_advseg.core.runtime.control import RunControl, Stopped
from napari_advseg.core.runtime.events import (
    NetworkName,
    Notice,
    Outcome,
    RunFinished,
    SlicePredicted,
    StackProgress,
)


@dataclass(frozen=True)
class Prepared:
    """The task's own first event: what its masks mean and which networks they are of."""

    info: RunInfo
    begin_masks: bool = False
    truth: SliceTruth | None = None
    """What the masks are measured by; None if the image has no annotation of this run."""


@dataclass(frozen=True)
class TrainingTask:
    """Trains in a new run folder.

    Attributes
    ----------
    labels, read
        The annotation as it is painted, and what makes sense of it.
    runs_folder : Path
        Where the run's own folder is made.
    start_from, annotation_updates, unannotated
        As in `Engine.train`.
    """

    engine: Engine
    settings: RunSettings
    stack: EMStack
    labels: NDArray[Any]
    read: Callable[[NDArray[Any]], Annotation]
    runs_folder: Path
    control: RunControl
    start_from: Path | None
    annotation_updates: AnnotationUpdates
    unannotated: EMStack | None

    def __call__(self, emit: Emit) -> None:
        """Train to the end."""
        meaning = self.read(self.labels)
        folder = self.engine.new_run_folder(self.runs_folder, self.stack.name)
        info = RunInfo(
            folder, self.settings.networks, meaning.classes, run_words(self.settings, (), None),
            self.stack.voxel_size, network=self.settings.network,
        )  # fmt: skip
        emit(Prepared(info, truth=self.engine.truth_of_start(meaning, self.settings)))
        self.engine.train(
            self.settings,
            self.stack,
            meaning,
            folder,
            on_event=emit,
            control=self.control,
            whole_stack=True,
            start_from=self.start_from,
            annotation_updates=self.annotation_updates,
            unannotated=self.unannotated,
        )


@dataclass(frozen=True)
class ApplyTask:
    """Predicts a stack with a run, slice `first` before the others."""

    engine: Engine
    run: RunInfo
    folder: Path
    stack: EMStack
    first: int | None
    control: RunControl

    def __call__(self, emit: Emit) -> None:
        """Predict to the end, or to a stop."""
        loaded = self.engine.load_run(self.folder)
        info = replace(
            self.run,
            networks=loaded.networks,
            classes=loaded.classes,
            voxel=self.stack.voxel_size,
            applied_to=self.stack.name,
        )
        emit(Prepared(info, True, self.engine.truth_of_run(self.folder, self.stack)))
        counted = _Counted(emit, self.stack.shape[0], len(loaded.networks))
        with suppress(Stopped):
            self.engine.predict_stack(
                loaded,
                self.stack,
                on_slice=counted,
                control=self.control,
                first=self.first,
                threads=gui_threads(),
                on_notice=lambda sentence: emit(Notice(sentence)),
            )
        emit(counted.finished(self.control.stopping))


@dataclass(frozen=True)
class RestTask:
    """Predicts the slices of a stack that its masks lack."""

    engine: Engine
    folder: Path
    stack: EMStack
    slices: tuple[int, ...]

    def __call__(self, emit: Emit, control: RunControl) -> None:
        """Predict them, or as many as there are before a stop."""
        loaded = self.engine.load_run(self.folder)
        counted = _Counted(emit, len(self.slices), len(loaded.networks))
        with suppress(Stopped):
            self.engine.predict_stack(
                loaded,
                self.stack,
                on_slice=counted,
                control=control,
                first=None,
                threads=gui_threads(),
                slices=self.slices,
            )
        emit(counted.finished(control.stopping))


class _Counted:
    """Passes predicted slices on as events; counts a slice when all networks have predicted it."""

    def __init__(self, emit: Emit, slices: int, networks: int) -> None:
        self._emit, self._calls, self._total, self._networks = emit, 0, slices, networks

    @property
    def _done(self) -> int:
        return self._calls // self._networks

    def __call__(self, network: NetworkName, z: int, probabilities: NDArray[np.float32]) -> None:
        self._emit(SlicePredicted(network, z, kept_prediction(probabilities)))
        self._calls += 1
        self._emit(StackProgress(self._done, self._total))

    def finished(self, stopped: bool) -> RunFinished:
        if stopped and self._done < self._total:
            sentence = f"Stopped after {self._done} of {self._total} slices."
            return RunFinished(Outcome.STOPPED, 0, sentence)
        return RunFinished(Outcome.COMPLETED, 0, "The run is applied.")
