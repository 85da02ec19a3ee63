"""Rows of section 3: the threshold, and the ones that scored best on the validation slices."""

from __future__ import annotations

from qtpy.QtCore import QObject, QSignalBlocker, Qt
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget
from superqt import QLabeledDoubleSlider

from napari_advseg.app.controller import Controller
from napari_advseg.app.messages.prerequisites import compare_waits_for, threshold_waits_for
from napari_advseg.app.messages.threshold_messages import (
    button_words,
    offered_thresholds,
    scores_at,
)
from napari_advseg.core.runtime.errors import Subject
from napari_advseg.core.runtime.events import SHORT, NetworkName
from napari_advseg.gui.widgets.section import ProblemLabel, Section, Sentence, describe, follow
from napari_advseg.gui.widgets.slider_keys import SliderKeys

NETWORKS: tuple[NetworkName, ...] = ("standard", "adversarial")
MOVES = "Move the threshold to the best one of"


class ThresholdRows(QObject):
    """Adds its rows to a section and keeps them in step with the masks.

    Parameters
    ----------
    section : Section
    controller : Controller
    """

    def __init__(self, section: Section, controller: Controller) -> None:
        super().__init__(section)
        self._controller, self._model = controller, controller.model
        self._slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, 1)
        self._slider.setSingleStep(0.01)  # type: ignore[arg-type]  # superqt's slider takes fractions
        self._slider.setDecimals(2)
        SliderKeys(self._slider)
        describe(
            self._slider,
            "threshold",
            "Probability of the first class from which a pixel belongs to it; the masks move at once.",
        )
        self._slider.valueChanged.connect(controller.set_threshold)
        self.row = section.add_row("threshold", self._slider)
        section.add_indented(ProblemLabel(self._model, Subject.THRESHOLD))
        self._no_threshold = Sentence()
        self._no_threshold.setObjectName("no_threshold")
        self._no_threshold.setProperty("advseg", "dim")
        section.add_indented(self._no_threshold)
        self._buttons = {network: self._button(network) for network in NETWORKS}
        self._best_row = section.add_row("best", self._beside_each_other())
        events = self._model.events
        for signal in (events.masks_shown, events.masks_of):
            follow(self, signal, self._show_waiting)
        for signal in (events.masks_shown, events.masks_of, events.run, events.best_thresholds):
            follow(self, signal, self._show_best)
        follow(self, events.threshold, self._show_threshold)

    def _button(self, network: NetworkName) -> QPushButton:
        button = QPushButton(SHORT[network])
        describe(button, f"best_threshold_{network}", f"{MOVES} {SHORT[network]}.")
        button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        button.clicked.connect(lambda: self._take(network))
        return button

    def _beside_each_other(self) -> QWidget:
        holder = QWidget()
        layout = QHBoxLayout(holder)
        layout.setContentsMargins(0, 0, 0, 0)
        for button in self._buttons.values():
            layout.addWidget(button)
        layout.addStretch()
        return holder

    def _take(self, network: NetworkName) -> None:
        for best in offered_thresholds(self._model):
            if best.network == network:
                self._controller.use_best_threshold(best)

    def _show_waiting(self) -> None:
        why_not = threshold_waits_for(self._model)
        self._no_threshold.say(why_not)
        self._slider.setEnabled(not compare_waits_for(self._model) and not why_not)

    def _show_best(self) -> None:
        offered = {best.network: best for best in offered_thresholds(self._model)}
        for network, button in self._buttons.items():
            best = offered.get(network)
            button.setVisible(best is not None)
            if best is not None:
                button.setText(button_words(best))
                button.setToolTip(f"{MOVES} {SHORT[network]}. {scores_at(best)}")
        self._best_row.setVisible(bool(offered))

    def _show_threshold(self) -> None:
        if self._slider.value() != self._model.threshold:
            blocker = QSignalBlocker(self._slider)
            self._slider.setValue(self._model.threshold)
            blocker.unblock()
