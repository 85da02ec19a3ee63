"""Each slice by itself: F1 of both networks, and where their masks differ; as a table, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import nan

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.split import Split
from napari_advseg.core.runtime.errors import RunFolderError
from napari_advseg.core.runtime.events import SHORT, NetworkName

from .metrics import confusion, f1_scores

TRAINING, VALIDATION, LEFT_OUT, UNANNOTATED = "training", "validation", "left out", ""
"""What a slice was used for, as the table says it."""
BLOCK_PIXELS = 2**18
"""Pixels counted at once: numpy counts without letting other threads run, and a window is one of them."""
_NETWORKS: tuple[NetworkName, ...] = ("standard", "adversarial")
_UNCLASSED = "disagreement"


@dataclass(frozen=True)
class SliceTruth:
    """What the masks of a run are measured by.

    Attributes
    ----------
    targets : ndarray of uint8, shape (Z, Y, X)
        Class index of each pixel, `UNLABELLED` (255) where nobody said.
    split : Split
        What trained and what validated.
    """

    targets: NDArray[np.uint8]
    split: Split

    @classmethod
    def of(cls, annotation: Annotation, split: Split) -> SliceTruth:
        """The annotation and the split of a run."""
        return cls(annotation.targets, split)

    def use(self, z: int) -> str:
        """What slice `z` was used for."""
        if z in self.split.val:
            return VALIDATION
        if z in self.split.train:
            return TRAINING
        return LEFT_OUT if (self.targets[z] != UNLABELLED).any() else UNANNOTATED

    def columns(self, z: int) -> slice:
        """Columns of slice `z` that count: of a divided slice those that validate."""
        divided = z in self.split.val and self.split.val_columns is not None
        return slice(*self.split.val_columns) if divided else slice(None)  # type: ignore[misc]


@dataclass(frozen=True)
class SliceScore:
    """One slice.

    Attributes
    ----------
    z : int
        Index of the slice.
    f1 : mapping of network to tuple of float
        F1 of each class, 0 to 1, NaN for a class without a true pixel; empty without a label.
    disagreement : float
        Share of all pixels of the slice whose class differs between the two masks; NaN with one mask.
    use : str
        What the slice was used for; empty if it is not annotated.
    """

    z: int
    f1: Mapping[NetworkName, tuple[float, ...]] = field(default_factory=dict)
    disagreement: float = nan
    use: str = UNANNOTATED

    def score(self, network: NetworkName, index: int | None = 0) -> float:
        """F1 of one class, or its mean over the classes that truly occur; NaN if there is none.

        Parameters
        ----------
        network : {"standard", "adversarial"}
        index : int or None
            Class index; None takes the mean.
        """
        scores = self.f1.get(network, ())
        if index is not None:
            return scores[index] if index < len(scores) else nan
        found = [score for score in scores if score == score]
        return sum(found) / len(found) if found else nan

    def difference(self, index: int | None = 0) -> float:
        """F1 of G/S less that of S: positive where the adversarial network is better."""
        return self.score("adversarial", index) - self.score("standard", index)


def score_slice(
    z: int,
    masks: Mapping[NetworkName, NDArray[np.uint8]],
    classes: int,
    truth: SliceTruth | None = None,
) -> SliceScore:
    """Measure the masks of one slice.

    Parameters
    ----------
    z : int
        Index of the slice.
    masks : mapping of network to ndarray of uint8, shape (Y, X)
        Class index of each pixel.
    classes : int
        Number of classes.
    truth : SliceTruth, optional
        The whole stack's truth; without a label on this slice there is no F1.

    Raises
    ------
    ValueError
        If shapes differ or a mask holds a class index of `classes` or above.
    """
    use = UNANNOTATED if truth is None else truth.use(z)
    f1 = {}
    if truth is not None and use != UNANNOTATED:
        columns = truth.columns(z)
        for network, mask in masks.items():
            f1[network] = slice_f1(mask[:, columns], truth.targets[z][:, columns], classes)
    pair = tuple(masks.values())
    apart = np.count_nonzero(pair[0] != pair[1]) / pair[0].size if len(pair) == 2 else nan
    return SliceScore(z, f1, float(apart), use)


def slice_f1(mask: NDArray[np.uint8], target: NDArray[np.uint8], classes: int) -> tuple[float, ...]:
    """F1 of each class on one slice, NaN for a class without a true pixel there.

    Parameters
    ----------
    mask, target : ndarray of uint8, shape (Y, X)
        Class index of each pixel; `UNLABELLED` in `target` counts nowhere.
    classes : int
        Number of classes.
    """
    counts = np.zeros((classes, classes), np.int64)
    rows = max(1, BLOCK_PIXELS // max(1, mask.shape[1]))
    for first in range(0, mask.shape[0], rows):
        block = slice(first, first + rows)
        counts += confusion(mask[block], target[block], classes)
    return tuple(np.where(counts.sum(axis=1) > 0, f1_scores(counts), nan).tolist())


@dataclass(frozen=True)
class SliceTable:
    """The scores of all slices that were predicted.

    Attributes
    ----------
    networks : tuple of {"standard", "adversarial"}
        The networks that were compared.
    classes : tuple of str
        Names of the classes, the positive one first.
    rows : tuple of SliceScore
        By slice.
    threshold : float or None
        Probability from which a pixel is of the first of two classes; None with more classes.
    """

    networks: tuple[NetworkName, ...] = ()
    classes: tuple[str, ...] = ()
    rows: tuple[SliceScore, ...] = ()
    threshold: float | None = None

    def with_rows(self, rows: Iterable[SliceScore], threshold: float | None) -> SliceTable:
        """These rows in place of those of the same slices."""
        found = {row.z: row for row in (*self.rows, *rows)}
        ordered = tuple(found[z] for z in sorted(found))
        return SliceTable(self.networks, self.classes, ordered, threshold)

    def csv(self) -> str:
        """The table as the text of ``slices.csv``; what was not measured is empty."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        columns = [
            f"{SHORT[network]} F1 {name}" for name in self.classes for network in self.networks
        ]
        both = len(self.networks) == 2
        differences = [f"G/S minus S {name}" for name in self.classes] if both else []
        writer.writerow(["slice", "use", "threshold", *columns, *differences, _UNCLASSED])
        level = "" if self.threshold is None else f"{self.threshold:g}"
        for row in self.rows:
            indices = range(len(self.classes))
            scores = [row.score(network, i) for i in indices for network in self.networks]
            apart = [row.difference(i) for i in indices] if both else []
            numbers = (*scores, *apart, row.disagreement)
            writer.writerow([row.z, row.use, level, *(_written(n) for n in numbers)])
        return text.getvalue()

    @classmethod
    def from_csv(cls, text: str) -> SliceTable:
        """Read what `csv` wrote.

        Raises
        ------
        RunFolderError
            If it is something else.
        """
        reader = csv.DictReader(io.StringIO(text))
        header = tuple(reader.fieldnames or ())
        heads = {network: f"{SHORT[network]} F1 " for network in _NETWORKS}
        networks = tuple(n for n in _NETWORKS if any(c.startswith(heads[n]) for c in header))
        if not networks:
            raise RunFolderError("The table of slices has no F1: choose another file.")
        head = heads[networks[0]]
        classes = tuple(c.removeprefix(head) for c in header if c.startswith(head))
        try:
            found = list(reader)
            rows = tuple(_row(one, networks, classes) for one in found)
            levels = {one["threshold"] for one in found if one["threshold"]}
            threshold = float(levels.pop()) if levels else None
        except (KeyError, ValueError, TypeError, csv.Error) as error:
            raise RunFolderError(f"The table of slices is damaged ({error}).") from None
        return cls(networks, classes, rows, threshold)


def _row(
    one: dict[str, str], networks: tuple[NetworkName, ...], classes: tuple[str, ...]
) -> SliceScore:
    f1 = {n: tuple(_read(one[f"{SHORT[n]} F1 {name}"]) for name in classes) for n in networks}
    if not one["use"]:
        f1 = {}
    return SliceScore(int(one["slice"]), f1, _read(one[_UNCLASSED]), one["use"])


def _written(number: float) -> str:
    return f"{number:.6f}" if number == number else ""


def _read(text: str) -> float:
    return float(text) if text else nan
