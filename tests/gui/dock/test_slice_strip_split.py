"""What the dock says of the split under its strip, and that a split which cannot be used can be mended."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QScrollArea

from napari_advseg.core.runtime.errors import Subject
from napari_advseg.gui.dock.data.slice_strip import SliceStrip
from napari_advseg.gui.dock.widget import AdversarialSegmentation

SHAPE = (9, 64, 64)
LONG = 20_000
"""Milliseconds; on a busy computer the tasks of a run take their time."""


@pytest.fixture
def viewer(plain_viewer):
    return plain_viewer


@pytest.fixture
def dock(viewer, qtbot):
    viewer.add_image(np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8), name="em")
    labels = np.full(SHAPE, 255, np.uint8)
    labels[:, :8] = 0
    viewer.add_labels(labels, name="truth")
    found = AdversarialSegmentation(viewer)
    viewer.window.add_dock_widget(found, name="Adversarial Segmentation", area="right")
    qtbot.waitUntil(lambda: found.model.summary is not None, timeout=LONG)
    return found


def strip_of(dock):
    strip = dock.findChild(SliceStrip)
    dock.findChild(QScrollArea).ensureWidgetVisible(strip)
    strip.setFocus()
    return strip


def press(qtbot, dock, z, key):
    """Click a slice and press a key; wait until the annotation is read anew."""
    strip = strip_of(dock)
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=strip.cell_rect(z).center())
    qtbot.keyClick(strip, key)


def words(dock, role):
    return dock.findChild(QLabel, role).text()


def test_neighbours_are_pointed_out_where_they_matter(qtbot, dock):
    assert words(dock, "split") == "6 train, 3 validation; 1 of the 3 is next to a training slice"
    assert words(dock, "neighbours") == ""
    assert "leave out slice 6" in dock.findChild(QLabel, "split").toolTip()
    press(qtbot, dock, 7, Qt.Key.Key_T)
    qtbot.waitUntil(lambda: "All 2 validation slices" in words(dock, "neighbours"), timeout=LONG)
    assert "look alike" in words(dock, "neighbours")
    press(qtbot, dock, 7, Qt.Key.Key_X)
    qtbot.waitUntil(lambda: "1 left out" in words(dock, "split"), timeout=LONG)
    assert words(dock, "neighbours").startswith("All 2") is False


def test_a_split_that_cannot_be_used_stays_to_be_mended(qtbot, dock):
    strip = strip_of(dock)
    for z in range(6):
        press(qtbot, dock, z, Qt.Key.Key_X)
    qtbot.waitUntil(lambda: Subject.SPLIT in dock.model.problems, timeout=LONG)
    assert strip.split() == ((), (6, 7, 8))
    press(qtbot, dock, 0, Qt.Key.Key_T)
    qtbot.waitUntil(lambda: dock.model.summary.split is not None, timeout=LONG)
    assert strip.split() == ((0,), (6, 7, 8))
    assert Subject.SPLIT not in dock.model.problems


def test_the_default_split_comes_back(qtbot, dock):
    strip = strip_of(dock)
    press(qtbot, dock, 0, Qt.Key.Key_V)
    qtbot.waitUntil(lambda: dock.model.summary.split.val == (0, 6, 7, 8), timeout=LONG)
    strip.splitReset.emit()
    qtbot.waitUntil(lambda: dock.model.summary.split.val == (6, 7, 8), timeout=LONG)
    assert dock.model.choices.train is dock.model.choices.val is None
