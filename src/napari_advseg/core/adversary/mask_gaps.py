"""Gaps in thin structures, cut into masks to show D what a broken membrane looks like."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_advseg.core.runtime.seeded_random import Purpose, numpy_generator, torch_generator

SMALLEST, LARGEST = 2, 5
"""Half the side of a gap in pixels, its middle not counted."""

Cut = Callable[[Tensor, Tensor], Tensor]
"""Cuts gaps into masks, shape (N, 1 or C, H, W), where they are labelled, bool of shape (N, 1, H, W)."""


def gap_cutter(seed: int, number: int, gaps: float, device: torch.device) -> Cut:
    """The gaps of batch `number`, the same whenever they are asked for.

    Parameters
    ----------
    seed, number : int
        Of the run and of the batch: they decide the draws.
    gaps : float
        Gaps in each mask, on average.
    device : torch.device
        Of the masks.
    """

    def cut(masks: Tensor, labelled: Tensor) -> Tensor:
        half = int(numpy_generator(seed, Purpose.GAPS, number).integers(SMALLEST, LARGEST + 1))
        draws = torch_generator(seed, Purpose.GAPS, number, device)
        return cut_gaps(masks, labelled, gaps, half, draws)

    return cut


def cut_gaps(
    masks: Tensor, labelled: Tensor, gaps: float, half: int, draws: torch.Generator
) -> Tensor:
    """Replace squares around random pixels of the rarer classes by the commonest class of the mask.

    Of cell and membrane that breaks membranes wherever they lie, so that two cells become one.

    Parameters
    ----------
    masks : Tensor, shape (N, 1 or C, H, W)
        Share of each class, or of the first of two.
    labelled : Tensor of bool, shape (N, 1, H, W)
        Pixels of which the mask says something; the others are of no class.
    gaps : float
        Middles of squares in each mask, on average; squares may overlap.
    half : int
        A square has sides of 2 · `half` + 1 pixels.
    draws : torch.Generator
        On the masks' device.
    """
    if not len(masks):
        return masks
    two = masks.shape[1] == 1
    classes = torch.cat([masks, 1 - masks], dim=1) if two else masks
    commonest = (classes * labelled).sum(dim=(2, 3)).argmax(dim=1)
    rare = (classes.argmax(dim=1) != commonest[:, None, None])[:, None] & labelled
    share = gaps / rare.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1)
    middles = rare & (torch.rand(rare.shape, generator=draws, device=rare.device) < share)
    hole = F.max_pool2d(middles.float(), 2 * half + 1, stride=1, padding=half) > 0
    filled = F.one_hot(commonest, classes.shape[1])[:, : masks.shape[1], None, None].to(masks.dtype)
    return torch.where(hole, filled, masks)
