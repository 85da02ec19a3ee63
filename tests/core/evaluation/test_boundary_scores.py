"""V_Rand and V_Info against theory, a brute-force count and scikit-image."""

from math import log

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import ndimage
from skimage.metrics import adapted_rand_error

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.evaluation.boundary_scores import (
    label_scores,
    rand_and_info,
    thinned_regions,
)
from napari_advseg.core.runtime.control import RunControl, Stopped
from napari_advseg.core.runtime.errors import AnnotationError
from support.paths import SHARED_DATA

ISBI_LABELS = SHARED_DATA / "isbi2012/train-labels.tif"


def _brute_force(truth: NDArray, proposal: NDArray) -> tuple[float, float]:
    """The definitions, over all ordered pairs of pixels, each unassigned pixel its own region."""
    pixels = [
        (int(t), int(p) if p else -k)
        for k, (t, p) in enumerate(zip(truth.flat, proposal.flat, strict=True), start=1)
        if t
    ]
    pairs = [(first, second) for first in pixels for second in pixels]
    same_truth = sum(f[0] == s[0] for f, s in pairs)
    same_proposal = sum(f[1] == s[1] for f, s in pairs)
    same_both = sum(f == s for f, s in pairs)

    def entropy(of: list) -> float:
        shares = [of.count(value) / len(of) for value in set(of)]
        return sum(share * log(1 / share) for share in shares)

    h_a, h_b = entropy([t for t, _ in pixels]), entropy([p for _, p in pixels])
    shared = h_a + h_b - entropy(pixels)
    info = 2 * shared / (h_a + h_b) if h_a > 0 and h_b > 0 else 0.0
    return 2 * same_both / (same_truth + same_proposal), info


def _two_cells(gap: bool = False) -> NDArray[np.uint8]:
    """Class indices of two cells of 3 × 2 pixels and a membrane between, with or without a gap."""
    indices = np.zeros((1, 3, 5), np.uint8)
    indices[:, :, 2] = 1
    if gap:
        indices[:, 1, 2] = 0
    return indices


def _cells(indices: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return indices == 0


@pytest.fixture(scope="module")
def patches() -> NDArray[np.uint8]:
    """Two slices of irregular regions, as class indices."""
    noise = np.random.default_rng(3).normal(size=(2, 96, 96))
    smooth = np.stack([ndimage.gaussian_filter(slice_, 3) for slice_ in noise])
    return (np.abs(smooth) < 0.02).astype(np.uint8)


def test_a_perfect_proposal_scores_one(patches: NDArray[np.uint8]) -> None:
    scores = rand_and_info(_cells(patches), patches)

    assert scores.v_rand == 1
    assert scores.v_info == pytest.approx(1, abs=1e-12)
    assert scores.threshold_rand == 0.5


def test_a_gap_that_joins_two_equal_cells() -> None:
    # n = 12: of 144 ordered pairs, 72 share a true cell, all share the merged one.
    scores = rand_and_info(_cells(_two_cells(gap=True)), _two_cells())

    assert scores.v_rand == pytest.approx(2 * 72 / (72 + 144))
    assert scores.v_info == 0  # one region over everything tells nothing


def test_a_membrane_through_a_cell_is_thinned_and_splits_it() -> None:
    # One cell of 3 × 5 pixels and one of 3 × 1; the proposal's extra line of 3 pixels cuts the
    # first into 6 and 6. Pairs: truth 15² + 3², proposal 6² + 6² + 3² + 3, both the same.
    truth = np.array([[[0, 0, 0, 0, 0, 1, 0]] * 3], np.uint8)
    proposal = np.array([[[0, 0, 1, 0, 0, 1, 0]] * 3], np.uint8)

    scores = rand_and_info(_cells(proposal), truth)

    assert scores.v_rand == pytest.approx(2 * 84 / (84 + 234))
    # The proposal refines the truth, so H(A|B) = 0 and V_Info = 2 H(A) / (H(A) + H(B)).
    h_a = -(15 / 18 * log(15 / 18) + 3 / 18 * log(3 / 18))
    h_b = -(2 * 6 / 18 * log(6 / 18) + 3 / 18 * log(3 / 18) + 3 / 18 * log(1 / 18))
    assert scores.v_info == pytest.approx(2 * h_a / (h_a + h_b))


def test_a_thick_membrane_costs_nothing_once_thinned() -> None:
    # A line three pixels wide in the middle of the true one grows back to its middle column.
    truth = np.zeros((1, 4, 9), np.uint8)
    truth[:, :, 4] = 1
    thick = truth.copy()
    thick[:, :, 3:6] = 1

    assert rand_and_info(_cells(thick), truth).v_rand == 1


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_labels_agree_with_counting_every_pair(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 6)))
    truth = data.draw(arrays(np.int32, shape, elements=st.integers(0, 3)))
    proposal = data.draw(arrays(np.int32, shape, elements=st.integers(0, 4)))

    scores = label_scores(truth, proposal)

    if not (truth > 0).any():
        assert np.isnan(scores).all()
    elif not proposal[truth > 0].any():
        assert scores == (0, 0)
    else:
        assert scores == pytest.approx(_brute_force(truth, proposal), abs=1e-9)


def test_scores_do_not_depend_on_how_regions_are_numbered(patches: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(0)
    truth = ndimage.label(_cells(patches[0]))[0]
    proposal = thinned_regions(ndimage.binary_erosion(_cells(patches[0]), iterations=2))

    def renumbered(labels: NDArray) -> NDArray:
        return np.concatenate([[0], 1 + rng.permutation(labels.max())])[labels]

    scores = label_scores(truth, proposal)
    assert 0.1 < scores[0] < 0.999
    assert label_scores(renumbered(truth), renumbered(proposal)) == pytest.approx(scores, abs=1e-12)


def test_the_best_threshold_is_taken_over_the_mean_of_the_slices() -> None:
    # The membrane is seen at 0.35: p > 0.3 joins the cells, p > 0.4 parts them.
    targets = np.concatenate([_two_cells(), _two_cells()])
    probability = np.where(targets == 0, 0.85, 0.35).astype(np.float32)

    scores = rand_and_info(probability, targets)

    assert (scores.v_rand, scores.threshold_rand) == (1, 0.4)
    assert (scores.v_info, scores.threshold_info) == (pytest.approx(1), 0.4)

    # A second slice that is right only below 0.2 is wrong wherever the first is right.
    probability[1] = np.where(targets[1] == 0, 0.15, 0.05)
    mixed = rand_and_info(probability, targets)
    merged = 2 * 72 / (72 + 144)
    assert mixed.v_rand == pytest.approx((merged + 1) / 2)
    assert mixed.threshold_rand == 0.1


def test_only_the_thresholds_asked_for_are_tried() -> None:
    targets = _two_cells()
    probability = np.where(targets == 0, 0.85, 0.35).astype(np.float32)

    assert rand_and_info(probability, targets, thresholds=(0.2,)).v_rand == pytest.approx(2 / 3)


def test_a_binary_float_mask_scores_as_the_bool_one(patches: NDArray[np.uint8]) -> None:
    proposal = np.stack([ndimage.binary_erosion(_cells(slice_)) for slice_ in patches])

    as_bool = rand_and_info(proposal, patches)
    as_float = rand_and_info(proposal.astype(np.float32), patches)

    assert 0.5 < as_bool.v_rand < 1
    assert (as_float.v_rand, as_float.v_info) == (as_bool.v_rand, as_bool.v_info)


def test_slices_without_a_true_cell_are_left_out() -> None:
    blank = np.ones_like(_two_cells())
    unlabelled = np.full_like(blank, UNLABELLED)
    targets = np.concatenate([blank, _two_cells(), unlabelled])
    proposal = np.concatenate([_cells(_two_cells(gap=True))] * 3)

    assert rand_and_info(proposal, targets).v_rand == pytest.approx(2 / 3)
    nothing = rand_and_info(proposal[:1], blank)
    assert np.isnan([nothing.v_rand, nothing.v_info, nothing.threshold_rand]).all()


def test_an_empty_proposal_scores_zero() -> None:
    scores = rand_and_info(np.zeros((1, 3, 5), bool), _two_cells())

    assert (scores.v_rand, scores.v_info) == (0, 0)


def test_unlabelled_pixels_are_left_out() -> None:
    # The proposal's error lies where nobody labelled: below the first three rows.
    targets = np.concatenate([_two_cells(), np.full((1, 2, 5), UNLABELLED, np.uint8)], axis=1)
    proposal = np.concatenate([_two_cells(), np.ones((1, 2, 5), np.uint8)], axis=1)
    proposal[0, 4, 0] = 0

    assert rand_and_info(_cells(proposal), targets).v_rand == 1


def test_different_shapes_are_refused() -> None:
    with pytest.raises(AnnotationError, match=r"\(1, 3, 5\).*\(2, 3, 5\)"):
        rand_and_info(np.zeros((1, 3, 5), bool), np.zeros((2, 3, 5), np.uint8))


def test_a_stop_ends_it_between_two_thresholds() -> None:
    control = RunControl()
    calls = []

    def raise_if_stopped() -> None:
        calls.append(1)
        if len(calls) == 3:
            control.stop()
        control.raise_if_stopped()

    probability = np.linspace(0, 1, 30, dtype=np.float32).reshape(2, 3, 5)
    with pytest.raises(Stopped):
        rand_and_info(probability, np.zeros((2, 3, 5), np.uint8), raise_if_stopped=raise_if_stopped)
    assert len(calls) == 3


def _noised(cells: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """A copy of a slice with ragged membranes and gaps in them."""
    noise = np.random.default_rng(seed).normal(0, 0.8, cells.shape)
    return np.asarray(ndimage.gaussian_filter(cells + noise, 2) > 0.5)


@pytest.mark.skipif(not ISBI_LABELS.is_file(), reason=f"{ISBI_LABELS.name} of ISBI 2012 not found")
@pytest.mark.parametrize("z", [20, 25, 29])
def test_v_rand_agrees_with_scikit_image_on_real_membranes(z: int) -> None:
    cells = tifffile.imread(ISBI_LABELS, key=z) > 0
    truth = ndimage.label(cells)[0]
    proposal = thinned_regions(_noised(cells, seed=z))

    v_rand, v_info = label_scores(truth, proposal)

    assert 0.3 < v_rand < 0.999
    assert 0.5 < v_info < 0.999
    # scikit-image counts pairs of distinct pixels and takes the lines for one region.
    assert v_rand == pytest.approx(1 - adapted_rand_error(truth, proposal)[0], abs=3e-5)


@pytest.mark.skipif(not ISBI_LABELS.is_file(), reason=f"{ISBI_LABELS.name} of ISBI 2012 not found")
def test_the_truth_itself_scores_one_on_real_membranes() -> None:
    cells = tifffile.imread(ISBI_LABELS, key=range(20, 23)) > 0

    scores = rand_and_info(cells, np.where(cells, 0, 1).astype(np.uint8))

    assert scores.v_rand == pytest.approx(1, abs=1e-12)
    assert scores.v_info == pytest.approx(1, abs=1e-12)
