"""A project that version 0.1 saved before its modules moved opens in the window."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from napari_advseg.app.state.model import RunState
from napari_advseg.core.formats.io import read_labels, read_stack
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.window.viewer_session import session_of
from support.paths import FIXTURES

EARLIER = FIXTURES / "earlier"


@pytest.fixture
def viewer(plain_viewer):
    return plain_viewer


@pytest.fixture
def project(tmp_path):
    """The project with its image and its run, as they lay beside each other."""
    folder = tmp_path / "project"
    shutil.copytree(EARLIER / "project", folder)
    shutil.copytree(EARLIER / "run_folders" / "paired", folder / "run")
    shutil.copy(EARLIER / "image.tif", folder)
    return folder / "old.advseg.json"


def test_it_opens_with_annotation_choices_and_run_and_its_run_can_be_applied(
    viewer, qtbot, project
):
    dock = AdversarialSegmentation(viewer)
    viewer.window.add_dock_widget(dock, name="Adversarial Segmentation")
    session = session_of(viewer)
    model = session.model
    session.controller.project.open(project)
    qtbot.waitUntil(lambda: model.project.path == project and model.run is not None, timeout=20_000)
    image = read_stack(EARLIER / "image.tif")
    np.testing.assert_array_equal(np.asarray(viewer.layers["image"].data), image.data)
    kept, classes = read_labels(EARLIER / "project" / "old.advseg" / "annotation-annotation.tif")
    np.testing.assert_array_equal(viewer.layers["annotation"].data, kept)
    assert classes.names == ("cell", "membrane")
    assert set(np.unique(kept[:3])) == {1, 2}
    assert not kept[3:].any()
    assert len(model.history) == 1
    assert model.run.networks == ("standard", "adversarial")
    session.controller.run.apply()
    qtbot.waitUntil(lambda: model.state is RunState.IDLE, timeout=60_000)
    assert model.masks_shown, (model.status, dict(model.problems))
    masks = session.adapter.masks("adversarial")
    assert masks.shape == image.shape
