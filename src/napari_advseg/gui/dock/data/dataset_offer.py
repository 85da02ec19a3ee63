"""The question which dataset of a file is opened."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_advseg.app.controller import Controller
from napari_advseg.gui.widgets.eliding_box import ElidingComboBox
from napari_advseg.gui.widgets.section import Sentence, describe, follow


class DatasetOfferRow(QWidget):
    """Offers the datasets of a file that holds several; hidden if there is none."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("dataset_offer")
        self._images, self._model = controller.images, controller.model
        self._words = Sentence()
        self._words.setObjectName("dataset_words")
        self._names = ElidingComboBox()
        self._names.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        describe(self._names, "dataset", "Datasets of the file that could be an image.")
        open_it, leave = QPushButton("Open"), QPushButton("Cancel")
        describe(open_it, "open_dataset", "Open this dataset.")
        describe(leave, "no_dataset", "Open nothing.")
        open_it.clicked.connect(lambda: self._images.open_dataset(self._names.currentText()))
        leave.clicked.connect(lambda: self._images.open_dataset(""))
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self._names, 1)
        row.addWidget(open_it)
        row.addWidget(leave)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 4)
        layout.setSpacing(3)
        layout.addWidget(self._words)
        layout.addLayout(row)
        follow(self, self._model.events.dataset_offer, self._show)

    def _show(self) -> None:
        offer = self._model.dataset_offer
        self._names.clear()
        self._names.addItems([] if offer is None else list(offer.names))
        self._words.say("" if offer is None else offer.words)
        self.setVisible(offer is not None)
