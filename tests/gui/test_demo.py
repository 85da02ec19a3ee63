"""`make demo`: what it shows without files, and a whole demo in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from qtpy import API_NAME

import napari_advseg
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.synthetic import MITOCHONDRIA, synthetic_mitochondria
from napari_advseg.core.formats.io import write_labels
from napari_advseg.gui import demo


def test_the_sample_has_few_annotated_slices_of_mitochondria():
    stack, labels, classes = demo.sample()
    assert classes == MITOCHONDRIA
    annotation = Annotation.from_labels(labels, classes)
    assert annotation.annotated_slices == (*demo.TRAIN, *demo.VAL)
    assert len(annotation.annotated_slices) < stack.shape[0] / 2


def run_demo(tmp_path, *words):
    """Run the demo in a process of its own, on the display of the tests."""
    environment = {
        **os.environ,
        "QT_API": API_NAME.lower(),
        "PYTHONPATH": str(Path(napari_advseg.__file__).parents[1]),
        "XDG_DATA_HOME": str(tmp_path),
        "NAPARI_CONFIG": "",
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    call = [sys.executable, "-m", "napari_advseg.gui.demo", "--exit-after", *map(str, words)]
    return subprocess.run(
        call, capture_output=True, text=True, timeout=150, env=environment, check=False
    )


@pytest.mark.training
def test_a_demo_of_own_files_ends_with_what_came_out(tmp_path):
    stack, truth = synthetic_mitochondria(2, (6, 160, 160))
    image, labels, out = tmp_path / "image.tif", tmp_path / "labels.tif", tmp_path / "out"
    tifffile.imwrite(image, stack.data)
    write_labels(labels, truth + 1, ClassMap.of(mitochondrion=2, background=1))
    done = run_demo(tmp_path, "--image", image, "--labels", labels, "--updates", 2, "--out", out)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()[-2]
    assert said.startswith(
        "2 updates of both networks on slices 0, 1, 2 and 3, measured on slices 4 and 5."
    )
    assert "F1 mitochondrion" in said
    for name in ("standard", "adversarial"):
        mask = tifffile.imread(out / f"{name}_mask.tif")
        assert mask.shape == stack.shape
        assert np.isin(mask, (1, 2)).all()
    assert {path.name for path in out.iterdir()} >= {"metrics.csv", "window.png"}


def test_a_demo_of_a_file_that_is_missing_says_so(tmp_path):
    missing = tmp_path / "no.tif"
    done = run_demo(tmp_path, "--image", missing, "--labels", missing, "--out", tmp_path)
    assert done.returncode == 2
    assert "demo: " in done.stderr
    assert "no.tif" in done.stderr
