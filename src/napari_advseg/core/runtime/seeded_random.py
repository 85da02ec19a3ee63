"""Random draws that depend on the seed and on what they are for, never on what was drawn before.

Every draw of a run is named by (seed, purpose, index). Two networks that learn from batch *i* get the
same patches, augmentation and dropout without sharing state, and a resumed run needs no random states.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import torch


class Purpose(IntEnum):
    """What a draw is for."""

    WEIGHTS = 1
    DISCRIMINATOR_WEIGHTS = 2
    PATCHES = 3
    AUGMENTATION = 4
    DROPOUT = 5
    FIXED_TRAIN = 6
    FIXED_VAL = 7
    ORDER = 8
    MASK_ORDER = 9
    OWN_WEIGHTS = 10
    OWN_DROPOUT = 11
    UNANNOTATED = 12
    UNANNOTATED_AUGMENTATION = 13
    FIXED_UNANNOTATED = 14
    GAPS = 15
    CALIBRATION = 16


def numpy_generator(seed: int, purpose: Purpose, index: int = 0) -> np.random.Generator:
    """Generator for the draws named by (seed, purpose, index)."""
    return np.random.default_rng([seed, int(purpose), index])


def torch_generator(
    seed: int, purpose: Purpose, index: int = 0, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Like `numpy_generator`, for tensors on `device`."""
    state = np.random.SeedSequence([seed, int(purpose), index]).generate_state(2, np.uint32)
    return torch.Generator(device).manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)
