"""A row of section 2: which images without annotation the adversary learns from, and what to expect of it."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QSizePolicy

from napari_advseg.app.controller import Controller
from napari_advseg.app.messages.adversary_expectation import expectation
from napari_advseg.app.state.model import RunState
from napari_advseg.app.state.run_form import OWN
from napari_advseg.app.state.unannotated_source import offered, without_use
from napari_advseg.core.runtime.errors import Subject
from napari_advseg.gui.widgets.eliding_box import ElidingComboBox
from napari_advseg.gui.widgets.section import ProblemLabel, Section, Sentence, describe, follow

TIP = (
    "Images without annotation that the adversary learns from, too: G/S shall draw masks on them that look "
    "like those on annotated images. Nobody has to label them."
)


class UnannotatedRow:
    """Adds the row to a section; it is there only where there is an adversary.

    Parameters
    ----------
    section : Section
    controller : Controller
    """

    def __init__(self, section: Section, controller: Controller) -> None:
        self._model = controller.model
        self._box = ElidingComboBox()
        describe(self._box, "unannotated", TIP)
        self._box.setAccessibleName("unannotated images")
        self._box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._box.setMinimumContentsLength(6)
        self._box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._box.currentIndexChanged.connect(
            lambda index: controller.data.choose(unannotated=self._box.itemData(index))
        )
        self._row = section.add_row("unannotated", self._box)
        section.add_indented(ProblemLabel(self._model, Subject.UNANNOTATED))
        self._expectation = Sentence()
        self._expectation.setObjectName("expectation")
        self._expectation.setProperty("advseg", "dim")
        section.add_indented(self._expectation)
        events = self._model.events
        for signal in (events.choices, events.layers, events.summary, events.state):
            follow(section, signal, self._show)

    def _show(self) -> None:
        choices = self._model.choices
        why_not = without_use(choices)
        items = [(OWN, why_not)] if why_not else offered(self._model)
        blocker = QSignalBlocker(self._box)
        shown = [(self._box.itemData(i), self._box.itemText(i)) for i in range(self._box.count())]
        if shown != items:
            self._box.clear()
            for choice, words in items:
                self._box.addItem(words, choice)
        self._box.setCurrentIndex(max(self._box.findData(choices.unannotated), 0))
        blocker.unblock()
        self._box.setEnabled(not why_not)
        self._box.setToolTip(why_not or TIP)
        self._row.setVisible(choices.method != "standard")
        idle = self._model.state is RunState.IDLE  # a run needs the room for what it says
        self._expectation.say(expectation(self._model) if idle else "")
