"""The question under Save masks: predict the slices that are missing, or save the others only."""

from __future__ import annotations

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from napari_advseg.app.controller import Controller
from napari_advseg.gui.widgets.section import Sentence, describe, follow


class SaveOfferRow(QWidget):
    """Hidden until masks are to be saved that lack slices.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = controller.model
        self._words = Sentence()
        self._words.setObjectName("save_offer")
        self._rest, self._only = QPushButton("Predict the rest"), QPushButton("Save these only")
        describe(
            self._rest,
            "predict_rest",
            "Predict the slices that are missing, then save the masks of the whole stack.",
        )
        describe(
            self._only,
            "save_predicted",
            "Save the predicted slices only; the file name or a text file next to it lists them.",
        )
        self._rest.clicked.connect(lambda: controller.answer_save_offer(predict_rest=True))
        self._only.clicked.connect(lambda: controller.answer_save_offer(predict_rest=False))
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        buttons.addWidget(self._rest, 1)
        buttons.addWidget(self._only, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self._words)
        column.addLayout(buttons)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._scroll_here)
        for signal in (self._model.events.save_offer, self._model.events.state):
            follow(self, signal, self._show)

    def _show(self) -> None:
        offer = self._model.save_offer
        self._words.say("" if offer is None else offer.words)
        self._rest.setEnabled(not self._model.busy)
        self._only.setEnabled(offer is not None and offer.predicted > 0)
        self.setVisible(offer is not None)
        if offer is not None:
            self._soon.start()

    def _scroll_here(self) -> None:
        """Bring the buttons into sight once they are laid out."""
        above = self.parentWidget()
        while above is not None and not isinstance(above, QScrollArea):
            above = above.parentWidget()
        if above is not None and self.isVisible():
            above.ensureWidgetVisible(self)
