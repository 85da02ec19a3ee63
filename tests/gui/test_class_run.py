"""A run of three classes from the dock, by the mouse, with the real engine."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import pytest
from qtpy.QtWidgets import QLabel, QWidget

from napari_advseg.app.state.model import RunState
from napari_advseg.app.state.run_form import Budget
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.evaluation.evaluate import evaluate
from napari_advseg.core.formats.io import read_labels
from napari_advseg.gui.dock.compare.class_legend import ClassLegend
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.plots.training_plots import TrainingPlots
from napari_advseg.gui.widgets import dialogs
from napari_advseg.gui.widgets.class_colours import class_colours
from napari_advseg.gui.window.viewer_session import session_of
from support.clicking import click

THREE = ClassMap.of(membrane=(0, 32), mitochondria=191, cell=255)
SMALL = {
    "network.width": 2, "network.depth": 2, "discriminator.depth": 2, "patch": 32, "batch": 2,
    "validations": 2, "tile": 64,
}  # fmt: skip


@pytest.fixture
def viewer(plain_viewer):
    return plain_viewer


@pytest.fixture
def labels():
    """Two columns of cells with membranes of two values between them, and a mitochondrion in each."""
    found = np.full((6, 64, 64), 255, np.uint8)
    found[:, :, 28:34] = 0
    found[:, 30:34] = 32
    found[:, 8:20, 6:22] = 191
    return found


@pytest.fixture
def dock(viewer, labels, tmp_path, qtbot):
    grey = np.select([labels == 191, labels == 255], [120, 190], 60)
    noise = np.random.default_rng(0).normal(0, 12, labels.shape)
    stack = EMStack.from_array(np.clip(grey + noise, 0, 255).astype(np.uint8), name="em")
    session = session_of(viewer)
    name = session.adapter.open_stack(stack)
    session.adapter.open_labels(labels, THREE, like=name, name="truth")
    widget = AdversarialSegmentation(viewer)
    viewer.window.add_dock_widget(widget, name="Adversarial Segmentation", area="right")
    session.controller.data.choose(
        budget=Budget(8, "updates"),
        advanced=MappingProxyType(SMALL),
        runs_folder=tmp_path / "runs",
    )
    qtbot.waitUntil(lambda: widget.model.summary is not None and widget.isVisible())
    return widget


def test_three_classes_are_trained_shown_scored_and_saved(
    qtbot, viewer, dock, labels, tmp_path, monkeypatch
):
    model = dock.model
    assert model.summary.problem is None
    assert dock.findChild(ClassLegend).isHidden()
    click(qtbot, dock, "start")
    qtbot.waitUntil(lambda: model.state is RunState.IDLE and bool(model.history), timeout=60_000)
    assert len(model.history) == 2

    threshold = dock.findChild(QWidget, "threshold")
    assert not threshold.isEnabled()
    assert "3 classes" in dock.findChild(QLabel, "no_threshold").text()
    colours = class_colours(THREE)
    assert dock.findChild(ClassLegend).shown() == {
        one.name: colours[one.values[0]] for one in THREE.classes
    }
    assert dock.findChild(ClassLegend).isVisible()
    choice = viewer.window._qt_window.findChild(TrainingPlots).f1_choice
    assert [choice.itemText(i) for i in range(choice.count())] == [
        "F1 mean", "F1 membrane", "F1 mitochondria", "F1 cell",
    ]  # fmt: skip

    monkeypatch.setattr(dialogs, "ask_folder", lambda *asked: tmp_path / "masks")
    click(qtbot, dock, "save_masks")
    files = {name: tmp_path / "masks" / f"{name}_mask.tif" for name in ("standard", "adversarial")}
    qtbot.waitUntil(lambda: "saved" in model.status)
    for name in ("standard", "adversarial"):
        mask, classes = read_labels(files[name])
        assert classes == THREE
        shown = viewer.layers[f"{name} mask"].data
        np.testing.assert_array_equal(mask, np.array([0, 0, 191, 255], np.uint8)[shown])
        scores = evaluate(
            mask, Annotation.from_labels(labels, THREE), mask_classes=classes,
            slices=model.summary.split.val,
        )  # fmt: skip
        logged = model.history[-1].scores.of(name)
        assert scores.f1_mean == pytest.approx(logged.f1_val, abs=1e-9)
        assert scores.f1["cell"] == pytest.approx(logged.f1_val_by_class["cell"], abs=1e-9)

    click(qtbot, dock, "side_by_side")
    visible = [layer.name for layer in viewer.layers if layer.visible]
    assert visible == ["em", "truth", "adversarial mask", "standard mask"]
    click(qtbot, dock, "side_by_side")
    assert viewer.layers["adversarial outline"].visible
