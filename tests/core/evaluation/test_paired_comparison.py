"""Which network is better: the interval against scipy's own, and what is said of each outcome."""

from __future__ import annotations

import csv
import json
from math import isnan, nan

import numpy as np
import pytest
from scipy.stats import ttest_rel

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.evaluation.paired_comparison import Difference, Verdict
from napari_advseg.core.training.engine import train


def scores(difference, spread=0.01, count=10, seed=0):
    """Scores of S, and of a G/S that is better by `difference` on average."""
    draws = np.random.default_rng(seed)
    standard = draws.uniform(0.5, 0.9, count)
    return standard.tolist(), (standard + draws.normal(difference, spread, count)).tolist()


@pytest.mark.parametrize("count", [3, 10, 40])
@pytest.mark.parametrize("difference", [-0.1, 0.0, 0.02])
def test_the_interval_is_that_of_the_paired_t_test(difference, count):
    standard, adversarial = scores(difference, count=count)
    found = Difference.of("F1", standard, adversarial)
    expected = ttest_rel(adversarial, standard).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.mean == pytest.approx(np.mean(adversarial) - np.mean(standard))
    significant = ttest_rel(adversarial, standard).pvalue < 0.05
    assert (found.better is not None) == significant


def test_slices_without_a_score_of_both_are_left_out():
    standard, adversarial = scores(0.02, count=6)
    with_gaps = Difference.of("F1", [nan, *standard, 0.5], [0.9, *adversarial, nan])
    assert with_gaps == Difference.of("F1", standard, adversarial)
    assert with_gaps.slices == 6
    with pytest.raises(ValueError, match="no slice"):
        Difference.of("F1", [nan, 0.5], [0.5, nan])
    with pytest.raises(ValueError, match=r"shorter|longer"):
        Difference.of("F1", [0.5, 0.5], [0.5])


@pytest.mark.parametrize("count", [1, 2])
def test_with_fewer_than_three_slices_nothing_is_claimed(count):
    found = Verdict.of({"F1": ([0.5] * count, [0.9] * count)}, unannotated=False)
    assert found.better is None
    assert isnan(found.differences[0].low)
    where = "On the one validation slice" if count == 1 else "On the 2 validation slices"
    assert found.sentence == (
        f"{where} G/S minus S is F1 +0.400: too few slices to tell from chance."
    )
    assert found.advice == "Use at least three validation slices."
    assert found.as_json()["differences"][0] == {
        "measure": "F1", "slices": count, "mean": pytest.approx(0.4), "low": None, "high": None,
    }  # fmt: skip


UP, DOWN, LEVEL = scores(0.05), scores(-0.05), scores(0.0, spread=0.05, seed=1)


@pytest.mark.parametrize(
    ("v_rand", "f1", "better", "words"),
    [
        (UP, UP, "adversarial", "G/S is better than S by more than chance: V_Rand +0.0"),
        (UP, LEVEL, "adversarial", "G/S is better than S by more than chance: V_Rand +0.0"),
        (LEVEL, DOWN, "standard", "S is better than G/S by more than chance: V_Rand "),
        (DOWN, DOWN, "standard", "S is better than G/S by more than chance: V_Rand -0.0"),
        (LEVEL, LEVEL, None, "neither network is better by more than chance: V_Rand "),
        (UP, DOWN, None, "each network is better in one way: V_Rand +0.0"),
        (DOWN, UP, None, "each network is better in one way: V_Rand -0.0"),
    ],
)
def test_each_outcome_has_its_sentence(v_rand, f1, better, words):
    found = Verdict.of({"V_Rand": v_rand, "F1": f1}, unannotated=False)
    assert found.better == better
    assert found.sentence.startswith(f"On the 10 validation slices {words}")
    assert found.sentence.endswith("(G/S minus S, 95 % interval).")
    assert found.sentence.count(" to ") == 2  # an interval for each measure
    assert found.divided == ("in one way" in words)
    assert found.advice.endswith(".")
    plain = found.as_json()
    assert (plain["better"], plain["sentence"]) == (better, found.sentence)
    json.dumps(plain, allow_nan=False)


def test_advice_names_images_without_annotation_to_those_who_have_not_given_any():
    advice = [Verdict.of({"F1": DOWN}, unannotated=u).advice for u in (False, True)]
    assert "give it images without annotation" in advice[0]
    assert "without annotation" not in advice[1]


def test_two_networks_that_are_the_same_are_not_told_apart():
    found = Verdict.of({"F1": ([0.5, 0.6, 0.7],) * 2}, unannotated=False)
    assert found.better is None
    assert "neither network is better" in found.sentence


def test_a_measure_that_few_slices_have_does_not_silence_the_other():
    """V_Rand is of slices with a cell alone."""
    found = Verdict.of({"V_Rand": ([0.5], [0.6]), "F1": UP}, unannotated=False)
    assert found.better == "adversarial"
    assert found.sentence.startswith(
        "On the 10 validation slices G/S is better than S by more than chance: V_Rand +0.100; F1 +0.0"
    )
    assert "Use the mask of G/S" in found.advice


def test_without_any_score_there_is_no_verdict():
    assert Verdict.of({"F1": ([], [])}, unannotated=False) is None
    assert Verdict.of({"F1": ([nan], [0.5])}, unannotated=False) is None


# ---- of a run


def test_a_paired_run_is_judged_by_its_slices(small, stack, annotation, tmp_path):
    """By the numbers of its own slices.csv, and in summary.json."""
    settings = small(updates=3, train=(0, 1), val=(2, 3, 4, 5), samples=0, validate_every=3)
    train(settings, stack, annotation, tmp_path / "run")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    verdict = summary["verdict"]
    assert [d["measure"] for d in verdict["differences"]] == ["V_Rand", "mean F1"]
    rows = list(csv.DictReader((tmp_path / "run" / "slices.csv").read_text().splitlines()))
    f1 = {}
    for network in ("S", "G/S"):
        columns = [name for name in rows[0] if name.startswith(f"{network} F1")]
        f1[network] = [np.mean([float(row[name]) for name in columns]) for row in rows]
    expected = ttest_rel(f1["G/S"], f1["S"]).confidence_interval(0.95)
    found = verdict["differences"][1]
    assert found["slices"] == 4
    assert (found["low"], found["high"]) == pytest.approx((expected.low, expected.high), abs=2e-6)
    means = summary["boundaries"]
    apart = means["adversarial"]["V_Rand"] - means["standard"]["V_Rand"]
    assert verdict["differences"][0]["mean"] == pytest.approx(apart)
    assert verdict["sentence"].startswith("On the 4 validation slices ")


@pytest.mark.parametrize("method", ["standard", "adversarial"])
def test_one_network_alone_has_no_verdict(small, stack, annotation, method):
    settings = small(updates=1, method=method)
    assert train(settings, stack, annotation).summary["verdict"] is None


def test_a_run_that_stops_before_its_first_validation_has_no_verdict(
    small, stack, annotation, stop_at
):
    stopped = train(small(), stack, annotation, control=stop_at(2))
    assert stopped.history == ()
    assert stopped.summary["verdict"] is None


def test_three_classes_are_judged_by_f1_alone(small, stack, cells):
    labels = np.where(cells[1] == 255, 1, 2).astype(np.uint8)
    labels[:, :20, :20] = 3
    annotation = Annotation.from_labels(labels, ClassMap.of(cell=1, membrane=2, mito=3))
    summary = train(small(updates=1, samples=0), stack, annotation).summary
    assert [d["measure"] for d in summary["verdict"]["differences"]] == ["mean F1"]
    assert summary["boundaries"] == {"standard": {}, "adversarial": {}}
