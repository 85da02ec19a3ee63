"""What the application needs of the engine.

Each method has the name, the parameters and the types of a function of `napari_advseg.core`. Parameters
that the application always leaves at their default are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.evaluation.slice_scores import SliceTable, SliceTruth
from napari_advseg.core.formats.image_files import FileProgress, FileResult
from napari_advseg.core.formats.io import LabelFile
from napari_advseg.core.runtime.control import RunControl
from napari_advseg.core.runtime.events import Event, NetworkName
from napari_advseg.core.runtime.run_estimate import RunEstimate
from napari_advseg.core.storage.run_folder import Run

OnSlice = Callable[[NetworkName, int, NDArray[np.float32]], None]
"""Receives network, slice index and class probabilities, float32 (1 or C, Y, X)."""
AnnotationUpdates = Callable[[], Annotation | None]
"""Returns the annotation, or None if it has not changed since the last call."""


def say_nothing(sentence: str) -> None:
    """Do without notices."""


class Engine(Protocol):
    """Training, prediction and files. Slow methods are called in the background."""

    # ---- training

    def train(
        self,
        settings: RunSettings,
        stack: EMStack,
        annotation: Annotation,
        folder: Path,
        *,
        on_event: Callable[[Event], None],
        control: RunControl,
        whole_stack: bool,
        start_from: Path | None,
        annotation_updates: AnnotationUpdates,
        unannotated: EMStack | None,
    ) -> object:
        """Train in a new run folder; see `core.training.engine.train`.

        The application follows the events and does not use the result.
        """
        ...

    def estimated_minutes(self, settings: RunSettings) -> float:
        """Estimate the minutes of training on this computer; see `core.training.time_budget`."""
        ...

    def estimate_run(
        self, settings: RunSettings, shape: tuple[int, int, int], validation_slices: int
    ) -> RunEstimate:
        """Forecast a run in minutes on this computer; see `core.training.run_forecast`."""
        ...

    def truth_of_start(self, annotation: Annotation, settings: RunSettings) -> SliceTruth | None:
        """Return the truth of a run that is about to start; see `core.evaluation.slice_truth`."""
        ...

    # ---- runs

    def new_run_folder(self, parent: Path, image_name: str) -> Path:
        """Return an unused path for a run; see `core.storage.run_folder`."""
        ...

    def load_run(self, folder: Path) -> Run:
        """Read a run; see `core.storage.run_folder`."""
        ...

    def truth_of_run(self, folder: Path, stack: EMStack) -> SliceTruth | None:
        """Return the truth of a run if `stack` is its image; see `core.evaluation.slice_truth`."""
        ...

    def kept_slices(self, folder: Path) -> SliceTable:
        """Read the scores of slices of a run; see `core.evaluation.slice_truth`."""
        ...

    # ---- prediction

    def predict_stack(
        self,
        run: Run,
        stack: EMStack,
        *,
        on_slice: OnSlice,
        control: RunControl,
        first: int | None,
        threads: int | None,
        slices: Sequence[int] | None = None,
        on_notice: Callable[[str], None] = say_nothing,
    ) -> None:
        """Predict every slice of a stack; see `core.inference.predict_stack`."""
        ...

    def predict_files(
        self,
        run: Run,
        images: Sequence[Path],
        out: Path,
        *,
        threshold: float | None,
        threads: int | None,
        on_progress: Callable[[FileProgress], None],
        on_file: Callable[[FileResult], None],
        control: RunControl,
        on_notice: Callable[[str], None] = say_nothing,
    ) -> tuple[FileResult, ...]:
        """Write the masks of image files; see `core.inference.predict_files`."""
        ...

    # ---- images and labels

    def image_files(self, folder: Path, out: Path | None = None) -> tuple[Path, ...]:
        """List the images of a folder; see `core.formats.image_files`."""
        ...

    def read_stack(self, path: Path) -> EMStack:
        """Open an image file; see `core.formats.io`."""
        ...

    def read_label_file(self, path: Path) -> LabelFile:
        """Load a file of labels; see `core.formats.io`."""
        ...

    def write_labels(
        self,
        path: Path,
        labels: NDArray[Any],
        classes: ClassMap | None,
        *,
        scale: Sequence[float] | None = None,
        unit: str | None = None,
    ) -> None:
        """Write labels with their class map; see `core.formats.io`."""
        ...

    def synthetic_stack(self) -> tuple[EMStack, NDArray[np.uint8]]:
        """Make the built-in sample and its truth; see `core.data.synthetic`."""
        ...
