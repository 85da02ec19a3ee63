"""What the pane of D's health shows: two curves with bands, and a validation in one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence

from napari_advseg.app.messages.discriminator_messages import WARNING, alarms_at, logits, percent
from napari_advseg.core.adversary.alarms import SATURATED
from napari_advseg.core.runtime.events import Alarm, Validated
from napari_advseg.core.runtime.scores import DiscriminatorStatistics
from napari_advseg.core.storage.score_names import statistic

from .series import Series

_WHAT = "Mean of D's logits on {} masks, its spread as a band; D takes what is above 0 for real"
HEALTH_SERIES = (
    Series("real mean", "real", True, _WHAT.format("real"), "real spread"),
    Series("fake mean", "fake", True, _WHAT.format("G/S's fake"), "fake spread", "s"),
)
LEVELS = (-SATURATED, SATURATED)
"""Logits beyond which no gradient reaches G/S."""
LEVEL_WORDS = "saturated"
LEAST_SPAN = 1.0


def number(health: DiscriminatorStatistics[float], key: str) -> float:
    """One of D's numbers, NaN if it was not measured."""
    value = statistic(health, key)
    return math.nan if value is None else float(value)


def band(series: Series, history: Sequence[Validated]) -> list[tuple[float, float, float]]:
    """(update, low, high) of the band around a curve, where its mean and spread were measured."""
    found = []
    for one in history:
        mean, spread = number(one.health, series.key), number(one.health, series.spread)
        if math.isfinite(mean) and math.isfinite(spread):
            found.append((float(one.update), mean - spread, mean + spread))
    return found


def span(values: Sequence[float]) -> tuple[float, float]:
    """What the vertical axis shows: the values and 0, where D changes its mind."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = min([0.0, *finite]), max([0.0, *finite])
    if high - low < LEAST_SPAN:
        middle = (low + high) / 2
        low, high = middle - LEAST_SPAN / 2, middle + LEAST_SPAN / 2
    return low, high


def health_sentence(validated: Validated) -> str:
    """D's numbers at one validation, in one line of text; its update alone if there are none."""
    health = validated.health
    parts = [f"{side} {words}" for side, words in logits(health).items()]
    if health.called_real is not None:
        parts.append(f"{percent(health.called_real)} called real")
    if health.gradient_ratio is not None:
        parts.append(f"gradients {health.gradient_ratio:.2g}")
    if parts:
        parts.append(f"λ {validated.adversarial_weight:.3g}")
    start = f"update {validated.update}"
    return f"{start}: D's logits {' · '.join(parts)}" if parts else start


def alarm_words(alarms: Sequence[Alarm], update: float | None) -> str:
    """The sentences of the alarms that lasted at an update; empty without one."""
    there = [] if update is None else alarms_at(alarms, update)
    return " ".join(f"{WARNING} {one.text}" for one in there)
