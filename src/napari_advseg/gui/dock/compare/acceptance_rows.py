"""Rows of section 3: which mask, or which part of it, becomes annotation."""

from __future__ import annotations

from qtpy.QtCore import QObject, QSignalBlocker
from qtpy.QtWidgets import QCheckBox, QComboBox, QPushButton, QSizePolicy, QWidget

from napari_advseg.app.controller import Controller
from napari_advseg.app.controllers.acceptance import OVERWRITE_WORDS, SUBJECT
from napari_advseg.app.messages.prerequisites import compare_waits_for
from napari_advseg.gui.widgets.section import ProblemLabel, Section, describe, follow

TARGETS = (("this slice", "slice"), ("inside the rectangle", "rectangle"), ("whole stack", "stack"))
NETWORKS = ("standard", "adversarial")


class AcceptanceRows(QObject):
    """Adds its rows to a section and keeps them in step with the masks."""

    def __init__(self, section: Section, controller: Controller) -> None:
        super().__init__(section)
        self._controller, self._model = controller, controller.model
        self._network, self._target = QComboBox(), QComboBox()
        describe(self._network, "accept_network", "The network whose mask is accepted.")
        for words, target in TARGETS:
            self._target.addItem(words, target)
        describe(
            self._target,
            "accept_target",
            "How much of the mask: the slice in view, what lies under the rectangle, or every slice.",
        )
        for box in (self._network, self._target):
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(6)
        self._rectangle, self._accept = QPushButton("Rectangle"), QPushButton("Accept")
        describe(
            self._rectangle,
            "rectangle",
            "Draw a rectangle on the slice in view; what lies under it can then be accepted.",
        )
        section.add_row("accept", self._target, self._rectangle)
        self._over = QCheckBox(OVERWRITE_WORDS)
        describe(
            self._over,
            "accept_over",
            "Also change pixels that are painted as another class; off fills unlabelled ones alone.",
        )
        self._over.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        section.add_row("", self._over, QWidget())
        describe(
            self._accept,
            "accept",
            "Write the mask into the annotation as corrected truth; Ctrl+Z in napari takes it back.",
        )
        section.add_row("mask of", self._network, self._accept)
        section.add_indented(ProblemLabel(self._model, SUBJECT))
        self._connect()

    def _connect(self) -> None:
        self._rectangle.clicked.connect(self._draw)
        self._accept.clicked.connect(self._take)
        forget = self._controller.accept.forget_problem
        for box in (self._network, self._target):
            box.currentIndexChanged.connect(lambda _: forget())
        self._over.toggled.connect(lambda _: forget())
        events = self._model.events
        for signal in (events.masks_shown, events.masks_of):
            follow(self, signal, self._show)
        follow(self, events.slice_in_view, forget)

    def _show(self) -> None:
        ready = not compare_waits_for(self._model)
        for widget in (self._network, self._target, self._over, self._rectangle, self._accept):
            widget.setEnabled(ready)
        run = self._model.masks_of
        networks = NETWORKS if run is None else run.networks
        if [self._network.itemText(i) for i in range(self._network.count())] != list(networks):
            blocker = QSignalBlocker(self._network)
            chosen = self._network.currentText()
            self._network.clear()
            self._network.addItems(networks)
            self._network.setCurrentIndex(max(0, self._network.findText(chosen)))
            blocker.unblock()

    def _draw(self) -> None:
        self._target.setCurrentIndex(self._target.findData("rectangle"))
        self._controller.accept.draw_rectangle()

    def _take(self) -> None:
        self._controller.accept.accept(
            self._network.currentText(),  # type: ignore[arg-type]  # only networks are offered
            self._target.currentData(),
            self._over.isChecked(),
        )
