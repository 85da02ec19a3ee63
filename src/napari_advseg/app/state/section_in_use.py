"""Which sections of the dock the current step of work needs: a pure function of the state."""

from __future__ import annotations

from typing import Literal

from .model import AppModel

SectionName = Literal["data", "train", "compare", "keep"]
PREPARE: frozenset[SectionName] = frozenset({"data", "train"})
COMPARE: frozenset[SectionName] = frozenset({"compare"})
APPLY: frozenset[SectionName] = frozenset({"data", "keep"})


def sections_in_use(model: AppModel) -> frozenset[SectionName] | None:
    """Return the sections to open, or None to leave all as they are.

    Before a run these are the sections that lead to Start; once there are masks of the chosen image,
    Compare; with a loaded run that has no masks yet, Keep, where it is applied.
    """
    if model.masks_shown and not _another_image(model):
        return COMPARE
    if model.busy:
        return None
    if model.run is not None and model.image is not None and not model.masks_shown:
        return APPLY
    return PREPARE


def _another_image(model: AppModel) -> bool:
    """Whether an image is chosen over which the masks do not lie."""
    over = model.layer(model.masks_over)
    return over is not None and model.image is not None and over.key != model.image.key
