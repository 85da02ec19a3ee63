"""The masks of a run are of its best weights; its checkpoint stays at the last."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_advseg.core.evaluation.best_validation import best_validation
from napari_advseg.core.evaluation.validator import Validator
from napari_advseg.core.inference.predict_stack import predict_stack, predict_to_file
from napari_advseg.core.runtime.errors import RunFolderError
from napari_advseg.core.runtime.events import SlicePredicted
from napari_advseg.core.storage import run_folder
from napari_advseg.core.storage.checkpoint import read_weights
from napari_advseg.core.training.engine import train

pytestmark = pytest.mark.training


@pytest.fixture
def second_is_best(monkeypatch):
    """The second of three validations scores best, whatever the networks do."""
    measured, seen = Validator.network_scores, Counter()

    def worse_in_the_end(self, network, *arguments):
        found = measured(self, network, *arguments)
        seen[id(network)] += 1
        return replace(found, mean_f1_val={1: 0.3, 2: 0.9, 3: 0.5}[seen[id(network)]])

    monkeypatch.setattr(Validator, "network_scores", worse_in_the_end)


def shown(events):
    """The last that was told of each slice."""
    return {(e.network, e.z): e.prediction for e in events if isinstance(e, SlicePredicted)}


def test_masks_and_scores_at_the_end_are_of_the_best_weights(
    second_is_best, small, stack, annotation, tmp_path
):
    folder, events = tmp_path / "run", []
    result = train(
        small(keep="best"), stack, annotation, folder, on_event=events.append, whole_stack=True
    )
    assert best_validation(result.history, "standard").update == 8
    weights = result.summary["weights"]
    assert weights == {n: {"kept": "best", "update": 8} for n in ("standard", "adversarial")}
    assert "best weights: S of update 8 and G/S of update 8." in events[-1].sentence

    applied = {}

    def keep(network, z, found):
        applied[network, z] = found[0].astype(np.float16)

    predict_stack(folder, stack, on_slice=keep)
    told = shown(events)
    assert told.keys() == applied.keys()
    for key, one in applied.items():
        np.testing.assert_array_equal(told[key], one)
    # what resume goes on from is the last
    last = result.training.networks["standard"].state_dict()
    kept = read_weights(folder / "standard.safetensors")
    assert all(torch.equal(kept[name], tensor) for name, tensor in last.items())
    best = read_weights(folder / "standard-best.safetensors")
    assert any(not torch.equal(best[name], tensor) for name, tensor in last.items())


def test_the_last_weights_can_be_chosen(second_is_best, small, stack, annotation, tmp_path):
    folder, events = tmp_path / "run", []
    train(
        small(keep="last", method="standard"), stack, annotation, folder,
        on_event=events.append, whole_stack=True,
    )  # fmt: skip
    assert "best weights:" not in events[-1].sentence
    masks = {}
    for best in (None, False, True):
        predict_stack(
            folder, stack, best=best,
            on_slice=lambda _, z, found, best=best: masks.setdefault(best, {}).update({z: found}),
        )  # fmt: skip
    assert all((masks[None][z] == masks[False][z]).all() for z in range(6))
    assert any((masks[True][z] != masks[False][z]).any() for z in range(6))


def test_the_best_threshold_is_named_and_used(small, stack, annotation, tmp_path):
    folder = tmp_path / "run"
    summary = train(small(method="standard"), stack, annotation, folder).summary
    choice = summary["thresholds"]["standard"][0]
    assert choice["measure"] in ("V_Rand", "F1 membrane")
    masks = {}
    for name, threshold in (("auto", "auto"), ("number", choice["threshold"])):
        predict_to_file(folder, stack, tmp_path / f"{name}.tif", threshold=threshold)
        masks[name] = (tmp_path / f"{name}.tif").read_bytes()
    assert masks["auto"] == masks["number"]
    (folder / run_folder.SUMMARY).unlink()
    with pytest.raises(RunFolderError, match="found no best threshold"):
        predict_to_file(folder, stack, tmp_path / "m.tif", threshold="auto")


def test_a_run_of_before_keeps_its_last_weights(small, stack, annotation, tmp_path):
    folder = tmp_path / "run"
    train(small(method="standard"), stack, annotation, folder)
    path = folder / run_folder.CONFIG
    config = json.loads(path.read_text())
    del config["settings"]["keep"], config["settings"]["scale"]
    path.write_text(json.dumps(config))
    settings = run_folder.load_run(folder).settings
    assert (settings.keep, settings.scale) == ("last", 1)
