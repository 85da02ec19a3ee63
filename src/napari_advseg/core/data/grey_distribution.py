"""How the grey values of a stack are distributed, and whether two stacks look alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVELS = np.linspace(0.01, 0.99, 50)
"""Shares of the pixels at which quantiles are taken."""
UNLIKE = 0.07
"""Mean distance of quantiles, in standard deviations, from which on two stacks look unlike. Slices of one
stack are within 0.04, another sample of the same tissue within 0.06; inverted grey values are 0.08 apart."""


def quantiles_of(normalised: NDArray[Any]) -> tuple[float, ...]:
    """Quantiles at `LEVELS` of normalised grey values, any shape."""
    return tuple(round(float(q), 4) for q in np.quantile(normalised, LEVELS))


def distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Mean distance of quantiles: of the distributions without their ends, the 1-Wasserstein distance."""
    return float(np.mean(np.abs(np.subtract(one, other))))


def unlike_sentence(name: str, found: Sequence[Sequence[float]], kept: Any) -> str:
    """What to say before a stack is predicted that looks unlike the one that was learned from; empty if alike.

    Parameters
    ----------
    name : str
        Of the stack.
    found : sequence of quantiles
        Of the stack, for each channel.
    kept
        Those of the stack that the run learned from, as its config.json has them; runs of before have none.
    """
    try:
        before = np.array(kept, np.float64)
    except (TypeError, ValueError):  # a damaged config.json
        return ""
    if before.shape != (len(found), len(LEVELS)):
        return ""
    most = max(distance(a, b) for a, b in zip(found, before, strict=True))
    if not most >= UNLIKE:
        return ""
    return (
        f"The grey values of {name} look unlike those that the run learned from (distance {most:.2f}, alike "
        f"is below {UNLIKE:g}): check whether they are inverted or cut off, or train on some of its slices."
    )
