"""The adversary of a run over its updates: λ, the balance of the gradients of G's two terms, and alarms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from napari_advseg.core.adversary.alarms import EARLY, AlarmMonitor
from napari_advseg.core.runtime.events import Alarm
from napari_advseg.core.runtime.scores import DiscriminatorStatistics
from napari_advseg.core.storage.score_names import statistics_as_text, statistics_from_text

from .trainer import Trainer


class AdversaryLog:
    """Follows D through a run, from one update to the next.

    Parameters
    ----------
    trainer : Trainer
    """

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._monitor = AlarmMonitor()
        # of the last update of G
        self._balance: DiscriminatorStatistics[Tensor | float] = DiscriminatorStatistics()

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """All so far, in the order in which they began."""
        return tuple(self._monitor.alarms)

    def add(self, health: DiscriminatorStatistics[Tensor]) -> None:
        """Keep the balance of one update; an update in which G does not learn leaves it as it is."""
        self._balance |= DiscriminatorStatistics(
            weight=health.weight, gradient_ratio=health.gradient_ratio
        )

    def observe(
        self, update: int, turn: int, health: DiscriminatorStatistics[float]
    ) -> list[Alarm]:
        """How D did in update number `update`, from 1; what is alarming, once G learns from D.

        `turn` counts D's updates, too, where they come in blocks of their own.
        """
        weight = self._trainer.adversarial_weight(update - 1)
        if weight == 0:
            return []
        chosen = self._trainer.settings.adversarial_weight
        rising = chosen.kind in ("ramp", "balance") and weight < chosen.value
        return self._monitor.observe(update, health, turn=turn, rising=rising)

    def masks(self, update: int, shares: Mapping[str, Mapping[str, float]]) -> list[Alarm]:
        """Take the share of each class in each network's masks (see `AlarmMonitor.masks`)."""
        data, updates = self._trainer.data, self._trainer.settings.updates or 0
        names = data.annotation.classes.names
        counts = torch.bincount(data.val.targets.flatten().int(), minlength=256)[: len(names)]
        truth = dict(zip(names, (counts / counts.sum().clamp(min=1)).tolist(), strict=True))
        early, last = update < EARLY * updates, update == updates
        return self._monitor.masks(update, shares, truth=truth, early=early, last=last)

    def weight(self, update: int) -> float:
        """λ of update number `update`, from 1; with a balance, as it came out of the gradients."""
        if "discriminator" not in self._trainer.optimizers:
            return 0.0
        if self._trainer.settings.adversarial_weight.kind == "balance":
            return self.gradient_balance().weight or 0.0
        return self._trainer.adversarial_weight(update - 1)

    def marks(self) -> tuple[tuple[int, float], ...]:
        """(update, λ) where the adversarial weight of this run changes."""
        if "discriminator" not in self._trainer.optimizers:
            return ()
        return self._trainer.lambda_marks()

    def gradient_balance(self) -> DiscriminatorStatistics[float]:
        """λ and the ratio of the gradients of G's two terms in its last update, as far as known."""
        return self._balance.map(float)

    def state(self) -> dict[str, Any]:
        """Plain values for a checkpoint."""
        return {"pull": statistics_as_text(self.gradient_balance()), "watch": self._monitor.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state` gave; an older checkpoint may hold none of it."""
        self._balance = statistics_from_text(state.get("pull", {}))
        older = {"alarms": state.get("alarms", [])}
        self._monitor.restore(state.get("watch", older))
