"""Learning rates and λ over a run: pure functions of how far a network has learned."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, cos, pi

from torch import Tensor

from .settings import LambdaSettings, OptimizerSettings


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + cos(pi * share)) / 2


def one_cycle(rate: float, update: float, updates: int, warmup: float) -> float:
    """One-cycle rate (Smith and Topin 2019): from rate/25 up to `rate`, down to rate/250,000.

    Parameters
    ----------
    rate : float
        Rate at the peak.
    update : float
        Update about to be made, from 0; a fraction where the length of the run has changed.
    updates : int
        All updates of the run.
    warmup : float
        Share of the updates on the way up.
    """
    peak = warmup * updates - 1
    if update < peak:
        return _cosine(rate / 25, rate, update / peak)
    rest = updates - 1 - peak  # 0 where the whole run warms up
    share = (update - peak) / rest if rest > 0 else 0.0
    return _cosine(rate, rate / 25 / 1e4, min(share, 1.0))


@dataclass(frozen=True)
class Pace:
    """Progress of a schedule whose length changes during a run.

    Progress is continuous where the length changes and reaches 1 exactly at `updates`.

    Attributes
    ----------
    updates : int
        Length of the schedule, as planned last.
    since : int
        Update at which that was planned; 0 at the start of the run.
    begun : float
        Progress at `since`, 0 to 1.
    """

    updates: int
    since: int = 0
    begun: float = 0.0

    def position(self, update: int) -> float:
        """Position in a schedule that always had this length; `update` itself if it had."""
        return self.share(update) * self.updates if self.since else update

    def share(self, update: int) -> float:
        """Progress at `update`, 0 to 1."""
        left = self.updates - self.since
        if left <= 0:
            return 1.0
        share = self.begun + (1 - self.begun) * (update - self.since) / left
        return min(max(share, 0.0), 1.0)

    def update_at(self, position: float) -> float:
        """The update with a position of `position` in the part since the last change."""
        if not self.since:
            return position
        share = position / self.updates
        rest = (share - self.begun) / max(1 - self.begun, 1e-9)
        return self.since + rest * (self.updates - self.since)

    def changed(self, update: int, updates: int) -> Pace:
        """The pace from `update` on if the schedule is `updates` long."""
        return Pace(updates, update, self.share(update)) if update else Pace(updates)


@dataclass
class LearningRate:
    """The learning rate of one network; keeps its state while other networks learn.

    Parameters
    ----------
    settings : OptimizerSettings
        Kind of schedule and its numbers.
    updates : int
        Updates that this network makes in the whole run.
    """

    settings: OptimizerSettings
    updates: int
    best: float = -1.0  # below any score
    waited: int = 0
    factor: float = 1.0

    def __post_init__(self) -> None:
        self._pace = Pace(self.updates - 1)  # the last update has the lowest rate
        self._length = self.updates

    def replan(self, update: int, updates: int) -> None:
        """Let the schedule end after `updates` updates, from update number `update` on.

        The curve stays that of the first length, of which a run then makes longer or shorter steps.
        """
        self.updates, self._pace = updates, self._pace.changed(update, updates - 1)
        if update == 0:
            self._length = updates

    def at(self, update: int) -> float:
        """Rate for the network's update number `update`, from 0."""
        s = self.settings
        if s.schedule == "one-cycle":
            position: float = update
            if self._pace.since:
                position = self._pace.share(update) * (self._length - 1)
            return one_cycle(s.rate, position, self._length, s.warmup)
        if s.schedule == "keras-decay":
            return s.rate / (1 + s.decay * update)
        return s.rate * self.factor

    def observe(self, score: float) -> None:
        """Take note of a validation score; a plateau lowers the rate to a tenth."""
        if self.settings.schedule != "plateau":
            return
        if score > self.best:
            self.best, self.waited = score, 0
            return
        self.waited += 1
        if self.waited >= self.settings.patience:
            self.factor, self.waited = self.factor / 10, 0

    def state(self) -> dict[str, float]:
        """What `restore` needs."""
        state = {"best": self.best, "waited": self.waited, "factor": self.factor}
        if self._pace.since:
            state |= {"updates": self.updates, "since": self._pace.since, "begun": self._pace.begun}
        return state

    def restore(self, state: dict[str, float]) -> None:
        """Go on from what `state` gave."""
        self.best, self.factor = state["best"], state["factor"]
        self.waited = int(state["waited"])
        if "since" in state:
            self.updates = int(state["updates"])
            self._pace = Pace(self.updates - 1, int(state["since"]), state["begun"])


def adversarial_weight(
    settings: LambdaSettings, update: float, updates: int, epoch: float
) -> float:
    """λ for the update about to be made, `update` from 0 of `updates`, in epoch `epoch` from 0.

    With a balance it is the ratio of gradients that `balanced_weight` turns into λ.
    """
    if settings.kind == "constant":
        return settings.value
    if settings.kind == "steps":
        part = next((p for start, p in reversed(settings.steps) if epoch >= start), 0.0)
        return settings.value * part
    share = update / max(updates, 1)
    if share < settings.start:
        return 0.0
    return settings.value * min((share - settings.start) / max(settings.rise, 1e-9), 1.0)


def balanced_weight(ratio: float, segmentation: Tensor, adversarial: Tensor, most: float) -> Tensor:
    """λ with which λ·‖∂L_adv/∂s‖ is `ratio` times ‖∂L_seg/∂s‖, at most `most`.

    Parameters
    ----------
    ratio : float
    segmentation, adversarial : Tensor
        The two norms, scalars; s are the logits.
    most : float
        Where D has next to no gradient, a larger λ would only magnify its noise.
    """
    return (ratio * segmentation / adversarial.clamp(min=1e-20)).clamp(max=most)


def discriminator_learns(settings: LambdaSettings, update: float, updates: int) -> bool:
    """Whether D learns at this update: before a ramp it starts half-way to it, to be ready."""
    return settings.kind not in ("ramp", "balance") or update >= settings.start * updates / 2


def lambda_marks(
    settings: LambdaSettings, updates: int, updates_per_epoch: int
) -> tuple[tuple[int, float], ...]:
    """(update, λ) where λ changes: the start and the top of a ramp, or each step."""
    if settings.kind == "constant":
        return ()
    if settings.kind == "steps":
        marks = [
            (ceil(epoch * updates_per_epoch), settings.value * part)
            for epoch, part in settings.steps
        ]
        return tuple((u, w) for u, w in marks if 0 < u < updates)
    if settings.value == 0:
        return ()
    start = round(settings.start * updates)
    if settings.kind == "balance":  # from there on it follows from the gradients
        return ((start, 0.0),) if start < updates else ()
    top = round((settings.start + settings.rise) * updates)
    return tuple((u, w) for u, w in ((start, 0.0), (top, settings.value)) if u < updates)
