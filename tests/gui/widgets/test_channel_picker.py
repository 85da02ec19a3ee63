"""Several image layers as the channels of one image, chosen in the dock and trained on."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMenu

from napari_advseg.app.state.model import RunState
from napari_advseg.core.storage.run_folder import load_run
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.widgets.channel_picker import ChannelPicker

TINY = {
    "patch": 16,
    "batch": 2,
    "network.width": 2,
    "network.depth": 2,
    "discriminator.width": 2,
    "discriminator.depth": 2,
    "fixed_patches": 4,
    "validations": 1,
    "updates": 3,
    "tile": 32,
    "device": "cpu",
}


@pytest.fixture
def viewer(plain_viewer):
    return plain_viewer


@pytest.fixture
def dock(viewer, tmp_path, qtbot):
    draws = np.random.default_rng(0)
    labels = np.full((6, 48, 48), 255, np.uint8)
    labels[:, :, ::4] = 0
    for name in ("em", "stain"):
        viewer.add_image(draws.integers(0, 255, labels.shape, np.uint8), name=name)
    viewer.add_image(draws.integers(0, 255, (6, 40, 48), np.uint8), name="of another size")
    viewer.add_labels(labels, name="truth")
    widget = AdversarialSegmentation(viewer)
    viewer.window.add_dock_widget(widget, name="Adversarial Segmentation", area="right")
    data = widget._session.controller.data
    key = next(one.key for one in widget.model.layers if one.name == "em")
    data.pick_image(key)
    data.choose(runs_folder=tmp_path, method="standard", advanced=TINY)
    qtbot.waitUntil(lambda: widget.model.summary is not None)
    return widget


def tick(qtbot, picker, name):
    """Open the menu and choose an entry with the keyboard."""
    menu = picker.findChild(QMenu)
    action = next(a for a in menu.actions() if a.text() == name)
    menu.popup(picker.mapToGlobal(picker.rect().bottomLeft()))
    qtbot.waitUntil(menu.isVisible)
    menu.setActiveAction(action)
    qtbot.keyClick(menu, Qt.Key.Key_Return)


def test_a_second_layer_becomes_a_channel_and_is_trained_on(dock, viewer, qtbot):
    picker = dock.findChild(ChannelPicker, "channels")
    assert picker.text() == "1 channel"
    assert [a.text() for a in picker.findChild(QMenu).actions()] == ["stain"]
    tick(qtbot, picker, "stain")
    assert picker.text() == "2 channels"
    with qtbot.waitSignal(
        dock.model.events.state,
        check_params_cb=lambda new, old: new is RunState.IDLE,
        timeout=60_000,
    ):
        dock._session.controller.run.start()
    assert load_run(dock.model.run.folder).settings.network.image_channels == 2
    assert viewer.layers["standard mask"].data.any()
    # and applied to the same layers again
    with qtbot.waitSignal(
        dock.model.events.state,
        check_params_cb=lambda new, old: new is RunState.IDLE,
        timeout=60_000,
    ):
        dock._session.controller.run.apply()
    assert "channels" not in dock.model.status


def test_a_channel_that_is_removed_is_no_channel_any_more(dock, viewer, qtbot):
    picker = dock.findChild(ChannelPicker, "channels")
    tick(qtbot, picker, "stain")
    viewer.layers.remove("stain")
    qtbot.waitUntil(lambda: dock.model.choices.channels == ())
    assert not picker.isVisible()
    assert dock.model.choices.image is not None
