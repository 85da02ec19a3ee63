"""Runs of before there were regimes: they load, predict and go on as what they were."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.inference.predict_stack import predict_stack
from napari_advseg.core.runtime.events import Alarm
from napari_advseg.core.runtime.scores import DiscriminatorStatistics
from napari_advseg.core.storage.run_folder import load_run
from napari_advseg.core.training.adversary_log import AdversaryLog
from napari_advseg.core.training.engine import resume, train

NEW = {
    "settings": ("unannotated", "tensorboard"),
    "discriminator": (
        "regime",
        "learns",
        "product",
        "tau",
        "objective",
        "image_normalisation",
        "gaps",
    ),
    "adversarial_weight": ("most",),
}
TRUTH = {
    "discriminator": {"regime": "truth", "image_normalisation": "stack", "gaps": 0},
    "adversarial_weight": {"kind": "constant", "value": 0.5},
}


@pytest.fixture
def partly(cells):
    """Slices 2 and 3 have no annotation."""
    labels = np.where(cells[1] == 255, 1, 2).astype(np.uint8)
    labels[[2, 3]] = 0
    return Annotation.from_labels(labels, ClassMap.of(cell=1, membrane=2))


def age(folder):
    """Take out of a run folder all that older versions did not write."""
    config = json.loads((folder / "config.json").read_text())
    for name in NEW["settings"]:
        del config["settings"][name]
    for group in ("discriminator", "adversarial_weight"):
        for name in NEW[group]:
            del config["settings"][group][name]
    config.pop("unannotated", None)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "discriminator.csv").unlink(missing_ok=True)
    path = folder / "checkpoint.safetensors"
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
    progress = json.loads(metadata["progress"])
    for name in ("pull", "watch"):
        progress.pop(name)
    for validated in progress["history"]:
        del validated["health"]
    save_file(tensors, path, {"progress": json.dumps(progress), "learners": metadata["learners"]})


def test_an_old_run_loads_and_predicts(small, stack, partly, tmp_path):
    result = train(small(updates=2, validate_every=2, **TRUTH), stack, partly, tmp_path / "run")
    age(tmp_path / "run")
    run = load_run(tmp_path / "run")
    assert [v.scores for v in run.history] == [v.scores for v in result.history]
    assert [v.health for v in run.history] == [DiscriminatorStatistics()]
    for network in run.networks:
        found = {}

        def on_slice(_, z, probability, found=found):
            found[z] = probability

        predict_stack(run, stack, networks=(network,), on_slice=on_slice, device="cpu")
        own = result.training.networks[network].eval()
        grey = torch.from_numpy(result.training.data.normalisation(stack.slice(3)))
        with torch.no_grad():
            expected = own(grey[None, None]).sigmoid()[0, 0].numpy()
        np.testing.assert_allclose(found[3][0], expected, atol=1e-5)


def test_an_old_run_goes_on_against_the_truth_though_slices_have_no_annotation(
    small, stack, partly, same_run, stop_at, tmp_path
):
    settings = small(updates=8, samples=0, **TRUTH)
    whole = train(settings, stack, partly)
    train(settings, stack, partly, tmp_path / "run", control=stop_at(12))
    age(tmp_path / "run")
    assert same_run(resume(tmp_path / "run", stack), whole)


def test_alarms_of_a_checkpoint_that_knows_nothing_else_of_them_are_kept(small, stack, annotation):
    alarm = {"kind": "saturated", "since": 7, "text": "D is saturated.", "until": None}
    log = AdversaryLog(train(small(updates=1), stack, annotation).training)
    log.restore({"pull": {"λ": 0.1}, "alarms": [alarm]})
    assert log.alarms == (Alarm(**alarm),)
    assert log.gradient_balance() == DiscriminatorStatistics(weight=0.1)
