"""Two choices of section 2: where the networks start from, and whether new strokes are used."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QSizePolicy

from napari_advseg.app.controller import Controller
from napari_advseg.app.state.start_from import can_be_offered, why_not_continue
from napari_advseg.core.runtime.errors import Subject
from napari_advseg.gui.widgets.section import ProblemLabel, Section, describe, follow

_CONTINUE_TIP = (
    "Start trains the networks of the run that is shown further, as a new run, not new networks."
)
_STROKES_TIP = (
    "What you paint on the annotation while a run goes on is learned from its next validation on. "
    "Validation slices stay as they were at Start."
)


class StartRows:
    """Adds the choices to a section.

    Parameters
    ----------
    section : Section
    controller : Controller
    """

    def __init__(self, section: Section, controller: Controller) -> None:
        self._controller, self._model = controller, controller.model
        self._continue = QCheckBox("continue current networks")
        describe(self._continue, "start_from", _CONTINUE_TIP)
        self._continue.clicked.connect(lambda on: controller.data.choose(start_from_run=on))
        self._strokes = QCheckBox("use new strokes")
        describe(self._strokes, "live_strokes", _STROKES_TIP)
        self._strokes.clicked.connect(controller.run.use_new_strokes)
        # As wide as their words: a click next to them would do nothing.
        policy = QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed
        self._continue.setSizePolicy(*policy)
        self._strokes.setSizePolicy(*policy)
        section.add(self._continue)
        section.add(ProblemLabel(self._model, Subject.START_FROM))
        section.add(self._strokes)
        events = self._model.events
        for signal in (events.choices, events.run, events.summary):
            follow(section, signal, self._show)

    def _show(self) -> None:
        choices, why = self._model.choices, why_not_continue(self._model)
        offered = can_be_offered(self._model)
        self._continue.setEnabled(offered and (not why or choices.start_from_run))
        self._continue.setChecked(choices.start_from_run)
        self._continue.setToolTip(why or _CONTINUE_TIP)
        self._strokes.setChecked(choices.live_strokes)
