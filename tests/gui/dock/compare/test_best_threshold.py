"""The best threshold of a run is one click away: after the run, and after it was loaded and applied."""

from __future__ import annotations

import json
from types import MappingProxyType

import numpy as np
import pytest
from qtpy.QtWidgets import QAbstractButton, QLabel, QWidget

from napari_advseg.app.messages.threshold_messages import offered_thresholds
from napari_advseg.app.state.model import RunState
from napari_advseg.app.state.run_form import Budget
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.inference.predictions import predicted_indices
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.window.viewer_session import session_of
from support.clicking import click

SMALL = {
    "network.width": 2, "network.depth": 2, "discriminator.depth": 2, "patch": 32, "batch": 2,
    "validations": 1, "tile": 64,
}  # fmt: skip
BUTTONS = {"standard": "best_threshold_standard", "adversarial": "best_threshold_adversarial"}


@pytest.fixture
def viewer(plain_viewer):
    return plain_viewer


@pytest.fixture
def dock(viewer, tmp_path, qtbot):
    labels = np.zeros((6, 64, 64), np.uint8)
    labels[:, 8:20, 6:22] = 1
    grey = np.where(labels == 1, 90, 170) + np.random.default_rng(0).normal(0, 25, labels.shape)
    session = session_of(viewer)
    stack = EMStack.from_array(np.clip(grey, 0, 255).astype(np.uint8), name="em")
    name = session.adapter.open_stack(stack)
    session.adapter.open_labels(
        labels, ClassMap.of(background=0, object=1), like=name, name="truth"
    )
    widget = AdversarialSegmentation(viewer)
    viewer.window.add_dock_widget(widget, name="Adversarial Segmentation", area="right")
    session.controller.data.choose(
        budget=Budget(6, "updates"),
        advanced=MappingProxyType(SMALL),
        runs_folder=tmp_path / "runs",
    )
    qtbot.waitUntil(lambda: widget.model.summary is not None and widget.isVisible())
    return widget


def shown(dock):
    return {n: not dock.findChild(QWidget, role).isHidden() for n, role in BUTTONS.items()}


def test_one_click_moves_the_masks_to_the_best_threshold(qtbot, viewer, dock):
    model = dock.model
    assert shown(dock) == {"standard": False, "adversarial": False}
    click(qtbot, dock, "start")
    qtbot.waitUntil(lambda: model.state is RunState.IDLE and bool(model.history), timeout=60_000)
    summary = json.loads((model.run.folder / "summary.json").read_text())
    assert shown(dock) == {"standard": True, "adversarial": True}
    for network, role in BUTTONS.items():
        best = summary["thresholds"][network][0]
        button = dock.findChild(QAbstractButton, role)
        assert button.text().split()[-1] == f"{best['threshold']:.2f}"
        assert f"{best['measure']} of" in button.toolTip()
        click(qtbot, dock, role)
        assert dock.findChild(QWidget, "threshold").value() == pytest.approx(best["threshold"])
        words = dock.findChild(QLabel, "status").text()
        assert f"{best['score']:.3f} at {best['threshold']:.2f}" in words
        mask = session_of(viewer).adapter.masks(network)
        kept = session_of(viewer).adapter.prediction(network, 2)
        np.testing.assert_array_equal(mask[2], predicted_indices(kept, best["threshold"]))

    # a loaded run offers it once its masks are there
    folder, before = model.run.folder, [best.choice.threshold for best in offered_thresholds(model)]
    controller = dock._session.controller
    controller.keep.load_run(folder)
    qtbot.waitUntil(lambda: model.status.startswith("Loaded"))
    controller.run.apply()
    qtbot.waitUntil(lambda: model.state is RunState.IDLE and model.masks_shown, timeout=60_000)
    assert [best.choice.threshold for best in offered_thresholds(model)] == before
    assert shown(dock) == {"standard": True, "adversarial": True}


def test_nothing_is_offered_without_validation_slices(qtbot, dock):
    model = dock.model
    dock._session.controller.data.choose(val=())
    click(qtbot, dock, "start")
    qtbot.waitUntil(lambda: model.state is RunState.IDLE and bool(model.history), timeout=60_000)
    assert model.masks_shown
    assert shown(dock) == {"standard": False, "adversarial": False}
