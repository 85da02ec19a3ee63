"""The verdict says first whether a network is usable, by the numbers of the table."""

from __future__ import annotations

import pytest

from napari_advseg.app.messages.verdict_messages import verdict_words
from napari_advseg.app.state.model import AppModel
from napari_advseg.core.evaluation.slice_scores import TRAINING, VALIDATION, SliceScore, SliceTable

COMPARED = "On the 2 validation slices neither network is better by more than chance."


def model(standard, adversarial):
    rows = (
        SliceScore(0, {"standard": (1.0, 1.0), "adversarial": (1.0, 1.0)}, 0.0, TRAINING),
        *(
            SliceScore(z, {"standard": (s, 0.99), "adversarial": (g, 0.99)}, 0.0, VALIDATION)
            for z, s, g in zip((1, 2), standard, adversarial, strict=True)
        ),
    )
    table = SliceTable(("standard", "adversarial"), ("mitochondria", "rest"), rows, 0.5)
    return AppModel(slice_table=table, structure=0, verdict=COMPARED)


@pytest.mark.parametrize(
    ("standard", "adversarial", "words"),
    [
        ((0.0, 0.02), (0.0, 0.0), "Neither network is usable yet."),
        ((0.6, 0.8), (0.4, 0.5), "Only S is usable."),
        ((0.6, 0.8), (0.9, 0.9), "Both networks are usable."),
    ],
)
def test_usable_comes_first_with_the_numbers_of_the_table(standard, adversarial, words):
    found = verdict_words(model(standard, adversarial))
    assert found.startswith(words)
    mean = (sum(standard) / 2, sum(adversarial) / 2)
    numbers = f"F1 mitochondria (mean of 2 validation slices): S {mean[0]:.3f}, G/S {mean[1]:.3f}."
    assert numbers in found
    assert (COMPARED in found) == ("Neither network is usable" not in words)


def test_without_a_table_the_verdict_of_the_run_stands_alone():
    assert verdict_words(AppModel(verdict=COMPARED)) == COMPARED
    assert verdict_words(AppModel()) == ""
