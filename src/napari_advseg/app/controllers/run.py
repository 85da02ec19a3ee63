"""Section 2: a run from Start to its last event; and applying a run to a stack."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from napari_advseg.app.messages.prerequisites import apply_waits_for, train_waits_for
from napari_advseg.app.messages.run_messages import (
    TimeLeft,
    device_words,
    duration,
    final_line,
    first_sentence,
    row_of,
    score_line,
)
from napari_advseg.app.ports.viewer import Emit
from napari_advseg.app.state.annotation_summary import read_annotation
from napari_advseg.app.state.model import Progress, RunInfo, RunState
from napari_advseg.app.state.run_form import preset_settings
from napari_advseg.app.state.start_from import start_folder
from napari_advseg.app.state.unannotated_source import second_stack
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.evaluation.slice_scores import SliceTruth
from napari_advseg.core.runtime.control import RunControl, Stopped
from napari_advseg.core.runtime.errors import AdvSegError, Subject
from napari_advseg.core.runtime.events import (
    Activity,
    AlarmChanged,
    Doing,
    FinalScores,
    NetworkName,
    Notice,
    Outcome,
    Planned,
    RunFinished,
    RunStarted,
    SlicePredicted,
    StackProgress,
    Step,
    Validated,
)
from napari_advseg.core.storage.kept_masks import KeptPrediction

from .base import AppContext, BaseController
from .compare import CompareController
from .data import DataController
from .discriminator_state import DiscriminatorController
from .live_annotation import LiveAnnotationController
from .mask_look import MaskLookController
from .run_tasks import ApplyTask, Prepared, TrainingTask

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Before:
    """What was shown before Start, to be shown again if the run does not start."""

    run: RunInfo | None
    history: tuple[Validated, ...]
    marks: tuple[tuple[int, float], ...]


class RunController(BaseController):
    """Starts, pauses and stops; turns the events of a run into what the window shows."""

    def __init__(
        self,
        context: AppContext,
        data: DataController,
        compare: CompareController,
        look: MaskLookController,
    ) -> None:
        super().__init__(context)
        self._data, self._compare, self._look = data, compare, look
        self._truth: SliceTruth | None = None
        self.live = LiveAnnotationController(context)
        self.adversary = DiscriminatorController(self._model)
        self._run_id = 0
        self._control = RunControl()
        self._time_left = TimeLeft()
        self._image_key: str | None = None
        self._applying = False
        self._before: Before | None = None
        self._unsaved = self._final = ""
        self._on_event: dict[type, Callable[[Any], None]] = {
            Prepared: self._prepared,
            RunStarted: self._started,
            Doing: self._doing,
            Planned: self._planned,
            FinalScores: self._scored,
            Notice: self._notice,
            Step: self._step,
            Validated: self._validated,
            AlarmChanged: self.adversary.alarm,
            SlicePredicted: self._predicted,
            StackProgress: self._stack_progress,
            RunFinished: self._finished,
        }

    # ---- what the person asks for

    def start(self) -> None:
        """Train with what is chosen; what is in the way stands beside its control."""
        model = self._model
        if model.busy:
            return
        waits = train_waits_for(model)
        settings = self._data.settings()
        image, annotation = model.image, model.annotation
        if waits or settings is None or image is None or annotation is None:
            model.status = waits
            return
        try:
            second = second_stack(model, self._viewer)
            stack = self._data.stack()
            labels, carried = self._viewer.labels(annotation.name)  # a copy: painting may go on
        except AdvSegError as error:
            model.set_problem(error.subject, str(error))
            return
        choices = model.choices
        model.clear_problems(Subject.START_FROM, Subject.UNANNOTATED)
        control = self._begin(image.key, "Starting.")
        self._applying = False
        self._before = Before(model.run, model.history, model.lambda_marks)
        model.history, model.lambda_marks = (), ()
        read = partial(read_annotation, carried=carried, rows=choices.classes)
        self._launch(
            TrainingTask(
                self._engine,
                settings,
                stack,
                labels=labels,
                read=read,
                runs_folder=choices.runs_folder,
                control=control,
                start_from=start_folder(model),
                annotation_updates=self.live.begin(annotation.key, labels, read),
                unannotated=second,
            )
        )

    def apply(self) -> None:
        """Predict the chosen image with the run that is shown."""
        model = self._model
        waits = apply_waits_for(model)
        run, image = model.run, model.image
        if waits or run is None or run.folder is None or image is None:
            model.set_problem(Subject.APPLYING, waits)
            return
        model.clear_problems(Subject.APPLYING)
        try:
            stack = self._data.stack()
        except AdvSegError as error:
            model.set_problem(error.subject, str(error))
            return
        control = self._begin(image.key, f"Applying the run to {image.name}.")
        self._applying = True
        self._before = None
        first = self._viewer.slice_in_view()
        self._launch(ApplyTask(self._engine, run, run.folder, stack, first, control))

    def show_masks(
        self,
        info: RunInfo,
        image_key: str,
        truth: SliceTruth | None,
        predictions: Sequence[KeptPrediction],
    ) -> None:
        """Show masks of an earlier session over an image."""
        self._image_key, self._truth = image_key, truth
        self._begin_masks(info.networks, info.classes)
        for one in predictions:
            self._predicted(SlicePredicted(one.network, one.z, one.prediction))

    def carry_out(
        self,
        task: Callable[[Emit, RunControl], None],
        handlers: dict[type, Callable[[Any], None]],
        status: str,
        on_done: Callable[[], None] = lambda: None,
    ) -> None:
        """Do another task, ``task(emit, control)``, under the bar, Pause and Stop of a run."""
        control = self._begin(self._image_key, status)
        self._applying, self._before = True, None
        self._on_event.update(handlers)
        self._running()
        self._launch(lambda emit: task(emit, control), on_done)

    def pause(self) -> None:
        """Let the run wait after the update or tile it is at, or go on."""
        model = self._model
        if model.state is RunState.PAUSED:
            model.advance(RunState.RUNNING)
            self._control.resume()
        elif model.state is RunState.RUNNING:
            self._control.pause()
            model.advance(RunState.PAUSED)
            model.progress = replace(model.progress, text="paused")

    def stop(self) -> None:
        """End the run after the update or tile it is at; it keeps what it has."""
        if self._model.busy and self._model.state is not RunState.STOPPING:
            self._model.advance(RunState.STOPPING)
            self._model.progress = replace(self._model.progress, text="stopping")
            self._control.stop()

    def use_new_strokes(self, on: bool) -> None:
        """Let a run that goes on, and those to come, use what is painted meanwhile, or not."""
        self._data.choose(live_strokes=on)
        self.live.switch(on)

    def estimate(self) -> None:
        """Measure in the background how long the preset would take on this computer."""
        model = self._model
        model.preset_note = ""
        if model.busy or model.choices.preset == "quick":
            return
        settings = preset_settings(model.choices)
        asked = (model.choices.preset, model.choices.method)
        model.preset_note = "Measuring how long it would take here."

        def done(minutes: float) -> None:
            if asked == (model.choices.preset, model.choices.method):
                model.preset_note = f"About {duration(minutes)} on this computer."

        def failed(error: BaseException) -> None:
            log.error("The time of a preset could not be measured.", exc_info=error)
            model.preset_note = ""

        self._in_background(lambda: self._engine.estimated_minutes(settings), done, failed)

    def shutdown(self, seconds: float) -> bool:
        """End what is going on, for good; return whether all of it has ended."""
        self._run_id += 1  # nothing that still comes is shown
        self._control.stop()
        return self._runner.wait(seconds)

    # ---- the task

    def _begin(self, image_key: str | None, status: str) -> RunControl:
        self._control = RunControl(self._viewer.slice_in_view)
        self._time_left = TimeLeft()
        self._unsaved = self._final = ""
        self._image_key = image_key
        self._model.advance(RunState.STARTING)
        self._model.status = status
        self._model.progress = Progress(0, 0, "reading the data")
        return self._control

    def _launch(
        self, task: Callable[[Emit], None], on_done: Callable[[], None] = lambda: None
    ) -> None:
        self._run_id += 1
        run_id = self._run_id

        def ended(result: None) -> None:
            self._ended()
            on_done()

        def current(handle: Callable[[Any], None], value: Any) -> None:
            if run_id == self._run_id:
                handle(value)

        self._runner.start(
            task,
            on_event=partial(current, self._handle),
            on_done=partial(current, ended),
            on_error=partial(current, self._failed),
        )

    def _ended(self) -> None:
        self.live.end()
        self._model.advance(RunState.IDLE)

    def _failed(self, error: BaseException) -> None:
        model = self._model
        self.live.end()
        model.progress = Progress()
        if isinstance(error, AdvSegError):
            where = row_of(error.subject)
            what = "was not applied" if self._applying else "did not start"
            model.status = f"The run {what}: see “{where}”."  # which may be out of sight
            model.set_problem(error.subject, str(error))
        elif isinstance(error, Stopped):
            model.status = "Stopped before the first update."
        else:
            log.error("The run failed.", exc_info=error)
            model.status = f"The run failed: {first_sentence(error)}"
        if self._before is not None:  # the run that did not start is not shown for one
            before, self._before = self._before, None
            model.run, model.lambda_marks, model.history = before.run, before.marks, before.history
        model.advance(RunState.IDLE)  # last: who waits for the end finds the reason

    # ---- its events

    def _handle(self, event: Any) -> None:
        self._on_event[type(event)](event)

    def _prepared(self, event: Prepared) -> None:
        self._model.run = event.info
        self._truth = event.truth
        if event.begin_masks:
            self._running()
            self._begin_masks(event.info.networks, event.info.classes)

    def _started(self, event: RunStarted) -> None:
        self._before = None
        self._running()
        self.adversary.begin()
        model = self._model
        model.history, model.lambda_marks = event.history, event.lambda_marks
        model.status = device_words(event.device, event.threads)
        classes = None if model.run is None else model.run.classes
        self._begin_masks(event.networks, classes)

    def _running(self) -> None:
        if self._model.state is RunState.STARTING:
            self._model.advance(RunState.RUNNING)

    def _begin_masks(self, networks: tuple[NetworkName, ...], classes: ClassMap | None) -> None:
        image = self._model.layer(self._image_key)  # by its key: it may have been renamed
        self._model.masks_shown = False
        if image is None or classes is None:
            return
        self._look.begin(classes)
        try:
            self._viewer.begin_masks(image.name, networks, classes, self._model.threshold)
        except AdvSegError as error:
            self._model.status = str(error)
        else:
            self._model.masks_of, self._model.masks_over = self._model.run, image.key
            if self._model.run is not None:
                self._compare.begin(self._model.run, self._truth)

    def _notice(self, event: Notice) -> None:
        log.info(event.text)
        self._model.status = event.text
        if event.unsaved is not None:
            self._unsaved = event.text if event.unsaved else ""

    def _doing(self, event: Doing) -> None:
        """Say what the run does on the bar; before the first update, and with a note, in the status line."""
        words = event.activity.value
        if event.activity is not Activity.TRAINING:
            done, total = self._model.progress.done, self._model.progress.total
            self._show_progress(done, total, words.lower())
        if self._model.state is RunState.STARTING or event.note:
            self._model.status = f"{words}. {event.note}".strip()

    def _planned(self, event: Planned) -> None:
        self._model.lambda_marks = event.lambda_marks

    def _scored(self, event: FinalScores) -> None:
        self._final = final_line(event)
        self._model.status = self._final

    def _step(self, event: Step) -> None:
        text = self._time_left.words(event.seconds, event.seconds_left)
        self._show_progress(event.update, event.updates, text)
        self.adversary.step(event)

    def _show_progress(self, done: int, total: int, text: str) -> None:
        words = {RunState.PAUSED: "paused", RunState.STOPPING: "stopping"}.get(
            self._model.state, text
        )
        self._model.progress = Progress(done, total, words)

    def _validated(self, event: Validated) -> None:
        self._model.history = (*self._model.history, event)
        # That the run is in memory alone stays in sight until it is mended.
        self._model.status = f"{score_line(self._model.history)}\n{self._unsaved}".strip()

    def _predicted(self, event: SlicePredicted) -> None:
        try:
            part = () if event.origin is None else (event.origin,)
            self._viewer.show_prediction(event.network, event.z, event.prediction, *part)
        except AdvSegError:  # the person deleted that mask: the run goes on without showing it
            log.debug("Slice %d of %s is not shown.", event.z, event.network)
        else:
            self._model.masks_shown = True
            self._look.predicted(event)
            if event.origin is None:
                self._compare.predicted(event.z)

    def _stack_progress(self, event: StackProgress) -> None:
        self._show_progress(event.done, event.total, f"slice {event.done} of {event.total}")

    def _finished(self, event: RunFinished) -> None:
        model = self._model
        if not self._applying:
            self.adversary.finished(event)
        if event.error is not None:
            log.error("The run failed: %s", event.error)
        scores = self._final or score_line(model.history)
        missing = () if self._applying else self._compare.missing_of_masks()
        if event.outcome is Outcome.COMPLETED and self._control.stopping and missing:
            model.status = f"Trained; stopped with {len(missing)} slices not predicted. {scores}"
            model.progress = replace(model.progress, text="stopped")
            return
        ended = {
            Outcome.COMPLETED: "Finished",
            Outcome.STOPPED: f"Stopped at update {event.update}",
        }
        if event.outcome is Outcome.FAILED or not scores or self._applying:
            model.status = event.sentence
        elif self._unsaved:
            model.status = f"{event.sentence} Save the masks elsewhere before you close the window."
        else:
            model.status = f"{ended[event.outcome]}. {scores}"
        words = {Outcome.COMPLETED: "done", Outcome.STOPPED: "stopped", Outcome.FAILED: "failed"}
        model.progress = replace(model.progress, text=words[event.outcome])
