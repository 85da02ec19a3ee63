"""Means over the batches of an epoch, and how a checkpoint holds them."""

from __future__ import annotations

import json
import math

import pytest
import torch

from napari_advseg.core.evaluation.batch_scores import BatchScores
from napari_advseg.core.runtime.scores import StepScores


def scored(**values):
    return StepScores(**{name: torch.tensor(value) for name, value in values.items()})


def test_batches_that_do_not_define_a_score_are_left_out_of_its_mean():
    running = BatchScores()
    for f1 in (0.5, math.nan, 1.0):
        running.add(scored(standard_f1=f1, accuracy=math.nan))
    running.add(StepScores())
    means = running.means()
    assert means.standard_f1 == pytest.approx(0.75)
    assert math.isnan(means.accuracy)
    assert means.adversarial_f1 is means.fooling_rate is None
    running.reset()
    assert running.means() == StepScores()


def test_means_go_on_after_a_checkpoint():
    running, again = BatchScores(), BatchScores()
    running.add(scored(standard_f1=0.5, fooling_rate=0.25))
    state = json.loads(json.dumps(running.state()))
    assert state == {"S F1": [0.5, 1.0], "G/D Accuracy": [0.25, 1.0]}
    again.restore(state, torch.device("cpu"))
    for one in (running, again):
        one.add(scored(standard_f1=1.0, adversarial_f1=0.75))
    assert again.means() == running.means() == StepScores(0.75, 0.75, fooling_rate=0.25)
