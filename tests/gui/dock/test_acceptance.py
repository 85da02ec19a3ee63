"""Accepting masks with the mouse: what lands in the annotation, and that one Ctrl+Z takes it back."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QAbstractButton, QApplication, QComboBox, QLabel, QScrollArea

from napari_advseg.app.state.model import RunInfo
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.layers.rectangles import NAME
from napari_advseg.gui.window.viewer_session import session_of
from support.sections import open_section_of

SHAPE = (3, 48, 64)
BOTH = ("standard", "adversarial")
CLASSES = ClassMap.of(cell=255, membrane=0)  # of the run; an annotation made here has 1 and 2
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def viewer(request):
    """A viewer in a plain window, or in napari's where a test needs its canvas, its keys or its look."""
    return request.getfixturevalue(getattr(request, "param", "plain_viewer"))


in_napari = pytest.mark.parametrize("viewer", ["napari_viewer"], indirect=True)


@pytest.fixture
def window(viewer, qtbot):
    """A dock with an image, an empty annotation, and two masks: S all cell, G/S membrane below row 20."""
    em = np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8)
    viewer.add_image(em, name="em", scale=(2.0, 0.5, 0.5), translate=(0, 7, -3))
    dock = AdversarialSegmentation(viewer)
    viewer.window.add_dock_widget(dock, name="Adversarial Segmentation", area="right")
    session = session_of(viewer)
    session.controller.data.new_annotation()
    model = session.model
    qtbot.waitUntil(lambda: model.summary is not None)
    show_masks(session)
    session.controller.go_to_slice(1)
    viewer.fit_to_view()
    qtbot.waitUntil(dock.isVisible)
    return viewer, dock, model


def show_masks(session, slices=(0, 1)):
    adapter, model = session.adapter, session.model
    adapter.begin_masks("em", BOTH, CLASSES, 0.5)
    model.masks_of = RunInfo(None, BOTH, CLASSES)
    model.masks_over = model.image.key
    for z in slices:
        cell = np.full(SHAPE[1:], 0.9, np.float16)
        adapter.show_prediction("standard", z, cell)
        half = cell.copy()
        half[20:] = 0.1
        adapter.show_prediction("adversarial", z, half)
    model.masks_shown = True


def press(qtbot, dock, role):
    button = dock.findChild(QAbstractButton, role)
    open_section_of(button)

    def can_be_hit():
        dock.findChild(QScrollArea).ensureWidgetVisible(button)
        return QApplication.widgetAt(button.mapToGlobal(QPoint(10, button.height() // 2))) is button

    qtbot.waitUntil(can_be_hit)
    qtbot.mouseClick(button, LEFT, pos=QPoint(10, button.height() // 2))


def choose(qtbot, dock, role, words):
    """Pick an entry of a combo box with the keyboard."""
    box = dock.findChild(QComboBox, role)
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Home)
    while box.currentText() != words:
        before = box.currentText()
        qtbot.keyClick(box, Qt.Key.Key_Down)
        assert box.currentText() != before, words


def undo(qtbot, viewer, dock):
    """Ctrl+Z where the focus is after a click on Accept: on the dock."""
    qtbot.keyClick(
        dock.findChild(QAbstractButton, "accept"), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier
    )


def problem(dock):
    return dock.findChild(QLabel, "accept_problem").text()


@in_napari
def test_a_slice_of_either_network_is_accepted_and_one_ctrl_z_takes_it_back(window, qtbot):
    viewer, dock, model = window
    layer = viewer.layers["annotation"]
    layer.data[1, :5, :5] = 2  # painted; it stays
    choose(qtbot, dock, "accept_network", "adversarial")
    press(qtbot, dock, "accept")
    expected = np.zeros(SHAPE, np.uint8)
    expected[1, :20], expected[1, 20:] = 1, 2
    expected[1, :5, :5] = 2
    np.testing.assert_array_equal(layer.data, expected)
    assert f"{48 * 64 - 25:,} pixels" in model.status
    assert "25 painted ones stay" in model.status
    qtbot.waitUntil(lambda: model.summary.share_labelled == (0, 1, 0))  # it is read anew
    undo(qtbot, viewer, dock)
    assert np.flatnonzero(layer.data).size == 25
    qtbot.waitUntil(lambda: model.summary.share_labelled[1] == 25 / (48 * 64))
    layer.redo()
    np.testing.assert_array_equal(layer.data, expected)

    choose(qtbot, dock, "accept_network", "standard")
    press(qtbot, dock, "accept")
    assert "as another class: tick" in problem(dock)
    np.testing.assert_array_equal(layer.data, expected)
    press(qtbot, dock, "accept_over")
    assert problem(dock) == ""
    press(qtbot, dock, "accept")
    assert (layer.data[1] == 1).all()
    assert not layer.data[[0, 2]].any()
    undo(qtbot, viewer, dock)
    np.testing.assert_array_equal(layer.data, expected)


@in_napari
def test_what_the_window_shows_is_what_was_written(window, qtbot):
    viewer, dock, _ = window
    press(qtbot, dock, "accept")
    viewer.layers.selection.active = None
    for layer in viewer.layers:
        layer.visible = layer.name == "annotation"
    shown = viewer.layers["annotation"]._slice.image.view
    assert len(np.unique(shown)) == 1
    assert shown.any()


@in_napari
def test_the_rectangle_is_drawn_with_the_mouse_and_goes_when_it_is_accepted(window, qtbot):
    viewer, dock, _ = window
    press(qtbot, dock, "rectangle")
    assert viewer.layers.selection.active.name == NAME
    assert dock.findChild(QComboBox, "accept_target").currentText() == "inside the rectangle"
    press(qtbot, dock, "accept")
    assert "no rectangle on slice 1" in problem(dock)
    corners = draw(qtbot, viewer, (0.4, 0.4), (0.6, 0.55))
    press(qtbot, dock, "accept")
    layer = viewer.layers["annotation"]
    (y0, x0), (y1, x1) = corners.min(axis=0), corners.max(axis=0)
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    inside = (rows > y0) & (rows < y1) & (columns > x0) & (columns < x1)
    assert 20 < inside.sum() < 1000
    np.testing.assert_array_equal(layer.data[1] == 1, inside)
    assert not layer.data[[0, 2]].any()
    assert NAME not in viewer.layers
    assert problem(dock) == ""
    assert viewer.layers.selection.active is layer
    undo(qtbot, viewer, dock)
    assert not layer.data.any()


def draw(qtbot, viewer, start, end):
    """Drag over the canvas from one fraction of its height and width to another; corners in pixels."""
    canvas = viewer.window._qt_viewer.canvas.native
    at = [QPoint(int(f[1] * canvas.width()), int(f[0] * canvas.height())) for f in (start, end)]
    steps = [at[0] + (at[1] - at[0]) * i / 8 for i in range(9)]
    shapes = viewer.layers[NAME]
    qtbot.mouseMove(canvas, at[0])
    qtbot.mousePress(canvas, LEFT, pos=at[0])
    for point in steps[1:]:
        qtbot.mouseMove(canvas, point)
        QApplication.processEvents()
    qtbot.mouseRelease(canvas, LEFT, pos=at[1])
    qtbot.waitUntil(lambda: len(shapes.data) == 1)
    assert (np.round(shapes.data[0][:, 0]) == 1).all()
    return shapes.data[0][:, 1:]


def test_a_rotated_rectangle_and_a_polygon_count_by_their_own_outline(window, qtbot):
    viewer, dock, _ = window
    press(qtbot, dock, "rectangle")
    shapes = viewer.layers[NAME]
    diamond = np.array([[1, 20, 10.5], [1, 30.5, 20], [1, 20, 30.5], [1, 9.5, 20]])
    elsewhere = np.array([[0, 2, 2], [0, 8, 2], [0, 8, 8], [0, 2, 8]])
    shapes.add(diamond, shape_type="polygon")
    shapes.add(elsewhere, shape_type="rectangle")
    press(qtbot, dock, "accept")
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]]
    expected = abs(rows - 20) + abs(columns - 20.5) < 10
    found = viewer.layers["annotation"].data[1] == 1
    assert (found != expected).sum() <= 12  # pixels that the outline runs through
    assert found.sum() == pytest.approx(expected.sum(), rel=0.06)
    assert not viewer.layers["annotation"].data[0].any()


@in_napari
def test_the_whole_stack_is_one_step_and_leaves_out_what_was_not_predicted(window, qtbot):
    viewer, dock, model = window
    choose(qtbot, dock, "accept_target", "whole stack")
    choose(qtbot, dock, "accept_network", "adversarial")
    layer = viewer.layers["annotation"]
    press(qtbot, dock, "accept")
    qtbot.waitUntil(lambda: model.status.startswith("Accepted the whole stack"))
    assert [set(np.unique(one)) for one in layer.data] == [{1, 2}, {1, 2}, {0}]
    undo(qtbot, viewer, dock)
    assert not layer.data.any()


def test_what_is_in_the_way_is_said_beside_the_button(window, qtbot):
    viewer, dock, model = window
    viewer.dims.set_current_step(0, 2)
    press(qtbot, dock, "accept")
    assert "has not predicted slice 2" in problem(dock)
    viewer.dims.set_current_step(0, 1)
    assert problem(dock) == ""  # it was about another slice
    model.masks_of = RunInfo(None, BOTH, ClassMap.of(cell=255, synapse=0))
    press(qtbot, dock, "accept")
    assert "cell, synapse and the annotation has cell, membrane" in problem(dock)
    model.masks_of = RunInfo(None, BOTH, CLASSES)
    viewer.layers["annotation"].data = np.asarray(viewer.layers["annotation"].data)
    viewer.layers["annotation"].data.flags.writeable = False
    press(qtbot, dock, "accept")
    assert "cannot be painted on" in problem(dock)
    viewer.layers.remove("annotation")
    press(qtbot, dock, "accept")
    assert "press New under 1 Data" in problem(dock)
    viewer.add_image(np.zeros(SHAPE, np.uint8), name="other")
    session_of(viewer).controller.data.pick_image(model.layers[-1].key)
    press(qtbot, dock, "accept")
    assert "The masks are of em" in problem(dock)


def test_before_there_are_masks_nothing_can_be_pressed(viewer, qtbot):
    viewer.add_image(np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8), name="em")
    dock = AdversarialSegmentation(viewer)
    viewer.window.add_dock_widget(dock, name="Adversarial Segmentation", area="right")
    for role in ("accept", "rectangle", "accept_over"):
        assert not dock.findChild(QAbstractButton, role).isEnabled()
        assert len(dock.findChild(QAbstractButton, role).toolTip()) > 15
