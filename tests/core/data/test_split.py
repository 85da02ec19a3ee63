"""Which slices train and which validate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_advseg.core.config.classes import NEW_ANNOTATION, UNLABELLED
from napari_advseg.core.config.slice_ranges import format_slices, parse_slices
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.split import Split, default_split, make_split, touching_slices
from napari_advseg.core.runtime.errors import SplitError, Subject


def annotation(depth, annotated, width=24, height=8):
    targets = np.full((depth, height, width), UNLABELLED, np.uint8)
    targets[list(annotated)] = np.arange(width) % 2
    return Annotation(targets, NEW_ANNOTATION)


def test_isbi_2012_splits_20_to_10():
    split = default_split(annotation(30, range(30)), 8)
    assert split.train == tuple(range(20))
    assert split.val == tuple(range(20, 30))
    assert split.train_columns is split.val_columns is None
    assert str(split) == "20 train, 10 validation"


@given(st.sets(st.integers(0, 39), min_size=2))
def test_the_last_third_of_the_annotated_slices_validates(annotated):
    split = default_split(annotation(40, annotated), 8)
    assert split.train + split.val == tuple(sorted(annotated))
    assert len(split.train) >= 1
    assert len(split.val) >= 1
    assert abs(len(split.val) - len(annotated) / 3) <= 0.5


@given(st.integers(1, 20), st.integers(0, 60))
def test_one_slice_gives_its_right_third_with_a_patch_wide_gap(patch, more):
    width = 3 * patch + more
    split = default_split(annotation(5, [3], width), patch)
    assert split.train == split.val == (3,)
    assert split.val_columns[1] == width
    assert split.val_columns[1] - split.val_columns[0] == width // 3
    assert split.train_columns[0] == 0
    assert split.val_columns[0] - split.train_columns[1] == patch
    for first, end in (split.train_columns, split.val_columns):
        assert end - first >= patch


def test_a_divided_slice_says_its_columns_inclusive():
    split = default_split(annotation(1, [0], 512), 128)
    assert str(split) == "slice 0: columns 0–213 train, 342–511 validate"


def test_one_slice_too_narrow_says_the_largest_patch():
    with pytest.raises(SplitError, match="at most 8") as caught:
        default_split(annotation(1, [0], 26), 16)
    assert caught.value.subject is Subject.SPLIT
    assert default_split(annotation(1, [0], 26), 8).val_columns == (18, 26)


@pytest.mark.parametrize(("painted", "missing"), [((0, 4), "validates"), ((18, 24), "trains")])
def test_one_slice_painted_on_one_side_says_where_to_paint(painted, missing):
    one_side = annotation(3, [2])
    one_side.targets[:, :, : painted[0]] = UNLABELLED
    one_side.targets[:, :, painted[1] :] = UNLABELLED
    with pytest.raises(SplitError, match=f"Slice 2 alone.*{missing}, columns"):
        default_split(one_side, 8)


def test_no_annotation_is_refused():
    with pytest.raises(SplitError, match="No slice"):
        default_split(annotation(2, []), 8)


def test_slices_asked_for_are_taken_and_unannotated_ones_left_out():
    split = make_split(annotation(10, [0, 1, 2, 5, 6]), 8, range(4), [5, 6, 7])
    assert (split.train, split.val) == ((0, 1, 2), (5, 6))


def test_order_and_repetition_do_not_matter():
    split = make_split(annotation(4, range(4)), 8, [2, 0, 2], [3, 1])
    assert (split.train, split.val) == ((0, 2), (1, 3))


@pytest.mark.parametrize("asked", [{"train": (0, 1)}, {"val": (2, 6)}])
def test_with_one_side_given_the_other_takes_the_rest(asked):
    split = make_split(annotation(10, [0, 1, 2, 6]), 8, **asked)
    assert (split.train, split.val) == ((0, 1), (2, 6))


def test_with_nothing_asked_it_is_the_default():
    labels = annotation(9, range(9))
    assert make_split(labels, 8) == default_split(labels, 8)


@pytest.mark.parametrize(
    ("train", "val", "said"),
    [
        ((0, 30), (1,), "Slice 30 is outside the stack: its slices are 0 to 9"),
        ((-1,), (1,), "Slice -1 is outside"),
        ((0, 1), (1, 2), "Slice 1 trains and validates"),
        ((8, 9), (0,), "8:10 to train on is annotated: choose among 0:4"),
        ((0,), (9,), "9 to validate on"),
        (None, (0, 1, 2, 3), "left to train"),
    ],
)
def test_what_cannot_be_is_refused_with_the_slice(train, val, said):
    with pytest.raises(SplitError) as caught:
        make_split(annotation(10, range(4)), 8, train, val)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "slices"),
    [
        ("0:3", (0, 1, 2)),
        ("3", (3,)),
        (":2", (0, 1)),
        ("0:2,8,10:12", (0, 1, 8, 10, 11)),
        ("4,4", (4,)),
    ],
)
def test_slices_are_read_with_the_end_excluded(text, slices):
    assert parse_slices(text) == slices


@pytest.mark.parametrize(
    "text", ["", "a", "3:", "-1", "5:3", "1,,2", "0:2:4", "1.5", "0:5,8:3", "0:5,0:99999999"]
)
def test_slices_that_cannot_be_read_are_quoted(text):
    with pytest.raises(SplitError) as caught:
        parse_slices(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["9" * 5000, "0:" + "9" * 30, "0,1" * 100 + "x"])
def test_a_long_text_of_slices_is_cut_short(text):
    with pytest.raises(SplitError) as caught:
        parse_slices(text)
    assert len(str(caught.value)) < 150


@given(st.sets(st.integers(0, 200), min_size=1))
def test_slices_and_their_text_round_trip(slices):
    assert parse_slices(format_slices(tuple(slices))) == tuple(sorted(slices))


def test_runs_of_slices_are_short():
    assert format_slices((0, 1, 2, 5, 7, 8)) == "0:3,5,7:9"


@pytest.mark.parametrize(
    ("train", "val", "touching"),
    [
        (range(20), range(20, 30), (20,)),
        (range(0, 10, 2), range(1, 10, 2), (1, 3, 5, 7, 9)),
        (range(19), range(20, 30), ()),
        ((5, 9), (4, 7, 10), (4, 10)),
        ((), (1,), ()),
    ],
)
def test_validation_slices_beside_training_ones_are_found(train, val, touching):
    assert touching_slices(Split(tuple(train), tuple(val))) == touching


def test_a_divided_slice_touches_nothing():
    assert touching_slices(default_split(annotation(4, {2}), 8)) == ()
