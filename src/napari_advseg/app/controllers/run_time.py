"""Section 2: what the minutes of a run give on this computer, measured in the background before Start."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from napari_advseg.app.messages.time_plan import time_plan
from napari_advseg.app.state.annotation_summary import read_annotation
from napari_advseg.app.state.pixel_size import densely_annotated, with_suitable_scale
from napari_advseg.app.state.run_form import settings_of
from napari_advseg.app.state.start_from import start_folder
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.data.split import Split
from napari_advseg.core.runtime.cpu import available_cores
from napari_advseg.core.runtime.errors import AdvSegError
from napari_advseg.core.runtime.run_estimate import RunEstimate

from .base import AppContext, BaseController

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Question:
    """What a forecast depends on; an equal one is not measured again.

    Attributes
    ----------
    settings : RunSettings
    shape : (int, int, int)
        Shape of the stack.
    annotation : str
        Name of its layer.
    classes : ClassMap or None
    split : Split
    dense : tuple of bool
        For each slice whether it shows how thick its structures are. Strokes on a slice that stays dense
        do not change the forecast.
    start_from : Path or None
        Run whose networks continue: the scale is that run's.
    """

    settings: RunSettings
    shape: tuple[int, int, int]
    annotation: str
    classes: ClassMap | None
    split: Split
    dense: tuple[bool, ...]
    start_from: Path | None


class RunTimeController(BaseController):
    """Keeps `AppModel.time_note` up to date; measures one thing at a time."""

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self._asked: Question | None = None
        self._measuring = False
        events = self._model.events
        for signal in (events.choices, events.summary, events.state):
            signal.connect(self.update)

    def use_all_cores(self, on: bool) -> None:
        """Let runs use all CPU cores, or leave one to the window."""
        advanced = {k: v for k, v in self._model.choices.advanced.items() if k != "threads"}
        if on:
            advanced["threads"] = available_cores()
        self._model.choices = self._model.choices.with_advanced(advanced)

    def update(self) -> None:
        """Measure again if what was measured no longer fits the choices."""
        question = self._question()
        if question == self._asked or self._measuring:
            return
        self._asked = question
        if question is None:
            self._model.time_note = ""
            return
        try:
            work = self._work(question)
        except AdvSegError:
            self._model.time_note = ""
            return
        self._measuring = True
        self._model.time_note = "Measuring how many updates the minutes give."
        self._in_background(work, self._measured, self._failed)

    def _work(self, question: Question) -> Callable[[], RunEstimate]:
        """Return the function that finds the scale and measures; it is for the background."""
        labels, carried = self._viewer.peek_labels(question.annotation)
        rows, engine = self._model.choices.classes, self._engine

        def estimate() -> RunEstimate:
            settings, split = question.settings, question.split
            if settings.scale is None and question.start_from is not None:
                scale = engine.load_run(question.start_from).settings.scale
                settings = settings.model_copy(update={"scale": scale})
            if settings.scale is None:
                annotation = read_annotation(labels, carried, rows)
                settings = with_suitable_scale(settings, question.shape, annotation, split)
            return engine.estimate_run(settings, question.shape, len(split.val))

        return estimate

    def _question(self) -> Question | None:
        model = self._model
        if model.busy:
            return self._asked  # what was said before Start stays
        image, annotation, summary = model.image, model.annotation, model.summary
        if image is None or annotation is None or summary is None or summary.split is None:
            return None
        if summary.read_with not in (None, model.choices.for_annotation):
            return self._asked  # the summary of the present choices follows
        if model.choices.budget.unit != "minutes" or not model.choices.budget.amount:
            return None
        try:
            settings = settings_of(model.choices)
        except AdvSegError:
            return None
        depth, height, width = (1, *image.shape)[-3:]
        return Question(
            settings,
            (depth, height, width),
            annotation.name,
            summary.classes,
            summary.split,
            densely_annotated(summary),
            start_folder(model),
        )

    def _measured(self, estimate: RunEstimate) -> None:
        self._measuring = False
        if self._asked is not None:
            self._model.time_note = time_plan(estimate)
        self.update()

    def _failed(self, error: BaseException) -> None:
        log.error("The time of a run could not be measured.", exc_info=error)
        self._measuring = False
        self._model.time_note = ""
        self.update()
