"""Files that people reported in public trackers, and their right answers, where they lie beside the project."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from napari_advseg.core.config.classes import UNLABELLED, ClassMap
from napari_advseg.core.data.normalisation import Normalisation
from napari_advseg.core.formats.io import read_annotation, read_label_file, read_stack
from napari_advseg.core.runtime.errors import AdvSegError, ImageError
from support.paths import ROOT

FILES = ROOT.parent / "shared" / "cases" / "files"
REFUSED = {
    "img_ome_scenes_3d": "holds 2 images",
    "img_ij_C5_taken_as_Z": "holds 5 channels",
    "img_bool_mask_as_image": "bool values: convert it",
}
LOSSY = 25
"""Largest difference that JPEG makes."""


def cases(role):
    if not (FILES / "cases.csv").is_file():
        return []
    with (FILES / "cases.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["role"] == role]


def expected(case):
    with np.load(FILES / "expected.npz") as pixels:
        return pixels[case] if case in pixels.files else None


@pytest.mark.parametrize("case", cases("image"), ids=lambda row: row["case"])
def test_an_image_has_the_right_pixels_and_voxel_size(case):
    path, name = FILES / case["file"], case["case"]
    channel_axis = int(case["options"].split()[-1]) if "--channel-axis" in case["options"] else None
    if name in REFUSED:
        with pytest.raises(ImageError, match=REFUSED[name]):
            read_stack(path, channel_axis=channel_axis)
        return
    stack, right = read_stack(path, channel_axis=channel_axis), expected(name)
    if right is not None:
        found = np.asarray(stack.data)
        assert (found.shape, found.dtype) == (right.shape, right.dtype)
        allowed = LOSSY if name == "img_jpeg" else 0
        assert np.abs(found.astype(float) - right).max() <= allowed
    if case["scale"]:
        np.testing.assert_allclose(
            stack.scale, [float(s) for s in case["scale"].split()], rtol=1e-9
        )
    assert not any("damaged" in note for note in stack.notes)


@pytest.mark.parametrize("case", cases("labels"), ids=lambda row: row["case"])
def test_labels_have_the_right_values(case):
    found, right = read_label_file(FILES / case["file"]), expected(case["case"])
    if right is not None and case["case"] != "lab_minus1_ignore":
        np.testing.assert_array_equal(found.labels > 0, right > 0)


def test_an_ignore_value_can_be_named():
    if not FILES.is_dir():
        pytest.skip(f"{FILES} is not there")
    path = FILES / "lab_minus1_ignore.tif"
    with pytest.raises(AdvSegError, match=r"ignore=-1"):
        read_annotation(path, ClassMap.parse("cell=2,membrane=1"))
    found = read_annotation(path, ClassMap.parse("cell=2,membrane=1,ignore=-1"))
    values = read_label_file(path).labels
    np.testing.assert_array_equal(found.targets == UNLABELLED, values == -1)
    np.testing.assert_array_equal(found.targets == 0, values == 2)


def test_strokes_of_one_class_are_not_taken_for_a_dense_annotation():
    if not FILES.is_dir():
        pytest.skip(f"{FILES} is not there")
    with pytest.raises(AdvSegError, match="nothing says whether 0 is a class"):
        read_annotation(FILES / "lab_0_1_sparse_napari.tif")


@pytest.mark.parametrize("name", ["neg_sentinel.tif", "nan_border.tif", "hot_u32.tif"])
def test_what_is_no_tissue_is_left_out(name):
    if not FILES.is_dir():
        pytest.skip(f"{FILES} is not there")
    found = Normalisation.of(read_stack(FILES / name))
    assert 60 < found.mean < 180
    assert 20 < found.std < 80
