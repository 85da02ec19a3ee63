"""Opening a project: what is read in the background, and which of it is open in the viewer already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_advseg.app.ports.engine import Engine
from napari_advseg.app.ports.projects import OpenLayer
from napari_advseg.app.state.run_form import matching_shape
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.formats.paths import is_there
from napari_advseg.core.runtime.errors import AdvSegError, ProjectError
from napari_advseg.core.storage.project_file import (
    Project,
    ProjectAnnotation,
    ProjectImage,
    inside,
    read_project,
)
from napari_advseg.core.storage.project_folder import ProjectFolder, ProjectHeld, pixels_equal


@dataclass(frozen=True)
class FoundImage:
    """An image of the project: the layer that it is already, or what was read; or neither."""

    entry: ProjectImage
    key: str | None = None
    stack: EMStack | None = None


@dataclass(frozen=True)
class FoundAnnotation:
    """An annotation of the project: the layer that it is already, or what was read."""

    entry: ProjectAnnotation
    key: str | None = None
    labels: NDArray[Any] | None = None
    classes: ClassMap | None = None


@dataclass(frozen=True)
class FoundProject:
    """A project as read.

    Attributes
    ----------
    folder : ProjectFolder or None
        Held for writing; None if its folder cannot be written.
    notes : tuple of str
        What could not be found, a sentence each.
    """

    path: Path
    project: Project
    folder: ProjectFolder | None
    images: tuple[FoundImage, ...] = ()
    annotations: tuple[FoundAnnotation, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all that it names was found."""
        images = all(one.key is not None or one.stack is not None for one in self.images)
        return images and all(
            one.key is not None or one.labels is not None for one in self.annotations
        )


@dataclass(frozen=True)
class Present:
    """What is open when a project is asked for.

    Attributes
    ----------
    layers : tuple of OpenLayer
    pixels : mapping of str to array
        Of the Labels layers, by key.
    files : mapping of str to str
        For layers of the project that is open, the file that each saves itself in.
    folder : ProjectFolder or None
        The project that is open.
    """

    layers: Sequence[OpenLayer]
    pixels: Mapping[str, Any]
    files: Mapping[str, str]
    folder: ProjectFolder | None = None


def read(path: Path, engine: Engine, present: Present) -> FoundProject:
    """Read a project, its images lazily, and hold it for writing.

    Raises
    ------
    ProjectError
        If it cannot be read, or another window has it open.
    """
    project = read_project(path)
    folder = present.folder
    notes: list[str] = []
    if folder is None or folder.path != path:
        present = replace(present, files={})
        folder = _held(path, notes)
    try:
        images = tuple(_image(one, path.parent, engine, present, notes) for one in project.images)
        annotations = tuple(
            _annotation(one, path.parent, engine, present, notes) for one in project.annotations
        )
    except ProjectError:  # a link leads out of the folder
        if folder is not None and folder is not present.folder:
            folder.release()
        raise
    return FoundProject(path, project, folder, images, annotations, tuple(notes))


def _held(path: Path, notes: list[str]) -> ProjectFolder | None:
    folder = ProjectFolder(path)
    try:
        folder.hold()
    except ProjectHeld:
        raise
    except ProjectError:
        notes.append(f"{path.parent} cannot be written: use Save as… before you go on.")
        return None
    return folder


def _image(
    entry: ProjectImage, home: Path, engine: Engine, present: Present, notes: list[str]
) -> FoundImage:
    path = _file_of(entry, home)
    key = same_image(entry, path, present.layers)
    if key is not None:
        return FoundImage(entry, key)
    if path is None:
        where = entry.place.elsewhere or entry.place.inside
        notes.append(
            f"The image {entry.name} is not where it was ({where}): open it, and the annotation lies over it."
        )
        return FoundImage(entry)
    try:
        stack = engine.read_stack(path)
    except (AdvSegError, OSError) as error:
        notes.append(f"The image {entry.name} cannot be opened: {error}")
        return FoundImage(entry)
    if not matching_shape(entry.shape, stack.shape):
        notes.append(
            f"The image {entry.name} in {path} has another size than when it was saved: open the right one."
        )
        return FoundImage(entry)
    if len(entry.scale) == 3:  # as it was shown; the file of an earlier version says the unit alone
        stack = replace(stack, scale=entry.scale, unit=entry.unit or stack.unit)
    return FoundImage(entry, None, replace(stack, name=entry.name))


def _file_of(entry: ProjectImage, home: Path) -> Path | None:
    """Where the image is: where it was, or beside the project under the same name."""
    found = entry.place.path(home)
    if found is not None and is_there(found):
        return found
    name = (entry.place.elsewhere or "").replace("\\", "/").rpartition("/")[2]
    if not name:
        return None
    beside = inside(home, name)
    return beside if is_there(beside) else None


def same_image(entry: ProjectImage, path: Path | None, layers: Sequence[OpenLayer]) -> str | None:
    """Key of the layer that shows this image already: the same file, or without one name and shape."""
    for one in layers:
        if one.kind != "image" or not matching_shape(one.shape, entry.shape):
            continue
        if one.source is not None and path is not None:
            if one.source.resolve() == path.resolve():
                return one.key
        elif one.name == entry.name:
            return one.key
    return None


def _annotation(
    entry: ProjectAnnotation, home: Path, engine: Engine, present: Present, notes: list[str]
) -> FoundAnnotation:
    path = inside(home, entry.file)
    key = next((one.key for one in present.layers if present.files.get(one.key) == path.name), None)
    if key is not None:  # this window saves it there: what is shown is the newer one
        return FoundAnnotation(entry, key)
    try:
        found = engine.read_label_file(path)
    except (AdvSegError, OSError) as error:
        notes.append(f"The annotation {entry.name} cannot be opened: {error}")
        return FoundAnnotation(entry)
    same = _same_labels(entry, path, found.labels, present)
    return FoundAnnotation(entry, same, found.labels, found.classes)


def _same_labels(
    entry: ProjectAnnotation, path: Path, labels: NDArray[Any], present: Present
) -> str | None:
    """Key of a layer that holds these very pixels; one of the same name alone may be another's work."""
    for one in present.layers:
        alike = one.kind == "labels" and matching_shape(one.shape, entry.shape)
        known = one.name == entry.name or (one.source is not None and one.source == path)
        if alike and known and pixels_equal(np.asarray(present.pixels[one.key]), labels):
            return one.key
    return None
