"""Real brush strokes during a real run, and a run that goes on from the one before."""

from __future__ import annotations

import json
from types import MappingProxyType

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QCheckBox, QLabel, QPushButton, QScrollArea

from napari_advseg.app.state.model import RunState
from napari_advseg.app.state.run_form import Budget
from napari_advseg.core.config.classes import NEW_ANNOTATION
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.synthetic import synthetic_stack
from napari_advseg.core.formats.io import read_annotation
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.window.viewer_session import session_of

TINY = {
    "network.width": 2, "network.depth": 2, "discriminator.depth": 2, "discriminator.width": 2,
    "patch": 16, "batch": 1, "tile": 64, "fixed_patches": 2, "samples": 0, "validations": 2000,
}  # fmt: skip
LEFT = Qt.MouseButton.LeftButton
PAINTED = 3
WAIT = 90_000


@pytest.fixture
def viewer(request):
    """A viewer in a plain window, or in napari's where a test needs its canvas, its docks or its look."""
    return request.getfixturevalue(getattr(request, "param", "plain_viewer"))


in_napari = pytest.mark.parametrize("viewer", ["napari_viewer"], indirect=True)


class Window:
    """A dock with a stack of which three slices are annotated, and what the status line said."""

    def __init__(self, viewer, qtbot, folder):
        self.viewer, self.qtbot = viewer, qtbot
        stack, truth = synthetic_stack(seed=3, shape=(6, 64, 64))
        truth[[2, 3, 4]] = 0
        session = session_of(viewer)
        self.controller, self.model = session.controller, session.model
        name = session.adapter.open_stack(EMStack.from_array(stack.data, name="em"))
        layer = session.adapter.open_labels(truth, NEW_ANNOTATION, like=name, name="annotation")
        self.layer = viewer.layers[layer]
        self.dock = AdversarialSegmentation(viewer)
        viewer.window.add_dock_widget(self.dock, name="Adversarial Segmentation", area="right")
        self.controller.data.choose(
            runs_folder=folder, budget=Budget(40_000, "updates"), advanced=MappingProxyType(TINY)
        )
        qtbot.waitUntil(lambda: self.model.summary is not None, timeout=WAIT)
        self.said = []
        self.model.events.status.connect(self.said.append)

    def part(self, role, kind=QPushButton):
        found = self.dock.findChild(kind, role)
        self.dock.findChild(QScrollArea).ensureWidgetVisible(found)
        return found

    def tick(self, role):
        """Click a checkbox where a person would: on its box."""
        box = self.part(role, QCheckBox)
        self.qtbot.mouseClick(box, LEFT, pos=QPoint(8, box.height() // 2))
        return box

    def start(self):
        self.qtbot.waitUntil(self.part("start").isEnabled, timeout=WAIT)
        self.qtbot.mouseClick(self.part("start"), LEFT)
        self.qtbot.waitUntil(lambda: bool(self.model.history), timeout=WAIT)

    def stop(self):
        self.qtbot.mouseClick(self.part("stop"), LEFT)
        self.qtbot.waitUntil(lambda: self.model.state is RunState.IDLE, timeout=WAIT)

    def stroke(self, row):
        """Drag the brush over the canvas at this fraction of its height."""
        canvas = self.viewer.window._qt_viewer.canvas.native
        width, y = canvas.width(), int(canvas.height() * row)
        points = [QPoint(int(width * part), y) for part in np.linspace(0.4, 0.6, 6)]
        self.qtbot.mouseMove(canvas, points[0])
        self.qtbot.mousePress(canvas, LEFT, pos=points[0])
        for point in points[1:]:
            self.qtbot.mouseMove(canvas, point)
            QApplication.processEvents()
        self.qtbot.mouseRelease(canvas, LEFT, pos=points[-1])

    def used(self):
        return [text for text in self.said if text.startswith("New strokes")]

    def config(self):
        return json.loads((self.model.run.folder / "config.json").read_text())


@pytest.fixture
def window(viewer, qtbot, tmp_path):
    return Window(viewer, qtbot, tmp_path)


@in_napari
def test_brush_strokes_during_a_run_are_learned_from(window, qtbot):
    viewer, layer = window.viewer, window.layer
    assert window.tick("live_strokes").isChecked()
    window.start()
    viewer.dims.set_current_step(0, PAINTED)
    viewer.layers.selection.active = layer
    layer.mode, layer.brush_size, layer.selected_label = "paint", 6, 1
    window.stroke(0.5)
    assert (layer.data[PAINTED] == 1).any()
    qtbot.waitUntil(lambda: len(window.used()) >= 1, timeout=WAIT)
    assert window.used()[0].startswith(f"New strokes on slice {PAINTED} are used from update ")
    first = layer.data.copy()

    def learns_from_first():
        """Whether the run's own annotation is as it was after the first stroke."""
        kept = read_annotation(window.model.run.folder / "annotation.tif").targets
        return np.array_equal(kept, NEW_ANNOTATION.encode(first))

    # the run may look in the middle of a stroke, so how often it takes some is not said
    qtbot.waitUntil(learns_from_first, timeout=WAIT)
    layer.selected_label = 2
    window.stroke(0.3)
    assert not np.array_equal(layer.data, first)
    qtbot.waitUntil(lambda: not learns_from_first(), timeout=WAIT)
    layer.undo()
    np.testing.assert_array_equal(layer.data, first)
    qtbot.waitUntil(learns_from_first, timeout=WAIT)
    window.stop()

    updates = window.config()["annotation_updates"]
    assert len(updates) >= 3
    assert [int(text.split("update ")[1].split()[0]) for text in window.used()] == updates
    assert PAINTED in window.model.summary.split.train
    assert learns_from_first()


def test_strokes_do_not_count_while_nobody_wants_it(window, qtbot):
    window.start()
    window.layer.data_setitem((np.array([PAINTED]), np.array([5]), np.array([5])), 1)
    seen = len(window.model.history)
    qtbot.waitUntil(lambda: len(window.model.history) > seen + 8, timeout=WAIT)
    assert window.used() == []
    # wanted now: what was painted since Start counts, too
    window.tick("live_strokes")
    qtbot.waitUntil(lambda: len(window.used()) == 1, timeout=WAIT)
    window.stop()
    assert window.config()["annotation_updates"]


def test_the_next_run_goes_on_from_the_networks_that_are_shown(window, qtbot):
    choice = window.part("start_from", QCheckBox)
    assert not choice.isEnabled()
    window.start()
    window.stop()
    first = window.model.run.folder
    qtbot.waitUntil(choice.isEnabled)
    assert window.tick("start_from").isChecked()
    window.start()
    window.stop()
    assert window.model.run.folder != first
    assert window.config()["start_from"] == str(first)
    assert set(window.config()["start_weights"]) == {"standard", "adversarial", "discriminator"}

    window.controller.data.choose(advanced=MappingProxyType({**TINY, "network.width": 4}))
    label = window.part("start_from_problem", QLabel)
    assert "has networks of width 2 and 4 is chosen" in label.text().replace("\u200b", "")
    assert not window.part("start").isEnabled()
    window.tick("start_from")
    qtbot.waitUntil(window.part("start").isEnabled, timeout=WAIT)
    assert not label.isVisible()
    assert not choice.isEnabled()
    assert "width 2" in choice.toolTip()
