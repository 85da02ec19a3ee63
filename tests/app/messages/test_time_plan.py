"""What the minutes of a run give, in sentences."""

from dataclasses import replace

import pytest

from napari_advseg.app.messages.time_plan import core_words, rounded, time_plan
from napari_advseg.core.runtime.run_estimate import RunEstimate

ESTIMATE = RunEstimate(5.0, 243, 6.0, 40.0, 20.0)


def test_updates_first_masks_and_validation_are_named():
    assert time_plan(ESTIMATE) == (
        "About 240 updates. First masks after about 40 s; a validation takes about 6 s."
    )


@pytest.mark.parametrize(("updates", "warned"), [(99, True), (100, False)])
def test_fewer_than_a_hundred_updates_are_a_warning(updates, warned):
    assert ("Fewer than 100 updates" in time_plan(replace(ESTIMATE, updates=updates))) is warned


def test_a_stack_that_follows_after_the_minutes_is_announced():
    said = time_plan(replace(ESTIMATE, stack_seconds=240.0, stack_after=True))
    assert (
        "Predicting the whole stack takes about 4 min more after the 5 min; Stop ends it." in said
    )


def test_scores_of_a_part_are_announced():
    said = time_plan(replace(ESTIMATE, all_scored=False))
    assert "Scores are of a part of the validation slices." in said


@pytest.mark.parametrize(
    ("updates", "words"), [(7, "7"), (99, "99"), (243, "240"), (1870, "1,900"), (51234, "51,000")]
)
def test_updates_are_rounded_to_two_digits(updates, words):
    assert rounded(updates) == words


@pytest.mark.parametrize(
    ("threads", "cores", "words"),
    [
        (1, 2, "Uses 1 of 2 CPU cores; the other keeps the window responsive."),
        (3, 8, "Uses 3 of 8 CPU cores; the others keep the window responsive."),
        (2, 2, "Uses all 2 CPU cores; the window may respond slowly."),
        (1, 1, ""),
    ],
)
def test_the_cores_that_a_run_uses_are_named(threads, cores, words):
    assert core_words(threads, cores) == words
