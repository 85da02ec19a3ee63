"""Fakes for the application: a viewer in memory, a runner that runs when told, an engine.

mypy checks them against the ports, and `tests/app/test_fakes.py` compares their signatures.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_advseg.app.controller import Controller
from napari_advseg.app.core_engine import CoreEngine
from napari_advseg.app.ports.acceptance import AcceptancePort
from napari_advseg.app.ports.annotations import AnnotationPort, ClassRow
from napari_advseg.app.ports.engine import AnnotationUpdates, Engine, OnSlice
from napari_advseg.app.ports.projects import OpenLayer, ProjectPort
from napari_advseg.app.ports.viewer import Emit, TaskHandle, TaskRunner, ViewerPort
from napari_advseg.app.state.run_form import LayerInfo
from napari_advseg.core.config.classes import UNLABELLED, ClassMap
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.mask_acceptance import SliceChange
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.evaluation.slice_scores import SliceTable, SliceTruth
from napari_advseg.core.formats.image_files import FileProgress, FileResult
from napari_advseg.core.runtime.control import RunControl
from napari_advseg.core.runtime.errors import AnnotationError, ImageError
from napari_advseg.core.runtime.events import (
    Event,
    NetworkName,
    Outcome,
    Prediction,
    RunFinished,
    RunStarted,
    SlicePredicted,
    StackProgress,
    Step,
    Validated,
)
from napari_advseg.core.storage.project_file import ProjectAnnotation
from napari_advseg.core.storage.run_folder import Run

SHAPE = (6, 32, 32)

Result = TypeVar("Result")
Pixels = NDArray[Any]


# ---- the viewer


@dataclass
class FakeViewer:
    """Layers by name; notes what it was asked to show."""

    layers: dict[str, Pixels] = field(default_factory=dict)
    labels_names: set[str] = field(default_factory=set)
    carried: dict[str, ClassMap] = field(default_factory=dict)
    controller: Controller | None = None
    view: int = 3
    masks_begun: list[tuple[str, tuple[NetworkName, ...], ClassMap, float]] = field(
        default_factory=list
    )
    shown: list[tuple[NetworkName, int]] = field(default_factory=list)
    thresholds: list[float] = field(default_factory=list)
    mask: dict[NetworkName, NDArray[np.uint8]] = field(default_factory=dict)
    kept: dict[tuple[NetworkName, int], Prediction] = field(default_factory=dict)
    predicted: list[EMStack] = field(default_factory=list)
    side_by_side: list[tuple[bool, str, str | None]] = field(default_factory=list)
    accepting: FakeAcceptance = field(init=False)
    annotations: FakeAnnotations = field(init=False)
    project_layers: FakeProjectLayers = field(init=False)

    def __post_init__(self) -> None:
        self.accepting = FakeAcceptance(self)
        self.annotations = FakeAnnotations(self)
        self.project_layers = FakeProjectLayers(self)

    def tell(self) -> None:
        """Tell the application which layers there are, as a viewer's events would."""
        assert self.controller is not None
        self.controller.data.set_layers(
            tuple(
                LayerInfo(
                    f"key of {name}",
                    name,
                    "labels" if name in self.labels_names else "image",
                    pixels.shape,
                )
                for name, pixels in self.layers.items()
            )
        )

    def add(self, name: str, data: Pixels, *, labels: bool = False) -> None:
        self.layers[name] = data
        if labels:
            self.labels_names.add(name)
        self.tell()

    def image(self, layer: str) -> EMStack:
        if layer not in self.layers:
            raise ImageError(f"The layer {layer} is gone: choose another image.")
        return EMStack.from_array(self.layers[layer], name=layer)

    def labels(self, layer: str) -> tuple[Pixels, ClassMap | None]:
        return self.layers[layer].copy(), self.carried.get(layer)

    def peek_labels(self, layer: str) -> tuple[Pixels, ClassMap | None]:
        return self.layers[layer], self.carried.get(layer)

    def new_annotation(self, image_layer: str, classes: ClassMap) -> str:
        self.carried["annotation"] = classes
        self.add("annotation", np.zeros(self.layers[image_layer].shape, np.uint8), labels=True)
        return "annotation"

    def open_stack(self, stack: EMStack) -> str:
        self.add(stack.name, stack.data)
        return stack.name

    def open_labels(self, labels: Pixels, classes: ClassMap | None, like: str, name: str) -> str:
        if classes is not None:
            self.carried[name] = classes
        self.add(name, labels, labels=True)
        return name

    def slice_in_view(self) -> int | None:
        return self.view

    def go_to_slice(self, z: int) -> None:
        self.view = z

    def begin_masks(
        self,
        image_layer: str,
        networks: tuple[NetworkName, ...],
        classes: ClassMap,
        threshold: float,
    ) -> None:
        self.masks_begun.append((image_layer, networks, classes, threshold))

    def show_prediction(self, network: NetworkName, z: int, prediction: Prediction) -> None:
        self.shown.append((network, z))
        self.kept[network, z] = prediction

    def set_threshold(self, threshold: float) -> None:
        self.thresholds.append(threshold)

    def prediction(self, network: NetworkName, z: int) -> Prediction | None:
        return self.kept.get((network, z))

    def masks(self, network: NetworkName) -> NDArray[np.uint8] | None:
        return self.mask.get(network)

    def open_predicted(
        self,
        stack: EMStack,
        masks: Sequence[tuple[NetworkName, NDArray[np.uint8]]],
        classes: ClassMap,
        *,
        visible: bool,
    ) -> None:
        self.predicted.append(stack)

    def set_side_by_side(self, on: bool, image_layer: str, annotation_layer: str | None) -> None:
        self.side_by_side.append((on, image_layer, annotation_layer))


@dataclass
class FakeAnnotations:
    """What the class list asks of the layers of a `FakeViewer`."""

    viewer: FakeViewer
    stored: dict[str, tuple[ClassRow, ...]] = field(default_factory=dict)
    coloured: dict[int, str] = field(default_factory=dict)
    painted: int | None = None

    def keep_classes(
        self, layer: str, rows: tuple[ClassRow, ...], *, carried: bool = False
    ) -> None:
        self.stored[layer] = rows

    def colours(self, layer: str, values: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(self.coloured.get(value, f"#{value:06x}ff") for value in values)

    def recolour(self, layer: str, values: tuple[int, ...], colour: str) -> None:
        self.coloured.update(dict.fromkeys(values, colour))

    def painted_value(self, layer: str) -> int | None:
        return self.painted

    def paint_with(self, layer: str, value: int) -> None:
        if value > 255:
            raise AnnotationError(f"{layer} holds uint8 labels, {value} is none of them.")
        self.painted = value

    def count(self, layer: str, values: tuple[int, ...]) -> int:
        return int(np.isin(self.viewer.layers[layer], values).sum())

    def replace(self, layer: str, values: tuple[int, ...], by: int) -> int:
        labels = self.viewer.layers[layer]
        where = np.isin(labels, values)
        labels[where] = by
        return int(where.sum())


@dataclass
class FakeAcceptance:
    """Masks in `found` on their way into the layers of a `FakeViewer`."""

    viewer: FakeViewer
    found: Mapping[NetworkName, NDArray[np.uint8]] = field(default_factory=dict)
    written: list[tuple[str, Sequence[SliceChange]]] = field(default_factory=list)
    region: NDArray[np.bool_] | None = None
    forgotten: bool = False
    view: int | None = 3

    def slice_in_view(self) -> int | None:
        return self.view

    def mask(self, network: NetworkName, z: int) -> NDArray[np.uint8] | None:
        mask = self.found[network][z]
        return None if (mask == UNLABELLED).all() else mask

    def draw_rectangle(self) -> None:
        self.region, self.forgotten = None, False

    def rectangle(self, z: int, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
        return self.region

    def forget_rectangle(self) -> None:
        self.region, self.forgotten = None, True

    def write(self, layer: str, changes: Sequence[SliceChange]) -> None:
        self.written.append((layer, changes))
        for change in changes:
            self.viewer.layers[layer][change.z][change.where] = change.after


@dataclass
class FakeProjectLayers:
    """The layers of a `FakeViewer` as a project sees them."""

    viewer: FakeViewer
    sources: dict[str, Path] = field(default_factory=dict)
    restored: list[tuple[Pixels, ClassMap | None, ProjectAnnotation, str | None]] = field(
        default_factory=list
    )

    def open_layers(self) -> tuple[OpenLayer, ...]:
        return tuple(
            OpenLayer(
                f"key of {name}",
                name,
                "labels" if name in self.viewer.labels_names else "image",
                data.shape,
                data.nbytes,
                self.sources.get(name),
                (1.0, 1.0, 1.0),
                classes=self.viewer.carried.get(name),
            )
            for name, data in self.viewer.layers.items()
        )

    def layer_pixels(self, key: str) -> Pixels:
        return self.viewer.layers[key.removeprefix("key of ")]

    def restore_labels(
        self, labels: Pixels, classes: ClassMap | None, saved: ProjectAnnotation, like: str | None
    ) -> str:
        self.restored.append((labels, classes, saved, like))
        name = saved.name if saved.name not in self.viewer.layers else f"{saved.name} [1]"
        return self.viewer.open_labels(labels, classes, like or "", name)


# ---- the runner


@dataclass
class FakeTask:
    """A task of a `FakeRunner`."""

    running: bool = True


@dataclass
class FakeRunner:
    """Runs what was started when `flush` is called, events and all."""

    pending: list[Callable[[], None]] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def start(
        self,
        task: Callable[[Emit], Result],
        *,
        on_event: Callable[[Any], None],
        on_done: Callable[[Result], None],
        on_error: Callable[[BaseException], None],
    ) -> FakeTask:
        started = FakeTask()

        def run() -> None:
            try:
                result = task(on_event)
            except Exception as error:  # noqa: BLE001 -- as a runner does
                on_error(error)
            else:
                on_done(result)

        self.pending.append(run)
        return started

    def flush(self) -> None:
        while self.pending:
            self.pending.pop(0)()

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return True


# ---- the engine


def validated(update: int, s: float, gs: float) -> Validated:
    scores = {"S F1 val": s, "G/S F1 val": gs, "D Accuracy val": 0.71}
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
        image_path=None,
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
    ) -> None:
        for network in run.networks:
            for z in range(stack.shape[0]):
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
    ) -> tuple[FileResult, ...]:
        results = tuple(FileResult(image) for image in images)
        for result in results:
            on_file(result)
        return results

    def tiff_files(self, folder: Path, out: Path | None = None) -> tuple[Path, ...]:
        return self.core.tiff_files(folder, out)

    def read_stack(self, path: Path) -> EMStack:
        return EMStack.from_array(np.zeros(SHAPE, np.uint8), name=path.stem)

    def read_labels(self, path: Path) -> tuple[Pixels, ClassMap | None]:
        return dense_labels(), None

    def write_labels(
        self,
        path: Path,
        labels: Pixels,
        classes: ClassMap | None,
        *,
        scale: Sequence[float] | None = None,
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


# ---- what mypy checks


def _fakes_fit_their_ports(
    viewer: FakeViewer,
    acceptance: FakeAcceptance,
    annotations: FakeAnnotations,
    layers: FakeProjectLayers,
    runner: FakeRunner,
    task: FakeTask,
    engine: FakeEngine,
) -> tuple[ViewerPort, AcceptancePort, AnnotationPort, ProjectPort, TaskRunner, TaskHandle, Engine]:
    return viewer, acceptance, annotations, layers, runner, task, engine
