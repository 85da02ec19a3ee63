"""An annotation saved from napari's own menu keeps what its labels mean."""

from __future__ import annotations

import npe2
import numpy as np
import pytest
from napari.layers import Labels

from napari_advseg.core.formats.io import read_labels


@pytest.fixture(autouse=True)
def plugin(npe2pm):
    """The plugin as installed, known to the plugin manager of this test."""
    npe2pm.register(npe2.PluginManifest.from_distribution("napari-advseg"))


def save(layer, path):
    return npe2.write(str(path), [layer.as_layer_data_tuple()], plugin_name="napari-advseg")


def stack():
    labels = np.zeros((3, 8, 9), np.uint8)
    labels[:, :3], labels[:, 5:] = 1, 3
    return labels


@pytest.mark.parametrize(
    ("metadata", "read"),
    [
        ({"advseg_classes": "cell=1,membrane=2,synapse=3"}, "cell=1,membrane=2,synapse=3"),
        ({"advseg_told": "glia=3,rest=1+0"}, "glia=3,rest=1+0"),
        ({"advseg_classes": "a=1,b=3", "advseg_told": "axon=1,b=3"}, "axon=1,b=3"),
        ({}, "None"),
    ],
)
def test_what_was_told_is_in_the_file(tmp_path, metadata, read):
    layer = Labels(stack(), metadata=metadata, scale=(50, 4, 4))
    assert save(layer, tmp_path / "a.tif") == [str(tmp_path / "a.tif")]
    labels, classes = read_labels(tmp_path / "a.tif")
    assert np.array_equal(labels, layer.data)
    assert str(classes) == read


@pytest.mark.parametrize(("blank", "read"), [(False, "in=255,out=0"), (True, "None")])
def test_a_blank_slice_of_a_dense_annotation_stays_unannotated(tmp_path, blank, read):
    labels = np.zeros((2, 8, 8), np.uint8)
    labels[:, :4] = 255
    if blank:
        labels[1] = 0
    save(Labels(labels, metadata={"advseg_told": "in=255,out=0"}), tmp_path / "a.tif")
    assert str(read_labels(tmp_path / "a.tif")[1]) == read
