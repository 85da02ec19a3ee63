"""The sentences of the window: pure functions from values to words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from napari_advseg.core.config.settings import Method, RunSettings
from napari_advseg.core.evaluation.best_validation import best_of_all
from napari_advseg.core.runtime.errors import Subject, first_line
from napari_advseg.core.runtime.events import SHORT, FinalScores, Validated
from napari_advseg.core.runtime.scores import Scores

METHOD_WORDS: dict[Method, str] = {
    "standard": "Standard",
    "adversarial": "Adversarial",
    "paired": "Both",
}


def score_line(history: Sequence[Validated]) -> str:
    """The last validation and the best so far: ``Mean F1 S 0.949  G/S 0.951, D 0.710 · best S ...``.

    By the measure that the best validation is chosen by, too.
    """
    if not history:
        return ""
    last, best = history[-1], best_of_all(history)
    line = _f1_of_networks(last.scores) or "no F1"
    accuracy = last.scores.discriminator.accuracy_val
    if _known(accuracy):
        line = f"{line}, D {accuracy:.3f}"
    line = line if best is None else f"{line} · best {best}"
    return f"{line} (on {last.measured_on})" if last.measured_on else line


def final_line(event: FinalScores) -> str:
    """The scores at the end: ``Mean F1 S 0.949  G/S 0.951 on all 10 validation slices``."""
    return f"{_f1_of_networks(event.scores)} on {event.measured_on}"


def _f1_of_networks(scores: Scores) -> str:
    """Mean F1 of each network, or the F1 of a run that has no mean; empty without any."""
    found = {short: scores.of(network) for network, short in SHORT.items()}
    means = {short: one.mean_f1_val for short, one in found.items()}
    measure = "Mean F1" if any(map(_known, means.values())) else "F1"
    numbers = means if measure == "Mean F1" else {s: one.f1_val for s, one in found.items()}
    parts = [f"{short} {value:.3f}" for short, value in numbers.items() if _known(value)]
    return "  ".join([f"{measure} {parts[0]}", *parts[1:]]) if parts else ""


def device_words(device: str, threads: int) -> str:
    """Where a run trains: ``Training on cpu, 1 thread.``"""
    if device != "cpu":
        return f"Training on {device}."
    return f"Training on {device}, {threads} thread{'s' * (threads != 1)}."


def _known(value: float | None) -> TypeGuard[float]:
    """Whether a score was measured and is defined."""
    return value is not None and value == value


def duration(minutes: float) -> str:
    """A coarse duration: ``40 s``, ``6 min``, ``3 h``, ``2 days``."""
    for size, unit in ((24 * 60, "days"), (60, "h"), (1, "min")):
        if minutes >= 1.5 * size or (unit == "min" and minutes >= 1):
            return f"{minutes / size:.0f} {unit}"
    return f"{minutes * 60:.0f} s"


class TimeLeft:
    """Time left as a clock that settles: estimates are smoothed and shown in coarse steps."""

    WEIGHT = 0.15
    """Weight of a new estimate of the end against those before."""

    def __init__(self) -> None:
        self._end: float | None = None

    def words(self, seconds: float, left: float | None) -> str:
        """Take one estimate and word the smoothed one.

        Parameters
        ----------
        seconds : float
            Time since the start.
        left : float or None
            The run's own estimate of the time left.
        """
        if left is None:
            return "measuring the time left"
        end = seconds + left
        self._end = end if self._end is None else self._end + self.WEIGHT * (end - self._end)
        return f"{clock(max(0.0, self._end - seconds))} left"


def clock(seconds: float) -> str:
    """Minutes and seconds in steps that do not flicker: 5 s below two minutes, 10 s below ten."""
    step = 5 if seconds < 120 else 10 if seconds < 600 else 60
    whole = int(round(seconds / step) * step)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def run_words(settings: RunSettings, history: Sequence[Validated], updates: int | None) -> str:
    """One line about a run that was loaded: method, preset, updates, best score."""
    parts = [METHOD_WORDS[settings.method], settings.preset]
    if updates is not None:
        parts.append(f"{updates} updates")
    best = best_of_all(history)
    if best is not None:
        parts.append(f"best {best.measure} {SHORT[best.network]} {best.f1:.3f}")
    return " · ".join(parts)


def first_sentence(error: BaseException) -> str:
    """What an error tells a person: its first line; for a file that cannot be used, the way out."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        why = error.strerror[0].lower() + error.strerror[1:]
        return f"{error.filename} cannot be read or written ({why}): choose another place."
    return first_line(error)


_ROWS = {
    Subject.SPLIT: "slices",
    Subject.UNANNOTATED: "unannotated",
    Subject.SETTINGS: "advanced",
    Subject.APPLYING: "apply",
    Subject.APPLYING_TO_FILES: "apply files",
    Subject.MASKS: "save masks",
    Subject.LOADED_RUN: "load run",
    Subject.OTHER: "status",
}


def row_of(subject: Subject) -> str:
    """Label of the row of the dock where the problem of a subject is shown."""
    return _ROWS.get(subject, subject.value)
