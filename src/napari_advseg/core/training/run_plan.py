"""Number of updates and times of validations of a run in minutes, corrected while it runs.

The minutes are those of the whole run, from the call of `train` to the last event. No time is spent on a trial:
the first updates of the run itself are measured, and the plan follows the machine from then on. λ and the
learning rates are functions of progress, which stays continuous when the number of updates changes and ends
exactly at the last update. Each decision is recorded (`PlanSettings`), so that the run can be repeated.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import floor
from time import perf_counter
from typing import Any

from napari_advseg.core.config.settings import PlanSettings, RunSettings

VALIDATION_SHARE = 0.2
"""Largest share of the minutes that validations take during training."""
END_SHARE = 0.25
"""Largest share for the scores of the last weights on all validation slices."""
BOUNDARY_SHARE = 0.1
"""Largest share for V_Rand and V_Info at the end."""
STACK_SHARE = 1 / 3
"""Predicting the whole stack is part of the minutes up to this share, and follows after them beyond it."""
FEWEST_VALIDATIONS = 4
"""With fewer a curve says little: a validation measures a smaller sample first."""
FIRST_VALIDATION = 0.12
"""Share of the minutes after which the first validation shows masks."""
WARM_UP_SHARE = 0.05
"""Share of the minutes from which the first update alone corrects the plan."""
RECENT, RECENT_SHARE = 10, 0.05
"""Updates, at least, and share of the minutes whose mean time predicts that of the next updates."""
TOLERANCE = 0.05
"""Relative change of the number of updates below which the plan stays as it is."""
CHECKPOINT_SECONDS = 60.0
"""A checkpoint is written at least this often."""


class Stopwatch:
    """Seconds since the call of `train`, pauses excluded.

    Parameters
    ----------
    clock : callable
        Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self.clock = clock
        self._started = clock()

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return self.clock() - self._started

    def exclude(self, seconds: float) -> None:
        """Leave out a pause."""
        self._started += seconds

    def include(self, seconds: float) -> None:
        """Add the seconds of an earlier process."""
        self._started -= seconds


@dataclass
class Costs:
    """Measured seconds of the parts of a run.

    Attributes
    ----------
    validation : float
        Of one validation, its figures and files included.
    crop : float
        Of one validation crop with all networks.
    patch : float
        Of one fixed patch with all networks and D.
    final : float
        Of the scores on all validation slices at the end.
    boundaries : float
        Of V_Rand and V_Info at the end.
    boundary_pixel : float
        Of V_Rand and V_Info of one pixel of one network.
    stack : float
        Of the slices that are left to predict.
    save : float
        Of a checkpoint.
    update : float or None
        Mean of the last updates; None before one is measured.
    """

    validation: float = 0.0
    crop: float = 0.0
    patch: float = 0.0
    final: float = 0.0
    boundaries: float = 0.0
    boundary_pixel: float = 0.0
    stack: float = 0.0
    save: float = 0.0
    update: float | None = None


@dataclass
class RunPlan:
    """Updates and validations of a run: fixed, repeated from a recorded plan, or timed.

    Attributes
    ----------
    minutes : float or None
        Time of the whole run; None for a run in updates or epochs, or one that repeats another.
    recorded : PlanSettings or None
        What has been decided so far, or what to repeat; None for a run in updates or epochs.
    watch : Stopwatch
    validation_seconds : float
        Spent in validations so far.
    applied : int
        How many of the changes of the plan have been made.
    """

    settings: RunSettings
    watch: Stopwatch
    minutes: float | None = None
    recorded: PlanSettings | None = None
    costs: Costs = field(default_factory=Costs)
    validation_seconds: float = 0.0
    applied: int = 0

    def __post_init__(self) -> None:
        self._marks: deque[tuple[int, float]] = deque([(0, 0.0)])  # (update, seconds of training)
        self._validations_left: int | None = None
        self._next = FIRST_VALIDATION * self.seconds
        self._warming = True

    @classmethod
    def of(cls, settings: RunSettings, watch: Stopwatch) -> RunPlan:
        """The plan of a run with resolved settings; minutes replace a recorded plan."""
        if settings.minutes is None:
            return cls(settings, watch, None, settings.plan)
        start = PlanSettings(changes=((0, settings.updates or 1),))
        return cls(settings, watch, settings.minutes, start)

    @property
    def timed(self) -> bool:
        """Whether this run decides by the time."""
        return self.minutes is not None

    @property
    def samples(self) -> bool:
        """Whether validations measure crops, as those of a run in minutes do."""
        return self.recorded is not None

    @property
    def blocks(self) -> bool:
        """Whether networks learn in blocks: only whole epochs are planned."""
        return self.settings.alternation.kind == "block"

    @property
    def seconds(self) -> float:
        """Seconds of the whole run; 0 if they are not limited."""
        return 60 * (self.minutes or 0.0)

    # ---- decisions

    def changes_so_far(self) -> tuple[tuple[int, int], ...]:
        """The first change, which a run starts with, and those that a resumed run has made."""
        return () if self.recorded is None else self.recorded.changes[: max(1, self.applied)]

    def updates_now(self, update: int, updates: int) -> int:
        """Number of updates of the run as planned after `update` of `updates` updates.

        Parameters
        ----------
        update, updates : int
            Updates made, and those planned so far.
        """
        if not self.timed:
            return self._recorded_updates(update, updates)
        each = self.costs.update
        if each is None or (update >= updates and not self.blocks):
            return updates
        if self._warming and each < WARM_UP_SHARE * self.seconds and not self.blocks:
            return updates  # the first update says little
        fitting = self._fitting(update, each)
        if self.blocks:
            block = self.settings.alternation.generator_updates
            planned = update + block * floor((fitting - update) / block + 0.5)
        else:
            planned = self._smoothed(update, updates, fitting, each)
        if planned != updates:
            self._record(update, planned)
        return planned

    def measure(self, update: int, seconds: float) -> None:
        """Note the seconds of training after an update.

        The first update of a process also loads kernels and memory, and is left out once there are others.
        """
        marks = self._marks
        if update <= marks[-1][0]:
            return
        marks.append((update, seconds))
        if self._warming and len(marks) == 3:
            marks.popleft()
            self._warming = False
        while len(marks) > RECENT and seconds - marks[1][1] > RECENT_SHARE * self.seconds:
            marks.popleft()
        (first, start), (last, end) = marks[0], marks[-1]
        self.costs.update = (end - start) / (last - first)

    def _fitting(self, update: int, each: float) -> float:
        left = self.seconds - self.watch.seconds - self.reserve()
        return update + max(0.0, left / max(each, 1e-9))

    def _smoothed(self, update: int, updates: int, fitting: float, each: float) -> int:
        """A number that changes only where that matters, and ends the schedules in time."""
        left = fitting - update
        if left < 0.5 and each > 0.05 * self.seconds:
            return update  # another update would break the promise
        planned = update + max(1, round(left))
        if abs(planned - updates) <= TOLERANCE * updates and planned - update > 3:
            return updates
        return planned

    def count_change(self) -> None:
        """Note that the change of this update has been made."""
        made = len(self.recorded.changes) if self.timed and self.recorded else self.applied + 1
        self.applied = made

    def _recorded_updates(self, update: int, updates: int) -> int:
        if self.recorded is None:
            return updates
        return dict(self.recorded.changes).get(update, updates)

    def _record(self, update: int, updates: int) -> None:
        assert self.recorded is not None
        changes = (*(c for c in self.recorded.changes if c[0] < update), (update, updates))
        self.recorded = self.recorded.model_copy(update={"changes": changes})

    def validates(self, update: int, scheduled: bool, last: bool) -> bool:
        """Whether a validation follows update number `update`, which is planned to be the `last` or not."""
        if self.recorded is None or self.blocks:
            return scheduled
        if last:
            return True
        if not self.timed:
            return update in self.recorded.validations
        if not self._due(update):
            return False
        done = (*self.recorded.validations, update)
        self.recorded = self.recorded.model_copy(update={"validations": done})
        return True

    def _due(self, update: int) -> bool:
        every = self.settings.validate_every
        if every is not None:
            return update % every == 0
        if self._validations_left is not None and self._validations_left <= 1:
            return False  # the last one follows the last update
        return update >= 2 and self.watch.seconds >= self._next

    # ---- validation

    def choose_sample(self, crops: int, patches: int) -> PlanSettings:
        """How many crops and fixed patches each validation measures, once their costs are measured.

        Parameters
        ----------
        crops, patches : int
            All that there are.
        """
        assert self.recorded is not None
        if not self.timed or self.recorded.crops is not None:
            return self.recorded
        allowed = VALIDATION_SHARE * self.seconds
        wanted = self.settings.validations
        for number in (wanted, min(wanted, FEWEST_VALIDATIONS), 1):
            each = allowed / number
            chosen = self._sample_within(each, crops, patches)
            if chosen is not None:
                break
        else:
            chosen = (1, min(patches, 4))
        cost = chosen[0] * self.costs.crop + chosen[1] * self.costs.patch
        self._validations_left = max(1, min(wanted, int(allowed / max(cost, 1e-9))))
        self.recorded = self.recorded.model_copy(update={"crops": chosen[0], "patches": chosen[1]})
        return self.recorded

    def _sample_within(self, seconds: float, crops: int, patches: int) -> tuple[int, int] | None:
        """All if they fit; else patches for a third of the time, at least 4, and crops for the rest."""
        crop, patch = max(self.costs.crop, 1e-9), max(self.costs.patch, 1e-9)
        if crops * crop + patches * patch <= seconds:
            return crops, patches
        number = min(patches, max(4, int(seconds / 3 / patch)))
        left = int((seconds - number * patch) / crop)
        fewest = min(crops, 2)
        return (min(crops, left), number) if left >= fewest else None

    def validated(self, seconds: float) -> None:
        """Take the seconds of a validation and plan the next."""
        self.validation_seconds += seconds
        self.costs.validation = seconds
        if not self.timed:
            return
        left = VALIDATION_SHARE * self.seconds - self.validation_seconds
        possible = int(left / max(seconds, 1e-9))
        planned = (self._validations_left or self.settings.validations) - 1
        self._validations_left = max(0, min(planned, possible))
        training = self.seconds - self.watch.seconds - self.reserve()
        self._next = self.watch.seconds + max(0.0, training) / max(1, self._validations_left)

    # ---- the end

    def reserve(self) -> float:
        """Seconds that the validations to come and the end of the run need."""
        left = self._validations_left
        if left is None:  # before the first validation: the share that they may take
            return VALIDATION_SHARE * self.seconds + self.end_seconds()
        every = self.settings.validate_every
        if every is not None and self.costs.update:
            left = 1
        return max(1, left) * self.costs.validation + self.end_seconds()

    def end_seconds(self) -> float:
        """Seconds after the last validation: scores on all slices, boundaries and the whole stack."""
        costs = self.costs
        stack = costs.stack if self.predicts_stack_in_time else 0.0
        final = min(costs.final, END_SHARE * self.seconds)
        return final + costs.boundaries + stack + 2 * costs.save

    @property
    def predicts_stack_in_time(self) -> bool:
        """Whether predicting the whole stack is part of the minutes."""
        return self.costs.stack <= STACK_SHARE * self.seconds

    # ---- files

    def resolved(self, settings: RunSettings) -> RunSettings:
        """Settings that repeat the run as decided so far."""
        return settings.model_copy(update={"plan": self.recorded, "minutes": None})

    def summary(self) -> dict[str, Any]:
        """What ``summary.json`` reports about the time of a run in minutes."""
        if not self.timed:
            return {}
        return {
            "minutes_asked": self.minutes,
            "minutes_taken": round(self.watch.seconds / 60, 3),
            "validation_seconds": round(self.validation_seconds, 2),
        }

    def state(self) -> dict[str, Any]:
        """Plain values for a checkpoint; empty for a run in updates or epochs."""
        if self.recorded is None:
            return {}
        return {
            "plan": {
                "minutes": self.minutes,
                "spent": self.watch.seconds,
                "applied": self.applied,
                "recorded": self.recorded.model_dump(mode="json"),
                "validations_left": self._validations_left,
                "validation_seconds": self.validation_seconds,
                "validation": self.costs.validation,
                "end": [self.costs.final, self.costs.boundaries, self.costs.stack],
                "next": self._next,
            }
        }

    def restore(self, progress: Mapping[str, Any]) -> None:
        """Continue from what `state` gave."""
        kept = progress.get("plan")
        if kept is None:
            return
        self.applied = int(kept["applied"])
        self._marks = deque([(int(progress["update"]), float(progress["seconds"]))])
        self.minutes = kept["minutes"]
        self.recorded = PlanSettings.model_validate(kept["recorded"])
        self.watch.include(float(kept["spent"]))
        self._validations_left = kept["validations_left"]
        self.validation_seconds = float(kept["validation_seconds"])
        self.costs.validation = float(kept["validation"])
        self.costs.final, self.costs.boundaries, self.costs.stack = kept["end"]
        self._next = float(kept["next"])
