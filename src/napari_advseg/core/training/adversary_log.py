"""What a run remembers of its adversary: how hard D pulls on G, λ, and what was alarming."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from napari_advseg.core.adversary.alarms import AlarmMonitor
from napari_advseg.core.config.schedules import lambda_marks
from napari_advseg.core.runtime.events import Alarm
from napari_advseg.core.runtime.scores import DiscriminatorStatistics
from napari_advseg.core.storage.score_names import statistics_as_text, statistics_from_text

from .trainer import Trainer


class AdversaryLog:
    """Follows D through a run, from one update to the next.

    Parameters
    ----------
    training : Training
    """

    def __init__(self, training: Trainer) -> None:
        self._training = training
        self._watch = AlarmMonitor()
        # of D on G, in G's last update
        self._pull: DiscriminatorStatistics[Tensor | float] = DiscriminatorStatistics()

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """All so far, in the order in which they began."""
        return tuple(self._watch.alarms)

    def add(self, health: DiscriminatorStatistics[Tensor]) -> None:
        """Remember the pull of one update; one in which G did not learn leaves what was before."""
        self._pull |= DiscriminatorStatistics(
            weight=health.weight, gradient_ratio=health.gradient_ratio
        )

    def observe(
        self, update: int, turn: int, health: DiscriminatorStatistics[float]
    ) -> list[Alarm]:
        """How D did in update number `update`, from 1; what is alarming, once G learns from D.

        `turn` counts D's updates, too, where they come in blocks of their own.
        """
        weight = self._training.adversarial_weight(update - 1)
        if weight == 0:
            return []
        chosen = self._training.settings.adversarial_weight
        rising = chosen.kind in ("ramp", "balance") and weight < chosen.value
        return self._watch.observe(update, health, turn=turn, rising=rising)

    def masks(self, update: int, shares: Mapping[str, Mapping[str, float]]) -> list[Alarm]:
        """Take the share of each class in each network's masks (see `Watch.masks`)."""
        last = update == self._training.settings.updates
        return self._watch.masks(update, shares, last=last)

    def weight(self, update: int) -> float:
        """λ of update number `update`, from 1; with a balance, as it came out of the gradients."""
        if "discriminator" not in self._training.optimizers:
            return 0.0
        if self._training.settings.adversarial_weight.kind == "balance":
            return self.pull().weight or 0.0
        return self._training.adversarial_weight(update - 1)

    def marks(self) -> tuple[tuple[int, float], ...]:
        """(update, λ) where the adversarial weight of this run changes."""
        if "discriminator" not in self._training.optimizers:
            return ()
        s = self._training.settings
        return lambda_marks(s.adversarial_weight, s.updates or 0, s.epoch or 1)

    def pull(self) -> DiscriminatorStatistics[float]:
        """λ and the ratio of the gradients of G's two terms, as far as they are known."""
        return self._pull.map(float)

    def state(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return {"pull": statistics_as_text(self.pull()), "watch": self._watch.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state` gave; an older checkpoint may hold none of it."""
        self._pull = statistics_from_text(state.get("pull", {}))
        older = {"alarms": state.get("alarms", [])}
        self._watch.restore(state.get("watch", older))
