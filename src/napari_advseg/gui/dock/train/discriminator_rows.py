"""The numbers of D in section 2, folded; its line of health is in `run_bar`."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_advseg.app.controller import Controller
from napari_advseg.app.messages.discriminator_messages import (
    health_numbers,
    past_alarms,
)
from napari_advseg.gui.widgets.section import Fold, Section, describe, follow

NUMBERS_TIP = (
    "Show or hide D's numbers and the alarms that are over. Real masks are true ones, or with images "
    "without annotation those of G/S on annotated images."
)


class DiscriminatorRows:
    """Adds the rows to a section.

    Parameters
    ----------
    section : Section
    controller : Controller
    """

    def __init__(self, section: Section, controller: Controller) -> None:
        self._model = controller.model
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(14, 0, 0, 0)
        layout.setSpacing(2)
        self._numbers, self._over = _lines("discriminator_numbers"), _lines("past_alarms")
        layout.addWidget(self._numbers)
        layout.addWidget(self._over)
        self._fold = Fold("D in numbers", inside)
        describe(self._fold.button, "discriminator_fold", NUMBERS_TIP)
        section.add(self._fold)
        events = self._model.events
        signals = (
            events.health, events.alarms, events.history, events.run, events.lambda_marks,
            events.choices,
        )  # fmt: skip
        for signal in signals:
            follow(section, signal, self._show)

    def _show(self) -> None:
        model = self._model
        numbers, over = health_numbers(model), past_alarms(model.alarms)
        for label, lines in ((self._numbers, numbers), (self._over, over)):
            label.setText("\n".join(lines))
            label.setVisible(bool(lines))
        self._fold.setVisible(bool(numbers or over))


def _lines(name: str) -> QLabel:
    label = QLabel()
    label.setObjectName(name)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setProperty("advseg", "dim")
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
