"""Annotations that save themselves: a project held by one window, and the projects nobody saved.

A file takes the place of the last one only when it is whole and on the disk, so that whatever ends the
program, however suddenly, leaves what was saved last. The project file is written after the files that
it names.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.formats.io import write_labels
from napari_advseg.core.formats.tiff_writer import open_mask_writer
from napari_advseg.core.runtime.errors import (
    AdvSegError,
    FolderInUse,
    ProjectError,
    RunFolderError,
    short_reason,
)
from napari_advseg.core.runtime.filesystem import dated_folder, file_stem, only_writer, replacing

from .project_file import SUFFIX, Project, inside, project_name, read_project, write_project

log = logging.getLogger(__name__)

KEPT = 5
"""So many projects that nobody saved are kept of an image; the oldest go first."""
UNNAMED = f"session{SUFFIX}"
"""Name of the project file of what nobody saved, in a folder of its own."""
_OURS = re.compile(r"(annotation|image)-[\w-]+\.tif")
_LEFT_BEHIND = re.compile(r"\.+(annotation|image)-[\w-]+\.tif(\.[0-9a-f]+\.part)?")


class ProjectHeld(ProjectError):
    """Another window has the project open."""


@dataclass(frozen=True)
class LabelsToWrite:
    """The pixels of one annotation.

    Attributes
    ----------
    file : str
        Name from `ProjectFolder.new_name`.
    labels : array-like of integers, shape (Z, Y, X) or (Y, X)
        May be painted on meanwhile.
    classes : ClassMap or None
        What the layer itself says they mean.
    scale : tuple of float
        Size of a voxel.
    unit : str or None
        Unit of `scale`.
    """

    file: str
    labels: Any
    classes: ClassMap | None = None
    scale: tuple[float, ...] = ()
    unit: str | None = None


@dataclass(frozen=True)
class ImageToWrite:
    """An image that came from no file."""

    file: str
    stack: EMStack


class ProjectFolder:
    """A project file and the folder beside it, written by this program alone until `release`.

    Nothing is made before the first `save`.

    Parameters
    ----------
    path : Path
        The project file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = path.parent / f"{project_name(path)}.advseg"
        self._held = ExitStack()
        self._holds = self._ended = False
        self._one_at_a_time = Lock()

    def hold(self) -> None:
        """Become the only writer, and clear away what a killed one left half-written.

        Raises
        ------
        ProjectError
            If it cannot be written; a `ProjectHeld` if another window holds it.
        """
        if self._holds:
            return
        with _said(self.path):
            inside(self.path.parent, self.files.name)  # a link could lead anywhere
            self.files.mkdir(parents=True, exist_ok=True)
            try:
                self._held.enter_context(only_writer(self.files))
            except FolderInUse:
                raise ProjectHeld(
                    f"The project {self.path} is open in another window: close it there, or save under "
                    "another name."
                ) from None
            self._holds = True
            for left in self.files.iterdir():
                if _LEFT_BEHIND.fullmatch(left.name):
                    left.unlink(missing_ok=True)

    def release(self) -> None:
        """Let others write; wait for a `save` that is going on."""
        with self._one_at_a_time:
            self._held.close()
            self._holds, self._ended = False, True

    def relative(self, name: str) -> str:
        """How the project file names a file of `files`."""
        return f"{self.files.name}/{name}"

    def own_name(self, relative: str) -> str | None:
        """Name of a file of `files` that this program may write again; None for any other."""
        folder, _, name = relative.rpartition("/")
        ours = folder == self.files.name and _OURS.fullmatch(name) is not None
        return name if ours and name.startswith("annotation-") else None

    def new_name(self, kind: str, name: str, taken: Sequence[str]) -> str:
        """A file name for a layer that no other layer has and no file."""
        stem = "".join(c for c in file_stem(name) if c.isascii()).strip("-") or "layer"
        found, number = f"{kind}-{stem}.tif", 2
        while found in taken or (self.files / found).exists():
            found, number = f"{kind}-{stem}-{number}.tif", number + 1
        return found

    def save(
        self,
        project: Project,
        labels: Sequence[LabelsToWrite] = (),
        images: Sequence[ImageToWrite] = (),
    ) -> None:
        """Write pixels, then the project that names them; calls from several threads take turns.

        Raises
        ------
        ProjectError
            If something cannot be written; what was there before is still there.
        """
        with self._one_at_a_time:
            if self._ended:  # a newer save came first
                return
            self.hold()
            with _said(self.path):
                for image in images:
                    self._write_image(image)
                for one in labels:
                    # A copy: its largest value must not change between measuring and writing.
                    pixels = np.array(one.labels)
                    with replacing(self.files / one.file) as partial:
                        write_labels(
                            partial, pixels, one.classes, scale=one.scale or None, unit=one.unit
                        )
                write_project(self.path, project)

    def _write_image(self, image: ImageToWrite) -> None:
        stack = image.stack
        dtype = np.dtype(stack.data.dtype).newbyteorder("=")
        with (
            replacing(self.files / image.file) as partial,
            open_mask_writer(
                partial, stack.shape, dtype, scale=stack.scale, unit=stack.unit
            ) as writer,
        ):
            for z in range(stack.shape[0]):
                writer.write(np.asarray(stack.data[z]).astype(dtype, copy=False))

    def remove(self) -> None:
        """Delete the project and what this program wrote for it; anything else stays."""
        self.release()
        _remove(self.path, self.files)


@contextmanager
def _said(path: Path) -> Iterator[None]:
    """Word a refusal of the file system for a person."""
    try:
        yield
    except ProjectError:
        raise
    except (OSError, AdvSegError) as error:
        cause = error.__cause__ if isinstance(error, AdvSegError) else error
        if not isinstance(cause, OSError):
            raise
        raise ProjectError(
            f"The annotation cannot be saved in {path.parent} ({short_reason(cause)}): make room "
            "there, or press Save as… and choose another folder."
        ) from error


def _remove(path: Path, files: Path) -> None:
    with suppress(OSError):  # what cannot be deleted stays, and is in nobody's way
        path.unlink(missing_ok=True)
        for one in files.iterdir():
            if _OURS.fullmatch(one.name) or _LEFT_BEHIND.fullmatch(one.name) or one.name == "lock":
                one.unlink(missing_ok=True)
        files.rmdir()
        path.parent.rmdir()


def unnamed_project(parent: Path, image: str) -> ProjectFolder:
    """A project for what nobody saved yet, in a new folder inside `parent` that is not made yet."""
    return ProjectFolder(dated_folder(parent, image) / UNNAMED)


@dataclass(frozen=True)
class Unsaved:
    """A project that nobody saved, left by a window that was closed or killed."""

    path: Path
    project: Project

    @property
    def image(self) -> str:
        """Name of the image that was painted on."""
        images = self.project.images
        return images[self.project.image or 0].name if images else ""


def find_unsaved(parent: Path) -> tuple[Unsaved, ...]:
    """Projects in `parent` that nobody saved and no window holds, the latest first."""
    found = []
    paths = sorted(parent.glob(f"*/{UNNAMED}")) if parent.is_dir() else []
    for path in paths:
        try:
            project = read_project(path)
        except AdvSegError as error:
            log.warning("%s", error)
            continue
        if project.annotations and not _is_held(path):
            found.append(Unsaved(path, project))
    return tuple(sorted(found, key=lambda one: one.project.saved, reverse=True))


def offered(found: Sequence[Unsaved]) -> Unsaved | None:
    """The latest of `find_unsaved`, unless the person did not want it."""
    return found[0] if found and not found[0].project.dismissed else None


def dismiss(found: Sequence[Unsaved]) -> None:
    """Offer these no more; their files stay.

    Raises
    ------
    ProjectError
        If that cannot be noted.
    """
    for one in found:
        if not one.project.dismissed:
            with _said(one.path):
                write_project(one.path, one.project.model_copy(update={"dismissed": True}))


def prune(parent: Path, kept: int = KEPT) -> None:
    """Of each image keep only the latest projects that nobody saved."""
    seen: dict[str, int] = {}
    found: tuple[Unsaved, ...] = ()
    with suppress(OSError):  # a folder that cannot be listed is not tidied
        found = find_unsaved(parent)
    for one in found:
        seen[one.image] = seen.get(one.image, 0) + 1
        if seen[one.image] > kept:
            ProjectFolder(one.path).remove()


def _is_held(path: Path) -> bool:
    """Whether a window has this project open; so is one that nobody may write to."""
    files = ProjectFolder(path).files
    if not files.is_dir():
        return False
    try:
        with only_writer(files):
            return False
    except RunFolderError:
        return True


def pixels_equal(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two annotations say the same; one slice may lack its Z axis."""
    stacks = [a[np.newaxis] if a.ndim == 2 else a for a in (np.asarray(one), np.asarray(other))]
    return np.array_equal(stacks[0], stacks[1])
