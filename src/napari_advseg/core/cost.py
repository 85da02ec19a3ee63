"""How long a run would take here, before it is started."""

from __future__ import annotations

from time import perf_counter

import torch

from .devices import Place, choose_place, on
from .draws import Purpose, torch_draws
from .losses import segmentation_loss
from .networks import build_unet
from .settings import RunSettings

ADVERSARIAL_COST = {"patch": 1.25, "dense": 2.2}
"""An update of G with its share of D's, in updates of S: measured for the default D and for that of
2017, whose blocks give it two updates for each of G."""


def estimated_minutes(settings: RunSettings) -> float:
    """Minutes of training, validation aside, from a few small updates timed here.

    It computes for some seconds at most: a small batch is timed and scaled by the pixels.
    """
    place = choose_place(settings.device, settings.precision, settings.threads)
    place.claim_threads()
    side = max(64, 2**settings.network.depth)
    each = (
        _probe_seconds(settings, place, side) * settings.batch * settings.patch**2 / (2 * side**2)
    )
    adversarial = ADVERSARIAL_COST[settings.discriminator.head]
    networks = {"standard": 1.0, "adversarial": adversarial, "paired": 1 + adversarial}
    return float(each * networks[settings.method] * (settings.updates or 0) / 60)


def _probe_seconds(settings: RunSettings, place: Place, side: int) -> float:
    """Time of the faster of two updates of S with two patches of `side`."""
    network = on(place, build_unet(settings.network, 2, torch_draws(0, Purpose.WEIGHTS)))
    draws = torch_draws(0, Purpose.PATCHES)
    images = torch.randn(2, 1, side, side, generator=draws).to(place.device)
    targets = torch.zeros(2, side, side, dtype=torch.uint8, device=place.device)
    times = []
    for _ in range(3):
        started = perf_counter()
        with place.autocast():
            loss = segmentation_loss(network(images), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        if place.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(perf_counter() - started)
    return min(times[1:])
