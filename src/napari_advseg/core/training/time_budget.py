"""A budget in minutes turned into updates, by timing the first ten on networks that are then discarded.

Thrown away so that a run of *n* updates is the same whether *n* was asked for or came out of minutes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import torch

from napari_advseg.core.config.settings import LambdaSettings, RunSettings
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.inference.probabilities import class_probabilities
from napari_advseg.core.models.losses import segmentation_loss
from napari_advseg.core.models.unet import build_unet
from napari_advseg.core.runtime.control import RunControl
from napari_advseg.core.runtime.devices import ComputeDevice, choose_device, on
from napari_advseg.core.runtime.seeded_random import Purpose, torch_generator

from .alternation import number_of_turns, scheduled_turns
from .trainer import Trainer

TIMED_UPDATES = 10
DISCARDED = 3  # the first updates also load kernels and memory
FEWEST = 10


def updates_within(
    minutes: float,
    settings: RunSettings,
    data: TrainingData,
    stack: EMStack,
    compute: ComputeDevice,
    control: RunControl,
) -> int:
    """Updates that fit into `minutes`, validations included.

    Raises
    ------
    Stopped
        If `control` is stopped meanwhile.
    """
    each = seconds_per_update(settings, data, compute, control)
    validation = _seconds_per_validation(settings, data, stack, compute, control)
    return _fitting(settings, 60 * minutes, each, validation)


def seconds_per_update(
    settings: RunSettings, data: TrainingData, compute: ComputeDevice, control: RunControl
) -> float:
    """Time of an update of all networks of the method, D's share included; from medians."""
    shares = _turns_per_update(settings)
    trial = _trial(settings)
    trainer = Trainer.build(trial, data, compute)
    times: dict[frozenset[str], list[float]] = defaultdict(list)
    for turn in scheduled_turns(trial):
        control.raise_if_stopped()
        started = perf_counter()
        trainer.step(turn)
        _finish(compute)
        times[turn.networks].append(perf_counter() - started)
    return sum(
        median(found[DISCARDED:] or found) * shares.get(networks, 1.0)
        for networks, found in times.items()
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
    settings: RunSettings,
    data: TrainingData,
    stack: EMStack,
    compute: ComputeDevice,
    control: RunControl,
) -> float:
    """Time to predict the validation slices, from one of them."""
    trainer = Trainer.build(settings.model_copy(update={"updates": 1, "epoch": 1}), data, compute)
    network = next(iter(trainer.networks.values()))
    if not data.split.val:
        return 0.0
    grey = data.normalisation(stack.slice(data.split.val[0]))
    started = perf_counter()
    class_probabilities(network, grey, settings, compute, control.raise_if_stopped)
    return (perf_counter() - started) * len(data.split.val) * len(trainer.networks)


def _fitting(settings: RunSettings, seconds: float, each: float, validation: float) -> int:
    if settings.validate_every is not None:
        return max(FEWEST, int(seconds / (each + validation / settings.validate_every)))
    left = seconds - settings.validations * validation
    return max(FEWEST, int(left / each))


def _finish(compute: ComputeDevice) -> None:
    if compute.device.type == "cuda":
        torch.cuda.synchronize()


ADVERSARIAL_COST = {"patch": 1.25, "dense": 2.2}
"""An update of G with its share of D's, in updates of S: measured for the default D and for that of
2017, whose blocks give it two updates for each of G."""


def estimated_minutes(settings: RunSettings) -> float:
    """Minutes of training, validation aside, from a few small updates timed here.

    It computes for some seconds at most: a small batch is timed and scaled by the pixels.
    """
    compute = choose_device(settings.device, settings.precision, settings.threads)
    compute.claim_threads()
    side = max(64, 2**settings.network.depth)
    each = (
        _probe_seconds(settings, compute, side) * settings.batch * settings.patch**2 / (2 * side**2)
    )
    adversarial = ADVERSARIAL_COST[settings.discriminator.head]
    networks = {"standard": 1.0, "adversarial": adversarial, "paired": 1 + adversarial}
    return float(each * networks[settings.method] * (settings.updates or 0) / 60)


def _probe_seconds(settings: RunSettings, compute: ComputeDevice, side: int) -> float:
    """Time of the faster of two updates of S with two patches of `side`."""
    network = on(compute, build_unet(settings.network, 2, torch_generator(0, Purpose.WEIGHTS)))
    draws = torch_generator(0, Purpose.PATCHES)
    images = torch.randn(2, 1, side, side, generator=draws).to(compute.device)
    targets = torch.zeros(2, side, side, dtype=torch.uint8, device=compute.device)
    times = []
    for _ in range(3):
        started = perf_counter()
        with compute.autocast():
            loss = segmentation_loss(network(images), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        if compute.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(perf_counter() - started)
    return min(times[1:])


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
