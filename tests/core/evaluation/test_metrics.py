"""F1 and accuracy from pooled counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_advseg.core.config.classes import NO_TISSUE, UNLABELLED
from napari_advseg.core.evaluation.metrics import accuracy, confusion, f1_scores
from napari_advseg.core.inference.predictions import to_indices


def test_rows_are_truth_and_columns_prediction() -> None:
    target = np.array([[0, 0, 0, 1], [1, 2, 2, 2]], np.uint8)
    predicted = np.array([[0, 0, 1, 1], [0, 2, 2, 0]], np.uint8)

    counts = confusion(predicted, target, 3)

    assert counts.dtype == np.int64
    assert counts.tolist() == [[2, 1, 0], [1, 1, 0], [1, 0, 2]]


def test_unlabelled_pixels_count_nowhere() -> None:
    target = np.array([0, 1, UNLABELLED, UNLABELLED], np.uint8)
    predicted = np.array([0, 0, 1, UNLABELLED], np.uint8)

    assert confusion(predicted, target, 2).tolist() == [[1, 0], [1, 0]]


@pytest.mark.parametrize(("predicted", "target"), [(2, 0), (UNLABELLED, 0), (0, 2)])
def test_an_index_outside_the_classes_is_refused(predicted: int, target: int) -> None:
    with pytest.raises(ValueError, match="1 labelled pixels have a class index of 2 or above"):
        confusion(np.array([0, predicted], np.uint8), np.array([0, target], np.uint8), 2)


def test_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(3, 2\)"):
        confusion(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), 2)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), classes=st.integers(2, 5))
def test_counts_and_scores_agree_with_counting_one_pixel_at_a_time(
    data: st.DataObject, classes: int
) -> None:
    shape = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5)))
    index = st.integers(0, classes - 1)
    predicted = data.draw(arrays(np.uint8, shape, elements=index))
    target = data.draw(arrays(np.uint8, shape, elements=index | st.just(UNLABELLED)))
    pairs = [
        (int(t), int(p))
        for t, p in zip(target.flat, predicted.flat, strict=True)
        if t != UNLABELLED
    ]

    counts = confusion(predicted, target, classes)
    f1 = f1_scores(counts)

    for t in range(classes):
        assert [pairs.count((t, p)) for p in range(classes)] == counts[t].tolist()
        true_positive = pairs.count((t, t))
        predicted_t = sum(p == t for _, p in pairs)
        true_t = sum(truth == t for truth, _ in pairs)
        if predicted_t + true_t == 0:
            assert np.isnan(f1[t])
        elif true_positive == 0:
            assert f1[t] == 0
        else:  # the harmonic mean of precision and recall
            precision, recall = true_positive / predicted_t, true_positive / true_t
            assert f1[t] == pytest.approx(2 / (1 / precision + 1 / recall))
    if pairs:
        assert accuracy(counts) == pytest.approx(sum(t == p for t, p in pairs) / len(pairs))


def test_all_of_one_class_scores_f1_by_its_share() -> None:
    # Precision is the share q, recall 1: F1 = 2 q / (1 + q).
    target = np.array([0] * 80 + [1] * 20, np.uint8)

    f1 = f1_scores(confusion(np.zeros(100, np.uint8), target, 2))

    assert f1.tolist() == pytest.approx([2 * 0.8 / 1.8, 0.0])


def test_a_class_in_neither_has_no_f1_and_no_pixels_no_accuracy() -> None:
    f1 = f1_scores(np.array([[3, 1, 0], [0, 2, 0], [0, 0, 0]], np.int64))
    assert np.isnan(f1).tolist() == [False, False, True]
    assert np.isnan(accuracy(np.zeros((2, 2), np.int64)))


def test_added_counts_pool_the_pixels_of_tiles() -> None:
    rng = np.random.default_rng(0)
    predicted, target = rng.integers(0, 3, (2, 6, 8, 8), dtype=np.uint8)

    tiles = sum(confusion(p, t, 3) for p, t in zip(predicted, target, strict=True))

    np.testing.assert_array_equal(tiles, confusion(predicted, target, 3))


def test_a_probability_at_the_threshold_is_of_the_first_class() -> None:
    probability = np.array([[0.0, 0.49], [0.5, 1.0]], np.float32)

    indices = to_indices(probability, 0.5)

    assert indices.dtype == np.uint8
    assert indices.tolist() == [[1, 1], [0, 0]]
    assert to_indices(np.array([np.nan], np.float32), 0.0).tolist() == [NO_TISSUE]
