"""A run under way: it counts, reports, validates, keeps, and ends in exactly one `RunFinished`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import Any

from napari_advseg.core.data.split import without_measure
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.evaluation.batch_scores import BatchScores
from napari_advseg.core.evaluation.best_validation import best_validation
from napari_advseg.core.evaluation.run_summary import (
    Comparison,
    SliceLog,
    best_as_json,
    best_sentence,
    last_scores,
)
from napari_advseg.core.evaluation.validator import Validator
from napari_advseg.core.runtime.control import RunControl, Stopped
from napari_advseg.core.runtime.errors import RunFolderError
from napari_advseg.core.runtime.events import (
    Activity,
    Alarm,
    AlarmChanged,
    Doing,
    Event,
    NetworkName,
    Notice,
    Outcome,
    Planned,
    Prediction,
    RunFinished,
    SlicePredicted,
    Step,
    Validated,
)
from napari_advseg.core.runtime.scores import DiscriminatorScores, DiscriminatorStatistics, Scores
from napari_advseg.core.storage.checkpoint import read_weights, restore_checkpoint
from napari_advseg.core.storage.history import history_as_json, history_from_json
from napari_advseg.core.storage.live_annotation import LiveAnnotation

from .adversary_log import AdversaryLog
from .calibrate import calibrate
from .kept_weights import best_networks, kept_as_json, kept_sentence
from .pacing import Pacing
from .run_end import RunEnd
from .run_plan import RunPlan, Stopwatch
from .run_sentences import (
    closing_sentence,
    failed_sentence,
    final_sentence,
    run_started,
    starting_notes,
)
from .run_writer import RunWriter, ValidationFiles
from .sampled_validation import SampledValidation
from .time_budget import TimeLeft
from .trainer import Trainer

log = logging.getLogger(__name__)

STEP_SECONDS = 0.2  # a Step event at most this often


@dataclass
class TrainingLoop:
    """One run from its first (or resumed) update to its last event.

    Attributes
    ----------
    turn : int
        Turns done (see `scheduled_turns`).
    validation_due : bool
        Whether the last turn's validation is still to be made: a stop came first.
    update : int
        Updates of S and G made.
    seconds : float
        Training time, validation and pauses aside.
    history : list of Validated
    live : LiveAnnotation
        What is painted while the run goes on.
    plan : RunPlan
        Updates and validations, and the time of a run in minutes.
    adversary : AdversaryLog
        How D has done so far.
    """

    trainer: Trainer
    stack: EMStack
    folder: Path | None
    on_event: Callable[[Event], None]
    control: RunControl
    whole_stack: bool = False
    turn: int = 0
    validation_due: bool = False
    update: int = 0
    seconds: float = 0.0
    history: list[Validated] = field(default_factory=list)
    live: LiveAnnotation = field(default_factory=LiveAnnotation)
    watch: Stopwatch = field(default_factory=Stopwatch)

    def __post_init__(self) -> None:
        trainer = self.trainer
        self.plan = RunPlan.of(trainer.settings, self.watch)
        self.settings = trainer.settings
        self._pacing = Pacing(trainer, self.plan, self.control)
        self._pacing.repeat_changes(rates=True)
        self.validator = Validator(trainer.settings, self.stack, trainer.data, trainer.compute)
        self.sampled = SampledValidation(trainer, self.validator, self.plan, self.watch.clock)
        self.writer = RunWriter(self.folder, self.add_notice)
        self.writer.prepare, self.writer.commit = self.live.prepare, self.live.commit
        self._notices: list[Notice] = []
        self._running = BatchScores()
        self.adversary = AdversaryLog(trainer)
        self._slices = SliceLog(trainer.settings)
        self._first_update = 0
        self._time_left = TimeLeft(trainer.settings)
        self._last_step = 0.0
        self._comparison = Comparison(trainer.settings)
        self._ending = RunEnd(
            trainer, self.validator, self.plan, self.sampled, self._slices, self._comparison,
            self.control, self._pacing.raise_if_stopped, self.on_event, self.whole_stack,
        )  # fmt: skip
        self._files = ValidationFiles(trainer, self.validator, self.writer)

    def restore(self, folder: Path) -> None:
        """Go back to the last checkpoint in a run folder."""
        progress = restore_checkpoint(folder, self.trainer.optimizers, self.trainer.beside)
        self.plan.restore(progress)
        self._pacing.repeat_changes(rates=False)
        self.turn, self.update = int(progress["turn"]), int(progress["update"])
        self.validation_due = bool(progress.get("validation_due", False))
        self.seconds = float(progress["seconds"])
        self.history = list(history_from_json(progress["history"]))
        self._running.restore(progress.get("running", {}), self.trainer.compute.device)
        self.adversary.restore(progress)
        self._files.resumed(self.update)
        self._first_update = self.update
        self._pacing.resumed(self.turn, self.seconds)
        self._time_left = TimeLeft(self.trainer.settings, self.turn, self.seconds)
        for name in self.settings.networks:
            with suppress(RunFolderError):  # there is none before a first validation
                self.writer.remember_best(name, read_weights(folder / f"{name}-best.safetensors"))

    @property
    def finished(self) -> bool:
        """Whether no turn and no validation is left."""
        return next(self._pacing.turns(self.turn), None) is None and not self.validation_due

    def run(self) -> tuple[Outcome, dict[str, Any], str | None]:
        """Train to the end, to a stop or to a failure; return outcome, summary and error."""
        outcome, error, trained = Outcome.COMPLETED, None, False
        try:
            self._emit_start()
            try:
                self._train()
            except Stopped:
                outcome = Outcome.STOPPED
            self.save()
            self._emit_notices()
            trained = outcome is Outcome.COMPLETED
            if trained:
                best = best_networks(self.trainer, self.history, self.writer, self.update)
                self._ending.run(self.update, best)
        except Exception as problem:  # whatever happens, a run ends in one RunFinished
            log.exception("The run failed.")
            kept = self.writer.has_checkpoint
            outcome, error = Outcome.FAILED, failed_sentence(problem, trained, kept)
        summary = self._summary(outcome, error)
        self._end(outcome, error, summary, sound=trained or outcome is Outcome.STOPPED)
        return outcome, summary, error

    def _end(
        self, outcome: Outcome, error: str | None, summary: dict[str, Any], *, sound: bool
    ) -> None:
        """Write the summary and tell the end; nothing that fails here takes the run's result away.

        `sound` networks are kept once more if they are not on the disk.
        """
        try:
            # predicting took its time: there may be room now
            if sound and not self.writer.complete:
                self.save()
            if self._slices.table.rows:
                self.writer.slices(self._slices.table)
            self.writer.summary(summary)
            self._files.close()
        except Exception as problem:
            log.exception("The end of the run was not written.")
            self.writer.error = problem
        folder = self.folder if self.writer.failing else None
        best = best_sentence(self.history, self.settings.networks)
        scores = [*without_measure(self.trainer.data.split), best]
        scores.append(final_sentence(self._ending.final))
        if outcome is Outcome.COMPLETED:
            scores.append(kept_sentence(self._kept(), self.update))
        closing = error or closing_sentence(
            outcome, self.update, self._pacing.updates, folder, scores
        )
        last = RunFinished(outcome, self.update, closing, error, summary)
        events: tuple[Event, ...] = (*self._notices, last)
        for event in events:
            try:
                self.on_event(event)
            except Exception:
                log.exception("What listens to the run failed at its end.")

    def _train(self) -> None:
        self.on_event(Doing(Activity.MEASURING if self.plan.timed else Activity.TRAINING))
        if self.validation_due:
            self._validate_and_save()
        if self.update:
            self._correct_plan(validated=True)
        for turn in self._pacing.turns(self.turn):
            self._pacing.raise_if_stopped()
            if self.writer.retry_due or self._pacing.checkpoint_due(self.turn, self.seconds):
                self.save()
                self._emit_notices()
            started = perf_counter()
            result = self.trainer.step(turn)
            self._running.add(result.scores)
            self.adversary.add(result.health)
            self.turn, self.update = self.turn + 1, turn.update
            validate = self.validation_due = self._pacing.validates(turn)
            report = validate or started - self._last_step >= STEP_SECONDS
            # reading a loss waits for the device, so that the time is that of the computation
            plain = {name: float(loss) for name, loss in result.losses.items()} if report else {}
            self.seconds += perf_counter() - started
            self._check_finite(plain)
            if report:
                health = result.health.map(float)
                self._emit_alarms(self.adversary.observe(self.update, self.turn, health))
                self._emit_step(plain, health)
            if validate:
                self._validate_and_save()
            self._correct_plan(validated=validate)

    def _correct_plan(self, *, validated: bool) -> None:
        """Change the number of updates of a run in minutes; without time for another, validate."""
        planned = self._pacing.corrected(self.update, self.seconds, self._ending, validated)
        if planned is not None:
            self.on_event(Planned(planned, self.adversary.marks()))
            self.on_event(Doing(Activity.TRAINING))
        if planned == self.update and not validated:
            self.validation_due = True
            self._validate_and_save()

    def _emit_alarms(self, alarms: list[Alarm]) -> None:
        for alarm in alarms:
            self.on_event(AlarmChanged(alarm))

    def _check_finite(self, losses: dict[str, float]) -> None:
        """End the run before weights that are no numbers replace the last good checkpoint."""
        broken = [name for name, loss in losses.items() if not isfinite(loss)]
        if broken:
            raise ArithmeticError(
                f"the loss of {' and '.join(broken)} is no longer a number at update {self.update}; "
                "choose a lower learning rate"
            )

    def _validate_and_save(self) -> None:
        self.on_event(Doing(Activity.VALIDATING))
        if self.plan.samples:
            self.sampled.choose()
        started = self.watch.seconds
        self._validate()
        self._running.reset()
        self.validation_due = False
        self._poll_annotation()
        self.save()
        self.on_event(self.history[-1])  # what is told is also kept
        self._emit_notices()
        self._files.write(self.history)
        self._time_left.validation_seconds = self.watch.seconds - started
        self.plan.validated(self.watch.seconds - started)
        self.on_event(Doing(Activity.TRAINING))

    def _poll_annotation(self) -> None:
        """Learn from now on from what was painted meanwhile; the checkpoint that follows knows it."""
        if self.finished:
            return
        data, sentences = self.live.poll(self.settings, self.stack, self.trainer.data, self.update)
        if data is not None:
            self.trainer.data = self.validator.data = data
            self.sampled.use_sample()
        self._notices += [Notice(sentence) for sentence in sentences]

    def _validate(self) -> None:
        trainer = self.trainer
        networks, in_view = trainer.networks, self.control.slice_in_view()
        last, stop = self.update >= self._pacing.updates, self._pacing.raise_if_stopped
        calibrate(trainer, last, self.plan.costs.update, stop)
        if self.plan.samples:
            on_networks = self.sampled.scores(in_view, self.on_event, self._pacing.raise_if_stopped)
        else:
            on_networks = self.validator.segmentation_scores(
                networks, in_view, self._emit_prediction, self._pacing.raise_if_stopped
            )
        on_d, health = DiscriminatorScores(), DiscriminatorStatistics[float]()
        if "discriminator" in trainer.optimizers:
            on_d, health = self.validator.discriminator_scores(
                trainer.optimizers["adversarial"].network,
                trainer.optimizers["discriminator"].network,
                trainer.discriminator_in_g,
                trainer.adversary,
            )
            ratio = self.adversary.gradient_balance().gradient_ratio
            health |= DiscriminatorStatistics(gradient_ratio=ratio)
        if self.sampled.result is None:
            self._slices.validated(self.validator.predictions, trainer.data)
            shares = self.validator.class_shares(networks)
        else:
            self._slices.measured(self.sampled.result.rows, trainer.data)
            shares = self.sampled.class_shares()
        scores = Scores(**on_networks, discriminator=on_d).with_train(self._running.means())
        epoch = self.update / (self.settings.epoch or 1)
        weight = self.adversary.weight(self.update)
        part = self.sampled.measured_on
        now = Validated(self.update, epoch, self.seconds, scores, weight, health, part)
        self.history.append(now)
        self._emit_alarms(self.adversary.masks(self.update, shares))
        for name in networks:
            f1 = scores.of(name).f1_val
            if f1 is not None:
                trainer.optimizers[name].rate.observe(f1)
            best = best_validation(self.history, name)
            if not trainer.data.split.val or (best and best.update == self.update):  # else the last
                self.writer.best(name, networks[name])

    def add_notice(self, text: str, *, unsaved: bool | None = None) -> None:
        """Queue a notice, to be emitted after RunStarted or after the scores, whose place it may take."""
        self._notices.append(Notice(text, unsaved))

    def _emit_notices(self) -> None:
        while self._notices:
            self.on_event(self._notices.pop(0))

    def _emit_start(self) -> None:
        first, marks = self._first_update, self.adversary.marks()
        self.on_event(run_started(self.trainer, self.folder, first, marks, tuple(self.history)))
        for note in starting_notes(self.stack.name, self.trainer.data):
            self.on_event(Notice(note))
        self._emit_notices()
        lasting = [alarm for alarm in self.adversary.alarms if alarm.until is None]
        self._emit_alarms(lasting)  # of the part that is resumed

    def _emit_step(self, losses: dict[str, float], health: DiscriminatorStatistics[float]) -> None:
        self._last_step = perf_counter()
        left = self._time_left.seconds(self.turn, self.update, self.seconds)
        if self.plan.timed:
            left = max(0.0, self.plan.seconds - self.watch.seconds)
        self.on_event(Step(self.update, self._pacing.updates, self.seconds, left, losses, health))

    def _emit_prediction(self, name: NetworkName, z: int, prediction: Prediction) -> None:
        self._ending.emit_prediction(SlicePredicted(name, z, prediction), self.update)

    def save(self) -> None:
        """Write weights, metrics and the checkpoint as of now."""
        started = self.watch.seconds
        progress = {
            "turn": self.turn,
            "validation_due": self.validation_due,
            "update": self.update,
            "seconds": self.seconds,
            "history": history_as_json(tuple(self.history)),
            "running": self._running.state(),
            **self.adversary.state(),
            **self.live.progress(),
            **self.plan.state(),
        }
        classes = self.trainer.data.annotation.classes.names
        trainer = self.trainer
        self.writer.checkpoint(
            trainer.kept, trainer.optimizers, trainer.beside, progress, tuple(self.history), classes
        )
        self._pacing.saved(since=started)

    def _kept(self) -> dict[str, dict[str, Any]]:
        return kept_as_json(self.trainer, self.history, self.update)

    def _summary(self, outcome: Outcome, error: str | None) -> dict[str, Any]:
        return {
            "outcome": outcome.value,
            "error": error,
            "updates": self.update,
            "updates_planned": self._pacing.updates,
            "training_seconds": round(self.seconds, 2),
            **last_scores(self.history, self._ending.final),
            **self.plan.summary(),
            **self._comparison.summary(self._slices.table),
            "weights": self._kept(),
            "best": {name: best_as_json(self.history, name) for name in self.settings.networks},
            "alarms": [asdict(alarm) for alarm in self.adversary.alarms],
            **self.live.marks,
        }
