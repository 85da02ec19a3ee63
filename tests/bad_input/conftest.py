"""Files that a person could give, a run to go on with, and the command line in this process."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from scipy.ndimage import gaussian_filter

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.config.slice_ranges import parse_slices
from napari_advseg.core.evaluation.evaluate import evaluate
from napari_advseg.core.formats.io import read_annotation, read_class_map, read_stack
from napari_advseg.core.inference.predict_stack import predict_to_file
from napari_advseg.core.runtime.control import RunControl
from napari_advseg.core.training.engine import resume, train
from support.paths import ROOT

SMALL = {
    "updates": 4,
    "validate_every": 2,
    "patch": 16,
    "batch": 2,
    "tile": 64,
    "fixed_patches": 5,
    "samples": 0,
    "device": "cpu",
    "precision": "float32",
    "threads": 1,
    "network": {"width": 2, "depth": 2},
    "discriminator": {"width": 2, "depth": 2},
}


class StopAfter(RunControl):
    """Stops before the update after `number`."""

    def __init__(self, number):
        super().__init__()
        self.left = number

    def raise_if_stopped(self):
        self.left -= 1
        if self.left < 0:
            self.stop()
        super().raise_if_stopped()


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def originals(tmp_path_factory):
    """``image.tif``, ``labels.tif``, ``run`` (stopped after an update) and ``finished``."""
    folder = tmp_path_factory.mktemp("originals")
    draws = np.random.default_rng(0)
    field = gaussian_filter(draws.standard_normal((6, 64, 64)), (0, 4, 4))
    labels = np.where(field > np.quantile(field, 0.4), 255, 0).astype(np.uint8)
    grey = 90 + 60 * (labels > 0) + draws.normal(0, 30, labels.shape)
    tifffile.imwrite(folder / "image.tif", np.clip(grey, 0, 255).astype(np.uint8))
    tifffile.imwrite(folder / "labels.tif", labels)
    stack, annotation = read_stack(folder / "image.tif"), read_annotation(folder / "labels.tif")
    train(from_preset(**SMALL), stack, annotation, folder / "run", control=StopAfter(1))
    one = {**SMALL, "updates": 1, "method": "standard"}
    train(from_preset(**one), stack, annotation, folder / "finished")
    return folder


@pytest.fixture
def files(originals, tmp_path, monkeypatch):
    """A copy of the originals as the working directory."""
    shutil.copytree(originals, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def everything(files):
    """What is on the disk: every path, and a digest of every file."""

    def found():
        return {
            str(path.relative_to(files)): hashlib.sha256(path.read_bytes()).hexdigest()
            if path.is_file()
            else None
            for path in sorted(files.rglob("*"))
        }

    return found


# ---- a command and its settings, as words of the command line and as a call from Python

OPTIONS = ("preset", "method", "updates", "minutes", "device", "train", "val")


@pytest.fixture
def words(files):
    """Words of a command; settings that are no option of it go into a JSON file."""
    return lambda name, **given: [name, *_WORDS[name](**given)]


@pytest.fixture
def call(files):
    """The same command from Python."""
    return lambda name, **given: _CALLS[name](**given)


def _train_words(image="image.tif", labels="labels.tif", out="new", classes=None, **changes):
    start = ["--best"] * changes.pop("best", False)
    if "start_from" in changes:
        start += ["--start-from", changes.pop("start_from")]
    if "second" in changes:
        start += ["--unannotated", changes.pop("second")]
    if "channel_axis" in changes:
        start += ["--channel-axis", str(changes.pop("channel_axis"))]
    plain = {name: value for name, value in changes.items() if not isinstance(value, list | dict)}
    options = {name: value for name, value in plain.items() if name in OPTIONS}
    rest = {name: value for name, value in changes.items() if name not in options}
    if isinstance(classes, str):
        options["classes"] = classes
    elif classes is not None:
        rest["classes"] = classes
    file = rest.pop("settings", "settings.json")
    if file == "settings.json":
        Path(file).write_text(json.dumps(SMALL | rest))
    return [image, labels, "-o", out, "--settings", file, *_as_options(options), *start]


def _predict_words(run="run", image="image.tif", out="mask.tif", network="standard", **more):
    best = ["--best"] if more.pop("best", False) else []
    network = {"network": network} if network else {}
    return [run, image, "-o", out, *_as_options(network | more), *best]


_WORDS = {
    "train": _train_words,
    "resume": lambda run="run", image="image.tif", second=None: [
        run,
        "--image",
        image,
        *(["--unannotated", second] if second else []),
    ],
    "predict": _predict_words,
    "evaluate": lambda mask, labels="labels.tif", **more: [mask, labels, *_as_options(more)],
}


def _as_options(values):
    return [word for name, value in values.items() for word in (f"--{name}", str(value))]


def _train_call(image="image.tif", labels="labels.tif", out="new", classes=None, **changes):
    start = {"start_from": changes.pop("start_from", None)}
    start["start_from_best"] = changes.pop("best", False)
    axis, second = changes.pop("channel_axis", None), changes.pop("second", None)
    start["unannotated"] = second and read_stack(second, channel_axis=axis)
    told = ClassMap.parse(classes) if isinstance(classes, str) else classes
    chosen = from_preset(**SMALL | changes | ({"classes": told} if told else {}))
    stack = read_stack(image, channel_axis=axis)
    train(chosen, stack, read_annotation(labels, told), out, **start)


def _evaluate_call(mask, labels="labels.tif", slices=None, threshold=0.5):
    evaluate(
        read_stack(mask).data,
        read_annotation(labels),
        mask_classes=read_class_map(mask),
        slices=parse_slices(slices) if slices else None,
        threshold=float(threshold),
    )


def _predict_call(run="run", image="image.tif", out="mask.tif", network="standard", **more):
    predict_to_file(run, read_stack(image), out, network=network, **more)


_CALLS = {
    "train": _train_call,
    "resume": lambda run="run", image="image.tif", second=None: resume(
        run, read_stack(image), unannotated=second and read_stack(second)
    ),
    "predict": _predict_call,
    "evaluate": _evaluate_call,
}


# ---- the documentation


@pytest.fixture(scope="session")
def refused():
    """What the documentation says of what is refused: a sentence for each kind of input."""
    page = ROOT / "docs" / "bad-input.md"
    section = page.read_text(encoding="utf-8").partition("\n## Refused\n")[2].partition("\n## ")[0]
    lines = [line.strip("|").split(" | ") for line in section.splitlines() if line[:2] == "| "]
    table = [[cell.strip() for cell in line] for line in lines]
    assert all(len(row) == 3 for row in table)
    found = {row[0]: row[1] for row in table if row[0] != "given"}
    assert len(found) == sum(row[0] != "given" for row in table), "a row stands twice"
    return found
