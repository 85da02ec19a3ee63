"""Which image the command line reads: every format, its voxel size, and what is said of it."""

import json

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from napari_advseg.core.formats.io import read_label_file, read_stack
from napari_advseg.core.storage.run_folder import load_run
from napari_advseg.core.storage.run_images import image_of
from support.image_files import OTHERS

SETTINGS = {
    "patch": 16, "batch": 2, "tile": 32, "fixed_patches": 5, "samples": 0, "validations": 1,
    "network": {"width": 2, "depth": 1}, "scale": 1,
}  # fmt: skip
TRAIN = ("--updates", 2, "--method", "standard", "--settings", "small.json", "--device", "cpu")


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Image, labels and settings in the working directory."""
    monkeypatch.chdir(tmp_path)
    draws = np.random.default_rng(0)
    field = gaussian_filter(draws.standard_normal((6, 32, 48)), (0, 4, 4))
    labels = np.where(field > np.quantile(field, 0.4), 255, 0).astype(np.uint8)
    grey = 90 + 60 * (labels > 0) + draws.normal(0, 30, labels.shape)
    tifffile.imwrite("image.tif", np.clip(grey, 0, 255).astype(np.uint8))
    tifffile.imwrite("labels.tif", labels)
    (tmp_path / "small.json").write_text(json.dumps(SETTINGS))
    return tmp_path


def voxel_of(path):
    found = read_label_file(path).voxel_size
    return str(found)


def test_a_corrected_voxel_size_goes_to_everything_that_is_written(files, advseg):
    words = ("train", "image.tif", "labels.tif", "-o", "run", *TRAIN, "--voxel-size", "50,4,4.5nm")
    assert advseg(*words)[0] == 0
    assert voxel_of("run/annotation.tif") == "50, 4, 4.5 nm"
    predict = ("predict", "run", "image.tif", "-o", "mask.tif")
    assert advseg(*predict)[0] == 0
    assert voxel_of("mask.tif") == "1, 1, 1"  # the file itself knows none
    assert advseg(*predict, "--voxel-size", "0.05,0.004,0.0045um")[0] == 0
    assert voxel_of("mask.tif") == "0.05, 0.004, 0.0045 µm"
    with tifffile.TiffFile("mask.tif") as tif:
        assert tif.imagej_metadata["unit"] == "micron"
    assert advseg(*predict, "--probability", "--voxel-size", "500,40,45A")[0] == 0
    found = read_stack("mask.tif")
    np.testing.assert_allclose(found.scale, (500, 40, 45))
    assert found.unit == "Å"


def test_a_run_that_goes_on_keeps_the_voxel_size_that_was_corrected(files, advseg):
    words = ("train", "image.tif", "labels.tif", "-o", "run", *TRAIN, "--voxel-size", "50,4,4nm")
    assert advseg(*words)[0] == 0
    config = json.loads((files / "run" / "config.json").read_text())
    assert (config["image"]["scale"], config["image"]["unit"]) == ([50, 4, 4], "nm")
    assert str(image_of(load_run(files / "run")).voxel_size) == "50, 4, 4 nm"


@pytest.mark.parametrize("text", ["50,4,4", "50,4nm", "50;4;4nm", "-nm", "50,4,4 parsec"])
def test_a_voxel_size_that_cannot_be_read_is_refused(files, advseg, text):
    code, out, err = advseg(
        "train", "image.tif", "labels.tif", "-o", "run", *TRAIN, f"--voxel-size={text}"
    )
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "for example 50,4,4nm" in err
    assert not (files / "run").exists()


@pytest.mark.parametrize("name", OTHERS)
def test_every_format_is_predicted_and_trained_on(files, advseg, name, tmp_path):
    path = OTHERS[name](tmp_path)
    stack = read_stack(path)
    labels = np.where(np.asarray(stack.data) > 127, 255, 0).astype(np.uint8)
    tifffile.imwrite("own.tif", labels)
    named = ("--classes", "cell=255,membrane=0", "--val", "none")
    code, _, err = advseg("train", path, "own.tif", "-o", "run", *TRAIN, *named)
    assert code == 0, err
    for note in stack.notes:
        assert f"{path.name}: {note}" in err
    assert advseg("predict", "run", path, "-o", "mask.tif", "--stack")[0] == 0
    mask = read_label_file("mask.tif")
    assert mask.labels.shape == stack.shape
    np.testing.assert_allclose(mask.voxel_size.steps, stack.scale)
    assert mask.voxel_size.unit == stack.unit
    assert advseg("evaluate", "mask.tif", "own.tif", *named[:2])[0] == 0


def test_channels_are_refused_with_the_option_that_takes_them(files, advseg):
    draws = np.random.default_rng(0)
    both = draws.integers(0, 255, (6, 2, 32, 48)).astype(np.uint8)
    tifffile.imwrite("two.tif", both, imagej=True, metadata={"axes": "ZCYX"})
    words = ("train", "two.tif", "labels.tif", "-o", "run", *TRAIN)
    code, _, err = advseg(*words)
    assert (code, err.count("\n")) == (2, 1)
    assert "holds 2 channels" in err
    assert err.rstrip().endswith("or take them as channels with --channel-axis 1.")
    assert advseg(*words, "--channel-axis", 1)[0] == 0
    # labels have no such option, and the sentence names none
    code, _, err = advseg("evaluate", "labels.tif", "two.tif")
    assert code == 2
    assert "--channel-axis" not in err


def test_evaluate_takes_masks_of_every_kind(files, advseg):
    labels = tifffile.imread("labels.tif")
    whole = advseg("evaluate", "labels.tif", "labels.tif", "--json")[1]
    tifffile.imwrite("bool.tif", labels > 0, photometric="minisblack")
    tifffile.imwrite("floats.tif", labels.astype(np.float32))
    tifffile.imwrite("white.tif", labels, photometric="miniswhite")
    (files / "folder").mkdir()
    for z, one in enumerate(labels):
        tifffile.imwrite(files / "folder" / f"{z}.tif", one)
    for mask in ("bool.tif", "floats.tif", "white.tif", "folder"):
        code, out, _ = advseg("evaluate", mask, "labels.tif", "--json")
        assert code == 0, mask
        assert json.loads(out)["f1"] == json.loads(whole)["f1"] == {"cell": 1.0, "membrane": 1.0}
