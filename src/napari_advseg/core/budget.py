"""A budget in minutes turned into updates, by timing the first ten on networks that are then discarded.

Thrown away so that a run of *n* updates is the same whether *n* was asked for or came out of minutes.
"""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from time import perf_counter

import torch

from .control import RunControl
from .devices import Place
from .errors import SettingsError
from .inference import class_probabilities
from .settings import LambdaSettings, RunSettings
from .stack import EMStack
from .training import Training
from .training_data import TrainingData
from .turns import turns

TIMED_UPDATES = 10
DISCARDED = 3  # the first updates also load kernels and memory
FEWEST = 10


def updates_for(
    settings: RunSettings, data: TrainingData, stack: EMStack, place: Place, control: RunControl
) -> RunSettings:
    """Settings with the number of updates that fit the minutes, validation included.

    Settings that name updates or epochs and no minutes come back as they are; minutes decide over both.

    Raises
    ------
    SettingsError
        If neither updates, epochs nor minutes are given.
    Stopped
        If the run is stopped meanwhile.
    """
    if settings.minutes is None:
        if settings.updates is None and settings.epochs is None:
            raise SettingsError(
                "Neither updates, epochs nor minutes are given: choose one.", control="budget"
            )
        return settings
    each = seconds_per_update(settings, data, place, control)
    validation = _seconds_per_validation(settings, data, stack, place, control)
    updates = _fitting(settings, 60 * settings.minutes, each, validation)
    return settings.model_copy(update={"updates": updates, "epochs": None})


def seconds_per_update(
    settings: RunSettings, data: TrainingData, place: Place, control: RunControl
) -> float:
    """Time of an update of all networks of the method, D's share included; from medians."""
    shares = _turns_per_update(settings)
    trial = _trial(settings)
    training = Training.build(trial, data, place)
    times: dict[frozenset[str], list[float]] = defaultdict(list)
    for turn in turns(trial):
        control.breathe()
        started = perf_counter()
        training.take(turn)
        _finish(place)
        times[turn.learners].append(perf_counter() - started)
    return sum(
        median(found[DISCARDED:] or found) * shares.get(learners, 1.0)
        for learners, found in times.items()
    )


def _turns_per_update(settings: RunSettings) -> dict[frozenset[str], float]:
    """How many turns of D alone there are to an update of S; all others come once."""
    blocks = settings.alternation
    ratio = blocks.discriminator_updates / blocks.generator_updates
    return {frozenset({"discriminator"}): ratio}


def _trial(settings: RunSettings) -> RunSettings:
    """Ten updates in which D learns from the first, or one epoch of blocks of ten."""
    blocks = {"generator_updates": TIMED_UPDATES, "discriminator_updates": TIMED_UPDATES}
    return settings.model_copy(
        update={
            "updates": TIMED_UPDATES,
            "epoch": 1,
            "adversarial_weight": LambdaSettings(kind="constant", value=0.1),
            "alternation": settings.alternation.model_copy(update=blocks),
        }
    )


def _seconds_per_validation(
    settings: RunSettings, data: TrainingData, stack: EMStack, place: Place, control: RunControl
) -> float:
    """Time to predict the validation slices, from one of them."""
    training = Training.build(settings.model_copy(update={"updates": 1, "epoch": 1}), data, place)
    network = next(iter(training.networks.values()))
    grey = data.normalisation(stack.slice(data.split.val[0]))
    started = perf_counter()
    class_probabilities(network, grey, settings, place, control.breathe)
    return (perf_counter() - started) * len(data.split.val) * len(training.networks)


def _fitting(settings: RunSettings, seconds: float, each: float, validation: float) -> int:
    if settings.validate_every is not None:
        return max(FEWEST, int(seconds / (each + validation / settings.validate_every)))
    left = seconds - settings.validations * validation
    return max(FEWEST, int(left / each))


def _finish(place: Place) -> None:
    if place.device.type == "cuda":
        torch.cuda.synchronize()
