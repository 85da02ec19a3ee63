"""The average of a network's weights over its updates."""

from __future__ import annotations

import torch
from torch import nn

from .unet import LOGIT_SHIFT

START = 9
"""The average of the first updates follows them closely: of update t the weight is at least 9 / (t + 9)."""


@torch.no_grad()
def follow_weights(average: nn.Module, network: nn.Module, updates: int, decay: float) -> None:
    """Move an exponential average of weights, and of the averages in batch normalisation, by one update.

    Near the peak of the learning rate weights jump from one update to the next; their average does not
    (Polyak and Juditsky 1992; as in Tarvainen and Valpola 2017, with a decay that rises at the start).

    Parameters
    ----------
    average : nn.Module
        Changed; of the same shape as `network`.
    network : nn.Module
        As of its last update.
    updates : int
        Updates that `network` has made.
    decay : float
        What stays of the average in an update once many were made, 0 to 1.
    """
    kept = min(decay, updates / (updates + START))
    averaged, current = average.state_dict(), network.state_dict()
    for key, value in averaged.items():
        if key == LOGIT_SHIFT:
            continue  # measured for the average itself
        if value.is_floating_point():
            value.lerp_(current[key], 1 - kept)
        else:  # how many batches normalisation has seen
            value.copy_(current[key])
