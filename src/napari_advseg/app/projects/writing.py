"""From what is open and chosen to what a project file says, and which pixels go beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from napari_advseg.app.ports.annotations import ClassRow
from napari_advseg.app.ports.projects import OpenLayer
from napari_advseg.app.state.class_rows import complete_map
from napari_advseg.app.state.run_form import Choices
from napari_advseg.app.state.unannotated_source import as_saved
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.formats.paths import may_be_image
from napari_advseg.core.runtime.errors import ImageError
from napari_advseg.core.storage.project_file import (
    Placement,
    Project,
    ProjectAnnotation,
    ProjectImage,
)
from napari_advseg.core.storage.project_folder import ImageToWrite, LabelsToWrite, ProjectFolder

from .removed_layers import RemovedLayers

LARGEST_COPY = 256 * 2**20
"""Bytes of an image that came from no file and is kept with the project; a larger one is not."""


@dataclass(frozen=True)
class Snapshot:
    """All that one save writes.

    Attributes
    ----------
    files : mapping of str to str
        For the key of each layer of the project its file name.
    """

    project: Project
    labels: tuple[LabelsToWrite, ...]
    images: tuple[ImageToWrite, ...]
    files: Mapping[str, str]

    def same_project(self, other: Project | None) -> bool:
        """Whether the project file would say what it says already."""
        return other is not None and self.project.model_copy(update={"saved": other.saved}) == other


class SnapshotMaker:
    """Collects what to write; it copies no pixels and reads no file.

    Parameters
    ----------
    folder : ProjectFolder
        Where to.
    files : mapping of str to str
        Files that layers have there already, by key.
    """

    def __init__(
        self, layers: RemovedLayers, folder: ProjectFolder, files: Mapping[str, str]
    ) -> None:
        self._layers, self._folder = layers, folder
        self._files = dict(files)
        self._images: list[ImageToWrite] = []

    def take(
        self,
        choices: Choices,
        threshold: float,
        listed: set[str],
        changed: set[str],
        run: Path | None,
    ) -> Snapshot:
        """Take what is open now.

        Parameters
        ----------
        choices : Choices
        threshold : float
            Of the masks.
        listed : set of str
            Keys of the annotation layers that belong to the project.
        changed : set of str
            Those of them whose pixels are to be written.
        run : Path or None
            Folder of the last run.
        """
        layers = self._layers.open_layers()
        home = self._folder.path.parent
        images = [one for one in layers if one.kind == "image"]
        used = (choices.image, *choices.channels, choices.unannotated)
        kept = [(one, self._image(one, home, one.key in used)) for one in images]
        shown = [(one.key, entry) for one, entry in kept if entry is not None]
        labels = [one for one in layers if one.kind == "labels" and one.key in listed]
        annotations = [self._annotation(one, choices) for one in labels]
        image_keys, label_keys = [key for key, _ in shown], [one.key for one in labels]
        project = Project(
            saved=datetime.now().astimezone().replace(microsecond=0),
            images=tuple(entry for _, entry in shown),
            annotations=tuple(annotations),
            image=_index(image_keys, choices.image),
            annotation=_index(label_keys, choices.annotation),
            channels=tuple(image_keys.index(k) for k in choices.channels if k in image_keys),
            unannotated=as_saved(choices.unannotated, image_keys),
            train=choices.train,
            val=choices.val,
            method=choices.method,
            preset=choices.preset,
            budget=choices.budget.amount,
            unit=choices.budget.unit,
            threshold=threshold,
            advanced=dict(choices.advanced),
            run=None if run is None else Placement.of(run, home),
        )
        pixels = tuple(
            LabelsToWrite(
                self._files[one.key],
                self._layers.layer_pixels(one.key),
                one.classes,
                one.scale,
                one.unit,
            )
            for one in labels
            if one.key in changed
        )
        return Snapshot(project, pixels, tuple(self._images), self._files)

    def _image(self, layer: OpenLayer, home: Path, chosen: bool) -> ProjectImage | None:
        """How to find the image again; pixels that came from no file are written once, if chosen."""
        source = layer.source
        if source is not None and may_be_image(source):
            place = Placement.of(source, home)
        elif layer.key in self._files:
            place = Placement(inside=self._folder.relative(self._files[layer.key]))
        elif chosen and layer.nbytes is not None and layer.nbytes <= LARGEST_COPY:
            pixels: Any = self._layers.layer_pixels(layer.key)
            try:
                stack = EMStack.from_array(
                    pixels, name=layer.name, scale=layer.scale, unit=layer.unit
                )
            except ImageError:  # nothing that could be trained on
                return None
            name = self._new_file("image", layer)
            self._images.append(ImageToWrite(name, stack))
            place = Placement(inside=self._folder.relative(name))
        else:
            return None
        return ProjectImage(
            name=layer.name[:200],
            shape=layer.shape,
            place=place,
            scale=layer.scale,
            unit=layer.unit,
        )

    def _annotation(self, layer: OpenLayer, choices: Choices) -> ProjectAnnotation:
        if layer.key not in self._files:
            self._new_file("annotation", layer)
        return ProjectAnnotation(
            name=layer.name[:200],
            shape=layer.shape,
            file=self._folder.relative(self._files[layer.key]),
            scale=layer.scale,
            translate=layer.translate,
            unit=layer.unit,
            classes=_complete(choices.class_rows.get(layer.key)),
            colours=dict(layer.colours),
        )

    def _new_file(self, kind: str, layer: OpenLayer) -> str:
        name = self._folder.new_name(kind, layer.name, list(self._files.values()))
        self._files[layer.key] = name
        return name


def _index(keys: Sequence[str], key: str | None) -> int | None:
    return keys.index(key) if key in keys else None


def _complete(rows: tuple[ClassRow, ...] | None) -> ClassMap | None:
    """The classes that the user entered; None if there are none or the list is incomplete."""
    return None if rows is None else complete_map(rows)
