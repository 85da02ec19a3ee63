"""Slices of a stack as normalised images on the device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .normalisation import AnyNormalisation
from .rescaling import downsampled
from .stack import EMStack


def slice_images(
    stack: EMStack,
    normalisation: AnyNormalisation,
    slices: Sequence[int],
    device: torch.device,
    columns: tuple[int, int] | None = None,
    scale: int = 1,
) -> Tensor:
    """Normalised grey values of slices, float32, shape (S, channels, Y', X').

    Parameters
    ----------
    stack : EMStack
        Read one slice at a time.
    normalisation : Normalisation or ChannelNormalisation
    slices : sequence of int
        At least one.
    device : torch.device
    columns : (int, int), optional
        Half-open range of columns that X' spans; None takes all.
    scale : int
        Pixels of the stack along a side of one that is returned.

    Raises
    ------
    ImageError
        If a lazy stack cannot give a slice.
    """
    first, end = columns or (0, stack.shape[2])
    planes = [downsampled(normalisation(stack.slice(z))[..., first:end], scale) for z in slices]
    images = np.stack(planes).reshape(len(planes), stack.channels, *planes[0].shape[-2:])
    return torch.from_numpy(images).to(device)
