"""Labels as users have them, on the command line: instances, strokes of one class, slices of one class."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter, label

from napari_advseg.core.formats.io import read_class_map, read_labels

SETTINGS = {
    "validate_every": 2,
    "patch": 16,
    "batch": 2,
    "tile": 64,
    "fixed_patches": 5,
    "samples": 0,
    "network": {"width": 2, "depth": 1},
    "discriminator": {"width": 2, "depth": 1},
}
SMALL = ("--settings", "small.json", "--device", "cpu", "--threads", "1", "--updates", 2)
OBJECTS = "mitochondrion=objects,background=0"


@pytest.fixture
def files(tmp_path, monkeypatch):
    """An image, numbered objects on slices 0 to 3 of 6, and strokes of label 1 on two slices."""
    monkeypatch.chdir(tmp_path)
    field = gaussian_filter(np.random.default_rng(0).standard_normal((6, 64, 64)), (0, 3, 3))
    inside = field > np.quantile(field, 0.7)
    inside[4:] = False
    objects, count = label(inside, structure=np.ones((3, 3, 3)) * [[[0]], [[1]], [[0]]])
    assert count > 40
    noise = np.random.default_rng(1).normal(0, 10, inside.shape)  # plain areas would be padding
    grey = np.clip(90 + 60 * inside + noise, 0, 255).astype(np.uint8)
    tifffile.imwrite("image.tif", grey)
    tifffile.imwrite("objects.tif", objects.astype(np.uint16))
    strokes = np.zeros((6, 64, 64), np.uint8)
    strokes[:2, 20:26, 4:60] = 1
    tifffile.imwrite("strokes.tif", strokes)
    (tmp_path / "small.json").write_text(json.dumps(SETTINGS))
    return tmp_path


def annotation_of(run):
    return read_labels(f"{run}/annotation.tif")[0]


def test_instance_labels_train_with_one_option(files, advseg):
    code, out, err = advseg(
        "train", "image.tif", "objects.tif", "-o", "run", "--classes", OBJECTS, *SMALL
    )
    assert (code, err) == (0, "")
    assert "2 of 6 slices are 0 throughout and unannotated" in out
    assert "Slice 3 validates; the other 3 train. To train on all: --val none." in out
    objects = tifffile.imread("objects.tif")
    expected = np.where(objects > 0, 1, 2)
    expected[4:] = 0
    assert (annotation_of("run") == expected).all()
    advseg("predict", "run", "image.tif", "-o", "mask.tif", "--network", "standard")
    mask, classes = read_labels("mask.tif")
    assert set(np.unique(mask)) <= {0, 1}
    assert str(classes) == "mitochondrion=1,background=0"
    code, out, err = advseg("evaluate", "mask.tif", "objects.tif", "--classes", OBJECTS)
    assert (code, err) == (0, "")
    assert "mitochondrion" in out


def test_borders_of_instances_are_membranes_on_request(files, advseg):
    classes = "cell=objects,membrane=0+borders"
    code, _, err = advseg(
        "train", "image.tif", "objects.tif", "-o", "run", "--classes", classes, *SMALL
    )
    assert (code, err) == (0, "")
    from skimage.segmentation import find_boundaries

    objects = tifffile.imread("objects.tif")[0]
    rim = find_boundaries(objects, connectivity=1, mode="inner")
    assert (annotation_of("run")[0] == np.where((objects > 0) & ~rim, 1, 2)).all()


def test_slices_without_anything_train_once_they_are_marked(files, advseg):
    code, _, err = advseg(
        "train", "image.tif", "objects.tif", "-o", "run", "--classes", OBJECTS,
        "--only", "background=4:6", "--train", "0:2,4", "--val", "2:4,5", *SMALL,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert (annotation_of("run")[4:] == 2).all()
    split = json.loads((files / "run" / "config.json").read_text())["split"]
    assert (split["train"], split["val"]) == ("0:2,4", "2:4,5")
    assert read_class_map("run/annotation.tif").names == ("mitochondrion", "background")


def test_strokes_of_one_class_with_marked_slices_train(files, advseg):
    train = ("train", "image.tif", "strokes.tif", "-o", "run")
    code, _, err = advseg(*train, *SMALL)
    assert code == 2
    assert "nothing says whether 0 is a class" in err
    named = ("--classes", "object=1,background=2", "--only", "background=4:6")
    code, _, err = advseg(*train, *named, "--train", "0,4", "--val", "1,5", *SMALL)
    assert (code, err) == (0, "")
    found = annotation_of("run")
    assert set(np.unique(found[0])) == {0, 1}
    assert (found[4:] == 2).all()


@pytest.mark.parametrize(
    ("only", "said"),
    [
        ("background", "--only 'background' is not of the form name=slices"),
        ("glia=4", "There is no class 'glia'"),
        ("background=0", "Slice 0 has labels of mitochondrion, so it is not only background"),
        ("background=a", "The slices 'a' are not of the form"),
    ],
)
def test_slices_that_cannot_be_marked_are_refused(files, advseg, only, said):
    code, _, err = advseg(
        "train", "image.tif", "objects.tif", "-o", "run", "--classes", OBJECTS, "--only", only
    )
    assert code == 2
    assert said in err
    assert not (files / "run").exists()


def test_a_process_of_its_own_takes_the_options(files):
    main = (sys.executable, "-c", "from napari_advseg.cli.main import main; main()")
    options = ("--classes", OBJECTS, "--only", "background=4", *map(str, SMALL))
    done = subprocess.run(
        [*main, "train", "image.tif", "objects.tif", "-o", "run", *options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_all_annotated_slices_train_without_f1(files, advseg):
    train = (
        "train",
        "image.tif",
        "objects.tif",
        "-o",
        "run",
        "--classes",
        OBJECTS,
        "--val",
        "none",
    )
    code, out, err = advseg(*train, *SMALL)
    assert (code, err) == (0, "")
    assert out.count("No F1: every annotated slice trains.") == 2
    assert "Best F1" not in out
    assert "validate;" not in out
    split = json.loads((files / "run" / "config.json").read_text())["split"]
    assert (split["train"], split["val"]) == ("0:4", "")
    summary = json.loads((files / "run" / "summary.json").read_text())
    assert summary["verdict"] is None
    assert "S F1 val" not in summary["scores"]
    assert summary["scores"]["S F1 train"] >= 0
    weights = [(files / "run" / f"standard{end}.safetensors") for end in ("", "-best")]
    assert all(path.is_file() for path in weights)
    predict = ("predict", "run", "image.tif", "-o", "mask.tif", "--network", "standard", "--best")
    assert advseg(*predict)[0] == 0
