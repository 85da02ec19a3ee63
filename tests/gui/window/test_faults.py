"""What goes wrong in the middle of a run, as a person meets it in the dock: the real engine on a tiny stack."""

from __future__ import annotations

import shutil
from types import MappingProxyType

import numpy as np
import pytest
import tifffile
import torch
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QLabel, QProgressBar

from napari_advseg.app.state.model import RunState
from napari_advseg.app.state.run_form import Budget
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.evaluation.validator import Validator
from napari_advseg.core.models.network_optimizer import NetworkOptimizer
from napari_advseg.core.storage.run_folder import load_run
from napari_advseg.core.training import run_writer
from napari_advseg.core.training.trainer import Trainer
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.layers.side_by_side import SideBySide
from napari_advseg.gui.widgets import dialogs

SHAPE = (4, 64, 64)
TINY = {
    "patch": 16, "batch": 2, "tile": 64, "fixed_patches": 2, "samples": 0, "validate_every": 5,
    "threads": 1, "device": "cpu", "precision": "float32", "network.width": 1, "network.depth": 1,
    "discriminator.width": 1, "discriminator.depth": 1,
}  # fmt: skip
WAIT = 60_000
"""Milliseconds; far more than anything here takes on a machine that has other things to do."""


@pytest.fixture
def viewer(plain_viewer):
    return plain_viewer


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def dock(viewer, qtbot, tmp_path):
    """The dock over a tiny stack, with everything chosen for runs that take a second."""
    draws = np.random.default_rng(0)
    labels = np.kron(draws.integers(0, 2, (4, 8, 8)), np.ones((1, 8, 8))).astype(np.uint8) * 255
    viewer.add_image((labels // 2 + draws.integers(0, 99, SHAPE)).astype(np.uint8), name="em")
    viewer.add_labels(labels, name="truth")
    widget = AdversarialSegmentation(viewer)
    viewer.window.add_dock_widget(widget, name="Adversarial Segmentation", area="right")
    controller = widget._session.controller
    controller.keep.set_runs_folder(tmp_path / "runs")
    updates = Budget(1_000_000, "updates")  # until it is stopped
    controller.data.choose(advanced=MappingProxyType(TINY), budget=updates)
    qtbot.waitUntil(lambda: part(widget, "start").isEnabled(), timeout=WAIT)
    return widget


def part(dock, role, kind=QAbstractButton):
    return dock.findChild(kind, role)


def click(dock, qtbot, role):
    assert part(dock, role).isEnabled(), role
    qtbot.mouseClick(part(dock, role), Qt.MouseButton.LeftButton)


def status(dock):
    return part(dock, "status", QLabel).text()


def until(qtbot, condition):
    qtbot.waitUntil(condition, timeout=WAIT)


def start(dock, qtbot):
    click(dock, qtbot, "start")
    until(qtbot, lambda: bool(dock.model.history))


def stop(dock, qtbot):
    click(dock, qtbot, "stop")
    until(qtbot, lambda: dock.model.state is RunState.IDLE)


def save_predicted(dock, qtbot):
    """Save masks of the slices that are predicted; the others are asked about."""
    click(dock, qtbot, "save_masks")
    until(qtbot, lambda: dock.model.save_offer is not None)
    click(dock, qtbot, "save_predicted")


def complete(dock, qtbot, updates=10):
    """Let a run end by itself."""
    dock._session.controller.data.choose(budget=Budget(updates, "updates"))
    click(dock, qtbot, "start")
    until(qtbot, lambda: dock.model.state is RunState.IDLE)


# ---- the disk


def put_a_file_in_its_place(folder):
    """Rename a run folder away and write a file under its name; the run may be faster in making it anew."""
    for number in range(1000):
        folder.rename(folder.with_name(f"moved {number}"))
        try:
            folder.open("x").close()
        except OSError:
            continue
        return
    raise AssertionError(f"{folder} was made anew each time")


def test_a_run_that_cannot_be_written_goes_on_and_says_so_until_it_can(
    qtbot, dock, tmp_path, monkeypatch
):
    start(dock, qtbot)
    folder = dock.model.run.folder
    put_a_file_in_its_place(folder)
    until(qtbot, lambda: "cannot be written" in status(dock))
    assert f"The run folder {folder} cannot be written (Not a directory)" in status(dock)
    assert "training goes on in memory" in status(dock)
    until(
        qtbot, lambda: status(dock).startswith("Mean F1 S ")
    )  # the scores go on, and so does the sentence
    assert "cannot be written" in status(dock)
    assert dock.model.state is RunState.RUNNING
    assert part(dock, "status", QLabel).isVisible()

    masks = tmp_path / "elsewhere"
    monkeypatch.setattr(dialogs, "ask_folder", lambda parent, title, start: masks)
    save_predicted(dock, qtbot)
    until(qtbot, lambda: any(masks.glob("adversarial_mask_*.tif")))
    until(qtbot, lambda: any(masks.glob("standard_mask_*.tif")))
    (mask,) = masks.glob("standard_mask_*.tif")
    assert set(np.unique(tifffile.imread(mask))) <= {0, 255}

    folder.unlink()
    seen = []
    dock.model.events.status.connect(seen.append)
    until(qtbot, lambda: "The run folder can be written again." in seen)
    after = len(dock.model.history)
    until(qtbot, lambda: len(dock.model.history) > after)
    until(qtbot, lambda: status(dock).startswith("Mean F1 S "))
    assert "cannot be written" not in status(dock)
    stop(dock, qtbot)
    assert load_run(folder).history == dock.model.history
    assert status(dock).startswith("Stopped at update")


def test_the_end_of_a_run_that_could_not_be_written_says_where_its_masks_can_go(
    qtbot, dock, tmp_path, monkeypatch
):
    start(dock, qtbot)
    real = run_writer.save_checkpoint
    monkeypatch.setattr(run_writer, "save_checkpoint", _refuse)
    until(qtbot, lambda: "cannot be written" in status(dock))
    stop(dock, qtbot)
    assert f"The end of it could not be written to {dock.model.run.folder}." in status(dock)
    assert "Save the masks elsewhere" in status(dock)
    masks = tmp_path / "elsewhere"
    monkeypatch.setattr(dialogs, "ask_folder", lambda parent, title, start: masks)
    save_predicted(dock, qtbot)
    until(qtbot, lambda: "saved in" in status(dock))
    for network in ("adversarial", "standard"):
        assert len(list(masks.glob(f"{network}_mask_*.tif"))) == 1
    monkeypatch.setattr(run_writer, "save_checkpoint", real)
    complete(dock, qtbot)
    assert status(dock).startswith("Finished")
    assert "written" not in status(dock)


def _refuse(*args):
    raise OSError(28, "No space left on device")


def test_a_deleted_run_folder_comes_back_and_can_be_applied(qtbot, dock):
    start(dock, qtbot)
    seen = []
    dock.model.events.status.connect(seen.append)
    # Renamed first: a folder that a run writes to while it is deleted is not empty in the end.
    folder = dock.model.run.folder
    folder.rename(folder.with_name("gone"))
    shutil.rmtree(folder.with_name("gone"))
    until(qtbot, lambda: any("has been made anew" in text or "again" in text for text in seen))
    stop(dock, qtbot)
    click(dock, qtbot, "apply")
    until(qtbot, lambda: dock.model.state is RunState.IDLE)
    assert status(dock) == "The run is applied."


# ---- an error in the training thread


STAGES = {
    "preparing the data": (TrainingData, "prepare", 1),
    "an update": (Trainer, "step", 8),
    "a checkpoint": (run_writer, "save_checkpoint", 3),
    "the whole stack": (Validator, "predict", 9),
}


def fail_once(monkeypatch, owner, name, number, error):
    real, calls = getattr(owner, name), []

    def call(*args, **kwargs):
        calls.append(None)
        if len(calls) == number:
            raise error
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, call)


@pytest.mark.parametrize("stage", STAGES)
def test_an_error_ends_the_run_with_its_sentence_and_the_next_run_starts(
    qtbot, dock, monkeypatch, stage
):
    owner, name, number = STAGES[stage]
    fail_once(monkeypatch, owner, name, number, RuntimeError("no luck\nat all"))
    with qtbot.captureExceptions() as raised:
        complete(dock, qtbot)
    assert raised == []
    expected = {
        "preparing the data": "Preparing the run failed (no luck): mend that and start again.",
        "the whole stack": "Predicting the whole stack failed (no luck): apply the run again.",
    }
    started = "Training failed (no luck): the last checkpoint is kept, start again or resume."
    assert status(dock) == expected.get(stage, started)
    if stage == "preparing the data":
        assert dock.model.run is None
    else:
        assert part(dock, "progress", QProgressBar).format() == "failed"
        assert load_run(dock.model.run.folder).networks == ("standard", "adversarial")
    complete(dock, qtbot)
    assert status(dock).startswith("Finished.")
    assert len(dock.model.history) == 2


def test_a_full_memory_names_what_to_choose(qtbot, dock, monkeypatch):
    fail_once(
        monkeypatch, NetworkOptimizer, "learn", 8, torch.OutOfMemoryError("CUDA out of memory")
    )
    complete(dock, qtbot)
    assert status(dock) == (
        "The memory is full: choose a smaller batch, patch or width under advanced, or the CPU."
    )
    complete(dock, qtbot)
    assert status(dock).startswith("Finished.")


# ---- layers that go


def test_a_column_that_was_deleted_is_not_missed_when_another_is_painted_on(viewer):
    stack = np.zeros(SHAPE, np.uint8)
    image, mask = viewer.add_image(stack, name="em"), viewer.add_labels(stack, name="mask")
    beside = SideBySide(viewer)
    beside.enter([image, mask])
    viewer.layers.remove(image)
    fresh = viewer.add_labels(stack, name="fresh")  # takes the place of the mask that is painted on
    beside.keep_out(mask, fresh)
    assert (mask.visible, fresh.visible) == (True, False)
    beside.leave()
    assert [layer.name for layer in viewer.layers] == ["mask", "fresh"]
    assert fresh.visible
