"""Annotations that save themselves and projects, in a real window with real mouse events."""

from __future__ import annotations

from datetime import UTC, datetime

import napari
import numpy as np
import pytest
import tifffile
from napari.settings import get_settings
from npe2 import PluginManager, PluginManifest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QWidget

from napari_advseg.app.state.class_text import parse_rows
from napari_advseg.core.config.classes import NEW_ANNOTATION, ClassMap
from napari_advseg.core.formats.io import read_labels
from napari_advseg.core.storage.project_file import (
    Placement,
    Project,
    ProjectAnnotation,
    ProjectImage,
    read_project,
)
from napari_advseg.core.storage.project_folder import LabelsToWrite, find_unsaved, unnamed_project
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.widgets import dialogs
from napari_advseg.gui.window.autosave_timer import AUTOSAVE_MS
from napari_advseg.gui.window.viewer_session import ViewerSession, session_of

LEFT = Qt.MouseButton.LeftButton
SHAPE = (4, 64, 64)


@pytest.fixture
def em_file(tmp_path):
    path = tmp_path / "em.tif"
    grey = np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8)
    tifffile.imwrite(path, grey, photometric="minisblack")
    return path


@pytest.fixture
def new_window(make_napari_viewer, qtbot):
    """Opens windows with the dock, which saves at once rather than within the minute."""

    def make():
        viewer = make_napari_viewer(show=True)
        viewer.window.resize(1280, 800)
        dock = AdversarialSegmentation(viewer)
        viewer.window.add_dock_widget(dock, name="Adversarial Segmentation")
        session = session_of(viewer)
        assert session.autosave.timer.interval() == AUTOSAVE_MS < 60_000
        session.autosave.timer.setInterval(1)
        return viewer, dock, session

    return make


@pytest.fixture
def window(new_window, qtbot, em_file):
    """A window with a stack from a file and a new annotation, its brush ready."""
    viewer, dock, session = new_window()
    open_image(qtbot, session, em_file)
    session.controller.data.new_annotation()
    layer = viewer.layers["annotation"]
    layer.mode, layer.brush_size = "paint", 5
    return viewer, dock, session


def open_image(qtbot, session: ViewerSession, path) -> None:
    session.controller.data.open_stack(path)
    qtbot.waitUntil(lambda: session.model.image is not None)


def stroke(qtbot, viewer) -> np.ndarray:
    """Draw a line with the mouse; the layer's pixels after it."""
    canvas = viewer.window._qt_viewer.canvas.native
    at = [QPoint(int(canvas.width() * x), canvas.height() // 2) for x in (0.45, 0.5, 0.55)]
    QApplication.processEvents()
    qtbot.mouseMove(canvas, at[0])
    qtbot.mousePress(canvas, LEFT, pos=at[0])
    for point in at[1:]:
        qtbot.mouseMove(canvas, point)
        QApplication.processEvents()
    qtbot.mouseRelease(canvas, LEFT, pos=at[-1])
    painted = np.array(viewer.layers["annotation"].data)
    assert painted.any()
    return painted


def unnamed(folder):
    """The project file of what nobody saved, once there is one."""
    return next(iter(folder.glob("napari-advseg/projects/*/session.advseg.json")), None)


def wait_until_saved(qtbot, folder, painted: np.ndarray) -> None:
    def there() -> bool:
        path = unnamed(folder)
        return path is not None and np.array_equal(saved_pixels(path), painted)

    qtbot.waitUntil(there)


def saved_pixels(path) -> np.ndarray:
    return read_labels(path.parent / read_project(path).annotations[0].file)[0]


def press(qtbot, dock, role: str) -> None:
    button = dock.findChild(QPushButton, role)
    assert button.isEnabled()
    qtbot.mouseClick(button, LEFT)


def text(dock, name: str) -> str:
    return dock.findChild(QLabel, name).text().replace("\u200b", "")


def test_a_stroke_of_the_mouse_is_saved_and_so_is_its_undo(window, qtbot, own_data_folder):
    viewer, dock, session = window
    painted = stroke(qtbot, viewer)
    wait_until_saved(qtbot, own_data_folder, painted)
    qtbot.waitUntil(lambda: text(dock, "project_words").startswith("annotation saved at "))
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not viewer.layers["annotation"].data.any()
    wait_until_saved(qtbot, own_data_folder, np.zeros(SHAPE, np.uint8))
    assert not session.model.project.due


def test_moving_through_slices_saves_nothing(window, qtbot):
    viewer, _, session = window
    for z in range(SHAPE[0]):
        viewer.dims.set_point(0, z)
        QApplication.processEvents()
    assert not session.model.project.due


@pytest.mark.parametrize("how", ["its cross", "viewer.close()"])
def test_closing_the_window_saves(window, qtbot, own_data_folder, how):
    viewer, _, session = window
    session.autosave.timer.setInterval(AUTOSAVE_MS)
    painted = stroke(qtbot, viewer)
    if how == "its cross":
        get_settings().application.confirm_close_window = False
        viewer.window._qt_window.close()
        del viewer.window._qt_window  # it is gone: napari's fixture must not close it once more
    else:
        viewer.close()
    (left,) = find_unsaved(own_data_folder / "napari-advseg" / "projects")
    np.testing.assert_array_equal(saved_pixels(left.path), painted)
    assert left.image == "em"


def leave(parent, em_file) -> np.ndarray:
    """What a window that was killed left: strokes on the stack, and no project."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[2, 10:20, 5:60] = 2
    folder = unnamed_project(parent, "em")
    file = "annotation-annotation.tif"
    entry = ProjectAnnotation(name="annotation", shape=SHAPE, file=folder.relative(file))
    image = ProjectImage(name="em", shape=SHAPE, place=Placement.of(em_file, parent))
    saved = datetime(2026, 11, 23, 4, 12, tzinfo=UTC)
    folder.save(
        Project(saved=saved, images=(image,), annotations=(entry,), image=0, annotation=0),
        [LabelsToWrite(file, labels, NEW_ANNOTATION)],
    )
    folder.release()
    return labels


def test_after_a_crash_the_annotation_is_offered_and_restored(
    new_window, qtbot, own_data_folder, em_file
):
    labels = leave(own_data_folder / "napari-advseg" / "projects", em_file)
    viewer, dock, session = new_window()
    qtbot.waitUntil(dock.findChild(QWidget, "restore_offer").isVisible)
    assert text(dock, "restore_words") == (
        "The annotation of em of 23 Nov, 04:12 was not saved as a project."
    )
    press(qtbot, dock, "restore")
    qtbot.waitUntil(lambda: session.model.summary is not None)
    assert [layer.name for layer in viewer.layers] == ["em", "annotation"]
    np.testing.assert_array_equal(viewer.layers["annotation"].data, labels)
    assert session.model.summary.classes == NEW_ANNOTATION
    assert not dock.findChild(QWidget, "restore_offer").isVisible()
    assert text(dock, "restore_problem") == ""
    viewer.layers["annotation"].mode = "paint"
    viewer.layers.selection.active = viewer.layers["annotation"]
    painted = stroke(qtbot, viewer)
    wait_until_saved(qtbot, own_data_folder, painted)
    assert len(find_unsaved(own_data_folder / "napari-advseg" / "projects")) == 0  # it is held


def test_an_offer_can_be_dismissed(new_window, qtbot, own_data_folder, em_file):
    parent = own_data_folder / "napari-advseg" / "projects"
    leave(parent, em_file)
    viewer, dock, _ = new_window()
    qtbot.waitUntil(dock.findChild(QWidget, "restore_offer").isVisible)
    press(qtbot, dock, "dismiss")
    assert not dock.findChild(QWidget, "restore_offer").isVisible()
    qtbot.waitUntil(lambda: find_unsaved(parent)[0].project.dismissed)
    assert not viewer.layers


@pytest.fixture
def saved(window, qtbot, monkeypatch, tmp_path):
    """A project saved by its button from a window that is closed since; its strokes and path."""
    viewer, dock, session = window
    painted = stroke(qtbot, viewer)
    colours = {1: "#ff0000ff", 2: "#00ff00ff", None: "#00000000"}
    viewer.layers["annotation"].colormap = napari.utils.DirectLabelColormap(color_dict=colours)
    session.controller.set_threshold(0.3)
    session.controller.data.set_classes(parse_rows("soma=1,rim=2"))
    path = tmp_path / "home" / "vnc.advseg.json"
    monkeypatch.setattr(dialogs, "ask_new_project", lambda parent, start: path)
    press(qtbot, dock, "save_project")
    qtbot.waitUntil(lambda: session.model.project.path == path)
    assert dock.findChild(QLineEdit, "project").text() == "vnc"
    viewer.close()
    return painted, path


def test_a_saved_project_opens_again_by_its_button(
    saved, new_window, qtbot, monkeypatch, own_data_folder
):
    painted, path = saved
    assert not find_unsaved(own_data_folder / "napari-advseg" / "projects")
    viewer, dock, session = new_window()
    monkeypatch.setattr(dialogs, "ask_project", lambda parent: path)
    press(qtbot, dock, "open_project")
    qtbot.waitUntil(lambda: session.model.project.path == path)
    assert [layer.name for layer in viewer.layers] == ["em", "annotation"]
    layer = viewer.layers["annotation"]
    np.testing.assert_array_equal(layer.data, painted)
    np.testing.assert_array_equal(layer.colormap.color_dict[1], (1, 0, 0, 1))
    assert session.model.threshold == 0.3
    qtbot.waitUntil(lambda: session.model.summary is not None)
    assert session.model.summary.classes == ClassMap.of(soma=1, rim=2)
    assert session.model.choices.runs_folder == path.parent / "runs"
    assert text(dock, "project_problem") == ""


def test_layers_in_napari_are_found_again_and_keep_their_undo(saved, new_window, qtbot, em_file):
    painted, path = saved
    viewer, _, session = new_window()
    open_image(qtbot, session, em_file)
    viewer.add_labels(painted.copy(), name="annotation")
    other = viewer.add_labels(np.zeros(SHAPE, np.uint8), name="notes")
    other.data_setitem((np.array([0]), np.array([5]), np.array([5])), 1)
    names = [layer.name for layer in viewer.layers]
    session.controller.project.open(path)
    qtbot.waitUntil(lambda: session.model.project.path == path)
    assert [layer.name for layer in viewer.layers] == names
    assert session.model.annotation.name == "annotation"
    other.undo()
    assert not other.data.any()


def test_a_project_dropped_on_napari_opens(saved, make_napari_viewer, qtbot):
    painted, path = saved
    viewer = make_napari_viewer()
    manager = PluginManager.instance()
    if "napari-advseg" not in manager:
        manager.register(PluginManifest.from_distribution("napari-advseg"))
    viewer.open(str(path), plugin="napari-advseg")
    qtbot.waitUntil(lambda: "annotation" in viewer.layers)
    np.testing.assert_array_equal(viewer.layers["annotation"].data, painted)
    assert viewer.window._qt_window.findChild(AdversarialSegmentation) is not None
