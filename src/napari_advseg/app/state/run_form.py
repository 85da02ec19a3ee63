"""What the person chose, and the pure functions that decide what is chosen where nobody did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from napari_advseg.app.ports.annotations import ClassRow
from napari_advseg.app.ports.viewer import default_runs_folder
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.config.settings import Method, RunSettings
from napari_advseg.core.data.voxel_size import UNKNOWN_VOXEL, VoxelSize
from napari_advseg.core.runtime.cpu import available_cores

BudgetUnit = Literal["minutes", "updates", "epochs"]
OWN, TRUTH = "own", "none"
"""Images without annotation: this stack's own slices; none, D is shown true masks."""


@dataclass(frozen=True)
class LayerInfo:
    """One layer of the viewer that could be an image or an annotation.

    Attributes
    ----------
    key : str
        Stays the same when the layer is renamed.
    name : str
        What the person sees in the layer list.
    kind : {"image", "labels"}
    shape : tuple of int
        Shape of its pixels, (Z, Y, X) or (Y, X).
    selected : bool
        Whether it is selected in the layer list.
    rgb : bool
        Whether it is a colour image, which is chosen for nobody who did not pick it.
    class_rows : tuple of ClassRow or None
        Classes that the user entered earlier and that the layer stores.
    predicted : bool
        Whether it came with the results of a run: chosen for nobody who did not pick it.
    voxel : VoxelSize
    notes : tuple of str
        What was decided about its file while it was opened, a sentence each.
    unchecked_file : Path or None
        The file that napari itself read it from, as long as this program has not looked at the file.
    """

    key: str
    name: str
    kind: Literal["image", "labels"]
    shape: tuple[int, ...]
    selected: bool = False
    rgb: bool = False
    class_rows: tuple[ClassRow, ...] | None = None
    predicted: bool = False
    voxel: VoxelSize = UNKNOWN_VOXEL
    notes: tuple[str, ...] = ()
    unchecked_file: Path | None = None


@dataclass(frozen=True)
class Budget:
    """How long to train; an amount of 0 is the preset's own number of updates."""

    amount: float = 0.0
    unit: BudgetUnit = "minutes"

    def changes(self) -> dict[str, Any]:
        """The settings that this budget changes."""
        if not self.amount:
            return {}
        return {self.unit: self.amount if self.unit == "minutes" else int(self.amount)}


@dataclass(frozen=True)
class Choices:
    """Everything that a person can choose before Start.

    Attributes
    ----------
    image, annotation : str or None
        Keys of layers.
    channels : tuple of str
        Keys of further image layers that are channels of the same image.
    image_picked, annotation_picked : bool
        Whether the person chose them; if not, they follow the layer list.
    class_rows : mapping of str to tuple of ClassRow
        Classes that the user entered, by the annotation's key; a list may be incomplete.
    train, val : tuple of int or None
        Slices; None takes the default split.
    start_from_run : bool
        Whether the next run goes on from the networks of the run that is shown.
    unannotated : str
        `OWN`, `TRUTH`, or the key of an image layer whose slices the adversary learns from beside this
        stack's own ones.
    live_strokes : bool
        Whether a run uses what is painted while it goes on.
    advanced : mapping of str to object
        Settings that differ from the preset, by dotted name (``"network.width"``).
    """

    image: str | None = None
    annotation: str | None = None
    image_picked: bool = False
    annotation_picked: bool = False
    channels: tuple[str, ...] = ()
    class_rows: Mapping[str, tuple[ClassRow, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    train: tuple[int, ...] | None = None
    val: tuple[int, ...] | None = None
    method: Method = "paired"
    preset: str = "quick"
    budget: Budget = Budget()
    advanced: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    start_from_run: bool = False
    unannotated: str = OWN
    live_strokes: bool = False
    runs_folder: Path = field(default_factory=default_runs_folder)

    @property
    def classes(self) -> tuple[ClassRow, ...] | None:
        """Classes that the user entered for the chosen annotation, None if they entered none."""
        return self.class_rows.get(self.annotation or "")

    def with_advanced(self, advanced: Mapping[str, Any]) -> Choices:
        """The same choices with other advanced settings."""
        return replace(self, advanced=MappingProxyType(dict(advanced)))

    @property
    def for_annotation(self) -> tuple[object, ...]:
        """The choices that decide how the annotation is read: its classes and its split."""
        return self.classes, self.train, self.val


def matching_shape(image: tuple[int, ...], labels: tuple[int, ...]) -> bool:
    """Whether labels of one shape lie on an image of the other; one slice may lack its Z axis."""
    return _as_stack(image) == _as_stack(labels)


def _as_stack(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1, *shape) if len(shape) == 2 else shape


def follow_layers(choices: Choices, layers: Iterable[LayerInfo]) -> Choices:
    """Bring the choice of layers in step with the layers that there are.

    An image that the person picked stays while it exists. Otherwise the selected image layer is
    taken, then the one chosen before, then the topmost, and a colour image only where there is no
    other, so that it is said why it cannot be used. An annotation that nobody picked is the only
    Labels layer of the image's shape; if there are several, the selected one or none.
    """
    layers = tuple(layers)
    images = {one.key: one for one in layers if one.kind == "image"}
    if not (choices.image_picked and choices.image in images):
        grey = {key: one for key, one in images.items() if not (one.rgb or one.predicted)}
        selected = [key for key, one in grey.items() if one.selected]
        kept = [choices.image] if choices.image in grey else []
        image = ([*selected, *kept, *reversed(grey), *reversed(images), None])[0]
        choices = replace(choices, image=image, image_picked=False)
    channels = tuple(key for key in choices.channels if key in _channels_of(choices.image, images))
    choices = replace(choices, channels=channels)
    labels = {one.key: one for one in layers if one.kind == "labels"}
    if choices.annotation_picked and choices.annotation in labels:
        return choices
    annotation = None
    if choices.image is not None:
        annotation = _default_annotation(images[choices.image], labels.values(), choices.annotation)
    if annotation != choices.annotation:
        choices = replace(choices, train=None, val=None)
    return replace(choices, annotation=annotation, annotation_picked=False)


def _channels_of(image: str | None, images: Mapping[str, LayerInfo]) -> list[str]:
    if image is None or image not in images:
        return []
    return [k for k, one in images.items() if k != image and one.shape == images[image].shape]


def possible_channels(choices: Choices, layers: Iterable[LayerInfo]) -> list[LayerInfo]:
    """Layers of the chosen image's shape, which can be further channels of it."""
    images = {one.key: one for one in layers if one.kind == "image"}
    return [images[key] for key in _channels_of(choices.image, images)]


def _default_annotation(
    image: LayerInfo, labels: Iterable[LayerInfo], before: str | None
) -> str | None:
    drawn = (one for one in labels if not one.predicted)
    fitting = [one for one in drawn if matching_shape(image.shape, one.shape)]
    if len(fitting) > 1:
        fitting = [one for one in fitting if one.selected or one.key == before]
    return fitting[0].key if len(fitting) == 1 else None


def settings_of(choices: Choices, threshold: float = 0.5) -> RunSettings:
    """Freeze what was chosen into the settings of a run.

    The threshold is no choice of the form: it moves while a run goes on.

    Raises
    ------
    SettingsError
        If a setting is out of range.
    """
    changes: dict[str, Any] = {
        "method": choices.method,
        "threshold": threshold,
        "threads": gui_threads(),
        "train": choices.train,
        "val": choices.val,
        **choices.budget.changes(),
    }
    if choices.unannotated == TRUTH:
        changes["discriminator"] = {"regime": "truth"}
    for name, value in choices.advanced.items():
        group, dot, leaf = name.partition(".")
        if dot:
            changes.setdefault(group, {})[leaf] = value
        else:
            changes[name] = value
    return from_preset(choices.preset, **changes)


def preset_settings(choices: Choices) -> RunSettings:
    """Settings as the preset has them, without what was changed under advanced."""
    return from_preset(choices.preset, method=choices.method, threads=gui_threads())


def gui_threads() -> int:
    """CPU threads for training beside a window: all cores but one, which keeps the window alive."""
    return max(1, available_cores() - 1)
