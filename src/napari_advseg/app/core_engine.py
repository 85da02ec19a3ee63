"""The engine of this package: `napari_advseg.core` behind the `Engine` port.

Each method imports its module when it is called. PyTorch takes seconds to load, and most methods are
called in the background.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_advseg.app.ports.engine import AnnotationUpdates, Engine, OnSlice, say_nothing
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.evaluation.slice_scores import SliceTable, SliceTruth
from napari_advseg.core.formats.image_files import FileProgress, FileResult
from napari_advseg.core.formats.io import LabelFile
from napari_advseg.core.runtime.control import RunControl
from napari_advseg.core.runtime.events import Event
from napari_advseg.core.runtime.run_estimate import RunEstimate
from napari_advseg.core.storage.run_folder import Run

if TYPE_CHECKING:
    from napari_advseg.core.training.engine import RunResult


class CoreEngine(Engine):
    """Calls the functions of `napari_advseg.core`."""

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
    ) -> RunResult:
        """Train in a new run folder."""
        from napari_advseg.core.training.engine import train

        return train(
            settings,
            stack,
            annotation,
            folder,
            on_event=on_event,
            control=control,
            whole_stack=whole_stack,
            start_from=start_from,
            annotation_updates=annotation_updates,
            unannotated=unannotated,
        )

    def estimated_minutes(self, settings: RunSettings) -> float:
        """Estimate the minutes of training on this computer."""
        from napari_advseg.core.training.time_budget import estimated_minutes

        return estimated_minutes(settings)

    def estimate_run(
        self, settings: RunSettings, shape: tuple[int, int, int], validation_slices: int
    ) -> RunEstimate:
        """Forecast a run in minutes on this computer."""
        from napari_advseg.core.training.run_forecast import estimate_run

        return estimate_run(settings, shape, validation_slices)

    def truth_of_start(self, annotation: Annotation, settings: RunSettings) -> SliceTruth | None:
        """Return the truth of a run that is about to start."""
        from napari_advseg.core.evaluation.slice_truth import truth_of_start

        return truth_of_start(annotation, settings)

    # ---- runs

    def new_run_folder(self, parent: Path, image_name: str) -> Path:
        """Return an unused path for a run."""
        from napari_advseg.core.storage.run_folder import new_run_folder

        return new_run_folder(parent, image_name)

    def load_run(self, folder: Path) -> Run:
        """Read a run."""
        from napari_advseg.core.storage.run_folder import load_run

        return load_run(folder)

    def truth_of_run(self, folder: Path, stack: EMStack) -> SliceTruth | None:
        """Return the truth of a run if `stack` is its image."""
        from napari_advseg.core.evaluation.slice_truth import truth_of_run

        return truth_of_run(folder, stack)

    def kept_slices(self, folder: Path) -> SliceTable:
        """Read the scores of slices of a run."""
        from napari_advseg.core.evaluation.slice_truth import kept_slices

        return kept_slices(folder)

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
        """Predict every slice of a stack."""
        from napari_advseg.core.inference.predict_stack import predict_stack

        predict_stack(
            run,
            stack,
            on_slice=on_slice,
            control=control,
            first=first,
            threads=threads,
            slices=slices,
            on_notice=on_notice,
        )

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
        """Write the masks of image files."""
        from napari_advseg.core.inference.predict_files import predict_files

        return predict_files(
            run,
            images,
            out,
            threshold=threshold,
            threads=threads,
            on_progress=on_progress,
            on_file=on_file,
            control=control,
            on_notice=on_notice,
        )

    # ---- images and labels

    def image_files(self, folder: Path, out: Path | None = None) -> tuple[Path, ...]:
        """List the images of a folder."""
        from napari_advseg.core.formats.image_files import image_files

        return image_files(folder, out)

    def read_stack(self, path: Path) -> EMStack:
        """Open an image file."""
        from napari_advseg.core.formats.io import read_stack

        return read_stack(path)

    def read_label_file(self, path: Path) -> LabelFile:
        """Load a file of labels."""
        from napari_advseg.core.formats.io import read_label_file

        return read_label_file(path)

    def write_labels(
        self,
        path: Path,
        labels: NDArray[Any],
        classes: ClassMap | None,
        *,
        scale: Sequence[float] | None = None,
        unit: str | None = None,
    ) -> None:
        """Write labels with their class map."""
        from napari_advseg.core.formats.io import write_labels

        write_labels(path, labels, classes, scale=scale, unit=unit)

    def synthetic_stack(self) -> tuple[EMStack, NDArray[np.uint8]]:
        """Make the built-in sample and its truth."""
        from napari_advseg.core.data.synthetic import synthetic_stack

        return synthetic_stack()
