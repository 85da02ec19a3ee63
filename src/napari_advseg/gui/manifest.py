"""What the plugin's manifest offers beside the dock: sample data, opening projects and stacks, saving."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari.utils.notifications import show_error
from numpy.typing import NDArray
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_advseg.app.state.annotation_summary import read_annotation
from napari_advseg.core.config.classes import NEW_ANNOTATION, ClassMap
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.synthetic import synthetic_stack
from napari_advseg.core.formats.io import read_isbi2012, read_stack, write_labels
from napari_advseg.core.runtime.errors import AdvSegError, ClassMapError
from napari_advseg.gui.layers.annotation_style import annotation_style
from napari_advseg.gui.layers.class_metadata import (
    read_carried_map,
    read_entered_rows,
    read_meaning,
)
from napari_advseg.gui.layers.image_file_layers import file_metadata
from napari_advseg.gui.layers.layer_voxels import transform_keywords, voxel_size_from

log = logging.getLogger(__name__)

LayerTuple = tuple[Any, dict[str, Any], str]

NOTHING: list[LayerTuple] = [(np.zeros((0, 1, 1), np.uint8), {"channel_axis": 0}, "image")]
"""No layer. napari 0.9 takes an empty list of a sample for an error and says so to the person; an
image without a channel is an image that adds nothing."""

ISBI_CLASSES = ClassMap.of(cell=255, membrane=0)


def synthetic_sample() -> list[LayerTuple]:
    """The built-in EM-like stack and its truth, as layers named ``synthetic EM`` and ``annotation``."""
    stack, truth = synthetic_stack()
    return _layers(stack, truth, NEW_ANNOTATION)


def isbi2012_sample() -> list[LayerTuple]:
    """The ISBI 2012 challenge's stack, from a folder that the person is asked for, as layers.

    A folder without the challenge's files is told through napari's notification.
    """
    folder = ask_for_folder()
    if folder is None:
        return NOTHING
    try:
        stack, labels = read_isbi2012(folder)
    except (AdvSegError, OSError) as error:
        show_error(str(error))
        return NOTHING
    return _layers(stack, labels, ISBI_CLASSES)


def ask_for_folder() -> Path | None:
    """Ask where the ISBI 2012 files are; None if the person changed their mind."""
    found = QFileDialog.getExistingDirectory(
        QApplication.activeWindow(), "Folder with the ISBI 2012 files (train-volume.tif, …)"
    )
    return Path(found) if found else None


def project_reader(path: str | list[str]) -> Callable[[Any], list[tuple[None]]] | None:
    """Reader of ``*.advseg.json`` for napari's File menu and for files that are dropped on it.

    Returns
    -------
    callable or None
        It opens the project in the viewer's session, in the background, and adds no layer itself.
    """
    return _open_project if isinstance(path, str) else None


def _open_project(path: Any) -> list[tuple[None]]:
    from napari_advseg.gui.dock.widget import DOCK_NAME, AdversarialSegmentation
    from napari_advseg.gui.window.viewer_session import session_of

    viewer = napari.current_viewer()
    if viewer is not None:
        session = session_of(viewer)

        def start() -> None:
            if viewer.window._qt_window.findChild(AdversarialSegmentation) is None:
                dock = AdversarialSegmentation(viewer)
                viewer.window.add_dock_widget(dock, name=DOCK_NAME)
            session.controller.project.open(Path(path))

        QTimer.singleShot(0, start)  # once napari has ended its own reading
    return [(None,)]


def stack_reader(path: str | list[str]) -> Callable[[Any], list[LayerTuple]] | None:
    """Reader of MRC and HDF5 files for napari's File menu, its command line, and files dropped on it.

    Returns
    -------
    callable or None
        None if it is none, or holds several datasets, so that another plugin may try.
    """
    if not isinstance(path, str):
        return None
    try:
        stack = read_stack(path)
    except AdvSegError as error:
        log.info("%s", error)
        return None
    return lambda _: _layers(stack, None, NEW_ANNOTATION)


def _layers(stack: EMStack, labels: NDArray[Any] | None, classes: ClassMap) -> list[LayerTuple]:
    place = transform_keywords(stack.voxel_size, stack.translate)
    image: dict[str, Any] = {"name": stack.name, **place}
    image["metadata"] = file_metadata(stack)
    layers: list[LayerTuple] = [(stack.data, image, "image")]
    if labels is not None:
        looks = {"name": "annotation", **place, **annotation_style(classes, labels)}
        layers.append((labels, looks, "labels"))
    return layers


def save_annotation(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels layer with its class map.

    Parameters
    ----------
    path : str
        Where to.
    data : array of integers, shape (Z, Y, X) or (Y, X)
    attributes : dict
        The layer's, as napari gives them to a writer.

    Returns
    -------
    list of str
        The file.

    Raises
    ------
    AnnotationError
        If the layer is no stack of integers.
    AdvSegError
        If the file cannot be written.
    """
    labels = np.asarray(data)
    voxel = voxel_size_from(attributes.get("scale", ()), attributes.get("units", ()))
    classes = _meaning(labels, attributes.get("metadata", {}))
    write_labels(path, labels, classes, scale=voxel.steps, unit=voxel.unit)
    return [path]


def _meaning(labels: NDArray[Any], metadata: dict[str, Any]) -> ClassMap | None:
    """The class map to write, None where the file would then say more than is known.

    In a dense annotation without a class map, slices of one value are unannotated; written with a class
    map they would consist of that value's class.
    """
    try:
        carried = read_carried_map(metadata)
    except ClassMapError:
        carried = None
    try:
        found = read_annotation(labels, carried, read_entered_rows(metadata))
    except AdvSegError:
        return read_meaning(metadata)
    stack = labels if labels.ndim == 3 else labels[np.newaxis]
    same = np.array_equal(found.classes.encode(stack), found.targets)
    return found.classes if same else None
