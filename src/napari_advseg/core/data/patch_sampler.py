"""Where training patches lie: anywhere among labelled pixels, or around pixels of rare classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.config.classes import UNLABELLED

Positions = NDArray[np.int64]
"""Shape (N, 3): row in the region's slices, top, left."""

MOST_PIXELS = 2**16
"""Positions kept of one class in one slice, evenly spread over its pixels: enough to draw from."""


class PatchSampler:
    """Draws positions of patches that hold labelled pixels.

    In a fully labelled slice every position is as likely as another, so pixels near its rim are shown
    less often; elsewhere a random labelled pixel is put at a random place of the patch.

    Parameters
    ----------
    targets : ndarray of uint8, shape (S, Y, X)
        Class indices; patches without a labelled pixel are never drawn.
    patch : int
        Side of a patch in pixels.
    widths : ndarray of int, shape (S,), optional
        Columns of each slice, counted from 0, within which its patches lie; None takes all.
    """

    def __init__(
        self,
        targets: NDArray[np.uint8],
        patch: int,
        widths: NDArray[np.int64] | None = None,
    ) -> None:
        self.shape, self.patch, self._widths = targets.shape, patch, widths
        labelled = targets != UNLABELLED
        counts = labelled.reshape(len(labelled), -1).sum(axis=1)
        self.labelled_pixels = int(counts.sum())
        self._share = counts / max(self.labelled_pixels, 1)
        # a fully labelled slice needs no list of its pixels
        self._pixels = [
            None if count == one.size else np.flatnonzero(one).astype(np.uint32)
            for one, count in zip(labelled, counts, strict=True)
        ]
        present = np.flatnonzero(np.bincount(targets.ravel(), minlength=UNLABELLED)[:UNLABELLED])
        self._classes = [_ClassPixels(targets, index) for index in present.tolist()]

    def draw(
        self, generator: np.random.Generator, number: int, class_balance: float = 0.0
    ) -> Positions:
        """Draw positions (row, top, left).

        Parameters
        ----------
        generator : Generator
        number : int
        class_balance : float
            Share of the patches, on average, that lie around a random pixel of a class, each class that
            is there equally often.

        Returns
        -------
        ndarray of int, shape (number, 3)
        """
        _, height, width = self.shape
        rows = generator.choice(len(self._share), number, p=self._share)
        tops = generator.integers(0, height - self.patch + 1, number)
        most = self._ends(rows, width) - self.patch
        lefts = generator.integers(0, most + 1, number)
        offsets = generator.integers(0, self.patch, (number, 2))
        around: dict[int, int] = {}
        for i, row in enumerate(rows):
            pixels = self._pixels[row]
            if pixels is not None:  # a random labelled pixel at a random place of the patch
                around[i] = int(pixels[generator.integers(len(pixels))])
        if class_balance:
            for i in np.flatnonzero(generator.random(number) < class_balance).tolist():
                chosen = self._classes[generator.integers(len(self._classes))]
                rows[i], around[i] = chosen.draw(generator)
            most = self._ends(rows, width) - self.patch
        for i, pixel in around.items():
            y, x = divmod(pixel, width)
            tops[i] = np.clip(y - offsets[i, 0], 0, height - self.patch)
            lefts[i] = np.clip(x - offsets[i, 1], 0, most[i])
        return np.stack([rows, tops, lefts], axis=1).astype(np.int64)

    def _ends(self, rows: NDArray[np.int64], width: int) -> NDArray[np.int64]:
        """Columns within which the patches of these rows lie."""
        return np.full(len(rows), width) if self._widths is None else self._widths[rows]


class _ClassPixels:
    """Pixels of one class, slice by slice."""

    def __init__(self, targets: NDArray[np.uint8], index: int) -> None:
        every = [np.flatnonzero(one == index).astype(np.uint32) for one in targets]
        counts = np.array([len(one) for one in every])
        self._share = counts / counts.sum()
        self._pixels = [one[:: -(-len(one) // MOST_PIXELS) or 1] for one in every]

    def draw(self, generator: np.random.Generator) -> tuple[int, int]:
        """Row and flat index of a random pixel; every pixel of the class is equally likely."""
        row = int(generator.choice(len(self._share), p=self._share))
        pixels = self._pixels[row]
        return row, int(pixels[generator.integers(len(pixels))])
