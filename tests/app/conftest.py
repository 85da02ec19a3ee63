"""Fakes for the application: a viewer in memory, a runner that runs when told, an engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from napari_advseg.app.controller import Controller
from napari_advseg.app.ports.annotations import ClassRow
from napari_advseg.app.ports.engine import Engine
from napari_advseg.app.state.run_form import LayerInfo
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.runtime.errors import AnnotationError, ImageError
from napari_advseg.core.runtime.events import (
    Outcome,
    RunFinished,
    RunStarted,
    SlicePredicted,
    StackProgress,
    Step,
    Validated,
)
from napari_advseg.core.runtime.scores import DiscriminatorScores, NetworkScores, Scores

SHAPE = (6, 32, 32)


@dataclass
class FakeViewer:
    """Layers by name; notes what it was asked to show."""

    layers: dict[str, Any] = field(default_factory=dict)
    carried: dict[str, ClassMap] = field(default_factory=dict)
    controller: Controller | None = None
    view: int = 3
    masks_begun: list[tuple[Any, ...]] = field(default_factory=list)
    shown: list[tuple[str, int]] = field(default_factory=list)
    thresholds: list[float] = field(default_factory=list)
    mask: dict[str, Any] = field(default_factory=dict)
    kept: dict[tuple[str, int], Any] = field(default_factory=dict)
    side_by_side: list[tuple[Any, ...]] = field(default_factory=list)
    annotations: Any = None

    def __post_init__(self) -> None:
        self.annotations = FakeAnnotations(self)

    def tell(self) -> None:
        """Tell the application which layers there are, as a viewer's events would."""
        kinds = {name: "labels" if name in self.labels_names else "image" for name in self.layers}
        self.controller.data.set_layers(
            tuple(LayerInfo(f"key of {n}", n, kinds[n], a.shape) for n, a in self.layers.items())
        )

    labels_names: set[str] = field(default_factory=set)

    def add(self, name: str, data: Any, *, labels: bool = False) -> None:
        self.layers[name] = data
        if labels:
            self.labels_names.add(name)
        self.tell()

    def image(self, layer: str) -> EMStack:
        if layer not in self.layers:
            raise ImageError(f"The layer {layer} is gone: choose another image.")
        return EMStack.from_array(self.layers[layer], name=layer)

    def labels(self, layer: str) -> tuple[Any, ClassMap | None]:
        return self.layers[layer].copy(), self.carried.get(layer)

    def peek_labels(self, layer: str) -> tuple[Any, ClassMap | None]:
        return self.layers[layer], self.carried.get(layer)

    def new_annotation(self, image_layer: str, classes: ClassMap) -> str:
        self.carried["annotation"] = classes
        self.add("annotation", np.zeros(self.layers[image_layer].shape, np.uint8), labels=True)
        return "annotation"

    def open_stack(self, stack: EMStack) -> str:
        self.add(stack.name, stack.data)
        return stack.name

    def open_labels(self, labels: Any, classes: ClassMap | None, like: str, name: str) -> str:
        if classes is not None:
            self.carried[name] = classes
        self.add(name, labels, labels=True)
        return name

    def slice_in_view(self) -> int | None:
        return self.view

    def go_to_slice(self, z: int) -> None:
        self.view = z

    def begin_masks(self, *what: Any) -> None:
        self.masks_begun.append(what)

    def show_prediction(self, network: str, z: int, prediction: Any) -> None:
        self.shown.append((network, z))
        self.kept[network, z] = prediction

    def set_threshold(self, threshold: float) -> None:
        self.thresholds.append(threshold)

    def prediction(self, network: str, z: int) -> Any:
        return self.kept.get((network, z))

    def masks(self, network: str) -> Any:
        return self.mask.get(network)

    def set_side_by_side(self, *what: Any) -> None:
        self.side_by_side.append(what)


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
class RunnerWhenTold:
    """Runs what was started when `flush` is called, events and all."""

    pending: list[Callable[[], None]] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def start(self, task: Any, *, on_event: Any, on_done: Any, on_error: Any) -> Any:
        def run() -> None:
            try:
                result = task(on_event)
            except Exception as error:  # noqa: BLE001 -- as a runner does
                on_error(error)
            else:
                on_done(result)

        self.pending.append(run)
        return SimpleNamespace(running=True)

    def flush(self) -> None:
        while self.pending:
            self.pending.pop(0)()

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return True


def validated(update: int, s: float, gs: float) -> Validated:
    scores = Scores(NetworkScores(s), NetworkScores(gs), DiscriminatorScores(accuracy_val=0.71))
    return Validated(update, update / 10, update / 5, scores, 0.1)


@dataclass
class FakeTraining:
    """Three validations of a paired run; remembers what it was given."""

    calls: list[SimpleNamespace] = field(default_factory=list)
    during: Callable[[Any], None] = lambda control: None
    fails_with: BaseException | None = None

    def __call__(
        self, settings: Any, stack: Any, annotation: Any, folder: Any, *, on_event: Any, control: Any,
        whole_stack: bool, start_from: Any = None, annotation_updates: Any = None,
        unannotated: Any = None,
    ) -> str:  # fmt: skip
        self.calls.append(
            SimpleNamespace(settings=settings, stack=stack, annotation=annotation, folder=folder,
                            control=control, whole_stack=whole_stack, start_from=start_from,
                            annotation_updates=annotation_updates, unannotated=unannotated)
        )  # fmt: skip
        if self.fails_with is not None:
            raise self.fails_with
        marks = ((3, 0.0), (9, 0.1))
        on_event(
            RunStarted(folder, settings.networks, 30, 10, 0, "cpu", "float32", 1, ("a", "b"), marks)
        )
        history = [(10, 0.80, 0.79), (20, 0.90, 0.92), (30, 0.89, 0.91)]
        for update, s, gs in history:
            on_event(Step(update, 30, update / 5, (30 - update) / 5))
            on_event(SlicePredicted("standard", 3, np.full((32, 32), 0.7, np.float16)))
            on_event(validated(update, s, gs))
            self.during(control)
            if control.stopping:
                on_event(RunFinished(Outcome.STOPPED, update, "Stopped."))
                return "stopped"
        on_event(StackProgress(6, 6))
        on_event(RunFinished(Outcome.COMPLETED, 30, "Finished after 30 of 30 updates."))
        return "result"


@dataclass
class App:
    """The application with everything fake around it."""

    controller: Controller
    viewer: FakeViewer
    runner: RunnerWhenTold
    training: FakeTraining
    written: dict[str, Any]

    @property
    def model(self) -> Any:
        return self.controller.model

    def with_data(self) -> App:
        self.viewer.add("em", np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8))
        self.viewer.add("truth", dense_labels(), labels=True)
        self.runner.flush()
        return self


def dense_labels() -> Any:
    labels = np.full(SHAPE, 255, np.uint8)
    labels[:, :4] = 0
    return labels


@pytest.fixture
def app(tmp_path: Path) -> App:
    viewer, runner, training = FakeViewer(), RunnerWhenTold(), FakeTraining()
    written: dict[str, Any] = {}
    classes = ClassMap.of(cell=255, membrane=0)
    kept = SimpleNamespace(
        folder=tmp_path / "kept", settings=from_preset("quick"), classes=classes,
        networks=("standard", "adversarial"), history=(validated(10, 0.5, 0.6),),
        lambda_marks=((1, 0.1),), image_path=None,
    )  # fmt: skip

    def predict(run: Any, stack: Any, *, on_slice: Any, control: Any, **_: Any) -> None:
        for network in run.networks:
            for z in range(stack.shape[0]):
                control.raise_if_stopped()
                on_slice(network, z, np.full((1, 32, 32), 0.25, np.float32))

    engine = Engine(
        train=training,
        predict_stack=predict,
        new_run_folder=lambda parent, name: parent / f"new-{name}",
        load_run=lambda folder: kept,
        estimated_minutes=lambda settings: 200.0,
        read_stack=lambda path: EMStack.from_array(np.zeros(SHAPE, np.uint8), name=path.stem),
        read_labels=lambda path: (dense_labels(), None),
        write_labels=lambda path, labels, classes, **_: written.update(
            {path.name: (labels, classes)}
        ),
        synthetic_stack=lambda: (
            EMStack.from_array(np.zeros(SHAPE, np.uint8), name="sample"),
            np.where(dense_labels() == 0, 2, 1).astype(np.uint8),
        ),
    )
    controller = Controller(viewer, runner, engine)
    viewer.controller = controller
    controller.keep.set_runs_folder(tmp_path / "runs")
    return App(controller, viewer, runner, training, written)
