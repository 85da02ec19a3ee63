"""Rows of section 2 above Start: what the minutes give, and how many CPU cores a run uses."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox

from napari_advseg.app.controller import Controller
from napari_advseg.app.messages.time_plan import core_words
from napari_advseg.app.state.run_form import gui_threads
from napari_advseg.core.runtime.cpu import available_cores
from napari_advseg.gui.widgets.section import Section, Sentence, describe, follow


class TimeRows:
    """Adds the rows to a section.

    Parameters
    ----------
    section : Section
    controller : Controller
    """

    def __init__(self, section: Section, controller: Controller) -> None:
        self._model = controller.model
        self._all_cores = QCheckBox("use all CPU cores")
        describe(
            self._all_cores,
            "all_cores",
            "Trains faster on a CPU; the window may respond slowly. Advanced sets any number.",
        )
        self._all_cores.clicked.connect(controller.run_time.use_all_cores)
        section.add(self._all_cores)
        if available_cores() < 2:
            self._all_cores.hide()
        self._cores = Sentence()
        self._cores.setObjectName("cores")
        self._cores.setProperty("advseg", "dim")
        section.add(self._cores)
        follow(section, self._model.events.choices, self._show_cores)

    def _show_cores(self) -> None:
        threads = int(self._model.choices.advanced.get("threads", gui_threads()))
        self._all_cores.setChecked(threads >= available_cores())
        self._cores.say(core_words(threads, available_cores()))


class TimePlan(Sentence):
    """What the minutes give, below the budget: updates, validation, first masks."""

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._model = controller.model
        self.setObjectName("time_plan")
        self.setProperty("advseg", "dim")
        follow(self, self._model.events.time_note, self._show)

    def _show(self) -> None:
        self.say(self._model.time_note)
