"""Showing a project that was read: layers first, then what was chosen of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from napari_advseg.app.controllers.data import DataController
from napari_advseg.app.ports.viewer import ViewerPort, default_runs_folder
from napari_advseg.app.state.advanced_fields import SHOWN
from napari_advseg.app.state.class_rows import rows_from_map
from napari_advseg.app.state.model import AppModel
from napari_advseg.app.state.run_form import Budget, Choices, matching_shape, settings_of
from napari_advseg.app.state.unannotated_source import from_saved
from napari_advseg.core.config.presets import PRESETS
from napari_advseg.core.runtime.errors import AdvSegError
from napari_advseg.core.storage.project_file import Project
from napari_advseg.core.storage.project_folder import ProjectFolder

from .reading import FoundAnnotation, FoundImage, FoundProject


@dataclass
class Shown:
    """What became of a project in the viewer.

    Attributes
    ----------
    files : dict of str to str
        For the key of each annotation layer its file, relative to the project's folder.
    run : Path or None
        Folder of the last run, if it is still there.
    notes : list of str
        What could not be shown, a sentence each.
    """

    files: dict[str, str] = field(default_factory=dict)
    run: Path | None = None
    notes: list[str] = field(default_factory=list)


def show_project(
    found: FoundProject, model: AppModel, viewer: ViewerPort, data: DataController
) -> Shown:
    """Add the layers that are not open yet, and choose what was chosen."""
    shown = Shown()
    project = found.project
    images = [_show_image(one, model, viewer, shown) for one in found.images]
    names = {one.key: one.name for one in map(model.layer, images) if one is not None}
    labels = [
        _show_annotation(
            one, _under(one, project, images, found.images, names), model, viewer, shown
        )
        for one in found.annotations
    ]
    image = None if project.image is None else images[project.image]
    if image is not None:
        data.pick_image(image)
        channels = tuple(key for i in project.channels if (key := images[i]) is not None)
        if channels:
            data.pick_channels(channels)
    chosen = None if project.annotation is None else labels[project.annotation]
    if chosen is not None and image is not None:
        data.pick_annotation(chosen)
    rows = dict(model.choices.class_rows)
    for key, entry in zip(labels, found.project.annotations, strict=True):
        if key is not None and entry.classes is not None:
            rows[key] = rows_from_map(entry.classes)
    choices = replace(model.choices, class_rows=MappingProxyType(rows))
    if chosen is not None and image is not None:
        choices = replace(choices, train=project.train, val=project.val)
    choices = replace(choices, unannotated=from_saved(project.unannotated, images))
    _choose(_with_settings(choices, project, shown), found, data)
    model.threshold = project.threshold
    viewer.set_threshold(project.threshold)
    _find_run(found, shown)
    return shown


def own_files(folder: ProjectFolder, files: Mapping[str, str]) -> dict[str, str]:
    """Of annotation files those that this program may write again, by the layer's key."""
    names = {key: folder.own_name(file) for key, file in files.items()}
    return {key: name for key, name in names.items() if name is not None}


def _show_image(one: FoundImage, model: AppModel, viewer: ViewerPort, shown: Shown) -> str | None:
    if one.key is not None and model.layer(one.key) is not None:
        return one.key
    if one.stack is None:
        return None
    try:
        return _key_of(viewer.open_stack(one.stack), model)
    except AdvSegError as error:
        shown.notes.append(str(error))
        return None


def _under(
    one: FoundAnnotation,
    project: Project,
    keys: Sequence[str | None],
    images: Sequence[FoundImage],
    names: dict[str, str],
) -> str | None:
    """Name of the image layer that an annotation lies over: the chosen one if it has its size."""
    order = sorted(range(len(keys)), key=lambda i: i != project.image)
    fitting = (
        keys[i]
        for i in order
        if keys[i] is not None and matching_shape(images[i].entry.shape, one.entry.shape)
    )
    return names.get(next(fitting, None) or "")


def _show_annotation(
    one: FoundAnnotation, like: str | None, model: AppModel, viewer: ViewerPort, shown: Shown
) -> str | None:
    key = one.key if one.key is not None and model.layer(one.key) is not None else None
    if key is None and one.labels is not None:
        try:
            name = viewer.project_layers.restore_labels(one.labels, one.classes, one.entry, like)
            key = _key_of(name, model)
        except AdvSegError as error:
            shown.notes.append(str(error))
    if key is not None:
        shown.files[key] = one.entry.file
    return key


def _key_of(name: str, model: AppModel) -> str | None:
    return next((one.key for one in model.layers if one.name == name), None)


def _with_settings(choices: Choices, project: Project, shown: Shown) -> Choices:
    """Take over the settings of a run, or keep those of the window if they cannot be used."""
    wanted = replace(
        choices,
        method=project.method,
        preset=project.preset,
        budget=Budget(project.budget, project.unit),
        advanced=MappingProxyType(dict(project.advanced)),
    )
    try:
        if project.preset not in PRESETS or not set(project.advanced) <= set(SHOWN):
            unknown = [project.preset, *project.advanced]
            words = next(w for w in unknown if w not in PRESETS and w not in SHOWN)
            shown.notes.append(f"The project's setting {words[:40]!r} is unknown and left out.")
            return replace(choices, method=project.method)
        settings_of(wanted)
    except AdvSegError as error:
        shown.notes.append(f"The project's settings are left out: {error}")
        return replace(choices, method=project.method)
    return wanted


def _choose(choices: Choices, found: FoundProject, data: DataController) -> None:
    if found.folder is not None and choices.runs_folder == default_runs_folder():
        choices = replace(choices, runs_folder=found.path.parent / "runs")
    names = (
        "class_rows", "train", "val", "method", "preset", "budget", "advanced", "runs_folder",
        "unannotated",
    )  # fmt: skip
    data.choose(**{name: getattr(choices, name) for name in names})


def _find_run(found: FoundProject, shown: Shown) -> None:
    place = found.project.run
    if place is None:
        return
    folder = place.path(found.path.parent)
    if folder is not None and folder.is_dir():
        shown.run = folder
    else:
        where = place.elsewhere or place.inside
        shown.notes.append(f"The last run is not where it was ({where}): Load run… finds it.")
