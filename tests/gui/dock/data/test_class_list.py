"""The class list in a real window: mouse, keys, napari's own brush and undo."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Layer
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QMenu, QWidget

from napari_advseg.core.formats.io import read_labels, write_labels
from napari_advseg.core.runtime.errors import Subject
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.widgets import dialogs
from napari_advseg.gui.widgets.class_colours import MORE_CLASSES
from napari_advseg.gui.window.viewer_session import session_of
from support.new_annotation import click_new

LEFT = Qt.MouseButton.LeftButton
SHAPE = (4, 64, 64)


@pytest.fixture
def viewer(request):
    """A viewer in a plain window, or in napari's where a test needs its canvas, its keys or its look."""
    return request.getfixturevalue(getattr(request, "param", "plain_viewer"))


in_napari = pytest.mark.parametrize("viewer", ["napari_viewer"], indirect=True)


@pytest.fixture
def window(viewer, qtbot):
    """The dock beside an image, with an annotation that was just made."""
    viewer.add_image(np.zeros(SHAPE, np.uint8), name="em")
    dock = AdversarialSegmentation(viewer)
    viewer.window.add_dock_widget(dock, name="Adversarial Segmentation", area="right")
    qtbot.waitUntil(dock.isVisible)
    click_new(qtbot, dock)
    qtbot.waitUntil(lambda: names(dock) == ["cell", "membrane"])
    viewer.window._qt_window.activateWindow()
    return dock


def part(dock, role):
    found = dock.findChild(QWidget, role)
    assert found is not None, role
    return found


def names(dock):
    return [row.name for row in dock.model.class_list.rows]


def values(dock):
    return [row.values for row in dock.model.class_list.rows]


def click(qtbot, widget):
    """Click where a person would, on what is really there."""
    at = widget.rect().center()
    qtbot.waitUntil(lambda: QApplication.widgetAt(widget.mapToGlobal(at)) is widget)
    qtbot.mouseClick(widget, LEFT, pos=at)


def stroke(qtbot, viewer, row):
    """Drag the mouse over the canvas, left to right; `row` is a share of its height."""
    canvas = viewer.window._qt_viewer.canvas.native
    y, width = int(canvas.height() * row), canvas.width()
    points = [QPoint(int(width * x), y) for x in np.linspace(0.4, 0.6, 9)]
    qtbot.mouseMove(canvas, points[0])
    qtbot.mousePress(canvas, LEFT, pos=points[0])
    for point in points[1:]:
        qtbot.mouseMove(canvas, point)
    qtbot.mouseRelease(canvas, LEFT, pos=points[-1])


def painted(viewer, value):
    return int((viewer.layers["annotation"].data == value).sum())


@in_napari
def test_rows_can_be_met_by_keyboard_and_are_explained(qtbot, viewer, window):
    for index in range(2):
        for role in ("class_colour", "class_name"):
            widget = part(window, f"{role}_{index}")
            assert widget.accessibleName()
            assert len(widget.toolTip()) > 15
        assert f"Alt+{index + 1}" in part(window, f"class_{index}").toolTip()
        assert part(window, f"class_{index}").height() <= 24
    swatch = part(window, "class_colour_0")
    swatch.setFocus()
    met = []
    for _ in range(3):
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        met.append(QApplication.focusWidget().objectName())
    assert met == ["class_name_0", "class_colour_1", "class_name_1"]
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Up)
    assert QApplication.focusWidget() is part(window, "class_name_0")
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Down)
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Space)
    assert viewer.layers["annotation"].selected_label == 2


@in_napari
def test_three_classes_are_painted_with_the_mouse_and_their_shares_follow(qtbot, viewer, window):
    layer = viewer.layers["annotation"]
    click(qtbot, part(window, "class_name_1"))
    assert layer.selected_label == 2
    assert str(layer.mode) == "paint"
    assert part(window, "class_1").property("painted")
    stroke(qtbot, viewer, 0.4)
    click(qtbot, part(window, "class_add"))
    name = part(window, "class_name_2")
    qtbot.waitUntil(lambda: QApplication.focusWidget() is name)
    qtbot.keyClicks(name, "synapse")
    qtbot.keyClick(name, Qt.Key.Key_Return)
    stroke(qtbot, viewer, 0.6)
    assert painted(viewer, 2) > 0
    assert painted(viewer, 3) > 0
    rows = lambda: window.model.class_list.rows  # noqa: E731
    qtbot.waitUntil(lambda: names(window)[2] == "synapse")
    qtbot.waitUntil(lambda: rows()[2].pixels == painted(viewer, 3))
    assert part(window, "class_share_2").text().endswith("%")
    assert sum(row.share for row in rows()) == pytest.approx(1)
    assert len({part(window, f"class_colour_{i}").colour() for i in range(3)}) == 3
    unlabelled, *shown = layer.colormap.map(np.array([0, 1, 2, 3], np.uint8))
    assert unlabelled[3] == 0
    assert len({tuple(colour) for colour in shown}) == 3


@in_napari
@pytest.mark.parametrize("where", ["canvas", "dock", "field"])
def test_alt_and_a_digit_pick_a_class(qtbot, viewer, window, where):
    target = {
        "canvas": lambda: viewer.window._qt_viewer.canvas.native,
        "dock": lambda: part(window, "class_name_0"),
        "field": lambda: part(window, "budget"),
    }[where]()
    target.setFocus()
    layer = viewer.layers["annotation"]
    layer.mode = "erase"
    qtbot.keyClick(target, Qt.Key.Key_2, Qt.KeyboardModifier.AltModifier)
    assert layer.selected_label == 2
    assert str(layer.mode) == "paint"
    layer.mode = "fill"
    qtbot.keyClick(target, Qt.Key.Key_1, Qt.KeyboardModifier.AltModifier)
    assert (layer.selected_label, str(layer.mode)) == (1, "fill")
    qtbot.keyClick(target, Qt.Key.Key_9, Qt.KeyboardModifier.AltModifier)
    assert layer.selected_label == 1
    viewer.layers.selection.active = viewer.layers["em"]
    layer.mode = "pan_zoom"
    qtbot.keyClick(target, Qt.Key.Key_2, Qt.KeyboardModifier.AltModifier)
    assert (layer.selected_label, str(layer.mode)) == (2, "pan_zoom")


@in_napari
def test_a_key_of_napari_is_not_typed_into_a_name(qtbot, viewer, window):
    click(qtbot, part(window, "class_name_0"))
    field = part(window, "class_name_0")
    field.setFocus()
    qtbot.keyClicks(field, "3")
    assert field.text() == "cell"
    qtbot.mouseDClick(field, LEFT)
    qtbot.keyClicks(field, "neu,ri=te")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: names(window)[0] == "neurite")
    qtbot.keyClick(field, Qt.Key.Key_F2)
    qtbot.keyClicks(field, "axon")
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert field.text() == "neurite"
    assert field.isReadOnly()


def test_recolour_shows_on_the_canvas_and_stays_as_translucent(qtbot, viewer, window, monkeypatch):
    asked = []
    monkeypatch.setattr(
        dialogs, "ask_colour", lambda parent, title, colour: asked.append(colour) or "#5b0afd"
    )
    layer = viewer.layers["annotation"]
    alpha = layer.colormap.map(np.array([1], np.uint8))[0, 3]
    swatch = part(window, "class_colour_0")
    swatch.setFocus()
    qtbot.keyClick(swatch, Qt.Key.Key_Return)
    assert asked == [MORE_CLASSES[0]]
    assert swatch.colour() == "#5b0afd"
    shown = layer.colormap.map(np.array([1], np.uint8))[0]
    assert np.round(shown[:3] * 255).astype(int).tolist() == [0x5B, 0x0A, 0xFD]
    assert shown[3] == pytest.approx(alpha)
    monkeypatch.setattr(dialogs, "ask_colour", lambda *_: None)
    click(qtbot, swatch)
    assert swatch.colour() == "#5b0afd"


def three_classes(qtbot, viewer, window):
    window._session.controller.classes.add()
    layer = viewer.layers["annotation"]
    for value in (1, 2, 3):
        layer.data_setitem(
            (np.repeat([0, 2], 20), np.full(40, 9 * value), np.tile(range(20), 2)), value
        )
    qtbot.waitUntil(lambda: [row.pixels for row in window.model.class_list.rows] == [40, 40, 40])
    return layer


@in_napari
def test_removing_asks_first_and_undo_brings_all_back(qtbot, viewer, window, monkeypatch):
    layer = three_classes(qtbot, viewer, window)
    before = layer.data.copy()
    questions = []
    answer = {"yes": False}
    monkeypatch.setattr(
        dialogs, "ask_to_go_on",
        lambda parent, title, text, go_on: questions.append(text) or answer["yes"],
    )  # fmt: skip
    name = part(window, "class_name_2")
    name.setFocus()
    qtbot.keyClick(name, Qt.Key.Key_Delete)
    assert "40 painted pixels" in questions[0]
    assert np.array_equal(layer.data, before)
    assert len(names(window)) == 3
    answer["yes"] = True
    qtbot.keyClick(name, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: len(names(window)) == 2)
    assert painted(viewer, 3) == 0
    canvas = viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert np.array_equal(layer.data, before)
    qtbot.waitUntil(lambda: names(window) == ["cell", "membrane", "class 3"])
    assert Subject.CLASSES not in window.model.problems


@in_napari
def test_merging_by_the_menu_is_one_step_to_undo(qtbot, viewer, window):
    layer = three_classes(qtbot, viewer, window)
    before = layer.data.copy()
    click(qtbot, part(window, "class_name_2"))
    click(qtbot, part(window, "class_more"))
    menu = window.findChild(QMenu, "class_menu")
    qtbot.waitUntil(menu.isVisible)
    into = next(a.menu() for a in menu.actions() if a.text() == "Merge into")
    assert [a.text() for a in into.actions()] == ["cell", "membrane"]
    into.actions()[1].trigger()
    menu.close()
    qtbot.waitUntil(lambda: names(window) == ["cell", "membrane"])
    assert painted(viewer, 2) == 80
    name = part(window, "class_name_0")
    name.setFocus()
    qtbot.keyClick(name, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert np.array_equal(layer.data, before)
    qtbot.waitUntil(lambda: values(window) == [(1,), (2,), (3,)])


def test_classes_stay_with_the_layer_its_copy_and_its_file(qtbot, viewer, window, tmp_path):
    layer = three_classes(qtbot, viewer, window)
    window._session.controller.classes.rename(2, "synapse")
    viewer.layers["annotation"].name = "mine"
    assert names(window) == ["cell", "membrane", "synapse"]
    told = "cell=1,membrane=2,synapse=3"
    copy = Layer.create(*layer.as_layer_data_tuple())
    copy.name = "copy"
    viewer.add_layer(copy)
    _, carried = window._session.adapter.labels("copy")
    assert str(carried) == told
    pixels, carried = window._session.adapter.labels("mine")
    write_labels(tmp_path / "mine.tif", pixels, carried)
    assert str(read_labels(tmp_path / "mine.tif")[1]) == told
    viewer.layers.clear()
    viewer.add_image(np.zeros(SHAPE, np.uint8), name="em")
    viewer.open(tmp_path / "mine.tif", plugin="napari", layer_type="labels")
    qtbot.waitUntil(lambda: names(window) == ["cell", "membrane", "synapse"])
    qtbot.waitUntil(lambda: window.model.class_list.rows[2].pixels == 40)


def test_labels_that_nobody_explained_are_told(qtbot, viewer, window):
    viewer.layers.remove("annotation")
    labels = np.zeros(SHAPE, np.uint8)
    for index, value in enumerate((32, 64, 200)):
        labels[:, index * 8 : index * 8 + 4] = value
    layer = viewer.add_labels(labels, name="file")
    each = part(window, "classes_each")
    qtbot.waitUntil(each.isVisible)
    click(qtbot, each)
    qtbot.waitUntil(lambda: values(window) == [(200,), (64,), (32,)])
    assert not each.isVisible()
    field = part(window, "class_values_1")
    field.selectAll()
    qtbot.keyClicks(field, "64+0")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.model.summary.share_labelled == (1.0,) * 4)
    zero, one = layer.colormap.map(np.array([0, 64], np.uint8))
    assert tuple(zero) == tuple(one)
    assert zero[3] > 0
    assert layer.metadata["advseg_told"] == "label 200=200,label 64=64+0,label 32=32"


def test_twenty_classes_scroll_and_the_list_shrinks_again(qtbot, viewer, window):
    classes = window._session.controller.classes
    height = part(window, "class_rows").height()
    for _ in range(18):
        classes.add()
    assert len(names(window)) == 20
    assert part(window, "class_rows").height() < 4 * height
    qtbot.waitUntil(lambda: part(window, "class_rows").verticalScrollBar().maximum() > 0)
    colours = {part(window, f"class_colour_{i}").colour() for i in range(20)}
    assert len(colours) == 20
    for _ in range(18):
        classes.remove(len(names(window)) - 1)
    assert part(window, "class_rows").height() == height
    assert names(window) == ["cell", "membrane"]


@in_napari
def test_keys_are_given_back_when_the_session_ends(qtbot, viewer, window):
    layer = viewer.layers["annotation"]
    session_of(viewer).close()
    canvas = viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_2, Qt.KeyboardModifier.AltModifier)
    assert layer.selected_label == 1
