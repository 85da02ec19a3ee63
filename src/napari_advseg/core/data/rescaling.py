"""Coarser pixels: images and targets made smaller by a whole factor, and masks made as large as before."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_advseg.core.config.classes import UNLABELLED


def coarse_side(length: int, scale: int) -> int:
    """Pixels along an axis of `length` once `scale` of them are one; the last may be of fewer."""
    return -(-length // scale)


def downsampled(image: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    """Mean of blocks of `scale` × `scale` pixels.

    Parameters
    ----------
    image : ndarray of float32, shape (..., Y, X)
        What reaches past the last row or column repeats it.
    scale : int
        1 leaves the image as it is.

    Returns
    -------
    ndarray of float32, shape (..., ⌈Y / scale⌉, ⌈X / scale⌉)
    """
    if scale == 1:
        return image
    *_, height, width = image.shape
    rest = (0, -width % scale, 0, -height % scale)
    planes = torch.from_numpy(np.ascontiguousarray(image)).reshape(-1, 1, height, width)
    small = F.avg_pool2d(F.pad(planes, rest, mode="replicate"), scale)
    return small.reshape(*image.shape[:-2], *small.shape[-2:]).numpy()


def downsampled_targets(targets: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """The class that most labelled pixels of each block of `scale` × `scale` have.

    A block without a labelled pixel is unlabelled. Of classes that are as frequent in a block the one
    that is rarer in all of `targets` is taken, so that small objects do not fade.

    Parameters
    ----------
    targets : ndarray of uint8, shape (S, Y, X)
        Class indices, `UNLABELLED` where nobody said.
    scale : int
        1 leaves the targets as they are.

    Returns
    -------
    ndarray of uint8, shape (S, ⌈Y / scale⌉, ⌈X / scale⌉)
    """
    if scale == 1:
        return targets
    _, height, width = targets.shape
    rest = ((0, 0), (0, -height % scale), (0, -width % scale))
    padded = np.pad(targets, rest, constant_values=UNLABELLED)
    counts = np.bincount(targets.ravel(), minlength=UNLABELLED + 1)[:UNLABELLED]
    shape = (len(padded), padded.shape[1] // scale, scale, padded.shape[2] // scale, scale)
    found = np.full((shape[0], shape[1], shape[3]), UNLABELLED, np.uint8)
    most = np.zeros(found.shape, np.int64)
    for index in sorted(np.flatnonzero(counts).tolist(), key=lambda i: (counts[i], i)):
        votes = (padded == index).reshape(shape).sum(axis=(2, 4))
        more = votes > most
        found[more], most[more] = index, votes[more]
    return found


def upsampled(maps: Tensor, scale: int, height: int, width: int) -> Tensor:
    """Maps of coarse pixels at full resolution, by bilinear interpolation.

    Parameters
    ----------
    maps : Tensor, shape (N, C, ⌈height / scale⌉, ⌈width / scale⌉)

    Returns
    -------
    Tensor, shape (N, C, height, width)
    """
    if scale == 1:
        return maps
    size = (maps.shape[-2] * scale, maps.shape[-1] * scale)
    large = F.interpolate(maps, size=size, mode="bilinear", align_corners=False)
    return large[..., :height, :width]
