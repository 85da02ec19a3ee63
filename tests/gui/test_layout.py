"""The room that the image gets in a real window, and that nothing needs more than a small screen has."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QDockWidget, QLabel, QWidget

from napari_advseg.core.runtime.events import Validated
from napari_advseg.core.storage.score_names import scores_from_text
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.widgets.section import Section
from napari_advseg.gui.window.viewer_session import session_of

SHAPE = (8, 64, 64)
BEFORE, DURING = 0.45, 0.35
"""Least share of the image in the window, before and during a run."""


@pytest.fixture
def dock(viewer, qtbot):
    """The dock with an image and an annotation, in a window of 1280 × 800."""
    viewer.add_image(np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8), name="em")
    labels = np.full(SHAPE, 2, np.uint8)
    labels[:, :, :20] = 1
    viewer.add_labels(
        labels, name="truth", metadata={"advseg_classes": "mitochondria=1,everything else=2"}
    )
    dock = AdversarialSegmentation(viewer)
    viewer.window.add_dock_widget(dock, name="Adversarial Segmentation", area="right")
    qtbot.waitUntil(lambda: dock.model.summary is not None)
    return dock


def image_share(viewer):
    window, canvas = viewer.window._qt_window, viewer.window._qt_viewer.canvas.native
    return canvas.width() * canvas.height() / (window.width() * window.height())


def validated(update=10):
    names = ("S F1 val", "G/S F1 val", "S F1 mitochondria val", "S F1 everything else val")
    return Validated(update, 1.0, 1.0, scores_from_text(dict.fromkeys(names, 0.9)), 0.1)


def is_open(dock):
    return [section.is_open for section in dock.findChildren(Section)]


def part(dock, role, kind=QWidget):
    found = dock.findChild(kind, role)
    assert found is not None, role
    return found


def click(widget):
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def test_the_image_comes_first_before_and_during_a_run(qtbot, viewer, dock):
    window = viewer.window._qt_window
    assert (window.width(), window.height()) == (1280, 800)
    qtbot.waitUntil(lambda: image_share(viewer) >= BEFORE)
    dock.model.history = (validated(),)
    qtbot.waitUntil(part(dock, "curves", QAbstractButton).isChecked)
    QTest.qWait(100)  # the docks are laid out
    assert DURING <= image_share(viewer) < BEFORE
    assert part(dock, "start").isVisible()
    click(part(dock, "curves"))
    qtbot.waitUntil(lambda: image_share(viewer) >= BEFORE)
    dock.model.history = (validated(), validated(20))
    QTest.qWait(50)
    assert not part(dock, "curves", QAbstractButton).isChecked()  # hidden by the user


def test_the_window_fits_a_small_screen(qtbot, viewer, dock):
    dock.model.history = (validated(),)
    for section in dock.findChildren(Section):
        section.set_open(True)
    viewer.window.resize(1024, 768)
    window = viewer.window._qt_window
    qtbot.waitUntil(lambda: (window.width(), window.height()) == (1024, 768))
    bar = part(dock, "run_bar")
    for role in ("start", "stop", "status"):
        place = part(dock, role)
        assert place.isVisible()
        corner = place.mapTo(window, QPoint(place.width(), place.height()))
        assert corner.x() <= 1024
        assert corner.y() <= 768
    assert bar.isVisible()


def test_advanced_never_pushes_start_away(qtbot, viewer, dock):
    start, window = part(dock, "start"), viewer.window._qt_window
    place = start.mapTo(window, QPoint())
    click(part(dock, "advanced"))
    qtbot.waitUntil(part(dock, "advanced_seed").isVisible)
    assert start.isVisible()
    assert start.mapTo(window, QPoint()) == place


def test_the_sections_in_use_are_open_and_a_click_opens_the_others(qtbot, dock):
    assert is_open(dock) == [True, True, False, False]
    compare = dock.findChildren(Section)[2]
    click(compare.heading)
    assert compare.is_open
    assert part(dock, "threshold").isVisible()
    click(compare.heading)
    dock.model.masks_shown = True
    assert is_open(dock) == [False, False, True, False]
    assert "em" in part(dock, "summary_data", QLabel).text()
    session = session_of(dock._session.viewer)
    session.controller.keep.save_masks(session.controller.keep.masks_folder())
    assert is_open(dock) == [False, False, True, True]  # where the problem stands
    assert part(dock, "save_masks_problem").isVisible()


def test_the_layer_controls_share_the_place_of_the_dock_in_a_narrow_window(qtbot, viewer, dock):
    window, controls = viewer.window._qt_window, viewer.window._qt_viewer.dockLayerControls
    holder = dock.parent()
    assert isinstance(holder, QDockWidget)
    qtbot.waitUntil(lambda: controls in window.tabifiedDockWidgets(holder))
    qtbot.waitUntil(lambda: dock.visibleRegion().boundingRect().height() > 100)  # in front
    viewer.window.resize(1500, 800)
    qtbot.waitUntil(lambda: not window.tabifiedDockWidgets(holder))
    left = Qt.DockWidgetArea.LeftDockWidgetArea
    assert window.dockWidgetArea(controls) == left
    viewer.window.resize(1280, 800)
    qtbot.waitUntil(lambda: controls in window.tabifiedDockWidgets(holder))


def test_class_names_are_whole(qtbot, dock):
    name = part(dock, "class_name_0")
    needed = name.fontMetrics().horizontalAdvance("mitochondria")
    assert name.width() >= needed
