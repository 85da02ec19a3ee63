"""The sentences of the window."""

from __future__ import annotations

from itertools import pairwise

import pytest

from napari_advseg.app.messages.run_messages import (
    TimeLeft,
    clock,
    duration,
    final_line,
    score_line,
)
from napari_advseg.app.state.advanced_fields import field_specs, preset_values
from napari_advseg.app.state.run_form import Choices
from napari_advseg.core.runtime.events import FinalScores, Validated
from napari_advseg.core.runtime.scores import DiscriminatorScores, NetworkScores, Scores


def test_score_line_leaves_out_networks_that_were_not_trained():
    history = [Validated(40, 1.0, 3.0, Scores(NetworkScores(0.94919), NetworkScores(float("nan"))))]
    assert score_line(history) == "F1 S 0.949 · best S 0.949 at update 40"


def test_the_scores_of_the_last_validation_are_by_the_measure_of_the_best():
    def validated(update, standard, adversarial):
        networks = (NetworkScores(0.99, mean_f1_val=f1) for f1 in (standard, adversarial))
        return Validated(update, 1.0, 3.0, Scores(*networks, DiscriminatorScores(0.71)))

    history = [validated(10, 0.8, 0.85), validated(20, 0.82, 0.81)]
    assert score_line(history) == (
        "Mean F1 S 0.820  G/S 0.810, D 0.710 · best G/S 0.850 at update 10"
    )
    final = FinalScores(20, history[-1].scores, "all 5 validation slices")
    assert final_line(final) == "Mean F1 S 0.820  G/S 0.810 on all 5 validation slices"


def test_of_equal_scores_the_earliest_is_the_best():
    history = [Validated(u, 1.0, 3.0, Scores(NetworkScores(0.9))) for u in (10, 20)]
    assert score_line(history) == "F1 S 0.900 · best S 0.900 at update 10"


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0.5, "30 s"), (1, "1 min"), (6.2, "6 min"), (185, "3 h"), (2900, "2 days")],
)
def test_durations_are_coarse(minutes, words):
    assert duration(minutes) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(3, "0:05"), (131, "2:10"), (118, "2:00"), (4000, "1:07:00")]
)
def test_clock_steps(seconds, words):
    assert clock(seconds) == words


def test_time_left_settles_under_noisy_estimates():
    left, shown = TimeLeft(), []
    for second in range(1, 60):
        noisy = (100 - second) * (1.3 if second % 2 else 0.7)
        shown.append(left.words(second, noisy))
    values = [int(m) * 60 + int(s) for m, s in (w.split()[0].split(":") for w in shown)]
    settled = values[10:]
    # The raw estimates swing by half a minute at each step; what is shown must not.
    assert max(abs(later - earlier) for earlier, later in pairwise(settled)) <= 15
    assert abs(values[-1] - 41) <= 10


def test_every_advanced_field_has_a_sentence_and_a_value_in_its_range():
    values = preset_values(Choices())
    for spec in field_specs():
        assert len(spec.description) > len(spec.label), spec.name
        if spec.options:
            assert values[spec.name] in spec.options.values()
        else:
            assert spec.minimum <= values[spec.name] <= spec.maximum
