"""What follows the last update: scores on all validation slices, boundary scores, the whole stack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from napari_advseg.core.evaluation.run_summary import Comparison, SliceLog
from napari_advseg.core.evaluation.validation_sample import Crop, evenly_spread
from napari_advseg.core.evaluation.validator import Validator
from napari_advseg.core.inference.probabilities import in_view_first
from napari_advseg.core.models.unet import UNet
from napari_advseg.core.runtime.control import RunControl, Stopped
from napari_advseg.core.runtime.events import (
    Activity,
    Doing,
    Event,
    FinalScores,
    NetworkName,
    Notice,
    SlicePredicted,
    StackProgress,
)

from .run_plan import BOUNDARY_SHARE, RunPlan
from .sampled_validation import SampledValidation
from .trainer import Trainer

FEWEST_SLICES = 3
"""With fewer slices boundary scores are left out of a run in minutes: no interval could be given."""


@dataclass
class RunEnd:
    """The end of a run, after its last validation and checkpoint.

    Attributes
    ----------
    predicted_at : dict
        (network, z) → update of the last prediction of a whole slice.
    final : FinalScores or None
        Of a run whose validations measured a sample.
    """

    trainer: Trainer
    validator: Validator
    plan: RunPlan
    sampled: SampledValidation
    slices: SliceLog
    comparison: Comparison
    control: RunControl
    raise_if_stopped: Callable[[], None]
    on_event: Callable[[Event], None]
    whole_stack: bool = False
    predicted_at: dict[tuple[NetworkName, int], int] = field(default_factory=dict)
    final: FinalScores | None = None

    def __post_init__(self) -> None:
        self.networks = self.trainer.networks

    def emit_prediction(self, event: SlicePredicted, update: int) -> None:
        """Pass a prediction on and remember whole slices."""
        if event.origin is None:
            self.predicted_at[event.network, event.z] = update
        self.on_event(event)

    def estimate(self) -> None:
        """Estimate the seconds of the end, from a crop or else from the seconds of an update."""
        costs, data = self.plan.costs, self.trainer.data
        if not self.plan.timed or costs.update is None:
            return
        if not costs.validation:
            self.sampled.guess_costs(costs.update)
        crops, sample = len(self.sampled.crops), len(self.sampled.sample)
        recorded = self.plan.recorded
        chosen = recorded is not None and recorded.crops is not None
        last = (
            self.trainer.settings.keep == "last"
        )  # the best weights may have to be measured again
        costs.final = 0.0 if chosen and last and sample == crops else crops * costs.crop
        _, height, width = self.validator.stack.shape
        val, pixels = len(data.split.val), height * width * len(self.trainer.networks)
        each = costs.boundary_pixel * pixels
        number = min(val, int(BOUNDARY_SHARE * self.plan.seconds / max(each, 1e-9)))
        costs.boundaries = number * each if number >= min(FEWEST_SLICES, val) else 0.0
        if self.whole_stack:
            costs.stack = self.validator.stack.shape[0] * self.sampled.slice_seconds()

    def run(self, update: int, best: dict[NetworkName, UNet] | None = None) -> None:
        """Make all steps; a stop leaves out what has not been done.

        Parameters
        ----------
        update : int
            The last update.
        best : dict of UNet
            Networks as of their best validation, where that was not the last: all that follows is of them.
        """
        self._use(best or {})
        if self.plan.samples:
            try:
                self._score_all(update)
            except Stopped:
                self.on_event(Notice("Stopped before all validation slices were scored."))
                return
        elif best:
            try:
                self._validate_again(best, update)
            except Stopped:
                self.on_event(Notice("Stopped before the best weights were scored."))
                return
        if self.plan.timed:  # scores come within the minutes, the whole stack may follow after them
            self._score_boundaries_in_time()
            self._predict_stack(update)
        else:
            self._predict_stack(update)
            self._score_boundaries()
        self.comparison.choose_thresholds(self.validator)

    def _use(self, best: dict[NetworkName, UNet]) -> None:
        """Predict with these networks from here on; what others predicted is forgotten."""
        self.networks |= best
        self.sampled.networks = self.networks
        self.sampled.changed = bool(best)
        for name, z in [key for key in self.predicted_at if key[0] in best]:
            self.validator.predictions.pop((name, z), None)
            del self.predicted_at[name, z]

    def _validate_again(self, best: dict[NetworkName, UNet], update: int) -> None:
        """Predict and score the validation slices with the best weights."""
        self.on_event(Doing(Activity.SCORING))
        for name, network in best.items():
            for z in self.trainer.data.split.val:
                self.validator.predict(name, network, z, self.raise_if_stopped)
                prediction = self.validator.predictions[name, z]
                self.emit_prediction(SlicePredicted(name, z, prediction), update)
        self.slices.validated(self.validator.predictions, self.trainer.data)

    def _score_all(self, update: int) -> None:
        self.on_event(Doing(Activity.SCORING))

        def emit(event: SlicePredicted) -> None:
            self.emit_prediction(event, update)

        stop = self.raise_if_stopped
        self.final = self.sampled.score_all(update, self.slices, emit, stop)
        for z in self.sampled.keep_whole_slices():
            for name in self.trainer.networks:
                self.predicted_at[name, z] = update
        if self.final is not None:
            self.on_event(self.final)

    def _score_boundaries(self) -> None:
        try:  # it takes seconds, so a stop goes without
            self.comparison.score_boundaries(self.validator, self.raise_if_stopped)
        except Stopped:
            return

    def _score_boundaries_in_time(self) -> None:
        """V_Rand and V_Info of as many validation slices as the minutes allow."""
        val = [z for z in self.trainer.data.split.val if self._has_all(z)]
        if not val or not self.validator.shows_regions:
            return
        self.on_event(Doing(Activity.BOUNDARIES))
        plan, stop = self.plan, self.raise_if_stopped
        names = tuple(self.trainer.networks)
        try:
            _, height, width = self.validator.stack.shape
            each = plan.costs.boundary_pixel * height * width * len(names)
            stack = plan.costs.stack if plan.predicts_stack_in_time else 0.0
            left = plan.seconds - plan.watch.seconds - stack
            number = min(len(val), int(left / max(each, 1e-9)))
            if number < min(FEWEST_SLICES, len(val)):
                words = f"they take about {each * len(val):.0f} s here"
                self.on_event(Notice(f"V_Rand and V_Info were left out: {words}."))
                return
            chosen = evenly_spread([Crop(z, (0, 0), (0, 0)) for z in val], number)
            slices = tuple(crop.z for crop in chosen)
            self.comparison.score_boundaries(self.validator, stop, slices)
        except Stopped:
            return

    def _has_all(self, z: int) -> bool:
        return all((name, z) in self.validator.predictions for name in self.trainer.networks)

    def _predict_stack(self, update: int) -> None:
        """Predict what the last validation has not, the slice in view first; a stop ends it early."""
        if not self.whole_stack:
            return
        self.on_event(Doing(Activity.PREDICTING, self._stack_note()))
        depth = self.validator.stack.shape[0]
        try:
            for done, z in enumerate(in_view_first(depth, self.control.slice_in_view()), start=1):
                for name, network in self.networks.items():
                    known = self.predicted_at.get((name, z)) == update
                    if not known:
                        self.validator.predict(name, network, z, self.raise_if_stopped)
                    if not known or self.plan.samples:  # crops were shown, not the whole slice
                        prediction = self.validator.predictions[name, z]
                        self.emit_prediction(SlicePredicted(name, z, prediction), update)
                self.slices.add(z, self.validator.predictions, self.trainer.data)
                if z not in self.trainer.data.split.val:  # the stack may not fit in memory
                    self.validator.forget(z)
                self.on_event(StackProgress(done, depth))
        except Stopped:
            self.on_event(Notice("Stopped before the whole stack was predicted."))

    def _stack_note(self) -> str:
        if not self.plan.timed or self.plan.predicts_stack_in_time:
            return ""
        return (
            f"This takes about {self.plan.costs.stack:.0f} s more; Stop ends it, all else is kept."
        )
