"""The project: annotations save themselves, are restored after a crash, and are opened again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_advseg.app.controllers.base import AppContext, BaseController
from napari_advseg.app.controllers.data import DataController
from napari_advseg.app.controllers.keep import KeepController
from napari_advseg.app.messages.run_messages import first_sentence
from napari_advseg.app.ports.projects import OpenLayer
from napari_advseg.app.ports.viewer import default_projects_folder, default_runs_folder
from napari_advseg.app.state.project_info import ProjectInfo
from napari_advseg.core.runtime.errors import AdvSegError, Subject
from napari_advseg.core.storage.project_file import Project, project_name, with_suffix
from napari_advseg.core.storage.project_folder import (
    LabelsToWrite,
    ProjectFolder,
    prune,
    unnamed_project,
)

from .reading import FoundProject, Present, read
from .removed_layers import RemovedLayers
from .restoring import own_files, show_project
from .unsaved import UnsavedProjects
from .writing import Snapshot, SnapshotMaker

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Taken:
    """What a save that is under way takes care of."""

    folder: ProjectFolder
    snapshot: Snapshot
    changed: frozenset[str]
    orphans: tuple[LabelsToWrite, ...] = ()


class ProjectController(BaseController):
    """Knows what is not saved yet, and saves, opens and restores.

    Until a project is saved, annotations save themselves in a folder of their own inside `parent`.

    Parameters
    ----------
    parent : Path, optional
        Folder for what nobody saved; by default in the user's data directory.
    bring_back_masks : callable, optional
        Called when the run of a project is loaded.

    Attributes
    ----------
    unsaved : UnsavedProjects
        What earlier windows left there.
    """

    def __init__(
        self,
        context: AppContext,
        data: DataController,
        keep: KeepController,
        parent: Path | None = None,
        bring_back_masks: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(context)
        self._data, self._keep, self._bring_back_masks = data, keep, bring_back_masks
        self._layers = RemovedLayers(context.model, context.viewer)
        self._parent = default_projects_folder() if parent is None else parent
        self._folder: ProjectFolder | None = None
        self._named = False
        self._files: dict[str, str] = {}  # by layer, within the folder's own
        self._written: Project | None = None
        self._changed: set[str] = set()
        self._orphans: list[LabelsToWrite] = []
        self._classes: dict[str, Any] = {}
        self._stale = False
        self._saving: _Taken | None = None
        self._failed = False
        self._then: list[Callable[[], None]] = []
        self.unsaved = UnsavedProjects(context, self._parent)
        events = self._model.events
        for signal in (events.choices, events.threshold, events.run, events.layers):
            signal.connect(self._may_be_stale)

    # ---- annotations save themselves

    def painted(self, key: str) -> None:
        """The pixels of a Labels layer changed; called at each move of the brush."""
        if key not in self._changed:
            self._changed.add(key)
            self._tell()

    def layer_removed(self, layer: OpenLayer, pixels: Any) -> None:
        """A layer is gone, or the window is about to go; `settle_removed` has to follow."""
        self._layers.add(layer, pixels)

    def settle_removed(self) -> None:
        """The window goes on without the layers that were removed: keep what was painted there."""
        for layer, pixels in self._layers.take():
            self._keep_deleted(layer, pixels)
        self.autosave()

    def _keep_deleted(self, layer: OpenLayer, pixels: Any) -> None:
        """Save the pixels of an annotation once more: napari cannot bring a deleted layer back."""
        painted = layer.key in self._changed
        self._changed.discard(layer.key)
        name = self._files.pop(layer.key, None)
        if layer.kind != "labels" or not (painted or name):
            return
        folder = self._folder_to_write()
        if painted:
            name = name or folder.new_name("annotation", layer.name, list(self._files.values()))
            self._orphans.append(
                LabelsToWrite(name, pixels, layer.classes, layer.scale, layer.unit)
            )
        self._model.status = (
            f"The deleted annotation {layer.name} is kept in {folder.files / str(name)}: "
            "Open… beside “annotation” brings it back."
        )

    def autosave(self) -> None:
        """Save what changed, in the background; nothing if nothing did or a save is under way."""
        if self._saving is not None:
            return
        taken = self._take()
        if taken is None:
            self._tell()
            return
        self._start(taken, self._saved, self._not_saved)

    def _take(self) -> _Taken | None:
        """What has to be written now; from here on it counts as taken care of."""
        if not (self._changed or self._orphans or self._folder):
            return None
        present = {one.key: one for one in self._layers.open_layers() if one.kind == "labels"}
        changed = (self._changed | self._renamed_classes(present)) & set(present)
        self._changed.clear()
        stale, self._stale = self._stale, False
        if not (changed or self._orphans or (stale and self._folder is not None)):
            return None
        folder = self._folder_to_write()
        snapshot = self._snapshot(folder, self._files, changed)
        if not (changed or self._orphans) and snapshot.same_project(self._written):
            return None
        self._files = dict(snapshot.files)
        self._classes = {key: one.classes for key, one in present.items()}
        orphans, self._orphans = tuple(self._orphans), []
        return _Taken(folder, snapshot, frozenset(changed), orphans)

    def _snapshot(
        self, folder: ProjectFolder, files: dict[str, str], changed: set[str]
    ) -> Snapshot:
        run = self._model.run
        maker = SnapshotMaker(self._layers, folder, files)
        return maker.take(
            self._layers.choices,
            self._model.threshold,
            set(files) | changed,
            changed,
            None if run is None else run.folder,
        )

    def _renamed_classes(self, present: dict[str, OpenLayer]) -> set[str]:
        """Layers of the project whose file still carries other classes."""
        return {
            key
            for key, one in present.items()
            if key in self._files and self._classes.get(key, one.classes) != one.classes
        }

    def _folder_to_write(self) -> ProjectFolder:
        if self._folder is None:
            self._folder = self._new_unnamed()
            self._written = None
        return self._folder

    def _new_unnamed(self) -> ProjectFolder:
        image = next(
            (i for i in self._layers.open_layers() if i.key == self._layers.choices.image), None
        )
        return unnamed_project(self._parent, "image" if image is None else image.name)

    def _start(
        self,
        taken: _Taken,
        saved: Callable[[_Taken], None],
        not_saved: Callable[[BaseException], None],
    ) -> None:
        self._saving = taken

        def write() -> None:
            _write(taken)
            prune(self._parent)

        def failed(error: BaseException) -> None:
            self._saving = None
            self._give_back(taken)
            if not isinstance(error, AdvSegError):
                log.error("The annotation could not be saved.", exc_info=error)
            not_saved(error)
            self._go_on()

        def done(result: None) -> None:
            self._saving = None
            saved(taken)
            self._go_on()

        self._tell()
        self._in_background(write, done, failed)

    def _saved(self, taken: _Taken) -> None:
        self._written = taken.snapshot.project
        if self._failed:
            self._failed = False
            self._model.clear_problems(Subject.PROJECT)
            self._model.status = "The annotation is saved again."
        self._tell()

    def _give_back(self, taken: _Taken) -> None:
        """Keep what was not written for the next time."""
        self._changed |= taken.changed
        self._orphans = [*taken.orphans, *self._orphans]
        self._stale = True
        self._tell()

    def _not_saved(self, error: BaseException) -> None:
        """Say so, in the status line once; it is tried again."""
        sentence = first_sentence(error)
        if not self._failed:
            self._failed = True
            self._model.status = sentence
        self._model.set_problem(Subject.PROJECT, sentence)

    def _go_on(self) -> None:
        waiting, self._then = self._then, []
        for one in waiting:
            one()

    def _may_be_stale(self) -> None:
        if self._folder is not None and not self._stale:
            self._stale = True
            self._tell()

    def _tell(self) -> None:
        written = self._written
        self._model.project = ProjectInfo(
            path=None if self._folder is None or not self._named else self._folder.path,
            saved="" if written is None else f"{written.saved:%H:%M}",
            due=bool(self._changed or self._orphans or self._stale),
        )

    # ---- what the person asks for

    def save_as(self, path: Path) -> None:
        """Save image places, annotations, choices and the last run as a project, and go on in it."""
        if self._saving is not None:
            self._then.append(lambda: self.save_as(path))
            return
        path = with_suffix(path)
        self._model.clear_problems(Subject.PROJECT)
        if self._folder is not None and self._named and path == self._folder.path:
            self._stale, self._written = True, None
            self.autosave()
            return
        present = {one.key for one in self._layers.open_layers() if one.kind == "labels"}
        chosen = self._model.choices.annotation
        listed = (set(self._files) | self._changed | ({chosen} if chosen else set())) & present
        folder = ProjectFolder(path)
        if self._model.choices.runs_folder == default_runs_folder():
            self._data.choose(runs_folder=path.parent / "runs")
        snapshot = self._snapshot(folder, {}, listed)
        taken = _Taken(folder, snapshot, frozenset(self._changed))
        self._changed.clear()

        def failed(error: BaseException) -> None:
            folder.release()
            self._model.set_problem(Subject.PROJECT, first_sentence(error))

        self._start(taken, self._moved, failed)

    def _moved(self, taken: _Taken) -> None:
        """From now on the project is the one that was saved under a new name."""
        old, named = self._folder, self._named
        self._adopt(taken.folder, named=True, files=dict(taken.snapshot.files))
        self._model.status = f"The project is saved in {taken.folder.path}."
        self._saved(taken)
        if old is not None:
            self._in_background(old.release if named else old.remove)

    def _adopt(self, folder: ProjectFolder | None, *, named: bool, files: dict[str, str]) -> None:
        self._folder, self._named, self._files = folder, named and folder is not None, files
        self._classes = {}
        self._failed = self._stale = False

    def open(self, path: Path) -> None:
        """Open a project: its layers, what was chosen, and its last run."""
        self._open(path, Subject.PROJECT, named=True)

    def restore(self) -> None:
        """Open what the last window left that nobody saved, and go on in it."""
        if self.unsaved.path is not None:
            self._open(self.unsaved.path, Subject.UNSAVED_WORK, named=False)

    def _open(self, path: Path, subject: Subject, *, named: bool) -> None:
        model = self._model
        if model.busy:
            model.set_problem(subject, "A run is under way: stop it, then open the project.")
            return
        if self._saving is not None:
            self._then.append(lambda: self._open(path, subject, named=named))
            return
        if self._changed or self._orphans:  # the project that is left has to be complete
            self._then.append(lambda: self._read(path, subject, named=named))
            self.autosave()
            if self._saving is not None:
                return
            self._then.clear()
        self._read(path, subject, named=named)

    def _read(self, path: Path, subject: Subject, *, named: bool) -> None:
        model, layers = self._model, self._layers.open_layers()
        model.clear_problems(subject)
        pixels = {
            one.key: self._layers.layer_pixels(one.key) for one in layers if one.kind == "labels"
        }
        present = Present(layers, pixels, dict(self._files), self._folder)

        def failed(error: BaseException) -> None:
            model.status = ""
            self._show_failure(subject, error)

        model.status = f"Opening {project_name(path)}."
        self._in_background(
            lambda: read(path, self._engine, present),
            lambda found: self._show(found, subject, named=named),
            failed,
        )

    def _show(self, found: FoundProject, subject: Subject, *, named: bool) -> None:
        model, old, folder = self._model, self._folder, found.folder
        shown = show_project(found, model, self._viewer, self._data)
        notes = [*found.notes, *shown.notes]
        if folder is not None and folder is not old and not found.complete:
            # What could not be found would be missing from the file for good.
            self._in_background(folder.release)
            folder = None
            notes.append("Nothing is saved to this project before all of it is found.")
        files = {} if folder is None else own_files(folder, shown.files)
        self._adopt(folder, named=named, files=files)
        if folder is not None:
            self._changed |= set(shown.files) - set(files)
        self._written = None if folder is None else found.project
        if old is not None and old is not folder:
            self._in_background(old.release)
        model.status = f"Opened {project_name(found.path)}." if named else "Restored."
        if shown.run is not None:
            self._keep.load_run(shown.run, self._bring_back_masks)
        if not named:
            self.unsaved.forget()
        if notes:
            model.set_problem(subject, " ".join(notes))
        self._tell()

    # ---- the end

    def close(self) -> None:
        """Save what changed before the window goes; where that fails, in the user's data directory."""
        if self._saving is not None:  # nobody would hear of its failure
            self._give_back(self._saving)
        taken = self._take()
        try:
            if taken is not None:
                _write(taken)
        except AdvSegError as error:
            log.error("%s", error)
            self._save_elsewhere(taken)
        if self._folder is not None:
            self._folder.release()

    def _save_elsewhere(self, failed: _Taken | None) -> None:
        if failed is None or not self._named:
            return
        folder = self._new_unnamed()
        try:
            snapshot = self._snapshot(folder, {}, set(self._files))
            _write(replace(failed, folder=folder, snapshot=snapshot))
            log.warning("The annotation is saved in %s instead.", folder.path.parent)
        except AdvSegError as error:
            log.error("%s", error)
        folder.release()


def _write(taken: _Taken) -> None:
    snapshot = taken.snapshot
    taken.folder.save(snapshot.project, (*taken.orphans, *snapshot.labels), snapshot.images)
