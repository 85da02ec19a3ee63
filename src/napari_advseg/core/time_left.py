"""How long a run will still take, from the turns that it has made."""

from __future__ import annotations

from dataclasses import dataclass

from .settings import RunSettings
from .turns import number_of_turns

SETTLED_TURNS = 3  # before that, the time left would be a guess


@dataclass
class TimeLeft:
    """Seconds that a run still needs.

    Attributes
    ----------
    settings : RunSettings
    first_turn, first_seconds
        Turns and seconds of training that were made before this process went on with the run.
    validation_seconds : float
        Of the last validation.
    """

    settings: RunSettings
    first_turn: int = 0
    first_seconds: float = 0.0
    validation_seconds: float = 0.0

    def seconds(self, turn: int, update: int, seconds: float) -> float | None:
        """What is left after `turn` turns and `update` updates in `seconds`; None while it would be a guess."""
        made = turn - self.first_turn
        if made < SETTLED_TURNS:
            return None
        each = (seconds - self.first_seconds) / made
        updates_left = (self.settings.updates or 0) - update
        validations = updates_left / (self.settings.validate_every or 1)
        turns_left = number_of_turns(self.settings) - turn
        return turns_left * each + validations * self.validation_seconds
