"""The best validation of a network and of a run."""

from __future__ import annotations

from math import inf, nan

import pytest

from napari_advseg.core.evaluation.best_validation import (
    BestValidation,
    best_index,
    best_of_all,
    best_validation,
    best_validations,
)
from napari_advseg.core.evaluation.run_summary import best_as_json, best_sentence
from napari_advseg.core.runtime.events import Validated
from napari_advseg.core.runtime.scores import NetworkScores, Scores


def validated(update, standard=None, adversarial=None, **by_class):
    scores = Scores(
        NetworkScores(standard, f1_val_by_class=by_class), NetworkScores(f1_val=adversarial)
    )
    return Validated(update, 1.0, 3.0, scores)


HISTORY = [
    validated(10, 0.7, nan, cell=0.7, membrane=0.9),
    validated(20, 0.8, 0.6, cell=0.8, membrane=nan),
    validated(30, 0.8, 0.8),
]


@pytest.mark.parametrize(
    ("values", "best"),
    [([], None), ([nan, inf], None), ([nan, 0.2, 0.1], 1), ([0.1, 0.3, 0.3], 1), ([0.0], 0)],
)
def test_the_first_highest_finite_value_is_the_best(values, best):
    assert best_index(values) == best


def test_the_best_of_each_network_is_the_earliest_of_its_highest():
    assert best_validation(HISTORY, "standard") == BestValidation("standard", 20, 0.8)
    assert best_validation(HISTORY, "adversarial") == BestValidation("adversarial", 30, 0.8)
    assert list(map(str, best_validations(HISTORY))) == [
        "S 0.800 at update 20",
        "G/S 0.800 at update 30",
    ]


def test_the_best_by_one_class_is_of_the_networks_that_have_it():
    assert best_validations(HISTORY, class_name="membrane") == (
        BestValidation("standard", 10, 0.9),
    )


def test_of_networks_that_are_equal_the_earlier_is_the_best_and_then_s():
    assert best_of_all(HISTORY) == BestValidation("standard", 20, 0.8)
    assert best_of_all([validated(5, 0.5, 0.5)]) == BestValidation("standard", 5, 0.5)
    assert best_of_all([validated(5, 0.5, 0.5), validated(9, 0.4, 0.6)]).update == 9


def test_without_a_score_there_is_none():
    for history in ([], [validated(10)], [validated(10, nan)]):
        assert best_validation(history, "standard") is None
        assert best_of_all(history) is None
        assert best_validations(history) == ()
        assert best_as_json(history, "standard") == {"update": None, "F1 val": None}
        assert best_sentence(history, ("standard",)) == ""


def test_what_the_summary_says():
    assert best_as_json(HISTORY, "standard") == {"update": 20, "F1 val": 0.8}
    assert best_sentence(HISTORY, ("standard", "adversarial")) == (
        "Best F1: S 0.800 at update 20, G/S 0.800 at update 30."
    )
