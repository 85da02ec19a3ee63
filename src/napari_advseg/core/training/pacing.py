"""The pace of a run: its turns, pauses, the corrected number of updates, and when a checkpoint is due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from napari_advseg.core.runtime.control import RunControl

from .alternation import Turn, current_turns
from .run_end import RunEnd
from .run_plan import CHECKPOINT_SECONDS, RunPlan
from .trainer import Trainer


@dataclass
class Pacing:
    """Applies the decisions of a `RunPlan` to the networks.

    Attributes
    ----------
    trainer : Trainer
    plan : RunPlan
    control : RunControl
    """

    trainer: Trainer
    plan: RunPlan
    control: RunControl

    def __post_init__(self) -> None:
        self._saved_at = self.plan.watch.seconds
        self._first_turn, self._first_seconds = 0, 0.0

    @property
    def updates(self) -> int:
        """Updates of the whole run, as planned now."""
        return self.trainer.settings.updates or 0

    def turns(self, first: int) -> Iterator[Turn]:
        """The turns from number `first` on; each change of the plan takes effect at once."""
        return current_turns(lambda: self.trainer.settings, first)

    def repeat_changes(self, *, rates: bool) -> None:
        """Let λ, and the learning rates of a run that starts, follow what is planned so far."""
        for update, updates in self.plan.changes_so_far():
            self.trainer.replan(update, updates, rates=rates)
            self.plan.applied = max(self.plan.applied, 1)

    def resumed(self, turn: int, seconds: float) -> None:
        """Note how far the run was when this process went on with it."""
        self._first_turn, self._first_seconds = turn, seconds
        self._saved_at = self.plan.watch.seconds

    def raise_if_stopped(self) -> None:
        """Wait while paused, which is not part of the minutes.

        Raises
        ------
        Stopped
            If the run was asked to stop.
        """
        watch = self.plan.watch
        if not self.control.paused:
            self.control.raise_if_stopped()
            return
        began = watch.seconds
        try:
            self.control.raise_if_stopped()
        finally:
            watch.exclude(watch.seconds - began)

    def validates(self, turn: Turn) -> bool:
        """Whether a validation follows a turn that has been made."""
        return self.plan.validates(turn.update, turn.validate, last=turn.update >= self.updates)

    def corrected(self, update: int, seconds: float, ending: RunEnd, validated: bool) -> int | None:
        """The number of updates, if it changes after an update.

        Parameters
        ----------
        update : int
            Updates made.
        seconds : float
            Seconds of training so far.
        ending : RunEnd
            Estimates the time of the end.
        validated : bool
            Whether a validation followed; blocks change only there.
        """
        if not self.plan.samples or (self.plan.blocks and not validated):
            return None
        self.plan.measure(update, seconds)
        ending.estimate()
        planned = self.plan.updates_now(update, self.updates)
        if planned == self.updates:
            return None
        self.trainer.replan(update, planned)
        self.plan.count_change()
        return planned

    def saved(self, since: float) -> None:
        """Note a checkpoint whose writing began at `since` seconds of the run."""
        self._saved_at = since
        self.plan.costs.save = self.plan.watch.seconds - since

    def checkpoint_due(self, turn: int, seconds: float) -> bool:
        """Whether the next turn might end later than a minute after the last checkpoint."""
        made = turn - self._first_turn
        if not made:
            return False
        each = (seconds - self._first_seconds) / made
        return self.plan.watch.seconds + each - self._saved_at > CHECKPOINT_SECONDS
