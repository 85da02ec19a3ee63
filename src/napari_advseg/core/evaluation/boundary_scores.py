"""V_Rand and V_Info: how well the regions between the membranes match, not the pixels.

Both follow the ISBI 2012 challenge [1]_. A gap in a membrane costs few pixels, hardly seen in F1,
but joins two cells, which these scores punish.

References
----------
.. [1] Arganda-Carreras et al. 2015, Crowdsourcing the creation of image segmentation algorithms for
   connectomics. Front. Neuroanat. 9:142, doi 10.3389/fnana.2015.00142
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from skimage.segmentation import watershed

from napari_advseg.core.runtime.errors import AnnotationError

THRESHOLDS: tuple[float, ...] = tuple(k / 10 for k in range(10))
"""The challenge's thresholds on the probability of the first class."""


@dataclass(frozen=True)
class BoundaryScores:
    """V_Rand and V_Info of a stack, each at the threshold where it is best.

    Attributes
    ----------
    v_rand, v_info : float
        0 to 1, 1 is a perfect match; NaN where no slice of the truth has a first-class pixel.
    threshold_rand, threshold_info : float
        The threshold behind each, the lowest of equals; NaN where the score is.
    v_rand_slices : tuple of float
        V_Rand at its threshold of each slice that has a first-class pixel.
    v_rand_by_threshold : tuple of (float, float)
        Each threshold and the mean V_Rand there.
    """

    v_rand: float
    v_info: float
    threshold_rand: float
    threshold_info: float
    v_rand_slices: tuple[float, ...] = ()
    v_rand_by_threshold: tuple[tuple[float, float], ...] = ()


def rand_and_info(
    probability: NDArray[Any],
    targets: NDArray[np.uint8],
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    raise_if_stopped: Callable[[], None] | None = None,
) -> BoundaryScores:
    """Score the regions of a proposal, slice by slice, as the ISBI 2012 challenge does.

    True regions are the 4-connected components of the first class; the proposal's are those of
    ``probability > t``, grown until one-pixel lines part them. Each score is the maximum over the
    thresholds *t* of its mean over the slices. Slices without a true region are left out.

    Costs 20 to 40 ms for each threshold of a 512² slice, nearly all of it the watershed.

    Parameters
    ----------
    probability : ndarray, shape (Z, Y, X)
        Probability of the first class, 0 to 1; or a bool mask of it, which needs no thresholds.
    targets : ndarray of uint8, shape (Z, Y, X)
        Class indices: 0 the first class, 255 unlabelled and left out, others what parts the
        regions.
    thresholds : sequence of float
        Thresholds to try; not used on a bool mask, whose threshold is given as 0.5.
    raise_if_stopped : callable, optional
        Called before each (slice, threshold); it may raise to end the computation.

    Raises
    ------
    AnnotationError
        If the shapes differ or are not those of a stack.
    """
    if probability.shape != targets.shape or targets.ndim != 3:
        raise AnnotationError(
            f"The proposal has shape {probability.shape} and the annotation {targets.shape}: "
            "both must be the same stack (Z, Y, X)."
        )
    if probability.dtype == bool:
        thresholds = (0.5,)
    slices = [
        _slice_scores(proposal, truth == 0, thresholds, raise_if_stopped)
        for proposal, truth in zip(probability, targets, strict=True)
        if (truth == 0).any()
    ]
    if not slices:
        return BoundaryScores(np.nan, np.nan, np.nan, np.nan)
    mean = np.mean(slices, axis=0)  # (threshold, score)
    best = mean.argmax(axis=0)
    return BoundaryScores(
        v_rand=float(mean[best[0], 0]),
        v_info=float(mean[best[1], 1]),
        threshold_rand=float(thresholds[best[0]]),
        threshold_info=float(thresholds[best[1]]),
        v_rand_slices=tuple(float(one[best[0]][0]) for one in slices),
        v_rand_by_threshold=tuple(zip(map(float, thresholds), mean[:, 0].tolist(), strict=True)),
    )


def _slice_scores(
    probability: NDArray[Any],
    foreground: NDArray[np.bool_],
    thresholds: Sequence[float],
    raise_if_stopped: Callable[[], None] | None,
) -> list[tuple[float, float]]:
    """(V_Rand, V_Info) of one slice at each threshold."""
    truth = ndimage.label(foreground)[0]
    known: dict[int, tuple[float, float]] = {}
    scores = []
    for threshold in thresholds:
        if raise_if_stopped is not None:
            raise_if_stopped()
        cells = probability > threshold
        # The cells of one threshold contain those of the next, so an equal count is an equal mask:
        # binary and saturated proposals are scored once.
        count = int(np.count_nonzero(cells))
        if count not in known:
            known[count] = label_scores(truth, thinned_regions(cells))
        scores.append(known[count])
    return scores


def thinned_regions(cells: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Grow the 4-connected components of a mask until one-pixel lines part them.

    Parameters
    ----------
    cells : ndarray of bool, shape (Y, X)
        True inside the regions.

    Returns
    -------
    ndarray of int32, shape (Y, X)
        Region of each pixel, 0 on the lines between them; all 0 if no pixel is True.
    """
    markers, found = ndimage.label(cells)
    if not found:
        return np.zeros(cells.shape, np.int32)
    grown = watershed(~cells, markers, connectivity=1, watershed_line=True)
    return np.asarray(grown, np.int32)


def label_scores(truth: NDArray[Any], proposal: NDArray[Any]) -> tuple[float, float]:
    """V_Rand and V_Info of one slice of labels.

    Only pixels where the truth is a region count. Of those, each that the proposal leaves at 0 is a
    region of its own. A proposal without any region there scores 0 in both, and an information
    ratio whose entropy is 0 (one region over everything) is taken as 0.

    Parameters
    ----------
    truth : ndarray of int, any shape
        True region of each pixel, 0 outside all regions.
    proposal : ndarray of int, same shape
        Proposed region of each pixel, 0 on the lines between regions.

    Returns
    -------
    (float, float)
        V_Rand and V_Info, 0 to 1; NaN if the truth has no region.
    """
    inside = truth > 0
    i, j = truth[inside], proposal[inside]
    n = i.size
    if n == 0:
        return float("nan"), float("nan")
    table = sparse.coo_matrix((np.ones(n), (i, j))).tocsc()  # adds up what falls on one place
    joint = table[:, 1:].data / n
    if joint.size == 0:
        return 0.0, 0.0
    a = np.asarray(table.sum(axis=1)).ravel() / n
    b = np.asarray(table.sum(axis=0)).ravel()[1:] / n
    alone = float(table[:, [0]].sum()) / n  # p0, the share of pixels that are their own region
    return _v_rand(joint, a, b, alone, n), _v_info(joint, a, b, alone, n)


def _v_rand(
    joint: NDArray[np.float64],
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    alone: float,
    n: int,
) -> float:
    both = float(joint @ joint) + alone / n
    return _f1(both / (float(b @ b) + alone / n), both / float(a @ a))


def _v_info(
    joint: NDArray[np.float64],
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    alone: float,
    n: int,
) -> float:
    own = alone * float(np.log(n))
    entropy_a = -_sum_p_log_p(a)
    entropy_b = own - _sum_p_log_p(b)
    entropy_both = own - _sum_p_log_p(joint)
    shared = entropy_a + entropy_b - entropy_both  # = H(A) - H(A|B) = H(B) - H(B|A)
    return _f1(_ratio(shared, entropy_a), _ratio(shared, entropy_b))


def _sum_p_log_p(p: NDArray[np.float64]) -> float:
    p = p[p > 0]
    return float(p @ np.log(p))


def _ratio(shared: float, entropy: float) -> float:
    """Share of an entropy, kept in 0 to 1 against rounding; 0 where the entropy is 0."""
    return min(max(shared / entropy, 0.0), 1.0) if entropy > 0 else 0.0


def _f1(precision: float, recall: float) -> float:
    total = precision + recall
    return 2 * precision * recall / total if total > 0 else 0.0
