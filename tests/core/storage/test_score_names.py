"""Scores and statistics of D keep their values on the way to text and back."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_advseg.core.runtime.events import Validated
from napari_advseg.core.runtime.scores import (
    DiscriminatorScores,
    DiscriminatorStatistics,
    NetworkScores,
    Scores,
    StepScores,
)
from napari_advseg.core.storage.history import history_as_json, history_from_json, metrics_csv
from napari_advseg.core.storage.score_names import (
    HEALTH,
    SCORES,
    STEP_SCORES,
    score_columns,
    scores_as_text,
    scores_from_text,
    statistic,
    statistics_as_text,
    statistics_from_text,
)

shares = st.floats(0, 1)
maybe = st.none() | shares
class_names = st.sampled_from(["val", "train", "F1", "S F1 a val", "G/S"]) | st.text(min_size=1)
networks = st.builds(NetworkScores, maybe, maybe, st.dictionaries(class_names, shares))
all_scores = st.builds(
    Scores, networks, networks, st.builds(DiscriminatorScores, maybe, maybe, maybe, maybe)
)
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)
all_statistics = st.builds(
    DiscriminatorStatistics, **{one.name: numbers for one in fields(DiscriminatorStatistics)}
)
SOME = Scores(
    NetworkScores(0.1, 0.2, {"cell": 0.3, "wall": 0.4}),
    NetworkScores(0.5, None, {"cell": 0.6, "wall": math.nan}),
    DiscriminatorScores(0.7, None, 0.8, 0.9),
)


@given(all_scores)
def test_scores_come_back_from_text(scores):
    assert scores_from_text(scores_as_text(scores)) == scores


@given(all_statistics)
def test_statistics_come_back_from_text(statistics):
    text = statistics_as_text(statistics)
    assert statistics_from_text(text) == statistics
    assert {name: statistic(statistics, name) for name in text} == text


@given(all_scores, all_statistics, shares)
def test_a_validation_comes_back_from_a_checkpoint(scores, statistics, weight):
    history = (Validated(7, 0.5, 12.5, scores, weight, statistics),)
    assert history_from_json(json.loads(json.dumps(history_as_json(history)))) == history


def test_text_is_in_the_order_of_checkpoints():
    assert list(scores_as_text(SOME)) == [
        "S F1 val", "S F1 cell val", "S F1 wall val", "S F1 train",
        "G/S F1 val", "G/S F1 cell val", "G/S F1 wall val",
        "D Accuracy val", "G/D Accuracy val", "G/D Accuracy train",
    ]  # fmt: skip
    every = {one.name: 1.0 for one in fields(DiscriminatorStatistics)}
    assert list(statistics_as_text(DiscriminatorStatistics(**every))) == [
        "broken mean", "real mean", "real spread", "fake mean", "fake spread", "fake magnitude", "largest",
        "called real", "right", "last bias", "last weight", "λ", "gradient ratio",
    ]  # fmt: skip


def test_each_field_has_one_name():
    every = {one.name: float(i) for i, one in enumerate(fields(DiscriminatorStatistics))}
    text = statistics_as_text(DiscriminatorStatistics(**every))
    assert sorted(text.values()) == sorted(every.values())
    assert set(text) == {*HEALTH, "λ"}
    assert STEP_SCORES.keys() == {one.name for one in fields(StepScores)}
    assert len(set(STEP_SCORES.values())) == len(STEP_SCORES)


def test_a_name_gives_the_value_that_its_text_holds():
    text = scores_as_text(SOME)
    for name in SCORES:
        assert SCORES[name].text == name
        assert SCORES[name].value(SOME) == text.get(name)
    assert SCORES["S F1 val"].value(SOME, "wall") == 0.4
    assert SCORES["S F1 train"].value(SOME, "wall") is None  # patches are not scored by class
    assert SCORES["S F1 val"].value(SOME, "nucleus") is None
    assert SCORES["D Accuracy val"].value(SOME, "wall") == 0.7


def test_a_score_that_is_undefined_is_shown_but_not_kept():
    """NaN was measured, None was not; a checkpoint holds neither."""
    assert math.isnan(scores_as_text(SOME)["G/S F1 wall val"])
    (row,) = history_as_json((Validated(1, 1.0, 1.0, SOME),))
    assert "G/S F1 wall val" not in row["scores"]
    (kept,) = history_from_json([row])
    assert kept.scores == replace(
        SOME, adversarial=replace(SOME.adversarial, f1_val_by_class={"cell": 0.6})
    )


def test_metrics_csv_holds_each_score_in_its_column():
    classes = ("wall", "cell")  # in the order of the file, whichever the scores have
    text = metrics_csv((Validated(1, 1.0, 1.0, SOME),), classes)
    header, row = (line.split(",")[3:] for line in text.splitlines())
    assert tuple(header) == score_columns(classes)
    assert dict(zip(header, row, strict=True)) == {
        "S F1 train": "0.200000", "S F1 val": "0.100000", "G/S F1 train": "", "G/S F1 val": "0.500000",
        "D Accuracy train": "", "D Accuracy val": "0.700000",
        "G/D Accuracy train": "0.900000", "G/D Accuracy val": "0.800000",
        "S F1 wall val": "0.400000", "G/S F1 wall val": "",
        "S F1 cell val": "0.300000", "G/S F1 cell val": "0.600000",
    }  # fmt: skip


def test_names_of_another_version_are_ignored():
    row = {
        "update": 1, "epoch": 1.0, "seconds": 1.0, "scores": {"S F1 val": 0.5, "S IoU val": 0.4},
        "health": {"real mean": 1.0, "new": 2.0},
    }  # fmt: skip
    (found,) = history_from_json([row])
    assert found.scores == Scores(NetworkScores(0.5))
    assert found.health == DiscriminatorStatistics(real_mean=1.0)
    assert found.adversarial_weight == 0


@pytest.mark.parametrize(
    "rows", [7, [{}], [{"update": 1, "epoch": 1, "seconds": 1, "scores": [1]}]]
)
def test_what_is_no_history_is_refused(rows):
    with pytest.raises(ValueError, match="validation error"):
        history_from_json(rows)
