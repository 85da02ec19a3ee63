"""What a run says while it goes: plain frozen values, one for each fact.

The last event of every run, whatever happens, is exactly one `RunFinished`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .scores import DiscriminatorStatistics, Scores

NetworkName = Literal["standard", "adversarial"]

SHORT: dict[NetworkName, str] = {"standard": "S", "adversarial": "G/S"}
"""Names of the networks in curves, tables and ``metrics.csv``."""

FEW_UPDATES = 100
"""With fewer updates than this a run in minutes starts with a warning."""


class Outcome(Enum):
    """How a run ended."""

    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class RunStarted:
    """Data are read and networks built; `updates` is now fixed."""

    folder: Path | None
    networks: tuple[NetworkName, ...]
    updates: int
    updates_per_epoch: int
    first_update: int
    device: str
    precision: str
    threads: int
    classes: tuple[str, ...]
    lambda_marks: tuple[tuple[int, float], ...]
    """(update, λ) where the weight of the adversarial term starts to change or settles."""
    history: tuple[Validated, ...] = ()
    """Validations of the part that is being resumed."""


class Activity(Enum):
    """What a run is doing, in words for the status line."""

    READING = "Reading the stack"
    MEASURING = "Measuring how fast this computer is"
    TRAINING = "Training"
    VALIDATING = "Validating"
    SCORING = "Scoring all validation slices"
    BOUNDARIES = "Scoring the boundaries of the validation slices"
    PREDICTING = "Predicting the whole stack"
    WRITING = "Writing"


@dataclass(frozen=True)
class Doing:
    """What the run does from here on; the first event comes before the stack is read."""

    activity: Activity
    note: str = ""
    """A sentence with more, such as how long it takes."""


@dataclass(frozen=True)
class Planned:
    """A run in minutes has changed its number of updates."""

    updates: int
    lambda_marks: tuple[tuple[int, float], ...] = ()
    """As in `RunStarted`."""


@dataclass(frozen=True)
class FinalScores:
    """Scores of the last weights on all validation slices, of a run whose validations measured a sample."""

    update: int
    scores: Scores
    measured_on: str
    """Such as ``all 10 validation slices``."""


@dataclass(frozen=True)
class Notice:
    """One sentence for the log and the status line."""

    text: str
    unsaved: bool | None = None
    """Whether the run is in memory alone from here on; None says nothing of that."""


@dataclass(frozen=True)
class Step:
    """Progress, at most a few times a second."""

    update: int
    updates: int
    seconds: float
    """Training time so far, without validations and pauses."""
    seconds_left: float | None
    """Estimate with the validations to come; None until a few updates are timed."""
    losses: dict[str, float] = field(default_factory=dict)
    health: DiscriminatorStatistics[float] = field(default_factory=DiscriminatorStatistics)
    """Of this update's batch."""


@dataclass(frozen=True)
class Validated:
    """Scores of one validation."""

    update: int
    epoch: float
    seconds: float
    """Training time so far, without validations and pauses."""
    scores: Scores
    adversarial_weight: float = 0.0
    """λ of the last update."""
    health: DiscriminatorStatistics[float] = field(default_factory=DiscriminatorStatistics)
    """Of D on fixed patches, in the mode that G learns against."""
    measured_on: str = ""
    """Part of the validation pixels that F1 was measured on, such as ``4 of 10 crops``; empty for all."""


@dataclass(frozen=True)
class AlarmChanged:
    """Something about D or about a mask needs a look, or is over (`alarm.until`)."""

    alarm: Alarm


@dataclass(frozen=True)
class SlicePredicted:
    """What a network says of one slice.

    Attributes
    ----------
    prediction : ndarray, shape (Y, X)
        Of two classes the probability of the first, float16; of more the index of the likeliest, uint8.
    origin : (int, int) or None
        Row and column of its first pixel if only a part of the slice was predicted.
    """

    network: NetworkName
    z: int
    prediction: Prediction
    origin: tuple[int, int] | None = None


@dataclass(frozen=True)
class StackProgress:
    """Prediction of the whole stack, in slices."""

    done: int
    total: int


@dataclass(frozen=True)
class RunFinished:
    """The one last event of a run."""

    outcome: Outcome
    update: int
    sentence: str
    error: str | None = None
    summary: dict[str, Any] = field(default_factory=dict)


Event = (
    RunStarted
    | Doing
    | Planned
    | FinalScores
    | Notice
    | Step
    | Validated
    | AlarmChanged
    | SlicePredicted
    | StackProgress
    | RunFinished
)


Prediction = NDArray[np.float16] | NDArray[np.uint8]
"""Of two classes the probability of the first, float16; of more the class indices, uint8."""


@dataclass(frozen=True)
class Alarm:
    """Something that needs a look.

    Attributes
    ----------
    kind : str
        ``collapsed``, ``saturated``, ``jump``, ``undecided``, ``weak``, ``strong``, ``one class S`` or
        ``one class G/S``.
    since : int
        Update of the first observation.
    text : str
        One sentence: what is wrong, since when, what to try.
    until : int or None
        Update of the first observation without it; None while it lasts.
    """

    kind: str
    since: int
    text: str
    until: int | None = None
