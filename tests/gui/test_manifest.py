"""The plugin's manifest as napari reads it, and the sample data as a person opens them."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from napari.utils.notifications import notification_manager
from npe2 import PluginManager, PluginManifest
from qtpy.QtWidgets import QFileDialog

from napari_advseg.core.config.classes import NEW_ANNOTATION, ClassMap
from napari_advseg.core.data.synthetic import synthetic_stack
from napari_advseg.gui import manifest as contributions
from napari_advseg.gui.layers.viewer_adapter import NapariViewerAdapter

PLUGIN = "napari-advseg"


@pytest.fixture
def viewer(make_napari_viewer):
    """A real viewer whose window is not shown: a third faster, and nothing here is about the screen."""
    return make_napari_viewer()


@pytest.fixture
def manifest():
    return PluginManifest.from_distribution(PLUGIN)


@pytest.fixture
def plugin(viewer, manifest):
    """The plugin as installed, known to the plugin manager of this test."""
    manager = PluginManager.instance()
    if PLUGIN not in manager:
        manager.register(manifest)
    return manager


@pytest.fixture
def small_synthetic(monkeypatch):
    made = synthetic_stack(shape=(3, 48, 48))
    monkeypatch.setattr(contributions, "synthetic_stack", lambda: made)
    return made


@pytest.fixture
def errors():
    """Sentences of the errors that napari has told the person."""
    notification_manager.records.clear()
    yield lambda: [one.message for one in notification_manager.records if one.severity == "error"]
    notification_manager.records.clear()


def choose(monkeypatch, folder):
    monkeypatch.setattr(
        QFileDialog, "getExistingDirectory", lambda *args, **options: str(folder or "")
    )


def test_everything_in_the_manifest_can_be_imported(manifest):
    manifest.validate_imports()
    assert manifest.display_name == manifest.name == "napari-advseg"
    (widget,) = manifest.contributions.widgets
    assert widget.display_name == "Adversarial Segmentation"
    shown = {one.key: one.display_name for one in manifest.contributions.sample_data}
    assert shown == {
        "synthetic": "Synthetic EM stack with truth",
        "isbi2012": "ISBI 2012 (from a folder…)",
    }


def test_the_synthetic_sample_opens_with_its_truth(viewer, plugin, small_synthetic):
    stack, truth = small_synthetic
    image, labels = viewer.open_sample(PLUGIN, "synthetic")
    assert (image.name, labels.name) == ("synthetic EM", "annotation")
    np.testing.assert_array_equal(image.scale, stack.scale)
    np.testing.assert_array_equal(labels.scale, stack.scale)
    adapter = NapariViewerAdapter(viewer)
    np.testing.assert_array_equal(adapter.image("synthetic EM").data, stack.data)
    pixels, classes = adapter.labels("annotation")
    np.testing.assert_array_equal(pixels, truth)
    assert classes == NEW_ANNOTATION
    adapter.close()


def test_the_challenges_files_open_from_their_folder(viewer, plugin, monkeypatch, tmp_path, em):
    labels = np.where(em > 50, 255, 0).astype(np.uint8)
    tifffile.imwrite(tmp_path / "train-volume.tif", em)
    tifffile.imwrite(tmp_path / "train-labels.tif", labels)
    choose(monkeypatch, tmp_path)
    image, annotation = viewer.open_sample(PLUGIN, "isbi2012")
    adapter = NapariViewerAdapter(viewer)
    stack = adapter.image(image.name)
    np.testing.assert_array_equal(stack.data, em)
    assert stack.source == tmp_path / "train-volume.tif"
    pixels, classes = adapter.labels(annotation.name)
    np.testing.assert_array_equal(pixels, labels)
    assert classes == ClassMap.parse("cell=255,membrane=0")
    adapter.close()


def test_the_test_volume_alone_opens_without_labels(viewer, plugin, monkeypatch, tmp_path, em):
    tifffile.imwrite(tmp_path / "test-volume.tif", em)
    choose(monkeypatch, tmp_path)
    (image,) = viewer.open_sample(PLUGIN, "isbi2012")
    np.testing.assert_array_equal(image.data, em)


def test_the_real_challenge_opens(viewer, plugin, monkeypatch, isbi2012):
    choose(monkeypatch, isbi2012)
    image, annotation = viewer.open_sample(PLUGIN, "isbi2012")
    assert image.data.shape == annotation.data.shape == (30, 512, 512)
    np.testing.assert_array_equal(image.scale, (50, 4, 4))


def test_cancelling_gives_nothing_and_says_nothing(viewer, plugin, monkeypatch, errors):
    choose(monkeypatch, None)
    assert viewer.open_sample(PLUGIN, "isbi2012") == []
    assert not viewer.layers
    assert errors() == []


def test_a_folder_without_the_files_is_said_in_a_sentence(
    viewer, plugin, monkeypatch, tmp_path, errors
):
    choose(monkeypatch, tmp_path)
    assert viewer.open_sample(PLUGIN, "isbi2012") == []
    assert not viewer.layers
    (sentence,) = errors()
    assert "train-volume.tif" in sentence
    assert "Traceback" not in sentence
