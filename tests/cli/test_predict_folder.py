"""``advseg predict`` on a folder, as a person meets it: words, files, exit codes, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import sys

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from napari_advseg.core.formats.io import read_labels
from napari_advseg.core.inference import predict_stack as predicting

SETTINGS = {
    "patch": 16,
    "batch": 2,
    "tile": 64,
    "fixed_patches": 5,
    "samples": 3,
    "network": {"width": 2, "depth": 2},
    "discriminator": {"width": 2, "depth": 2},
}
PREDICT = ("predict", "run", "stacks", "-o", "masks", "--device", "cpu", "--threads", 1)


@pytest.fixture
def stacks(tmp_path, monkeypatch, advseg):
    """A paired run in ``run``, and in ``stacks`` the images b.tif and a.tif."""
    monkeypatch.chdir(tmp_path)
    draws = np.random.default_rng(0)
    field = gaussian_filter(draws.standard_normal((6, 64, 64)), (0, 4, 4))
    labels = np.where(field > 0, 255, 0).astype(np.uint8)
    grey = np.clip(90 + 60 * (labels > 0) + draws.normal(0, 30, labels.shape), 0, 255)
    tifffile.imwrite("image.tif", grey.astype(np.uint8))
    tifffile.imwrite("labels.tif", labels)
    (tmp_path / "small.json").write_text(json.dumps(SETTINGS))
    code, _, err = advseg(
        "train", "image.tif", "labels.tif", "-o", "run", "--updates", 2,
        "--settings", "small.json", "--device", "cpu", "--threads", 1,
    )  # fmt: skip
    assert (code, err) == (0, "")
    folder = tmp_path / "stacks"
    folder.mkdir()
    tifffile.imwrite(folder / "b.tif", grey[:2].astype(np.uint8))
    tifffile.imwrite(folder / "a.tif", grey[2:5].astype(np.uint8), photometric="minisblack")
    return folder


def masks(folder):
    return sorted(p.name for p in (folder.parent / "masks").iterdir())


def test_each_image_gets_a_mask_of_each_network_and_a_bad_file_is_named(stacks, advseg):
    (stacks / "aa.tif").write_bytes(b"II*\0 cut off")
    code, out, err = advseg(*PREDICT)
    assert code == 2
    assert out.splitlines() == [
        "masks/a_standard_mask.tif: 3 slices",
        "masks/a_adversarial_mask.tif: 3 slices",
        "masks/b_standard_mask.tif: 2 slices",
        "masks/b_adversarial_mask.tif: 2 slices",
    ]
    refusal, count = err.splitlines()
    assert refusal.startswith("advseg: The file stacks/aa.tif ")
    assert count == "advseg: 1 of 3 files were not predicted."
    assert len(masks(stacks)) == 4
    assert advseg(*PREDICT, "--network", "standard")[0] == 2  # it is still there, and still bad


def test_masks_that_are_there_are_kept_until_overwriting_is_asked_for(stacks, advseg):
    assert advseg(*PREDICT, "--network", "standard")[0] == 0
    there = stacks.parent / "masks" / "a_standard_mask.tif"
    there.write_bytes(b"mine")
    code, out, err = advseg(*PREDICT)
    assert code == 0
    assert [line.partition(":")[0] for line in out.splitlines()] == [
        "masks/a_adversarial_mask.tif",
        "masks/b_adversarial_mask.tif",
    ]
    assert err.splitlines()[0] == (
        "masks/a_standard_mask.tif: there already, kept; --overwrite predicts it again."
    )
    assert there.read_bytes() == b"mine"
    code, out, err = advseg(*PREDICT, "--overwrite")
    assert (code, err, len(out.splitlines())) == (0, "", 4)
    assert read_labels(there)[0].shape == (3, 64, 64)


def test_one_file_still_needs_its_network_and_its_file_name(stacks, advseg):
    one = ("predict", "run", "stacks/a.tif", "--device", "cpu", "--threads", 1)
    code, out, err = advseg(*one, "-o", "m.tif")
    assert (code, out) == (2, "")
    assert "--network" in err
    code, _, err = advseg(*one, "-o", "stacks", "--network", "standard")
    assert code == 2
    assert "which is a folder" in err
    assert advseg(*one, "-o", "m.tif", "--network", "standard")[:2] == (0, "m.tif: 3 slices\n")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is sent to a process")
def test_ctrl_c_leaves_whole_files_and_the_next_time_goes_on(stacks, advseg, monkeypatch):
    real, slices = predicting.class_probabilities, []

    def interrupted(*args):
        slices.append(args)
        if len(slices) == 5:  # the second slice of the second mask of a.tif
            os.kill(os.getpid(), signal.SIGINT)
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(predicting, "class_probabilities", interrupted)
        code, out, err = advseg(*PREDICT)
    assert code == 130
    assert err.splitlines() == [
        "Stopping; press Ctrl-C again to leave at once.",
        "Stopped after 0 of 2 files; what is whole stays.",
    ]
    assert (out, len(slices)) == ("", 5)
    assert masks(stacks) == ["a_standard_mask.tif"]
    whole = (stacks.parent / "masks" / "a_standard_mask.tif").read_bytes()
    code, out, _ = advseg(*PREDICT)
    assert (code, len(out.splitlines())) == (0, 3)
    assert (stacks.parent / "masks" / "a_standard_mask.tif").read_bytes() == whole


def test_what_is_wrong_with_all_of_it_is_one_sentence(stacks, advseg):
    for words in (
        ("predict", "nothing", "stacks", "-o", "masks"),
        ("predict", "run", "masks-to-be", "-o", "masks"),
        ("predict", "run", "run", "-o", "image.tif"),
        (*PREDICT, "--threshold", 3),
    ):
        code, out, err = advseg(*words)
        assert (code, out, err.count("\n")) == (2, "", 1), words
        assert err.startswith("advseg: "), words
    (stacks / "a.tif").unlink()
    (stacks / "b.tif").unlink()
    code, _, err = advseg(*PREDICT)
    assert (code, err.count("\n")) == (2, 1)
    assert "holds no images" in err
