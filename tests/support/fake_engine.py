"""An engine that trains and predicts at once, and engines with functions of a test.

mypy checks the fakes against the ports, and `tests/app/test_fakes.py` compares their signatures.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_advseg.app.core_engine import CoreEngine
from napari_advseg.app.ports.engine import AnnotationUpdates, Engine, OnSlice, say_nothing
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.voxel_size import UNKNOWN_VOXEL
from napari_advseg.core.evaluation.slice_scores import SliceTable, SliceTruth
from napari_advseg.core.formats.image_files import FileProgress, FileResult
from napari_advseg.core.formats.io import LabelFile
from napari_advseg.core.runtime.control import RunControl
from napari_advseg.core.runtime.events import (
    Event,
    Outcome,
    RunFinished,
    RunStarted,
    SlicePredicted,
    StackProgress,
    Step,
    Validated,
)
from napari_advseg.core.runtime.run_estimate import RunEstimate
from napari_advseg.core.runtime.scores import DiscriminatorScores, NetworkScores, Scores
from napari_advseg.core.storage.run_folder import Run

SHAPE = (6, 32, 32)

Pixels = NDArray[Any]


def validated(update: int, s: float, gs: float) -> Validated:
    scores = Scores(NetworkScores(s), NetworkScores(gs), DiscriminatorScores(accuracy_val=0.71))
    return Validated(update, update / 10, update / 5, scores, 0.1)


def dense_labels() -> NDArray[np.uint8]:
    labels = np.full(SHAPE, 255, np.uint8)
    labels[:, :4] = 0
    return labels


@dataclass(frozen=True)
class TrainCall:
    """What `Engine.train` was given."""

    settings: RunSettings
    stack: EMStack
    annotation: Annotation
    folder: Path
    control: RunControl
    whole_stack: bool
    start_from: Path | None
    annotation_updates: AnnotationUpdates
    unannotated: EMStack | None


@dataclass
class FakeTraining:
    """Three validations of a paired run; remembers what it was given."""

    calls: list[TrainCall] = field(default_factory=list)
    during: Callable[[RunControl], None] = lambda control: None
    fails_with: BaseException | None = None

    def __call__(self, call: TrainCall, on_event: Callable[[Event], None]) -> None:
        self.calls.append(call)
        if self.fails_with is not None:
            raise self.fails_with
        on_event(
            RunStarted(
                call.folder,
                call.settings.networks,
                updates=30,
                updates_per_epoch=10,
                first_update=0,
                device="cpu",
                precision="float32",
                threads=1,
                classes=("a", "b"),
                lambda_marks=((3, 0.0), (9, 0.1)),
            )
        )
        history = [(10, 0.80, 0.79), (20, 0.90, 0.92), (30, 0.89, 0.91)]
        for update, s, gs in history:
            on_event(Step(update, 30, update / 5, (30 - update) / 5))
            on_event(SlicePredicted("standard", 3, np.full((32, 32), 0.7, np.float16)))
            on_event(validated(update, s, gs))
            self.during(call.control)
            if call.control.stopping:
                on_event(RunFinished(Outcome.STOPPED, update, "Stopped."))
                return
        on_event(StackProgress(6, 6))
        on_event(RunFinished(Outcome.COMPLETED, 30, "Finished after 30 of 30 updates."))


def kept_run(folder: Path) -> Run:
    """A run of the default preset after one validation."""
    return Run(
        folder,
        from_preset("quick"),
        ClassMap.of(cell=255, membrane=0),
        networks=("standard", "adversarial"),
        history=(validated(10, 0.5, 0.6),),
        lambda_marks=((1, 0.1),),
        config={},
    )


@dataclass
class FakeEngine:
    """Trains and predicts at once, without PyTorch; reads no images and writes no masks.

    What a run folder keeps is read by the real engine.
    """

    kept: Run
    training: FakeTraining = field(default_factory=FakeTraining)
    written: dict[str, tuple[Pixels, ClassMap | None]] = field(default_factory=dict)
    core: CoreEngine = field(default_factory=CoreEngine)

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
    ) -> None:
        call = TrainCall(
            settings,
            stack,
            annotation,
            folder,
            control,
            whole_stack,
            start_from,
            annotation_updates,
            unannotated,
        )
        self.training(call, on_event)

    def estimated_minutes(self, settings: RunSettings) -> float:
        return 200.0

    def estimate_run(
        self, settings: RunSettings, shape: tuple[int, int, int], validation_slices: int
    ) -> RunEstimate:
        return RunEstimate(settings.minutes or 0.0, 240, 6.0, 40.0, 20.0)

    def truth_of_start(self, annotation: Annotation, settings: RunSettings) -> SliceTruth | None:
        return self.core.truth_of_start(annotation, settings)

    def new_run_folder(self, parent: Path, image_name: str) -> Path:
        return parent / f"new-{image_name}"

    def load_run(self, folder: Path) -> Run:
        return self.kept

    def truth_of_run(self, folder: Path, stack: EMStack) -> SliceTruth | None:
        return self.core.truth_of_run(folder, stack)

    def kept_slices(self, folder: Path) -> SliceTable:
        return self.core.kept_slices(folder)

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
        for network in run.networks:
            for z in range(stack.shape[0]) if slices is None else slices:
                control.raise_if_stopped()
                on_slice(network, z, np.full((1, 32, 32), 0.25, np.float32))

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
        results = tuple(FileResult(image) for image in images)
        for result in results:
            on_file(result)
        return results

    def image_files(self, folder: Path, out: Path | None = None) -> tuple[Path, ...]:
        return self.core.image_files(folder, out)

    def read_stack(self, path: Path) -> EMStack:
        return EMStack.from_array(np.zeros(SHAPE, np.uint8), name=path.stem)

    def read_label_file(self, path: Path) -> LabelFile:
        return LabelFile(dense_labels(), None, UNKNOWN_VOXEL, ())

    def write_labels(
        self,
        path: Path,
        labels: Pixels,
        classes: ClassMap | None,
        *,
        scale: Sequence[float] | None = None,
        unit: str | None = None,
    ) -> None:
        self.written[path.name] = (labels, classes)

    def synthetic_stack(self) -> tuple[EMStack, NDArray[np.uint8]]:
        stack = EMStack.from_array(np.zeros(SHAPE, np.uint8), name="sample")
        return stack, np.where(dense_labels() == 0, 2, 1).astype(np.uint8)


AnyEngine = TypeVar("AnyEngine", bound=Engine)


def with_functions(engine: AnyEngine, **functions: Callable[..., Any]) -> AnyEngine:
    """Replace methods of an engine by functions of a test, and return the engine.

    Raises
    ------
    TypeError
        If a function cannot be called as the `Engine` method of its name is.
    """
    for name, function in functions.items():
        _, *parameters = inspect.signature(getattr(Engine, name)).parameters.values()
        named = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        positional = len(parameters) - len(named)
        inspect.signature(function).bind(*[None] * positional, **dict.fromkeys(named))
        setattr(engine, name, function)
    return engine


def core_engine_with(**functions: Callable[..., Any]) -> CoreEngine:
    """The real engine with some methods replaced; see `with_functions`."""
    return with_functions(CoreEngine(), **functions)


def _fits_the_port(engine: FakeEngine) -> Engine:
    return engine
