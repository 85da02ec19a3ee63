"""Every row of "Refused" in ``docs/bad-input.md``: one sentence from Python and from the command line.

Whatever is refused leaves every file as it was.
"""

import json
import os
import pickle
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from safetensors.torch import load_file, save_file

from napari_advseg.core.runtime.errors import (
    AdvSegError,
    AnnotationError,
    ClassMapError,
    ImageError,
    RunFolderError,
    SettingsError,
    SplitError,
    UndecidedLabels,
)
from napari_advseg.core.runtime.filesystem import only_writer

# ---- how the files of a case come about


def nothing():
    pass


def image(values, **options):
    return lambda: tifffile.imwrite(
        "cells.tif", values() if callable(values) else values, **options
    )


def strokes_of_one_class(dense):
    strokes = np.zeros_like(dense)
    strokes[:2, 10:14, 5:60] = 1
    return strokes


def labels(change, name="strokes.tif"):
    """The dense labels, 255 cell and 0 membrane, changed."""
    return lambda: tifffile.imwrite(name, change(tifffile.imread("labels.tif")))


def content(source, change, target=None):
    return lambda: Path(target or source).write_bytes(change(Path(source).read_bytes()))


def flipped(bytes_, at=-20):
    return bytes_[:at] + bytes([bytes_[at] ^ 4]) + bytes_[at + 1 :]


def config(change):
    def rewrite():
        path = Path("run/config.json")
        values = json.loads(path.read_text())
        change(values)
        path.write_text(json.dumps(values))

    return rewrite


def with_infinity():
    grey = tifffile.imread("image.tif").astype(np.float32)
    grey[2, :2, :3] = np.nan
    grey[2, 5, 5] = np.inf
    return grey


def empty():
    with warnings.catch_warnings(action="ignore"):  # tifffile finds it strange, too
        tifffile.imwrite("cells.tif", np.zeros((0, 64, 64), np.uint8))


def instances(values):
    """Each square of 8 × 8 pixels is an object of its own."""
    _, y, x = np.indices(values.shape) // 8
    return (1 + 8 * y + x).astype(np.uint16)


def strokes_on(*slices):
    """The labels as strokes: 1 cell, 2 membrane, nothing but on these slices."""

    def change(values):
        strokes = np.where(values == 255, 1, 2).astype(np.uint8)
        strokes[[z for z in range(len(strokes)) if z not in slices]] = 0
        return strokes

    return labels(change)


def own_annotation():
    os.mkdir("mine")
    labels(lambda v: v, "mine/annotation.tif")()


def other_shapes():
    path = Path("run/standard.safetensors")
    tensors = load_file(path)
    tensors["head.weight"] = tensors["head.weight"].repeat(1, 2, 1, 1)
    save_file(tensors, path)


class Poison:
    """Leaves a trace when it is unpickled."""

    def __reduce__(self):
        return (os.mkdir, ("poisoned",))


def poisoned(name):
    return lambda: Path("run", name).write_bytes(pickle.dumps(Poison()))


def channels(number):
    """Noise of several channels, on the second axis."""
    return np.random.default_rng(0).integers(0, 255, (6, number, 64, 64), np.uint8)


def second_stack(values, first=None):
    """Another stack, and an image that goes with it."""

    def write():
        tifffile.imwrite("other.tif", values, photometric="minisblack")
        if first is not None:
            tifffile.imwrite("cells.tif", first, photometric="minisblack")

    return write


def other_stack(**changes):
    """Let the run have had a second stack."""
    return config(lambda c: c.update(unannotated={**c["image"], **changes}))


def darker_stack(c):
    """Let the run have learned from a second stack of other grey values."""
    of_before = {"mean": 100.5, "std": 20.25}
    c.update(unannotated={**c["image"], "normalisation": of_before})
    c["settings"]["discriminator"]["regime"] = "unannotated"


# ---- the rows


@dataclass(frozen=True)
class Case:
    given: str
    error: type[AdvSegError]
    command: str
    values: dict[str, Any]
    prepare: Any = nothing
    python: bool = True
    """Whether Python can be given this, too."""


def train(given, error, prepare=nothing, python=True, **values):
    return Case(given, error, "train", values, prepare, python)


def on_image(given, prepare=nothing):
    return train(given, ImageError, prepare, image="cells.tif")


def on_labels(given, error, prepare, **values):
    return train(given, error, prepare, labels="strokes.tif", **values)


def resume(given, prepare, **values):
    return Case(given, RunFolderError, "resume", values, prepare)


def predict(given, error, prepare=nothing, **values):
    return Case(given, error, "predict", values, prepare)


def folder_of(given, error, prepare, **values):
    """A folder of images, which Python takes as a list of files."""
    return Case(given, error, "predict", {"image": "stacks", **values}, prepare, python=False)


def one_stack():
    os.mkdir("stacks")
    shutil.copy("image.tif", "stacks")


def evaluate(given, error, prepare=nothing, **values):
    return Case(given, error, "evaluate", {"mask": "strokes.tif", **values}, prepare)


WEIGHTS, CHECKPOINT = "run/standard.safetensors", "run/checkpoint.safetensors"
STROKES = "cell=1,membrane=2"
COLOURS = np.random.default_rng(1).integers(0, 255, (6, 64, 64, 3), np.uint8)
CRITIC = {"width": 2, "depth": 2}
STEPS = {"kind": "steps", "steps": [[0, -1]]}

CASES = [
    on_image("no such file"),
    on_image("truncated file", content("image.tif", lambda b: b[:9000], "cells.tif")),
    # of the 42 that makes it a TIFF
    on_image("file with a flipped bit", content("image.tif", lambda b: flipped(b, 2), "cells.tif")),
    on_image("file that is no image", content("image.tif", lambda b: b"Z,Y,X\n", "cells.tif")),
    on_image("RGB image", image(COLOURS, photometric="rgb")),
    on_image("image of true and false", image(np.eye(64, dtype=bool))),
    on_image("infinite values", image(with_infinity)),
    on_image("constant image", image(np.full((6, 64, 64), 7, np.uint8))),
    on_image("empty stack", empty),
    on_image("more than three dimensions", image(np.ones((2, 5, 6, 64, 64), np.uint8), imagej=True)),
    # annotation
    on_labels("annotation of another shape", AnnotationError, labels(lambda v: v[1:, :60])),
    on_labels("empty annotation", AnnotationError, labels(np.zeros_like), classes=STROKES),
    on_labels("only one class painted", AnnotationError, labels(lambda v: v // 255), classes=STROKES),
    on_labels("the same label everywhere", AnnotationError, labels(np.ones_like)),
    on_labels("fractions as labels", AnnotationError, labels(lambda v: v / np.float32(510))),
    on_labels("labels that nothing explains", ClassMapError, labels(lambda v: v // 25 + 3)),
    on_labels(
        "strokes of one class, or a dense annotation with few objects", UndecidedLabels,
        labels(strokes_of_one_class),
    ),
    on_labels(
        "labels that the classes do not name", ClassMapError, labels(lambda v: v // 5 + 3),
        classes="cell=54,membrane=0",
    ),
    on_labels("an instance segmentation", ClassMapError, labels(instances), classes=STROKES),
    train("classes not of the form", ClassMapError, classes="cell:255"),
    train("one class named", ClassMapError, classes="cell=255"),
    train("classes of a wrong type", SettingsError, classes=5),
    # slices
    train("slices out of range", SplitError, val="4:9"),
    train("slices that train and validate", SplitError, train="0:4", val="3:6"),
    train("slices not of the form", SplitError, train="0-4"),
    train("slices of a wrong type", SettingsError, train=[0, "a"]),
    on_labels(
        "slices that are not annotated", SplitError, strokes_on(0, 1, 2),
        classes=STROKES, train="4:6",
    ),
    train("no slice left to train", SplitError, val="0:6"),
    on_labels("too few annotated slices", SplitError, strokes_on(3), classes=STROKES, patch=32),
    # images without annotation
    train(
        "slices without annotation out of range", SettingsError,
        discriminator={**CRITIC, "regime": "auto"}, unannotated=[4, 5, 6],
    ),
    train("slices without annotation of a wrong type", SettingsError, unannotated=[0, "a"]),
    train("no slice without annotation", SettingsError, discriminator={**CRITIC, "regime": "unannotated"}),
    train(
        "softened truth where D sees no truth", SettingsError,
        discriminator={**CRITIC, "regime": "unannotated", "mask": "scaled"},
    ),
    train(
        "shuffled masks where D sees no truth", SettingsError, alternation={"kind": "block"},
        discriminator={**CRITIC, "regime": "unannotated", "batches": "shuffled"},
    ),
    train(
        "softened truth of shuffled masks", SettingsError, alternation={"kind": "block"},
        discriminator={**CRITIC, "mask": "scaled", "batches": "shuffled"},
    ),
    train("no such stack without annotation", ImageError, second="other.tif"),
    train(
        "stack without annotation of other channels", ImageError, second_stack(channels(3), channels(2)),
        image="cells.tif", second="other.tif", channel_axis=1,
    ),
    train(
        "stack without annotation smaller than a patch", ImageError,
        second_stack(np.eye(12, 64, dtype=np.uint8)), second="other.tif",
    ),
    train(
        "constant stack without annotation", ImageError,
        second_stack(np.full((3, 64, 64), 7, np.uint8)), second="other.tif",
    ),
    resume("stack without annotation that has moved", other_stack(source="other.tif")),
    resume("stack without annotation that was no file", other_stack(source=None)),
    resume(
        "stack without annotation of another shape", other_stack(shape=[9, 72, 68]), second="image.tif"
    ),
    resume("another stack without annotation", config(darker_stack), second="image.tif"),
    resume("stack without annotation that the run had not", nothing, second="image.tif"),
    # settings
    train("patch larger than a slice", SettingsError, patch=128),
    train("patch that cannot be halved", SettingsError, patch=18),
    train("patch too small for the depth", SettingsError, network={"depth": 4}),
    train("unknown preset", SettingsError, preset="fast"),
    train("preset of a wrong type", SettingsError, preset=["quick"]),
    train("unknown method", SettingsError, method="twins"),
    train("unknown device", SettingsError, device="gpu"),
    train("device that is not there", SettingsError, device="cuda:99"),
    train("zero updates", SettingsError, updates=0),
    train("negative updates", SettingsError, updates=-5),
    train("zero minutes", SettingsError, minutes=0.0),
    train("minutes that are no number", SettingsError, minutes=float("nan")),
    train("updates and minutes together", SettingsError, python=False, updates=5, minutes=1),
    train("zero batch", SettingsError, batch=0),
    train("negative λ", SettingsError, adversarial_weight={"value": -0.1}),
    train("negative λ in steps", SettingsError, adversarial_weight=STEPS),
    train("unknown setting", SettingsError, bacth=4),
    train("setting of a wrong type", SettingsError, network="wide"),
    train("channels that the image lacks", SettingsError, network={"image_channels": 3}),
    train("settings file that is not there", SettingsError, python=False, settings="my.json"),
    train("settings file that is no JSON", SettingsError, python=False, settings="image.tif"),
    # run folder
    train("run folder that is a file", RunFolderError, out="labels.tif"),
    train("run folder that cannot be written", RunFolderError, out="labels.tif/new"),
    train("run folder that holds a run", RunFolderError, out="run"),
    train("run folder with a file of that name", RunFolderError, own_annotation, out="mine"),
    resume("folder without a run", nothing, run="."),
    resume("damaged config.json", content("run/config.json", lambda b: b[:-200])),
    resume("config.json with nonsense", config(lambda c: c["settings"].update(updates="many"))),
    predict("run of a newer format", RunFolderError, config(lambda c: c.update(format=2))),
    predict(
        "run of other channels", RunFolderError,
        config(lambda c: c["settings"]["network"].update(image_channels=3)),
    ),
    resume(
        "run of a device that is not there",
        config(lambda c: c["settings"].update(device="cuda:99")),
    ),
    resume("checkpoint missing", lambda: os.remove(CHECKPOINT)),
    resume("checkpoint truncated", content(CHECKPOINT, lambda b: b[:-100])),
    resume("checkpoint with a flipped bit", content(CHECKPOINT, flipped)),
    predict("weights truncated", RunFolderError, content(WEIGHTS, lambda b: b[:-100])),
    predict("weights with a flipped bit", RunFolderError, content(WEIGHTS, flipped)),
    predict("weights of other shapes", RunFolderError, other_shapes),
    predict(
        "network as large as no memory", RunFolderError,
        config(lambda c: c["settings"]["network"].update(width=512, depth=7)),
    ),
    predict("a pickle where weights belong", RunFolderError, poisoned("standard.safetensors")),
    resume("a pickle where the checkpoint belongs", poisoned("checkpoint.safetensors")),
    resume("annotation of the run damaged", content("run/annotation.tif", lambda b: b[:300])),
    resume("another image", image(lambda: tifffile.imread("image.tif") // 2), image="cells.tif"),
    resume("run that is complete", nothing, run="finished"),
    # networks to start from
    train("start from a folder without a run", RunFolderError, start_from="."),
    train(
        "start from networks of another width", RunFolderError,
        start_from="run", network={"width": 4, "depth": 2},
    ),
    train(
        "start from networks of other classes", RunFolderError,
        start_from="run", classes="neurite=255,membrane=0",
    ),
    train(
        "start S from a run without S", RunFolderError,
        config(lambda c: c["settings"].update(method="adversarial")), start_from="run",
    ),
    train(
        "start from best weights before a validation", RunFolderError,
        start_from="run", best=True,
    ),
    train(
        "start from damaged weights", RunFolderError,
        content(WEIGHTS, lambda b: b[:-100]), start_from="run",
    ),
    train("best weights of no run", SettingsError, python=False, best=True),
    # masks
    predict("both networks, none chosen", RunFolderError, network=None),
    predict("network that the run has not", RunFolderError, run="finished", network="adversarial"),
    predict("best weights before a validation", RunFolderError, best=True),
    predict("mask in place of the image", AdvSegError, out="image.tif"),
    predict("mask in place of a file of the run", AdvSegError, out="run/annotation.tif"),
    predict("mask in place of a folder", AdvSegError, out="run"),
    predict("mask in a folder that is not there", AdvSegError, out="masks/m.tif"),
    folder_of("folder without an image", ImageError, lambda: os.mkdir("stacks"), out="masks"),
    folder_of("file in place of a folder of masks", AdvSegError, one_stack, out="image.tif"),
    predict("threshold above 1", SettingsError, threshold=1.5),
    evaluate("threshold that is no number", SettingsError, mask="labels.tif", threshold="nan"),
    predict("zero threads", SettingsError, threads=0),
    evaluate("mask of another shape", AnnotationError, labels(lambda v: v[1:])),
    evaluate("mask of other labels", ClassMapError, labels(lambda v: v // 2)),
    evaluate(
        "floats that are neither probabilities nor labels",
        AnnotationError,
        labels(lambda v: v + np.float32(0.5)),
    ),
    evaluate("slices to evaluate out of range", SplitError, mask="labels.tif", slices="20:30"),
]  # fmt: skip
IN_USE = "run that another program writes"
OPTION = {"RGB image": "; or take them as channels with --channel-axis 3."}
"""What the command line says besides."""
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.given)


def test_each_row_of_the_documentation_is_a_case_and_each_case_a_row(refused):
    assert sorted(refused) == sorted([*(case.given for case in CASES), IN_USE])


@pytest.mark.parametrize("case", [case for case in CASES if case.python], ids=lambda c: c.given)
def test_python_refuses_with_the_documented_sentence(case, refused, call, everything):
    case.prepare()
    before = everything()
    with pytest.raises(case.error) as caught:
        call(case.command, **case.values)
    assert str(caught.value) == refused[case.given]
    assert everything() == before
    assert not Path("poisoned").exists()


@every_case
def test_the_command_line_refuses_with_the_documented_sentence(
    case, refused, words, everything, advseg
):
    case.prepare()
    said = words(case.command, **case.values)
    before = everything()
    sentence = refused[case.given]
    if case.given in OPTION:
        sentence = sentence.removesuffix(".") + OPTION[case.given]
    assert advseg(*said) == (2, "", f"advseg: {sentence}\n")
    assert everything() == before


def test_a_run_that_another_program_writes_is_refused(refused, call, words, everything, advseg):
    with only_writer(Path("run")):
        before = everything()
        with pytest.raises(RunFolderError) as caught:
            call("resume")
        assert str(caught.value) == refused[IN_USE]
        assert advseg(*words("resume")) == (2, "", f"advseg: {refused[IN_USE]}\n")
        assert everything() == before
        assert advseg(*words("predict"))[0] == 0  # reading is no harm


def test_a_poisoned_pickle_would_have_left_a_trace(files):
    """So that the absence of that trace says something."""
    pickle.loads(pickle.dumps(Poison()))  # noqa: S301
    assert Path("poisoned").exists()
