"""The 2017 experiment chosen and started in the dock, with short blocks."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QLabel, QPushButton

from napari_advseg.app.state.model import RunState
from napari_advseg.core.storage.run_folder import load_run
from napari_advseg.core.storage.score_names import SCORES
from napari_advseg.gui.dock.widget import AdversarialSegmentation

SHORT = {
    "alternation.generator_updates": 3,
    "alternation.discriminator_updates": 6,
    "patch": 16,
    "batch": 2,
    "network.width": 2,
    "network.depth": 2,
    "discriminator.depth": 2,
    "fixed_patches": 12,
    "tile": 64,
    "device": "cpu",
}


@pytest.fixture
def viewer(plain_viewer):
    return plain_viewer


def choose(qtbot, combo, data):
    combo.setFocus()
    for _ in range(combo.count()):
        if combo.currentData() == data:
            return
        down = combo.currentIndex() < combo.findData(data)
        qtbot.keyClick(combo, Qt.Key.Key_Down if down else Qt.Key.Key_Up)
    assert combo.currentData() == data


def test_two_epochs_of_the_2017_experiment(viewer, tmp_path, qtbot):
    draws = np.random.default_rng(0)
    labels = np.full((6, 64, 64), 255, np.uint8)
    labels[:, :, ::8] = 0
    viewer.add_image(draws.integers(0, 255, labels.shape, np.uint8), name="em")
    viewer.add_labels(labels, name="truth")
    dock = AdversarialSegmentation(viewer)
    viewer.window.add_dock_widget(dock, name="Adversarial Segmentation", area="right")
    dock._session.controller.data.choose(runs_folder=tmp_path)
    model = dock.model
    choose(qtbot, dock.findChild(QComboBox, "preset"), "seed2017")
    assert "2017" in dock.findChild(QLabel, "preset_words").text()
    dock._session.controller.data.choose(advanced=SHORT)
    choose(qtbot, dock.findChild(QComboBox, "budget_unit"), "epochs")
    budget = dock.findChild(QDoubleSpinBox, "budget")
    budget.selectAll()
    qtbot.keyClicks(budget, "2")
    qtbot.keyClick(budget, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: model.summary is not None and model.summary.split is not None)
    with qtbot.waitSignal(
        model.events.state, check_params_cb=lambda new, old: new is RunState.IDLE, timeout=60_000
    ):
        qtbot.mouseClick(dock.findChild(QPushButton, "start"), Qt.MouseButton.LeftButton)
    assert [one.epoch for one in model.history] == [1, 2]
    run = load_run(model.run.folder)
    assert run.settings.preset == "seed2017"
    assert len(list((run.folder / "samples").iterdir())) == 2
    for name in ("S F1 val", "G/S F1 val", "D Accuracy val", "G/D Accuracy train"):
        assert 0 <= SCORES[name].value(model.history[-1].scores) <= 1
