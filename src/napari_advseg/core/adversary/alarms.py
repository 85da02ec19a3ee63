"""Alarms about D and about masks: what is wrong since when, in one sentence that says what to try."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, replace
from statistics import median
from typing import Any

from napari_advseg.core.runtime.events import Alarm
from napari_advseg.core.runtime.scores import DiscriminatorStatistics

OBSERVATIONS, UPDATES = 5, 30
"""A state has to last for so many observations in a row, and for so many updates, to be an alarm."""
ALL_OF_ONE = 0.98
"""Share of equal answers from which D says one thing of everything."""
UNDECIDED = 0.02
"""Distance from one half of the share of right answers within which D guesses."""
SATURATED = 20.0
"""Mean \\|logit\\| beyond which a sigmoid passes no gradient worth the name."""
WEAK, STRONG = 1e-3, 1.0
"""Ratio of the gradients of the adversarial and the segmentation term by G's output."""
JUMP, LEAST_JUMP = 10.0, 0.05
"""A step of the last layer's bias so many times the median of those before, and so large, is a jump."""
STEPS_KEPT = 50
ONE_CLASS = 0.998
"""Share of one class from which a mask counts as that class alone."""
FOUND = 0.1
"""Of classes that are rarer than that: share of their true pixels below which a mask holds none of them."""
EARLY = 1 / 3
"""Share of a run in which a network that finds no rare class is still learning."""


_WORDS = {
    "collapsed": "D has collapsed: since update {since:,} it calls everything real, or everything fake, so G/S "
    "learns nothing from it; try a lower rate of D (discriminator_optimizer.rate) or discriminator.norm = "
    "\"spectral\".",
    "saturated": "D is saturated since update {since:,}: its answers are beyond ±20, where no gradient reaches "
    "G/S; try discriminator.norm = \"spectral\" or a lower rate of D (discriminator_optimizer.rate).",
    "jump": "The bias of D's last layer jumped at update {since:,}, as before a collapse; if an alarm of a "
    "collapse follows, try a lower rate of D (discriminator_optimizer.rate).",
    "undecided": "D tells real and fake masks apart no better than by chance since update {since:,}: G/S has "
    "convinced it, or D learns too slowly; look whether G/S is better than S before training longer.",
    "weak": "The adversarial term hardly moves G/S since update {since:,} (under a thousandth of what the "
    "annotation does); try a larger λ (adversarial_weight.value).",
    "strong": "The adversarial term moves G/S more than the annotation does since update {since:,}; try a "
    "smaller λ (adversarial_weight.value).",
}  # fmt: skip


class AlarmMonitor:
    """Sees one observation after the other, and says what has begun and what is over.

    Attributes
    ----------
    alarms : list of Alarm
        All so far, in the order in which they began.
    """

    def __init__(self) -> None:
        self.alarms: list[Alarm] = []
        # kind → (first update, first turn, observations)
        self._streaks: dict[str, tuple[int, int, int]] = {}
        self._one_class_since: dict[str, int | None] = {}  # by network; None while it is not
        self._bias: tuple[int, float] | None = None
        self._steps: deque[float] = deque(maxlen=STEPS_KEPT)

    def state(self) -> dict[str, Any]:
        """Plain values from which `restore` goes on as if nothing had been between."""
        return {
            "alarms": [asdict(alarm) for alarm in self.alarms],
            "streaks": {kind: list(streak) for kind, streak in self._streaks.items()},
            "one class since": dict(self._one_class_since),
            "bias": None if self._bias is None else list(self._bias),
            "steps": list(self._steps),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state` gave; of an older run there may be the alarms alone, or nothing."""
        self.alarms = [Alarm(**kept) for kept in state.get("alarms", [])]
        self._streaks = {
            kind: (first, turn, count)
            for kind, (first, turn, count) in state.get("streaks", {}).items()
        }
        self._one_class_since = dict(state.get("one class since", {}))
        bias = state.get("bias")
        self._bias = None if bias is None else (bias[0], bias[1])
        self._steps.clear()
        self._steps.extend(state.get("steps", []))

    def observe(
        self,
        update: int,
        health: DiscriminatorStatistics[float],
        *,
        turn: int | None = None,
        rising: bool = False,
    ) -> list[Alarm]:
        """Take what was measured of D.

        Within a block of D's the `update` of G stands still: how long something lasts is counted in turns.

        What an observation does not hold neither begins nor ends an alarm. While λ is still `rising` from
        0 a weak term is none.
        """
        changed = []
        turn = update if turn is None else turn
        states = _states(health)
        if rising:
            states.pop("weak", None)
        for kind, there in states.items():
            changed += self._take(kind, update, turn, there)
        if health.last_bias is not None and self._jumped(turn, health.last_bias):
            changed += self._begin("jump", update)
        return changed

    def masks(
        self,
        update: int,
        shares: Mapping[str, Mapping[str, float]],
        *,
        truth: Mapping[str, float] | None = None,
        early: bool = False,
        last: bool = False,
    ) -> list[Alarm]:
        """Take the share of each class in each network's masks of the validation slices.

        A network that has only begun to learn often starts with masks of one class. So that is no alarm
        `early` in a run, and later one where it was otherwise before, where it lasts for a second
        validation, and at the `last` one.

        Parameters
        ----------
        update : int
        shares : mapping of str to mapping of str to float
            Network as it is shown (``S``, ``G/S``) → class → share of the pixels.
        truth : mapping of str to float, optional
            Class → share of the labelled pixels of those slices: where all classes but one are rare or
            missing, a mask that holds as little of them is right.
        early, last : bool
            Whether the run is in its first third (see `EARLY`), and whether no validation follows.
        """
        changed = []
        for network, by_class in shares.items():
            name, share = max(by_class.items(), key=lambda one: one[1])
            kind = f"one class {network}"
            others = 1.0
            if truth is not None:
                others = sum(part for other, part in truth.items() if other != name)
            if not others or 1 - share > min(1 - ONE_CLASS, FOUND * others):  # as it should be
                self._one_class_since[network] = None
                changed += self._end(kind, update)
                continue
            new = network not in self._one_class_since
            since = self._one_class_since.get(network) or update
            self._one_class_since[network] = since
            if (not new and not early) or last:
                changed += self._begin(
                    kind,
                    since,
                    f"The mask of {network} is {name} almost everywhere since update {since:,}: it has "
                    "collapsed to one class; train longer, or annotate the other classes on more slices.",
                )
        return changed

    def _take(self, kind: str, update: int, turn: int, there: bool) -> list[Alarm]:
        if not there:
            self._streaks.pop(kind, None)
            return self._end(kind, update)
        first, since, count = self._streaks.get(kind, (update, turn, 0))
        self._streaks[kind] = first, since, count + 1
        if count + 1 < OBSERVATIONS or turn - since < UPDATES:
            return []
        return self._begin(kind, first)

    def _jumped(self, turn: int, bias: float) -> bool:
        """Whether the bias moved, per turn, ten times as far as it usually does."""
        before, self._bias = self._bias, (turn, bias)
        if before is None or turn <= before[0]:
            return False
        step = abs(bias - before[1])
        each = step / (turn - before[0])
        usual = median(self._steps) if len(self._steps) >= OBSERVATIONS else None
        self._steps.append(each)
        return usual is not None and each > JUMP * usual and step > LEAST_JUMP

    def _begin(self, kind: str, since: int, text: str | None = None) -> list[Alarm]:
        if kind != "jump" and any(a.kind == kind and a.until is None for a in self.alarms):
            return []
        alarm = Alarm(kind, since, text or _WORDS[kind].format(since=since))
        if kind == "jump":  # over as it is told
            alarm = replace(alarm, until=since)
        self.alarms.append(alarm)
        return [alarm]

    def _end(self, kind: str, update: int) -> list[Alarm]:
        for i, alarm in enumerate(self.alarms):
            if alarm.kind == kind and alarm.until is None:
                self.alarms[i] = replace(alarm, until=update)
                return [self.alarms[i]]
        return []


def _states(health: DiscriminatorStatistics[float]) -> dict[str, bool]:
    """Each state that an observation can tell of, and whether it is there."""
    states = {}
    if health.called_real is not None and health.right is not None:
        one_answer = max(health.called_real, 1 - health.called_real) >= ALL_OF_ONE
        states["collapsed"] = one_answer  # also where it changes from one to the other
        states["undecided"] = abs(health.right - 0.5) <= UNDECIDED and not one_answer
    if health.fake_magnitude is not None:
        states["saturated"] = health.fake_magnitude > SATURATED
    if health.gradient_ratio is not None:
        states["weak"] = health.gradient_ratio < WEAK
        states["strong"] = health.gradient_ratio > STRONG
    return states
