"""One file, one stack: what the dock opens, what is dropped on napari and what `advseg` reads are the same."""

from __future__ import annotations

import dask
import h5py
import numpy as np
import pytest
from npe2 import PluginManager, PluginManifest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QComboBox, QLabel, QLineEdit

from napari_advseg.core.formats import io
from napari_advseg.gui.dock.data.open_button import FOLDER, OpenButton
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.layers.layer_voxels import voxel_size_of
from napari_advseg.gui.widgets import dialogs
from napari_advseg.gui.window.viewer_session import session_of
from support import odd_tiffs
from support.clicking import click
from support.image_files import FOLDERS, OTHERS
from support.odd_tiffs import GREY

FILES = {**odd_tiffs.IMAGES, **OTHERS}


def open_dock(qtbot, viewer, *, shown=True):
    widget = AdversarialSegmentation(viewer)
    viewer.window.add_dock_widget(widget, name="Adversarial Segmentation")
    if shown:
        qtbot.waitUntil(widget.isVisible)
    return widget


def part(dock, role, kind):
    found = dock.findChild(kind, role)
    assert found is not None, role
    return found


def drop(viewer, path):
    """Drop a file from a file manager on the canvas."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    window = viewer.window._qt_viewer
    middle = QPointF(window.rect().center())
    event = QDropEvent(
        middle, Qt.DropAction.CopyAction, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier(0)
    )
    window.dropEvent(event)


def assert_shows(viewer, dock, path):
    """The chosen image is the one image, and what the command line reads from the file."""
    expected = io.read_stack(path)
    images = [one for one in viewer.layers if one._type_string == "image"]
    assert len(images) == 1
    assert str(images[0].unique_id) == dock.model.choices.image
    shown = session_of(viewer).adapter.image(images[0].name)
    np.testing.assert_array_equal(np.asarray(shown.data), np.asarray(expected.data))
    assert shown.data.dtype == expected.data.dtype
    assert shown.source == path
    in_nm = [step * {"Å": 0.1}.get(expected.unit, 1) for step in expected.scale]
    np.testing.assert_allclose(shown.scale, in_nm)
    assert shown.unit == {"Å": "nm"}.get(expected.unit, expected.unit)
    assert dock.model.image.notes == expected.notes
    assert part(dock, "image_notes", QLabel).text().replace("\u200b", "") == " ".join(
        expected.notes
    )


def test_opened_in_the_dock(qtbot, plain_viewer, monkeypatch, tmp_path):
    dock = open_dock(qtbot, plain_viewer)
    for name, write in FILES.items():
        (tmp_path / name).mkdir()
        path = write(tmp_path / name)
        if name in FOLDERS:
            monkeypatch.setattr(dialogs, "ask_folder", lambda *_, path=path: path)
            menu = part(dock, "open_stack", OpenButton).menu()
            next(one for one in menu.actions() if one.text() == FOLDER).trigger()
        else:
            monkeypatch.setattr(dialogs, "ask_file", lambda *_, path=path: path)
            click(qtbot, dock, "open_stack")
        qtbot.waitUntil(lambda: dock.model.image is not None)
        assert_shows(plain_viewer, dock, path)
        plain_viewer.layers.clear()


def test_dropped_on_napari(qtbot, make_napari_viewer, monkeypatch, tmp_path):
    """All in one window, but for HDF5, of which napari asks which reader to take."""
    monkeypatch.setitem(dask.config.config, "scheduler", "synchronous")  # whose threads would stay
    viewer = make_napari_viewer()  # a hidden window: nothing is about the screen
    dock = open_dock(qtbot, viewer, shown=False)
    for name, write in FILES.items():
        if name != "hdf5":
            (tmp_path / name).mkdir()
            path = write(tmp_path / name)
            drop(viewer, path)
            qtbot.waitUntil(
                lambda: dock.model.image is not None and dock.model.image.unchecked_file is None
            )
            assert_shows(viewer, dock, path)
            viewer.layers.clear()


@pytest.mark.parametrize("name", ["mrc", "hdf5"])
def test_opened_by_napari_with_this_plugin(qtbot, viewer, tmp_path, name):
    path = OTHERS[name](tmp_path)
    manager = PluginManager.instance()
    if "napari-advseg" not in manager:
        manager.register(PluginManifest.from_distribution("napari-advseg"))
    dock = open_dock(qtbot, viewer)
    viewer.open(path, plugin="napari-advseg")
    assert_shows(viewer, dock, path)


def test_a_file_that_was_open_before_the_dock_is_looked_at_too(qtbot, viewer, tmp_path):
    path = odd_tiffs.IMAGES["axes_zxy"](tmp_path)
    viewer.open(path)
    dock = open_dock(qtbot, viewer)
    qtbot.waitUntil(
        lambda: dock.model.image is not None and dock.model.image.unchecked_file is None
    )
    assert_shows(viewer, dock, path)
    assert "as its file declares" in dock.model.status


def test_pixels_that_somebody_changed_are_not_replaced(qtbot, viewer, tmp_path):
    path = odd_tiffs.IMAGES["axes_zxy"](tmp_path)
    (layer,) = viewer.open(path)
    turned = layer.data[:, ::-1].copy()
    layer.data = turned
    dock = open_dock(qtbot, viewer)
    runner = session_of(viewer).controller.context.runner
    qtbot.waitUntil(lambda: runner.wait(0))
    qtbot.wait(100)
    assert viewer.layers[0] is layer
    np.testing.assert_array_equal(layer.data, turned)
    assert dock.model.image.unchecked_file == path


# ---- datasets


def test_of_several_datasets_one_is_chosen(qtbot, plain_viewer, monkeypatch, tmp_path):
    dock, path = open_dock(qtbot, plain_viewer), tmp_path / "two.h5"
    with h5py.File(path, "w") as file:
        file["first/raw"], file["second/raw"] = GREY, GREY[::-1]
    monkeypatch.setattr(dialogs, "ask_file", lambda *_: path)
    click(qtbot, dock, "open_stack")
    names = part(dock, "dataset", QComboBox)
    qtbot.waitUntil(names.isVisible)
    assert part(dock, "dataset_words", QLabel).text().startswith("two.h5 holds 2 datasets.")
    assert [names.itemText(i) for i in range(names.count())] == ["first/raw", "second/raw"]
    names.setCurrentText("second/raw")
    click(qtbot, dock, "open_dataset")
    qtbot.waitUntil(lambda: dock.model.image is not None)
    assert not names.isVisible()
    np.testing.assert_array_equal(plain_viewer.layers[0].data, GREY[::-1])
    click(qtbot, dock, "open_image")
    qtbot.waitUntil(names.isVisible)
    click(qtbot, dock, "no_dataset")
    assert not names.isVisible()
    assert len(plain_viewer.layers) == 1


# ---- voxel sizes


def type_voxel_size(dock, text):
    field = part(dock, "voxel_size", QLineEdit)
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Qt.Key.Key_Return)


def test_a_voxel_size_that_is_typed_holds_for_all_that_lies_over_the_image(
    qtbot, plain_viewer, tmp_path
):
    dock = open_dock(qtbot, plain_viewer)
    image = plain_viewer.add_image(GREY, name="em")
    labels = plain_viewer.add_labels(np.ones(GREY.shape, np.uint8), name="cells")
    elsewhere = plain_viewer.add_image(GREY, name="other", translate=(0, 100, 0))
    session_of(plain_viewer).controller.data.pick_image(str(image.unique_id))
    field = part(dock, "voxel_size", QLineEdit)
    assert field.text() == ""
    type_voxel_size(dock, "50,4,4nm")
    assert field.text() == "50, 4, 4 nm"
    for layer in (image, labels):
        np.testing.assert_array_equal(layer.scale, (50, 4, 4))
        assert str(voxel_size_of(layer)) == "50, 4, 4 nm"
    np.testing.assert_array_equal(elsewhere.scale, (1, 1, 1))
    made = session_of(plain_viewer).adapter.image("em")
    assert (made.scale, made.unit) == ((50, 4, 4), "nm")
    type_voxel_size(dock, " ")
    assert str(voxel_size_of(image)) == "1, 1, 1"


@pytest.mark.parametrize("text", ["50,4,4", "50;4;4 nm", "a,b,c nm", "50,4,-4,4nm", "0,4,4nm"])
def test_a_voxel_size_that_cannot_be_read_is_said_beside_its_field(qtbot, plain_viewer, text):
    dock = open_dock(qtbot, plain_viewer)
    image = plain_viewer.add_image(GREY, name="em")
    type_voxel_size(dock, text)
    problem = part(dock, "voxel_size_problem", QLabel)
    assert "write for example 50,4,4nm" in problem.text().replace("\u200b", "")
    np.testing.assert_array_equal(image.scale, (1, 1, 1))
    type_voxel_size(dock, "8nm")
    assert not problem.isVisible()
    np.testing.assert_array_equal(image.scale, (8, 8, 8))


@pytest.mark.parametrize("name", ["mrc", "ome_zarr", "slices"])
def test_a_project_brings_back_an_image_of_any_format_with_its_voxel_size(
    qtbot, plain_viewer, make_napari_viewer, tmp_path, name
):
    dock, path = open_dock(qtbot, plain_viewer), OTHERS[name](tmp_path)
    session = session_of(plain_viewer)
    session.controller.data.open_stack(path)
    qtbot.waitUntil(lambda: dock.model.image is not None)
    session.controller.data.new_annotation(("cell", "membrane"))
    plain_viewer.layers["annotation"].data[2, 3:6] = 1
    plain_viewer.layers["annotation"].refresh()
    type_voxel_size(dock, "40, 5, 5 nm")
    project = tmp_path / "kept" / "em.advseg.json"
    project.parent.mkdir()
    session.controller.project.save_as(project)
    qtbot.waitUntil(lambda: session.model.project.path == project)
    (annotation,) = project.parent.glob("em.advseg/annotation-*.tif")
    assert str(io.read_label_file(annotation).voxel_size) == "40, 5, 5 nm"
    session.close()
    other = make_napari_viewer()
    session_of(other).controller.project.open(project)
    qtbot.waitUntil(lambda: len(other.layers) == 2)
    for layer in other.layers:
        assert str(voxel_size_of(layer)) == "40, 5, 5 nm"
    np.testing.assert_array_equal(np.asarray(other.layers[0].data), GREY)
    assert other.layers["annotation"].data[2, 3:6].all()
