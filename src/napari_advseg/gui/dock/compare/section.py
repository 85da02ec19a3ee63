"""Section 3: the threshold, and the masks side by side."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QCheckBox, QSizePolicy, QVBoxLayout, QWidget
from superqt import QLabeledDoubleSlider

from napari_advseg.app.controller import Controller
from napari_advseg.app.messages.prerequisites import compare_waits_for, threshold_waits_for
from napari_advseg.core.runtime.errors import Subject
from napari_advseg.gui.layers.mask_colours import MaskColours
from napari_advseg.gui.widgets.section import ProblemLabel, Section, Sentence, describe, follow
from napari_advseg.gui.widgets.slider_keys import SliderKeys

from .acceptance_rows import AcceptanceRows
from .class_legend import ClassLegend
from .look_rows import LookRows
from .slice_table import SliceTablePanel
from .verdict_label import VerdictLabel


class CompareSection(Section):
    """What is done with the masks that lie over the image."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__("3 Compare", parent)
        self._controller, self._model = controller, controller.model
        above = QWidget()
        self._above = QVBoxLayout(above)
        self._above.setContentsMargins(0, 0, 0, 0)
        self.add(above)
        self.add(VerdictLabel(self._model))
        self._threshold = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self._threshold.setRange(0, 1)
        self._threshold.setSingleStep(0.01)  # type: ignore[arg-type]  # superqt's slider takes fractions
        self._threshold.setDecimals(2)
        SliderKeys(self._threshold)
        describe(
            self._threshold,
            "threshold",
            "Probability of the first class from which a pixel belongs to it; the masks move at once.",
        )
        self._threshold.valueChanged.connect(controller.set_threshold)
        self.threshold_row = self.add_row("threshold", self._threshold)
        self.add_indented(ProblemLabel(self._model, Subject.THRESHOLD))
        self._no_threshold = Sentence()
        self._no_threshold.setObjectName("no_threshold")
        self._no_threshold.setProperty("advseg", "dim")
        self.add_indented(self._no_threshold)
        self._side_by_side = QCheckBox("side by side")
        describe(
            self._side_by_side,
            "side_by_side",
            "Image, annotation, adversarial and standard mask beside each other; off puts all back.",
        )
        self._side_by_side.toggled.connect(controller.set_side_by_side)
        # As wide as its words: a click beside them would do nothing.
        policy = QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed
        self._side_by_side.setSizePolicy(*policy)
        LookRows(self, controller)
        self.add_row("view", self._side_by_side, QWidget())
        AcceptanceRows(self, controller)
        self.slices = SliceTablePanel(self, controller)
        follow(self, self._model.events.masks_shown, self._show_waiting)
        follow(self, self._model.events.masks_of, self._show_waiting)
        follow(self, self._model.events.threshold, self._show_threshold)

    def show_legend(self, colours: MaskColours) -> None:
        """Put the legend of the classes above the controls."""
        self._above.addWidget(ClassLegend(colours))

    def _show_waiting(self) -> None:
        waits = compare_waits_for(self._model)
        self.wait_for(waits)
        why_not = threshold_waits_for(self._model)
        self._no_threshold.say(why_not)
        self._threshold.setEnabled(not waits and not why_not)
        self._side_by_side.setEnabled(not waits or self._side_by_side.isChecked())

    def _show_threshold(self) -> None:
        if self._threshold.value() != self._model.threshold:
            blocker = QSignalBlocker(self._threshold)
            self._threshold.setValue(self._model.threshold)
            blocker.unblock()
