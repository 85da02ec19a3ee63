"""What is said of a split: how many slices, and which validate beside training ones."""

from __future__ import annotations

import pytest

from napari_advseg.app.messages.split_messages import neighbour_words, split_words, touching_tooltip
from napari_advseg.core.data.split import Split


def test_the_default_split_is_described_without_alarm():
    split = Split(tuple(range(20)), tuple(range(20, 30)))
    assert split_words(split, [1.0] * 30) == (
        "20 train, 10 validation; 1 of the 10 is next to a training slice"
    )
    assert neighbour_words(split) == ""
    assert "leave out slice 20:" in touching_tooltip(split)


def test_a_gap_has_nothing_to_be_said_of():
    split = Split(tuple(range(19)), tuple(range(20, 30)))
    assert split_words(split, [1.0] * 30) == "19 train, 10 validation, 1 left out"
    assert neighbour_words(split) == touching_tooltip(split) == ""


def test_unannotated_slices_are_not_left_out():
    assert split_words(Split((0,), (3,)), [0.1, 0.0, 0.0, 0.2, 0.0]) == "1 train, 1 validation"


@pytest.mark.parametrize(
    ("train", "val", "words"),
    [
        ((19,), (20,), "Slice 20 validates next to slice 19, which trains: neighbours look alike, so its "
         "score flatters. Annotate one further away to validate on."),
        ((3,), (2, 0), "Slice 2 validates next to slice 3, which trains: neighbours look alike, so its "
         "score flatters. Leave a slice out between the two (X)."),
        (range(0, 10, 2), range(1, 10, 2), "All 5 validation slices are next to a training slice: "
         "neighbours look alike, so their score flatters. Annotate one further away to validate on."),
        (range(0, 6, 2), (1, 3, 8), "2 of the 3 validation slices are next to a training slice: "
         "neighbours look alike, so their score flatters. Leave a slice out between the two (X)."),
    ],
)  # fmt: skip
def test_many_neighbours_are_pointed_out_with_the_way_out(train, val, words):
    split = Split(tuple(train), tuple(sorted(val)))
    assert neighbour_words(split) == words
    assert "next to" not in split_words(split, [1.0] * 12)
    assert touching_tooltip(split)
