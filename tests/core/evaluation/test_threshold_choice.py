"""The threshold that suits masks best."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.evaluation.boundary_scores import rand_and_info
from napari_advseg.core.evaluation.threshold_choice import (
    best_threshold,
    choose_threshold,
    f1_by_threshold,
    regions_count,
)

NAMES = ("cell", "membrane")


def grid(shape=(60, 60), step=12):
    """Cells of 11 × 11 pixels between membranes of one."""
    truth = np.zeros(shape, np.uint8)
    truth[::step], truth[:, ::step] = 1, 1
    return truth


def test_f1_is_that_of_the_rarer_class_and_unlabelled_pixels_do_not_count():
    truth = np.zeros((10, 10), np.uint8)
    truth[0] = 1
    truth[9] = UNLABELLED
    found = np.full((10, 10), 0.8, np.float16)
    found[0, :5] = 0.3
    found[0, 5:] = 0.6
    found[9] = 0.1
    rarer, scores = f1_by_threshold([found], [truth])
    assert rarer == 1
    f1 = dict(scores)
    assert f1[0.5] == pytest.approx(2 * 5 / (2 * 5 + 5))  # half of the row is found
    assert f1[0.7] == pytest.approx(1.0)
    assert f1[0.9] == pytest.approx(2 * 10 / (2 * 10 + 80))
    choice = choose_threshold([found], [truth], NAMES, None)[0]
    assert (choice.measure, choice.score) == ("F1 membrane", pytest.approx(1.0))
    assert choice.threshold == pytest.approx(0.65)  # of 0.65 to 0.8 the nearest to 0.5
    assert choice.score_at_half == pytest.approx(2 / 3)


def test_of_thresholds_that_score_alike_the_middle_is_taken():
    assert best_threshold([(0.3, 0.9), (0.5, 0.8995), (0.7, 0.9)], "F1 x").threshold == 0.5
    assert best_threshold([(0.5, float("nan"))], "F1 x") is None


def test_v_rand_decides_where_the_first_class_lies_in_regions():
    """Membranes are found with low certainty: at 0.5 all cells are one, at 0.7 they are parted."""
    truth = grid()
    found = np.where(truth == 1, 0.6, 0.95).astype(np.float16)
    boundaries = rand_and_info(found[None].astype(np.float32), truth[None])
    first, second = choose_threshold([found], [truth], NAMES, boundaries)
    assert first.measure == "V_Rand"
    assert first.threshold >= 0.6
    assert first.score > 0.9 > 0.3 > first.score_at_half
    assert second.measure == "F1 membrane"


def test_round_objects_on_a_background_are_no_regions():
    objects = 1 - grid()
    assert not regions_count([objects])  # the first class is what parts them
    few = np.zeros((60, 60), np.uint8)
    few[20:30, 20:30] = 1
    assert not regions_count([few])  # a background of one piece
    assert regions_count([grid()])
