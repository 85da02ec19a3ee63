"""Scores and statistics are merged and converted field by field; what was not measured stays None."""

from __future__ import annotations

import math

from napari_advseg.core.runtime.scores import (
    DiscriminatorScores,
    DiscriminatorStatistics,
    NetworkScores,
    Scores,
    StepScores,
    measured,
)


def test_the_right_side_of_a_merge_replaces_only_what_it_measured():
    kept = DiscriminatorStatistics(real_mean=1.0, fake_mean=2.0)
    live = DiscriminatorStatistics(fake_mean=3.0, weight=0.1)
    assert kept | live == DiscriminatorStatistics(real_mean=1.0, fake_mean=3.0, weight=0.1)
    assert kept | DiscriminatorStatistics() == kept
    assert StepScores(standard_f1=0.5) | StepScores(accuracy=0.0) == StepScores(0.5, accuracy=0.0)


def test_only_measured_values_are_converted():
    found = DiscriminatorStatistics(largest=0, right=1).map(float)
    assert measured(found) == {"largest": 0.0, "right": 1.0}
    assert all(type(value) is float for value in measured(found).values())


def test_zero_and_nan_are_known_and_nothing_is_not():
    assert DiscriminatorStatistics(weight=0.0).known
    assert DiscriminatorStatistics(real_mean=math.nan).known
    assert not DiscriminatorStatistics().known


def test_means_over_batches_are_training_scores():
    scores = Scores(
        NetworkScores(0.1, None, {"a": 0.2}),
        NetworkScores(0.3, 0.4),
        DiscriminatorScores(accuracy_val=0.5, fooling_rate_train=0.6),
    )
    assert scores.with_train(StepScores()) == scores
    found = scores.with_train(StepScores(0.7, accuracy=0.0, fooling_rate=0.8))
    assert found == Scores(
        NetworkScores(0.1, 0.7, {"a": 0.2}),
        NetworkScores(0.3, 0.4),
        DiscriminatorScores(0.5, 0.0, fooling_rate_train=0.8),
    )
    assert scores.with_train(StepScores(adversarial_f1=0.9)).adversarial.f1_train == 0.9


def test_scores_of_a_network_are_found_by_its_name():
    scores = Scores(NetworkScores(0.1), NetworkScores(0.2))
    assert [scores.of(name).f1_val for name in ("standard", "adversarial")] == [0.1, 0.2]
