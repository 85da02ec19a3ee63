"""Validations of a run in minutes: a fixed sample of crops and patches, and all crops once at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np

from napari_advseg.core.data.rescaling import coarse_side
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.evaluation.boundary_scores import THRESHOLDS, rand_and_info
from napari_advseg.core.evaluation.run_summary import SliceLog
from napari_advseg.core.evaluation.validation_sample import (
    Crop,
    SampleResult,
    crop_class_shares,
    evenly_spread,
    measure_crops,
    network_scores,
    validation_crops,
)
from napari_advseg.core.evaluation.validator import Validator
from napari_advseg.core.inference.predictions import kept_prediction
from napari_advseg.core.inference.probabilities import class_probabilities
from napari_advseg.core.inference.tiling import tile_grid
from napari_advseg.core.runtime.events import FinalScores, NetworkName, SlicePredicted
from napari_advseg.core.runtime.scores import NetworkScores, Scores

from .run_plan import END_SHARE, RunPlan
from .trainer import Trainer

FORWARD = 3.0
"""An update of a patch takes about as long as this number of predictions of it."""
PATCH_COST = 1.5
"""Scores of a fixed patch, D's answers included, in updates of a patch."""
PREVIEW_SHARE = 0.05
"""Largest share of the minutes for a preview of the whole slice in view; else a part of it is predicted."""

Emit = Callable[[SlicePredicted], None]


@dataclass
class SampledValidation:
    """Measures a sample of the validation crops, chosen once so that scores can be compared.

    Attributes
    ----------
    trainer : Trainer
    validator : Validator
        Its data hold the sample's fixed patches from the first validation on.
    plan : RunPlan
    clock : callable
        Monotonic seconds.
    result : SampleResult or None
        Of the last validation.
    networks : dict of UNet
        What is measured: the trainer's own, or those of the best validation once training has ended.
    changed : bool
        Whether they are others than at the last validation.
    """

    trainer: Trainer
    validator: Validator
    plan: RunPlan
    clock: Callable[[], float] = perf_counter
    result: SampleResult | None = None
    changed: bool = field(default=False, init=False)
    _crops: tuple[Crop, ...] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.networks = self.trainer.networks

    @property
    def crops(self) -> tuple[Crop, ...]:
        """All validation crops."""
        if self._crops is None:
            data, s = self.trainer.data, self.trainer.settings
            side = s.tile * (s.scale or 1)
            self._crops = validation_crops(data.annotation.targets, data.split, side)
        return self._crops

    @property
    def patches(self) -> int:
        """All fixed patches of one side; there are none for validation where no slice validates."""
        data = self.trainer.data
        return max(len(data.fixed_val[0]), len(data.fixed_train[0]))

    @property
    def sample(self) -> tuple[Crop, ...]:
        """The crops that each validation measures."""
        recorded = self.plan.recorded
        chosen = None if recorded is None else recorded.crops
        return evenly_spread(self.crops, chosen or len(self.crops))

    @property
    def measured_on(self) -> str:
        """Part of the validation data that scores are of; empty for all."""
        recorded, parts = self.plan.recorded, []
        if recorded is None:
            return ""
        if len(self.sample) < len(self.crops):
            parts.append(f"{len(self.sample)} of {len(self.crops)} crops")
        if recorded.patches and recorded.patches < self.patches:
            parts.append(f"{recorded.patches} of {self.patches} patches")
        return ", ".join(parts)

    def use_sample(self) -> None:
        """Let the validator measure the fixed patches of the sample, of the data that are in use now."""
        recorded = self.plan.recorded
        number = None if recorded is None else recorded.patches
        self.validator.data = _with_patches(self.trainer.data, number)

    def choose(self) -> None:
        """Choose what validations measure, once in a run, from the time of an update."""
        recorded, costs = self.plan.recorded, self.plan.costs
        if self.plan.timed and recorded is not None and recorded.crops is None:
            if costs.update is not None:
                self.guess_costs(costs.update)
            self.plan.choose_sample(len(self.crops), self.patches)
        self.use_sample()

    # ---- measuring

    def scores(
        self, in_view: int | None, emit: Emit, raise_if_stopped: Callable[[], None]
    ) -> dict[NetworkName, NetworkScores]:
        """Scores of each network on the sample, the slice in view predicted first."""
        if in_view is not None and 0 <= in_view < self.validator.stack.shape[0]:
            self._preview(in_view, emit, raise_if_stopped)
        self._measure(self.sample, emit, raise_if_stopped)
        assert self.result is not None
        if self.plan.timed:
            self.time_boundaries()
        counts = self.result.counts
        return network_scores(self.validator, self.trainer.networks, counts, raise_if_stopped)

    def _measure(
        self, crops: tuple[Crop, ...], emit: Emit, raise_if_stopped: Callable[[], None]
    ) -> None:
        def on_crop(name: NetworkName, crop: Crop, prediction: object) -> None:
            found = prediction
            emit(SlicePredicted(name, crop.z, found, crop.origin))  # type: ignore[arg-type]

        networks, started = self.networks, self.clock()
        self.result = measure_crops(self.validator, networks, crops, on_crop, raise_if_stopped)
        if crops:
            self.plan.costs.crop = (self.clock() - started) / len(crops)

    def class_shares(self) -> dict[str, dict[str, float]]:
        """Share of each class in the masks of the last validation."""
        assert self.result is not None
        return crop_class_shares(self.validator, self.result)

    def _preview(self, z: int, emit: Emit, raise_if_stopped: Callable[[], None]) -> None:
        """Predict the slice in view, or the part of it around its labels if it takes long."""
        _, height, width = self.validator.stack.shape
        crop = Crop(z, (0, height), (0, width))
        if self.plan.timed and self.slice_seconds() > PREVIEW_SHARE * self.plan.seconds:
            if any(one.z == z for one in self.sample):
                return  # its crops come with the sample
            crop = self._part(z)
        grey = self.trainer.data.normalisation(self.validator.stack.slice(z))
        grey = grey[..., slice(*crop.rows), slice(*crop.columns)]
        settings, compute = self.trainer.settings, self.trainer.compute
        whole = crop.origin == (0, 0) and crop.rows[1] == height and crop.columns[1] == width
        for name, network in self.trainer.networks.items():
            found = class_probabilities(network, grey, settings, compute, raise_if_stopped)
            kept = kept_prediction(found)
            emit(SlicePredicted(name, z, kept, None if whole else crop.origin))

    def _part(self, z: int) -> Crop:
        """The first crop of a slice, else its centre."""
        for crop in self.crops:
            if crop.z == z:
                return crop
        _, height, width = self.validator.stack.shape
        side = self.trainer.settings.tile * (self.trainer.settings.scale or 1)
        rows, columns = (
            (max(0, (length - side) // 2), min(length, (length + side) // 2))
            for length in (height, width)
        )
        return Crop(z, rows, columns)

    # ---- times

    def slice_seconds(self) -> float:
        """Seconds to predict a whole slice with all networks, from the time of a crop."""
        s, (_, *sides) = self.trainer.settings, self.validator.stack.shape
        scale = s.scale or 1
        height, width = (coarse_side(length, scale) for length in sides)
        tiles = tile_grid(height, width, s.tile, s.tile // 4, 2**s.network.depth)
        pixels = sum(tile.rows.size * tile.columns.size for tile in tiles)
        return pixels * scale**2 * self.plan.costs.crop / self._crop_pixels

    @property
    def _crop_pixels(self) -> int:
        """Pixels of the stack that the prediction of a crop sees; of a tile where there is no crop."""
        s = self.trainer.settings
        return self.crops[0].pixels if self.crops else (s.tile * (s.scale or 1)) ** 2

    def guess_costs(self, update_seconds: float) -> None:
        """Estimate the times of a crop and of a fixed patch from that of an update."""
        s, costs = self.trainer.settings, self.plan.costs
        patch = update_seconds / s.batch
        costs.patch = PATCH_COST * patch
        coarse = self._crop_pixels / (s.scale or 1) ** 2
        costs.crop = patch * coarse / (FORWARD * s.patch**2)

    def time_boundaries(self) -> None:
        """Time V_Rand and V_Info of one predicted crop at one threshold, for the plan of the end."""
        if self.plan.costs.boundary_pixel or not self.validator.shows_regions:
            return
        assert self.result is not None
        (_, crop), prediction = next(iter(self.result.predictions.items()))
        truth = crop.of(self.trainer.data.annotation.targets[crop.z])
        started = self.clock()
        rand_and_info(
            prediction[np.newaxis].astype(np.float32), truth[np.newaxis], thresholds=(0.5,)
        )
        seconds = (self.clock() - started) * len(THRESHOLDS)
        self.plan.costs.boundary_pixel = max(seconds, 1e-9) / truth.size

    # ---- the end

    def final_crops(self) -> tuple[Crop, ...]:
        """Crops for the scores of the last weights: all if there is time, else as many as fit."""
        if not self.plan.timed:
            return self.crops
        fitting = int(END_SHARE * self.plan.seconds / max(self.plan.costs.crop, 1e-9))
        return evenly_spread(self.crops, max(len(self.sample), fitting))

    def score_all(
        self, update: int, slices: SliceLog, emit: Emit, raise_if_stopped: Callable[[], None]
    ) -> FinalScores | None:
        """Scores on all crops, or as many as the minutes allow; None if the last validation measured them."""
        crops = self.final_crops()
        if not crops or (len(crops) <= len(self.sample) and not self.changed):
            return None
        self._measure(crops, emit, raise_if_stopped)
        assert self.result is not None
        found = {
            name: self.validator.scores_of_counts(counts)
            for name, counts in self.result.counts.items()
        }
        nothing = NetworkScores()
        scores = Scores(found.get("standard", nothing), found.get("adversarial", nothing))
        slices.measured(self.result.rows, self.trainer.data)
        number = len({crop.z for crop in crops})
        where = f"all {number} validation slices" if number > 1 else "the whole validation slice"
        if len(crops) < len(self.crops):
            where = f"{len(crops)} of {len(self.crops)} validation crops"
        return FinalScores(update, scores, where)

    def keep_whole_slices(self) -> list[int]:
        """Give the validator the slices whose validation columns the last crops cover.

        Returns
        -------
        list of int
            Those of which every column is covered.
        """
        if self.result is None:
            return []
        _, height, width = self.validator.stack.shape
        first, end = self.trainer.data.val.columns
        whole = []
        for z in self.trainer.data.split.val:
            own = {c: p for (_, c), p in self.result.predictions.items() if c.z == z}
            area = sum((c.rows[1] - c.rows[0]) * (c.columns[1] - c.columns[0]) for c in own)
            if area < height * (end - first):
                continue
            if (first, end) == (0, width):
                whole.append(z)
            for name in self.trainer.networks:
                stitched = np.zeros((height, width), next(iter(own.values())).dtype)
                for crop in own:
                    part = self.result.predictions[name, crop]
                    stitched[slice(*crop.rows), slice(*crop.columns)] = part
                self.validator.predictions[name, z] = stitched
        return whole


def _with_patches(data: TrainingData, number: int | None) -> TrainingData:
    """The same data with the first `number` fixed patches."""
    if number is None:
        return data
    other = data.fixed_unannotated
    return replace(
        data,
        fixed_train=(data.fixed_train[0][:number], data.fixed_train[1][:number]),
        fixed_train_truth=data.fixed_train_truth[:number],
        fixed_val=(data.fixed_val[0][:number], data.fixed_val[1][:number]),
        fixed_unannotated=None if other is None else (other[0][:number], other[1][:number]),
    )
