"""The networks of a run are calibrated before their last validation; see `core.evaluation.calibration`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.data.training_data import Region
from napari_advseg.core.evaluation.calibration import FEWEST_PATCHES, logit_shift
from napari_advseg.core.inference.probabilities import batch_probabilities
from napari_advseg.core.models.unet import UNet
from napari_advseg.core.runtime.seeded_random import Purpose, numpy_generator

from .trainer import Trainer

MOST_PATCHES = 256
"""Patches of the training slices that a network is calibrated on."""
SHARE = 0.05
"""Largest share of the minutes of a run for it."""
FORWARD = 3.0
"""An update of a patch takes about as long as this number of predictions of it."""


def calibrate(
    trainer: Trainer,
    last: bool,
    update_seconds: float | None,
    raise_if_stopped: Callable[[], None],
) -> None:
    """Make 0.5 the best threshold of each network, where the settings ask for it.

    Parameters
    ----------
    trainer : Trainer
    last : bool
        Whether it is the last validation that follows; before others no network is calibrated.
    update_seconds : float or None
        Of an update; a run in minutes takes no more patches than fit into `SHARE` of them.
    raise_if_stopped : callable
        Called between batches.
    """
    s, networks = trainer.settings, trainer.networks.values()
    for network in networks if s.calibrate else ():
        network.logit_shift.zero_()  # it has learned since an earlier calibration
    if not (s.calibrate and last) or len(trainer.data.annotation.classes) != 2:
        return
    most = MOST_PATCHES
    if s.minutes is not None and update_seconds is not None:
        each = len(networks) * update_seconds / (FORWARD * s.batch)
        most = min(most, int(SHARE * 60 * s.minutes / max(each, 1e-9)))
    positions = spread_patches(trainer, most)
    for network in networks if len(positions) >= FEWEST_PATCHES else ():
        network.eval()
        found, truths = _predicted(trainer, network, positions, raise_if_stopped)
        network.logit_shift.fill_(logit_shift(found, truths))


def spread_patches(trainer: Trainer, most: int) -> NDArray[np.int64]:
    """Positions (row, top, left) of patches side by side in the training slices, those with labels only."""
    region, side = trainer.data.train, trainer.settings.patch
    _, height, width = region.targets.shape
    places = np.array([
        (row, top, left)
        for row in range(len(region.slices))
        for top in range(0, height - side + 1, side)
        for left in range(0, width - side + 1, side)
        if _labelled(region, row, top, left, side)
    ], np.int64).reshape(-1, 3)  # fmt: skip
    if len(places) <= most:
        return places
    draws = numpy_generator(trainer.settings.seed, Purpose.CALIBRATION)
    return places[np.sort(draws.permutation(len(places))[:most])]


def _labelled(region: Region, row: int, top: int, left: int, side: int) -> bool:
    return bool((region.targets[row, top : top + side, left : left + side] != UNLABELLED).any())


def _predicted(
    trainer: Trainer,
    network: UNet,
    positions: NDArray[np.int64],
    raise_if_stopped: Callable[[], None],
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.uint8]]]:
    found: list[NDArray[np.float32]] = []
    truths: list[NDArray[np.uint8]] = []
    for i in range(0, len(positions), trainer.settings.batch):
        raise_if_stopped()
        some = positions[i : i + trainer.settings.batch]
        images, targets = trainer.data.train.cut(some, trainer.settings.patch)
        with torch.inference_mode():
            found.extend(batch_probabilities(network, images, trainer.compute)[:, 0].cpu().numpy())
        truths.extend(targets.cpu().numpy())
    return found, truths
