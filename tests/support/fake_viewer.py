"""A viewer in memory, with what the application asks of its layers.

mypy checks the fakes against the ports, and `tests/app/test_fakes.py` compares their signatures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_advseg.app.controller import Controller
from napari_advseg.app.ports.acceptance import AcceptancePort
from napari_advseg.app.ports.annotations import AnnotationPort, ClassRow
from napari_advseg.app.ports.projects import OpenLayer, ProjectPort
from napari_advseg.app.ports.viewer import ViewerPort
from napari_advseg.app.state.run_form import LayerInfo
from napari_advseg.core.config.classes import UNLABELLED, ClassMap
from napari_advseg.core.data.mask_acceptance import SliceChange
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.voxel_size import UNKNOWN_VOXEL, VoxelSize
from napari_advseg.core.runtime.errors import AnnotationError, ImageError
from napari_advseg.core.runtime.events import (
    NetworkName,
    Prediction,
)
from napari_advseg.core.storage.project_file import ProjectAnnotation

Pixels = NDArray[Any]


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
    structures: list[int | None] = field(default_factory=list)
    fills: list[float] = field(default_factory=list)
    voxels: dict[str, VoxelSize] = field(default_factory=dict)
    unchecked: dict[str, Path] = field(default_factory=dict)
    read_by_napari: dict[Path, Pixels] = field(default_factory=dict)
    taken_over: list[tuple[str, bool]] = field(default_factory=list)
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
                    voxel=self.voxels.get(name, UNKNOWN_VOXEL),
                    unchecked_file=self.unchecked.get(name),
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

    def set_voxel_size(self, image_layer: str, voxel: VoxelSize) -> None:
        self.voxels[image_layer] = voxel
        self.tell()

    def as_napari_reads(self, path: Path) -> Any:
        return self.read_by_napari.get(path)

    def take_over_file(self, key: str, stack: EMStack, *, replace: bool) -> None:
        name = key.removeprefix("key of ")
        self.unchecked.pop(name, None)
        self.taken_over.append((name, replace))
        if replace:
            self.layers[name] = np.asarray(stack.data)
        self.voxels[name] = stack.voxel_size
        self.tell()

    def open_labels(
        self,
        labels: Pixels,
        classes: ClassMap | None,
        like: str,
        name: str,
        notes: Sequence[str] = (),
    ) -> str:
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

    def show_prediction(
        self,
        network: NetworkName,
        z: int,
        prediction: Prediction,
        origin: tuple[int, int] | None = None,
    ) -> None:
        self.shown.append((network, z))
        self.kept[network, z] = prediction

    def set_threshold(self, threshold: float) -> None:
        self.thresholds.append(threshold)

    def show_structure(self, index: int | None) -> None:
        self.structures.append(index)

    def set_fill(self, strength: float) -> None:
        self.fills.append(strength)

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

    def show_classes(self, layer: str, classes: ClassMap) -> None:
        return

    def colours(self, layer: str, values: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(self.coloured.get(value, f"#{value:06x}ff") for value in values)

    def recolour(
        self, layer: str, values: tuple[int, ...], colour: str, *, rest: bool = False
    ) -> None:
        self.coloured.update(dict.fromkeys(values, colour))

    def painted_value(self, layer: str) -> int | None:
        return self.painted

    def paint_with(self, layer: str, value: int) -> None:
        if value > 255:
            raise AnnotationError(f"{layer} holds uint8 labels, {value} is none of them.")
        self.painted = value

    def free_label(self, layer: str, taken: tuple[int, ...]) -> int:
        return max(int(self.viewer.layers[layer].max()), *taken, 0) + 1

    def fill_slices(self, layer: str, slices: tuple[int, ...], value: int) -> int:
        labels = self.viewer.layers[layer]
        changed = int((labels[list(slices)] != value).sum())
        labels[list(slices)] = value
        return changed

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


def _fits_the_ports(
    viewer: FakeViewer,
    acceptance: FakeAcceptance,
    annotations: FakeAnnotations,
    layers: FakeProjectLayers,
) -> tuple[ViewerPort, AcceptancePort, AnnotationPort, ProjectPort]:
    return viewer, acceptance, annotations, layers
