"""From a stack without an annotation to Start by what the dock says, with real mouse events."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QLabel, QPushButton, QWidget

from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.synthetic import synthetic_stack
from napari_advseg.gui.dock.data.slice_strip import SliceStrip
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.window.viewer_session import session_of
from support.new_annotation import click_new

LEFT = Qt.MouseButton.LeftButton
WAIT = 30_000


class Newcomer:
    """Sees the dock's words, and has a mouse."""

    def __init__(self, viewer, qtbot):
        self.viewer, self.qtbot = viewer, qtbot
        session = session_of(viewer)
        self.model = session.model
        stack, _ = synthetic_stack(seed=3, shape=(12, 64, 64))
        session.adapter.open_stack(EMStack.from_array(stack.data, name="em"))
        self.dock = AdversarialSegmentation(viewer)
        viewer.window.add_dock_widget(self.dock, name="Adversarial Segmentation", area="right")
        session.controller.data.choose(advanced=MappingProxyType({"patch": 16}))
        session.controller.go_to_slice(2)

    def part(self, role, kind=QWidget):
        return self.dock.findChild(kind, role)

    def said(self):
        label = self.part("next_step", QLabel)
        return label.text() if label.isVisible() else ""

    def hears(self, words):
        self.qtbot.waitUntil(lambda: words in self.said(), timeout=WAIT)

    def go_to(self, z):
        strip = self.part("slices", SliceStrip)
        self.qtbot.mouseClick(strip, LEFT, pos=strip.cell_rect(z).center())

    def paint(self, class_, row):
        """Click a class and drag over the canvas at this fraction of its height."""
        self.qtbot.mouseClick(self.part(f"class_{class_}"), LEFT)
        canvas = self.viewer.window._qt_viewer.canvas.native
        width, y = canvas.width(), int(canvas.height() * row)
        points = [QPoint(int(width * part), y) for part in np.linspace(0.4, 0.6, 6)]
        self.qtbot.mouseMove(canvas, points[0])
        self.qtbot.mousePress(canvas, LEFT, pos=points[0])
        for point in points[1:]:
            self.qtbot.mouseMove(canvas, point)
            QApplication.processEvents()
        self.qtbot.mouseRelease(canvas, LEFT, pos=points[-1])


@pytest.fixture
def newcomer(viewer, qtbot):
    return Newcomer(viewer, qtbot)


def test_the_dock_leads_from_a_stack_to_start(newcomer, qtbot):
    start = newcomer.part("start", QPushButton)
    newcomer.hears("Press New")
    click_new(qtbot, newcomer.dock)
    newcomer.hears("Paint cell and membrane on slice 2")
    layer = newcomer.viewer.layers["annotation"]
    assert layer.mode == "paint"
    layer.brush_size = 4

    newcomer.paint(0, 0.4)
    newcomer.hears("Slice 2 has cell: paint membrane there, too")
    assert not start.isEnabled()
    newcomer.paint(1, 0.6)
    newcomer.hears("paint both there")
    newcomer.go_to(8)
    newcomer.hears("Paint both on this slice (8), too.")
    newcomer.paint(0, 0.4)
    newcomer.hears("Slice 8 has cell")
    newcomer.paint(1, 0.6)
    newcomer.hears("Ready: press Start")
    assert start.isEnabled()
    assert newcomer.model.summary.split.train == (2,)
    assert newcomer.model.summary.split.val == (8,)
    assert {int(v) for v in np.unique(layer.data[[2, 8]])} == {0, 1, 2}

    layer.undo()  # the last stroke
    newcomer.hears("Slice 8 has cell")
