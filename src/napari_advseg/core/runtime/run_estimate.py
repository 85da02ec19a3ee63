"""What a run is expected to take before it starts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RunEstimate:
    """Times of a run, from a few updates timed on this computer.

    Attributes
    ----------
    minutes : float
        Of the whole run; of a run in minutes those that were asked for.
    updates : int
        About how many updates it makes.
    validation_seconds : float
        Of one validation.
    first_masks_seconds : float
        From Start to the first masks.
    stack_seconds : float
        To predict the whole stack at the end.
    stack_after : bool
        Whether that follows after the minutes.
    all_scored : bool
        Whether all validation slices are scored at the end.
    """

    minutes: float
    updates: int
    validation_seconds: float
    first_masks_seconds: float
    stack_seconds: float
    stack_after: bool = False
    all_scored: bool = True
