"""The patches of an epoch of blocks: drawn once, learned from by S, by G and by D."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Batch = tuple[Tensor, Tensor]
"""Images (N, channels, H, W) and targets (N, H, W)."""


class PatchCache:
    """Keeps the batches of the current epoch on the device: 5 bytes for each grey pixel.

    Parameters
    ----------
    draw : callable
        Draws the batch of a number.
    batches : int
        Batches in an epoch.
    """

    def __init__(self, draw: Callable[[int], Batch], batches: int) -> None:
        self._draw, self._batches = draw, batches
        self._epoch: int | None = None
        self._kept: dict[int, Batch] = {}

    def batch(self, number: int) -> Batch:
        """Batch `number`, counted through all epochs, as it was drawn."""
        epoch = number // self._batches
        if epoch != self._epoch:
            self._epoch, self._kept = epoch, {}
        if number not in self._kept:
            self._kept[number] = self._draw(number)
        return self._kept[number]

    def patches(self, epoch: int, chosen: NDArray[np.int64], size: int) -> Batch:
        """The chosen patches of an epoch, counted from 0 through its batches of `size`."""
        first = epoch * self._batches
        one_by_one = [
            (images[row], targets[row])
            for number, row in (divmod(int(patch), size) for patch in chosen)
            for images, targets in [self.batch(first + number)]
        ]
        if not one_by_one:
            images, targets = self.batch(first)
            return images[:0], targets[:0]
        images, targets = (torch.stack(parts) for parts in zip(*one_by_one, strict=True))
        return images.contiguous(memory_format=torch.channels_last), targets
