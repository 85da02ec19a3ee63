"""What the minutes of a run give, in sentences; and how many CPU cores it uses."""

from __future__ import annotations

from napari_advseg.core.runtime.events import FEW_UPDATES
from napari_advseg.core.runtime.run_estimate import RunEstimate

from .run_messages import duration


def time_plan(estimate: RunEstimate) -> str:
    """Updates, validation, first masks and whole stack of a run in minutes, with a warning if it is short."""
    sentences = [
        f"About {rounded(estimate.updates)} updates. First masks after about "
        f"{_seconds(estimate.first_masks_seconds)}; a validation takes about "
        f"{_seconds(estimate.validation_seconds)}."
    ]
    if estimate.stack_after:
        sentences.append(
            f"Predicting the whole stack takes about {_seconds(estimate.stack_seconds)} more after the "
            f"{estimate.minutes:g} min; Stop ends it."
        )
    if not estimate.all_scored:
        sentences.append("Scores are of a part of the validation slices.")
    if estimate.updates < FEW_UPDATES:
        sentences.append(few_updates())
    return " ".join(sentences)


def few_updates() -> str:
    """The warning for a run in minutes that makes few updates."""
    return f"Fewer than {FEW_UPDATES} updates give poor masks: use more minutes, all CPU cores, or one network."


def rounded(updates: int) -> str:
    """A number of updates with two digits that count: ``240``, ``1,900``."""
    digits = max(0, len(str(updates)) - 2)
    return f"{round(updates, -digits):,}"


def core_words(threads: int, cores: int) -> str:
    """How many CPU cores a run uses: ``Uses 1 of 2 CPU cores.``; empty where there is one only."""
    if cores < 2:
        return ""
    if threads >= cores:
        return f"Uses all {cores} CPU cores; the window may respond slowly."
    rest = "the other keeps" if cores - threads == 1 else "the others keep"
    return f"Uses {threads} of {cores} CPU cores; {rest} the window responsive."


def _seconds(seconds: float) -> str:
    return duration(max(1.0, seconds) / 60)
