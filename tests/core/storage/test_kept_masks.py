"""Predictions in a run folder: the same when they are read, and never those of another image."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from napari_advseg.core.storage.kept_masks import (
    KeptPrediction,
    MaskedImage,
    read_masks,
    write_masks,
)

IMAGE = MaskedImage("stack: one", "/data/stack.tif", (5, 8, 9))


def predictions(dtype=np.float16):
    draws = np.random.default_rng(0)
    return [
        KeptPrediction(name, z, (draws.random((8, 9)) * 3).astype(dtype))
        for name in ("standard", "adversarial")
        for z in (0, 3)
    ]


@pytest.mark.parametrize("dtype", [np.float16, np.uint8])
def test_what_is_read_is_what_was_written(tmp_path, dtype):
    written = predictions(dtype)
    write_masks(tmp_path, IMAGE, written)
    found = read_masks(tmp_path, IMAGE)
    assert [(one.network, one.z) for one in found] == [(one.network, one.z) for one in written]
    for one, other in zip(found, written, strict=True):
        np.testing.assert_array_equal(one.prediction, other.prediction)
        assert one.prediction.dtype == dtype


def test_each_image_has_its_own_and_a_moved_file_is_the_same(tmp_path):
    other = MaskedImage("two", "", (5, 8, 9))
    write_masks(tmp_path, IMAGE, predictions())
    write_masks(tmp_path, other, predictions()[:1])
    assert len(read_masks(tmp_path, other)) == 1
    assert len(read_masks(tmp_path, MaskedImage("renamed", "/elsewhere/stack.tif", (5, 8, 9)))) == 4
    assert read_masks(tmp_path, MaskedImage("stack: one", "/data/stack.tif", (6, 8, 9))) == ()
    assert read_masks(tmp_path, MaskedImage("three", "", (5, 8, 9))) == ()


@pytest.mark.parametrize("damage", ["cut", "shape", "text"])
def test_a_damaged_file_gives_no_masks(tmp_path, damage):
    path = write_masks(tmp_path, IMAGE, predictions())
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:200])
    elif damage == "text":
        path.write_text("no archive")
    else:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("standard/4.npy", b"nothing")
    assert read_masks(tmp_path, IMAGE) == ()
