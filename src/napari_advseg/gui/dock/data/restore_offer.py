"""The offer to restore work that an earlier window did not save."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_advseg.app.controller import Controller
from napari_advseg.gui.widgets.section import Sentence, describe, follow


class RestoreOffer(QWidget):
    """Offers what a window left that ended before a project was saved; hidden if there is nothing."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("restore_offer")
        self._model = controller.model
        self._words = Sentence()
        self._words.setObjectName("restore_words")
        restore, dismiss = QPushButton("Restore"), QPushButton("Dismiss")
        describe(restore, "restore", "Open that image and annotation, and go on painting.")
        describe(dismiss, "dismiss", "Offer it no more. The last few are kept all the same.")
        restore.clicked.connect(controller.project.restore)
        dismiss.clicked.connect(controller.project.unsaved.dismiss)
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for button in (restore, dismiss):
            buttons.addWidget(button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 4)
        layout.setSpacing(3)
        layout.addWidget(self._words)
        layout.addLayout(buttons)
        follow(self, self._model.events.offer, self._show)

    def _show(self) -> None:
        offer = self._model.offer
        self._words.say("" if offer is None else offer.words)
        self.setVisible(offer is not None)
