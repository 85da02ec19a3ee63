"""The command line with images without annotation; what it says of D's alarms and of the outcome."""

import csv
import json

import numpy as np
import pytest
import tifffile
import torch
from safetensors.torch import load_file
from scipy.ndimage import gaussian_filter

from napari_advseg.cli.report import Report
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.runtime.events import Alarm, AlarmChanged
from napari_advseg.core.training import loop

SETTINGS = {
    "updates": 6, "validate_every": 6, "patch": 16, "batch": 2, "tile": 64, "fixed_patches": 4, "samples": 0,
    "precision": "float32", "device": "cpu", "threads": 1,
    "network": {"width": 2, "depth": 2}, "discriminator": {"width": 2, "depth": 2},
    "adversarial_weight": {"kind": "constant", "value": 0.5},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A dense annotation, one of slices 0, 1 and 4, and another stack, in the working directory."""
    monkeypatch.chdir(tmp_path)
    draws = np.random.default_rng(0)
    field = gaussian_filter(draws.standard_normal((6, 64, 64)), (0, 4, 4))
    labels = np.where(field > np.quantile(field, 0.4), 255, 0).astype(np.uint8)
    grey = np.clip(90 + 60 * (labels > 0) + draws.normal(0, 30, labels.shape), 0, 255)
    tifffile.imwrite("image.tif", grey.astype(np.uint8))
    tifffile.imwrite("labels.tif", labels)
    partly = np.where(labels == 255, 1, 2).astype(np.uint8)
    partly[[2, 3, 5]] = 0
    tifffile.imwrite("partly.tif", partly)
    tifffile.imwrite("other.tif", (grey[:, ::-1, :60] / 2).astype(np.uint8))
    return tmp_path


@pytest.fixture
def run(files, advseg):
    """Train with changes to the settings and further words; return what it says."""

    def trained(labels, out, *words, **changes):
        (files / "small.json").write_text(json.dumps(SETTINGS | changes))
        code, said, err = advseg(
            "train", "image.tif", labels, "-o", out, "--settings", "small.json", *words
        )
        assert (code, err) == (0, "")
        return said.splitlines()

    return trained


STROKES = ("--classes", "cell=1,membrane=2")


def config(folder):
    return json.loads((folder / "config.json").read_text())


def test_another_stack_is_learned_from_and_named_in_the_config(files, run):
    run("labels.tif", "alone")
    run("labels.tif", "beside", "--unannotated", "other.tif")
    assert config(files / "alone")["settings"]["discriminator"]["regime"] == "truth"
    beside = config(files / "beside")
    assert beside["settings"]["discriminator"]["regime"] == "unannotated"
    assert beside["unannotated"]["source"] == str(files / "other.tif")
    assert beside["unannotated"]["shape"] == [6, 64, 60]
    weights = {f: load_file(files / f / "standard.safetensors") for f in ("alone", "beside")}
    assert all(torch.equal(t, weights["beside"][k]) for k, t in weights["alone"].items())
    of_g = [load_file(files / f / "adversarial.safetensors") for f in ("alone", "beside")]
    assert not all(torch.equal(tensor, of_g[1][key]) for key, tensor in of_g[0].items())


def test_slices_without_annotation_are_found_by_themselves_or_named(files, run):
    run("partly.tif", "auto", *STROKES)
    assert config(files / "auto")["settings"]["unannotated"] == [2, 3, 5]
    run("partly.tif", "named", *STROKES, unannotated="2:4")
    assert config(files / "named")["settings"]["unannotated"] == [2, 3]


def test_a_run_goes_on_with_its_other_stack_where_it_has_moved(files, run, advseg, monkeypatch):
    run("partly.tif", "whole", *STROKES, "--unannotated", "other.tif", validate_every=3)
    validate = loop.TrainingLoop._validate

    def killed(self):
        if self.update == 6:
            raise KeyboardInterrupt
        validate(self)

    with monkeypatch.context() as patch:
        patch.setattr(loop.TrainingLoop, "_validate", killed)
        words = ("-o", "run", "--settings", "small.json", "--unannotated", "other.tif", *STROKES)
        assert advseg("train", "image.tif", "partly.tif", *words)[0] == 130
    (files / "other.tif").rename(files / "moved.tif")
    assert advseg("resume", "run") == (
        2,
        "",
        f"advseg: The stack without annotation {files / 'other.tif'} is no longer there: say where it is, "
        "for example --unannotated STACK.tif.\n",
    )
    code, _, err = advseg("resume", "run", "--unannotated", "moved.tif")
    assert (code, err) == (0, "")
    for name in ("standard", "adversarial", "discriminator"):
        weights, whole = (load_file(files / f / f"{name}.safetensors") for f in ("run", "whole"))
        assert all(torch.equal(tensor, whole[key]) for key, tensor in weights.items())


def test_alarms_are_said_as_they_begin_and_kept(files, run, monkeypatch):
    """D of 2017 without what cured it, learning far too fast."""
    monkeypatch.setattr(loop, "STEP_SECONDS", 0.0)
    seed_like = {
        "head": "dense", "norm": "none", "sees_image": False, "mask": "probability", "width": 2, "depth": 2,
    }  # fmt: skip
    lines = run(
        "labels.tif", "run", updates=40, validate_every=40,
        discriminator=seed_like, discriminator_optimizer={"rate": 10.0},
    )  # fmt: skip
    alarms = json.loads((files / "run" / "summary.json").read_text())["alarms"]
    assert "saturated" in {alarm["kind"] for alarm in alarms}
    said = [alarm["text"] for alarm in alarms]
    assert [line for line in lines if line in said] == said
    rows = list(csv.DictReader((files / "run" / "discriminator.csv").read_text().splitlines()))
    assert float(rows[-1]["largest"]) > 1000


def test_a_jump_of_the_last_bias_is_said_although_it_is_over_as_it_begins(capsys):
    text = "The bias of D's last layer jumped at update 7."
    with Report(from_preset("quick")) as report:
        report(AlarmChanged(Alarm("jump", 7, text, until=7)))
        report(AlarmChanged(Alarm("saturated", 3, "D is saturated.", until=9)))  # is over
    assert capsys.readouterr().out == f"{text}\n"


def test_the_outcome_of_a_pair_is_the_last_line(files, run):
    lines = run("labels.tif", "pair", train="0:2", val="2:6")
    verdict = json.loads((files / "pair" / "summary.json").read_text())["verdict"]
    assert lines[-1] == f"{verdict['sentence']} {verdict['advice']}"
    assert lines[-1].startswith("On the 4 validation slices ")
    alone = run("labels.tif", "alone", "--method", "standard", updates=1)
    assert not any("validation slice" in line for line in alone)
