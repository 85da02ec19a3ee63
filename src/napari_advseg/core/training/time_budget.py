"""Estimates of the time of a run before it starts, and of the time left."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import torch

from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.models.losses import segmentation_loss
from napari_advseg.core.models.unet import build_unet
from napari_advseg.core.runtime.devices import ComputeDevice, choose_device, on
from napari_advseg.core.runtime.seeded_random import Purpose, torch_generator

from .alternation import number_of_turns

ADVERSARIAL_COST = {"patch": 1.25, "dense": 2.2}
"""An update of G with its share of D's, in updates of S: measured for the default D and for that of
2017, whose blocks give it two updates for each of G."""


def update_seconds(settings: RunSettings, compute: ComputeDevice) -> float:
    """Seconds of an update of all networks of the method: a small one is timed and scaled by its pixels."""
    side = max(64, 2**settings.network.depth)
    each = _probe_seconds(settings, compute, side)
    each *= settings.batch * settings.patch**2 / (2 * side**2)
    adversarial = ADVERSARIAL_COST[settings.discriminator.head]
    networks = {"standard": 1.0, "adversarial": adversarial, "paired": 1 + adversarial}
    return float(each * networks[settings.method])


def estimated_minutes(settings: RunSettings) -> float:
    """Minutes of training, validation aside, from a few small updates timed here.

    It computes for some seconds at most.
    """
    compute = choose_device(settings.device, settings.precision, settings.threads)
    compute.claim_threads()
    return update_seconds(settings, compute) * (settings.updates or 0) / 60


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
        every = self.settings.validate_every or max(1, (self.settings.updates or 0) // 10)
        validations = updates_left / every
        turns_left = number_of_turns(self.settings) - turn
        return turns_left * each + validations * self.validation_seconds
