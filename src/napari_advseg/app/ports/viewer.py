"""What the application needs from the outside: a viewer, and something that runs a task elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.voxel_size import VoxelSize
from napari_advseg.core.runtime.events import NetworkName, Prediction

from .acceptance import AcceptancePort
from .annotations import AnnotationPort
from .projects import ProjectPort

Result = TypeVar("Result")
Emit = Callable[[Any], None]
"""Sends an event from a background task to the GUI thread."""


class ViewerPort(Protocol):
    """The viewer as the application sees it; every method is called on the GUI thread alone.

    Layers are named by what the person sees in the layer list. A method that is given a layer that is
    gone raises `AdvSegError` with a sentence.
    """

    @property
    def accepting(self) -> AcceptancePort:
        """Masks on their way into an annotation."""
        ...

    @property
    def annotations(self) -> AnnotationPort:
        """Classes, colours and the brush of annotation layers."""
        ...

    @property
    def project_layers(self) -> ProjectPort:
        """Layers as a project keeps and reopens them."""
        ...

    def image(self, layer: str) -> EMStack:
        """Take a reference to an image layer's pixels, name, scale and source file."""
        ...

    def labels(self, layer: str) -> tuple[NDArray[Any], ClassMap | None]:
        """Copy a Labels layer's pixels, shape (Z, Y, X), with the class map that it carries, if any."""
        ...

    def peek_labels(self, layer: str) -> tuple[NDArray[Any], ClassMap | None]:
        """Like `labels` without the copy: to be read at once and not kept."""
        ...

    def new_annotation(self, image_layer: str, classes: ClassMap) -> str:
        """Add an empty Labels layer over an image, carrying `classes`; return its name."""
        ...

    def open_stack(self, stack: EMStack) -> str:
        """Add an image layer that remembers its file and the notes on it; return its name."""
        ...

    def set_voxel_size(self, image_layer: str, voxel: VoxelSize) -> None:
        """Give an image layer, and the layers that lie exactly over it, another voxel size."""
        ...

    def as_napari_reads(self, path: Path) -> Any:
        """Pixels of a file as napari itself reads them; None if it cannot. Safe on any thread."""
        ...

    def take_over_file(self, key: str, stack: EMStack, *, replace: bool) -> None:
        """Let an image layer that napari opened be the stack of its file.

        Its voxel size and the notes on it are those of the stack; with `replace` its pixels are, too.
        """
        ...

    def open_labels(
        self,
        labels: NDArray[Any],
        classes: ClassMap | None,
        like: str,
        name: str,
        notes: Sequence[str] = (),
    ) -> str:
        """Add a Labels layer with the scale and translation of image layer `like`; return its name."""
        ...

    def slice_in_view(self) -> int | None:
        """Index of the slice shown; safe to call from any thread."""
        ...

    def go_to_slice(self, z: int) -> None:
        """Show slice `z`."""
        ...

    def begin_masks(
        self,
        image_layer: str,
        networks: tuple[NetworkName, ...],
        classes: ClassMap,
        threshold: float,
    ) -> None:
        """Prepare fresh overlay layers over an image for a run.

        Mask layers of an earlier run that nobody edited or renamed are taken over; others stay.
        """
        ...

    def show_prediction(
        self,
        network: NetworkName,
        z: int,
        prediction: Prediction,
        origin: tuple[int, int] | None = None,
    ) -> None:
        """Put a prediction of a slice, or of a part from `origin` on, into its overlay.

        See `SlicePredicted`.
        """
        ...

    def set_threshold(self, threshold: float) -> None:
        """Threshold the kept probabilities anew; nothing is predicted."""
        ...

    def show_structure(self, index: int | None) -> None:
        """Draw only the class with this index in all masks, now and in masks to come; None draws all."""
        ...

    def set_fill(self, strength: float) -> None:
        """Set the opacity of the filling of all masks, 0 to 1."""
        ...

    def prediction(self, network: NetworkName, z: int) -> Prediction | None:
        """What a network said of slice `z` last, to be read and not written; None if it said nothing."""
        ...

    def masks(self, network: NetworkName) -> NDArray[np.uint8] | None:
        """Class indices (Z, Y, X) of a network's mask at the threshold, `UNLABELLED` where not predicted;
        None if there is no such mask.
        """
        ...

    def open_predicted(
        self,
        stack: EMStack,
        masks: Sequence[tuple[NetworkName, NDArray[np.uint8]]],
        classes: ClassMap,
        *,
        visible: bool,
    ) -> None:
        """Add an image that a run was applied to, and its masks: class indices + 1, shape (Z, Y, X)."""
        ...

    def set_side_by_side(self, on: bool, image_layer: str, annotation_layer: str | None) -> None:
        """Show image, annotation, adversarial and standard mask in napari's grid, or put all back."""
        ...


class TaskHandle(Protocol):
    """A running task."""

    @property
    def running(self) -> bool:
        """Whether the task has not returned yet."""
        ...


class TaskRunner(Protocol):
    """Runs a function elsewhere and brings its events back to the GUI thread."""

    def start(
        self,
        task: Callable[[Emit], Result],
        *,
        on_event: Callable[[Any], None],
        on_done: Callable[[Result], None],
        on_error: Callable[[BaseException], None],
    ) -> TaskHandle:
        """Call ``task(emit)`` in the background.

        What the task gives to ``emit`` reaches `on_event` on the GUI thread, in order, at about 10 Hz;
        then exactly one of `on_done` (with the result) and `on_error` is called there.
        """
        ...

    def wait(self, seconds: float) -> bool:
        """Wait for all tasks, on closing; return whether all have returned."""
        ...


def default_runs_folder() -> Path:
    """Folder in the user's data directory where runs are kept unless the person chose another."""
    from platformdirs import user_data_path

    return user_data_path("napari-advseg", appauthor=False) / "runs"


def default_projects_folder() -> Path:
    """Folder beside the runs where annotations save themselves until the person saves a project."""
    return default_runs_folder().with_name("projects")
