"""Validation on a part of the validation pixels: crops around the labels, and a fixed sample of them.

A run in minutes measures the same crops at each validation, so that its scores can be compared, and says which
part they are. Tiles far from any label are not predicted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import nan

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.data.split import Split
from napari_advseg.core.inference.predictions import (
    class_indices,
    kept_prediction,
    predicted_indices,
)
from napari_advseg.core.inference.probabilities import coarse_probabilities
from napari_advseg.core.models.unet import UNet
from napari_advseg.core.runtime.events import SHORT, NetworkName, Prediction
from napari_advseg.core.runtime.scores import NetworkScores

from .metrics import confusion, sum_by_class
from .slice_scores import VALIDATION, SliceScore, slice_f1
from .validator import Validator

MARGIN = 32
"""Pixels around a crop that are predicted and not scored: there a network lacks the surroundings."""


@dataclass(frozen=True)
class Crop:
    """A rectangle of one slice, half-open ranges of its rows and columns."""

    z: int
    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def origin(self) -> tuple[int, int]:
        """Row and column of its first pixel."""
        return self.rows[0], self.columns[0]

    @property
    def pixels(self) -> int:
        """Pixels to predict, the margin included."""
        (top, bottom), (left, right) = self.rows, self.columns
        return (bottom - top + 2 * MARGIN) * (right - left + 2 * MARGIN)

    def of(self, plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of a slice (Y, X)."""
        return plane[slice(*self.rows), slice(*self.columns)]


def validation_crops(targets: NDArray[np.uint8], split: Split, side: int) -> tuple[Crop, ...]:
    """Crops of at most `side` pixels a side that together hold every validation label.

    Parameters
    ----------
    targets : ndarray of uint8, shape (Z, Y, X)
        Class indices, `UNLABELLED` where nothing is labelled.
    split : Split
    side : int
        Side of a tile in pixels; crops with their margin are not larger.

    Returns
    -------
    tuple of Crop
        By slice; within a slice the order is rotated by its number, so that an even sample of all crops
        spreads over the slice, too.
    """
    height = targets.shape[1]
    first = split.val_columns[0] if split.val_columns is not None else 0
    end = split.val_columns[1] if split.val_columns is not None else targets.shape[2]
    # with its margin a crop is one tile; a slice within one tile has no margin
    sides = [n if n <= side else max(side - 2 * MARGIN, side // 2) for n in (height, end - first)]
    found: list[Crop] = []
    for number, z in enumerate(split.val):
        crops = [
            Crop(z, rows, columns)
            for rows, columns in _boxes(targets[z, :, first:end] != UNLABELLED, first, sides)
        ]
        turn = number % max(1, len(crops))
        found += crops[turn:] + crops[:turn]
    return tuple(found)


def _boxes(
    labelled: NDArray[np.bool_], first: int, sides: Sequence[int]
) -> Iterable[tuple[tuple[int, int], tuple[int, int]]]:
    """The bounding box of the labels, cut into equal parts; parts without a label are left out."""
    rows, columns = np.flatnonzero(labelled.any(axis=1)), np.flatnonzero(labelled.any(axis=0))
    if not rows.size:
        return
    for top, bottom in _parts(int(rows[0]), int(rows[-1]) + 1, sides[0]):
        for left, right in _parts(int(columns[0]), int(columns[-1]) + 1, sides[1]):
            if labelled[top:bottom, left:right].any():
                yield (top, bottom), (first + left, first + right)


def _parts(start: int, stop: int, side: int) -> list[tuple[int, int]]:
    parts = -(-(stop - start) // side)
    edges = [start + (stop - start) * i // parts for i in range(parts + 1)]
    return list(pairwise(edges))


def evenly_spread(crops: Sequence[Crop], number: int) -> tuple[Crop, ...]:
    """`number` of the crops, evenly spread; all of them if there are not more."""
    if number >= len(crops):
        return tuple(crops)
    return tuple(crops[int((i + 0.5) * len(crops) / number)] for i in range(number))


@dataclass
class SampleResult:
    """Counts, scores of slices and masks of a set of crops.

    Attributes
    ----------
    counts : dict
        Network → confusion counts (C, C).
    rows : tuple of SliceScore
        F1 of each slice over its crops.
    predictions : dict
        (network, crop) → what is kept of it, as in `Validator.predictions`.
    """

    counts: dict[NetworkName, NDArray[np.int64]]
    rows: tuple[SliceScore, ...]
    predictions: dict[tuple[NetworkName, Crop], Prediction]


def measure_crops(
    validator: Validator,
    networks: dict[NetworkName, UNet],
    crops: Sequence[Crop],
    on_crop: Callable[[NetworkName, Crop, Prediction], None],
    raise_if_stopped: Callable[[], None],
) -> SampleResult:
    """Predict crops and compare them with their labels.

    Parameters
    ----------
    validator : Validator
        Stack, data and settings.
    networks : dict of UNet
    crops : sequence of Crop
    on_crop : callable
        Called with each prediction.
    raise_if_stopped : callable
        Called between tiles; what it raises ends the validation.
    """
    targets = validator.data.annotation.targets
    classes = len(validator.data.annotation.classes)
    counts = {name: np.zeros((classes, classes), np.int64) for name in networks}
    kept: dict[tuple[NetworkName, Crop], Prediction] = {}
    for crop in crops:
        for name, network in networks.items():
            found = predicted_crop(validator, network, crop, raise_if_stopped)
            kept[name, crop] = kept_prediction(found)
            counts[name] += confusion(class_indices(found), crop.of(targets[crop.z]), classes)
            on_crop(name, crop, kept[name, crop])
    return SampleResult(counts, _slice_rows(validator, tuple(networks), crops, kept), kept)


def predicted_crop(
    validator: Validator, network: UNet, crop: Crop, raise_if_stopped: Callable[[], None]
) -> NDArray[np.float32]:
    """Class probabilities (1 or C, Y, X) of a crop."""
    region, (_, height, _) = validator.data.val, validator.stack.shape
    scale, (first, end) = region.scale, region.columns
    top, bottom = _coarse(crop.rows, (0, height), scale)
    left, right = _coarse(crop.columns, (first, end), scale)
    plane = region.images[region.slices.index(crop.z)]  # normalised once, on the device
    grey = plane[:, top:bottom, left:right].cpu().numpy()
    settings, compute = validator.settings, validator.compute
    found = coarse_probabilities(network, grey, settings, compute, raise_if_stopped)
    y, x = crop.rows[0] - top * scale, crop.columns[0] - first - left * scale
    height, width = crop.rows[1] - crop.rows[0], crop.columns[1] - crop.columns[0]
    return found[:, y : y + height, x : x + width]


def _coarse(span: tuple[int, int], whole: tuple[int, int], scale: int) -> tuple[int, int]:
    """The pixels that the networks see of a range and its margin, counted from the first of `whole`."""
    margin = MARGIN * scale
    first = max(whole[0], span[0] - margin) - whole[0]
    end = min(whole[1], span[1] + margin) - whole[0]
    return first // scale, -(-end // scale)


def _slice_rows(
    validator: Validator,
    networks: tuple[NetworkName, ...],
    crops: Sequence[Crop],
    kept: dict[tuple[NetworkName, Crop], Prediction],
) -> tuple[SliceScore, ...]:
    """A row for each slice: its crops side by side."""
    targets, level = validator.data.annotation.targets, validator.settings.threshold
    classes, rows = len(validator.data.annotation.classes), []
    for z in dict.fromkeys(crop.z for crop in crops):
        own = [crop for crop in crops if crop.z == z]
        truth = np.concatenate([crop.of(targets[z]).ravel() for crop in own])[np.newaxis]
        masks = {
            name: np.concatenate([predicted_indices(kept[name, c], level).ravel() for c in own])
            for name in networks
        }
        f1 = {name: slice_f1(mask[np.newaxis], truth, classes) for name, mask in masks.items()}
        pair = tuple(masks.values())
        apart = float(np.mean(pair[0] != pair[1])) if len(pair) == 2 else nan
        rows.append(SliceScore(z, f1, apart, VALIDATION))
    return tuple(rows)


def crop_class_shares(validator: Validator, result: SampleResult) -> dict[str, dict[str, float]]:
    """Share of each class in the masks of the crops, by network as it is shown."""
    names, level = validator.data.annotation.classes.names, validator.settings.threshold
    counts: dict[str, NDArray[np.int64]] = {}
    for (network, _), prediction in result.predictions.items():
        mask = predicted_indices(prediction, level)
        found = sum_by_class([mask], len(names))
        counts[SHORT[network]] = counts.get(SHORT[network], np.zeros(len(names), np.int64)) + found
    return {
        short: dict(zip(names, (found / max(int(found.sum()), 1)).tolist(), strict=True))
        for short, found in counts.items()
    }


def network_scores(
    validator: Validator,
    networks: dict[NetworkName, UNet],
    counts: dict[NetworkName, NDArray[np.int64]],
    raise_if_stopped: Callable[[], None],
) -> dict[NetworkName, NetworkScores]:
    """Scores of each network from the counts of crops, and from the fixed patches."""
    return {
        name: validator.network_scores(network, counts[name], raise_if_stopped)
        for name, network in networks.items()
    }
