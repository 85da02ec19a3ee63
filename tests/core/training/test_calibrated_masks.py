"""Masks of two classes are calibrated before the last validation: 0.5 is the best threshold on what trains."""

from math import log

import numpy as np
import pytest
import torch
from scipy.special import expit, logit

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.evaluation.calibration import logit_shift
from napari_advseg.core.inference.predict_stack import predict_stack
from napari_advseg.core.storage.checkpoint import read_weights
from napari_advseg.core.training.engine import resume, train

SETTINGS = {"method": "standard", "average": 0.9, "keep": "last", "patch": 16, "seed": 1}


def patches(shift, number=16, share=0.1, seed=0):
    """Truth with a rare second class, and probabilities of the first whose logits are off by `shift`."""
    draws = np.random.default_rng(seed)
    truths = (draws.random((number, 64, 64)) < share).astype(np.uint8)
    logits = np.where(truths == 0, 2.0, -2.0) + draws.normal(0, 1.5, truths.shape)
    return list(expit(logits + shift).astype(np.float32)), list(truths)


@pytest.mark.parametrize("shift", [-2.0, -1.0, 0.0, 1.5])
def test_a_shift_of_the_logits_is_found(shift):
    plain = logit_shift(*patches(0.0))
    assert logit_shift(*patches(shift)) - plain == pytest.approx(shift, abs=0.35)


def test_the_threshold_with_the_best_mean_f1_becomes_one_half():
    found, truths = patches(-1.5)

    def mean_f1(threshold):
        masks, truth = np.stack(found) < threshold, np.stack(truths)
        scores = []
        for index in (0, 1):
            hits = np.sum((masks == index) & (truth == index))
            scores.append(2 * hits / (np.sum(masks == index) + np.sum(truth == index)))
        return np.mean(scores)

    grid = [k / 20 for k in range(1, 20)]
    best = max(grid, key=mean_f1)
    assert logit_shift(found, truths) == pytest.approx(logit(best), abs=0.25)


@pytest.mark.parametrize(
    "change",
    [
        lambda found, truths: (found[:5], truths[:5]),  # too few patches
        lambda found, truths: (found, [np.zeros_like(t) for t in truths]),  # one class alone
        lambda found, truths: (
            found,
            [_strokes(t) for t in truths],
        ),  # strokes are not as in the image
    ],
)
def test_where_nothing_can_be_chosen_nothing_is_shifted(change):
    assert logit_shift(*change(*patches(-2.0))) == 0.0


def _strokes(truth):
    sparse = np.full_like(truth, UNLABELLED)
    sparse[20:30] = truth[20:30]
    return sparse


@pytest.fixture
def calibrated(small, stack, annotation, tmp_path):
    settings = small(calibrate=True, **SETTINGS)
    return train(settings, stack, annotation, tmp_path / "run"), tmp_path / "run"


def test_masks_and_files_of_a_run_are_calibrated_and_learning_is_not(
    calibrated, small, stack, annotation
):
    result, folder = calibrated
    network = result.training.networks["standard"].eval()
    shift = float(network.logit_shift)
    assert shift != 0  # else nothing below could fail
    assert shift in [pytest.approx(log(t / (1 - t))) for t in np.arange(1, 20) / 20]
    assert float(read_weights(folder / "standard.safetensors")["logit_shift"]) == shift
    assert float(result.training.optimizers["standard"].network.logit_shift) == 0
    found = {}
    predict_stack(folder, stack, device="cpu", on_slice=lambda _, z, one: found.update({z: one[0]}))
    grey = torch.from_numpy(result.training.data.normalisation(stack.slice(3)))
    with torch.no_grad():
        logits = network(grey[None, None])[0, 0].numpy()
    np.testing.assert_allclose(found[3], expit(logits - shift), atol=1e-5)
    plain = train(small(**SETTINGS), stack, annotation).training.networks["standard"]
    for key, value in plain.state_dict().items():
        if key != "logit_shift":
            assert torch.equal(value, network.state_dict()[key]), key


def test_only_the_last_validation_is_of_calibrated_masks(calibrated, small, stack, annotation):
    result, _ = calibrated
    plain = train(small(**SETTINGS), stack, annotation).history
    scores = [v.scores.standard.f1_val for v in result.history]
    before = [v.scores.standard.f1_val for v in plain]
    assert scores[:-1] == before[:-1]
    assert len(scores) > 1


@pytest.mark.parametrize("looks", [3, 9])
def test_a_stopped_run_is_calibrated_as_the_whole_run(
    calibrated, small, stack, annotation, tmp_path, stop_at, looks
):
    whole, _ = calibrated
    settings = small(calibrate=True, **SETTINGS)
    train(settings, stack, annotation, tmp_path / "stopped", control=stop_at(looks))
    again = resume(tmp_path / "stopped", stack)
    for key, value in whole.training.networks["standard"].state_dict().items():
        assert torch.equal(value, again.training.networks["standard"].state_dict()[key]), key
