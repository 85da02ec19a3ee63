"""Section 2: what the minutes of a run give on this computer, measured in the background before Start."""

from __future__ import annotations

import logging
from functools import partial

from napari_advseg.app.messages.time_plan import time_plan
from napari_advseg.app.state.run_form import settings_of
from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.runtime.cpu import available_cores
from napari_advseg.core.runtime.errors import AdvSegError
from napari_advseg.core.runtime.run_estimate import RunEstimate

from .base import AppContext, BaseController

log = logging.getLogger(__name__)

Question = tuple[RunSettings, tuple[int, int, int], int]
"""Settings, shape of the stack, number of validation slices."""


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
        self._measuring = True
        self._model.time_note = "Measuring how many updates the minutes give."
        work = partial(self._engine.estimate_run, *question)
        self._in_background(work, self._measured, self._failed)

    def _question(self) -> Question | None:
        model = self._model
        if model.busy:
            return self._asked  # what was said before Start stays
        image, summary = model.image, model.summary
        if image is None or summary is None or summary.split is None:
            return None
        if model.choices.budget.unit != "minutes" or not model.choices.budget.amount:
            return None
        try:
            settings = settings_of(model.choices)
        except AdvSegError:
            return None
        depth, height, width = (1, *image.shape)[-3:]
        return settings, (depth, height, width), len(summary.split.val)

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
