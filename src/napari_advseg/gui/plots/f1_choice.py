"""Which F1 the left plot shows: the mean over the classes, or that of one class."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QComboBox, QWidget

from napari_advseg.core.runtime.events import Validated
from napari_advseg.gui.widgets.section import describe

from .series import classes_scored

LETTERS = 7
"""Room for so many; longer names are elided in the box and whole in its list and tooltip."""


class F1Choice(QComboBox):
    """Chooses the class whose F1 is plotted; hidden until a validation names classes.

    The first entry is what "F1 val" of the run is: the first of two classes, the mean over more.
    """

    chosen = Signal(object)
    """Name of the class, None for the first entry."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        describe(self, "f1_class", "")
        self._classes: tuple[str, ...] = ()
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(LETTERS)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.currentIndexChanged.connect(self._tell)
        self.show_history(())

    def show_history(self, history: Sequence[Validated]) -> None:
        """Offer the classes of these validations; the choice stays if its class is among them."""
        classes = classes_scored(history)
        self.setVisible(bool(classes))
        if not classes or classes == self._classes:
            return
        before, self._classes = self.currentData(), classes
        blocker = QSignalBlocker(self)
        self.clear()
        further = classes
        if len(classes) == 2:
            self.addItem(f"F1 {classes[0]}", None)
            further = classes[1:]
        else:
            self.addItem("F1 mean", None)
        for name in further:
            self.addItem(f"F1 {name}", name)
        self.setCurrentIndex(max(self.findData(before) if before is not None else 0, 0))
        view = self.view()
        if view is not None:
            view.setMinimumWidth(view.sizeHintForColumn(0) + 24)
        blocker.unblock()
        self._tell()

    def _tell(self) -> None:
        shown = self.currentText() or "F1"
        self.setToolTip(
            f"{shown} is plotted. F1 mean is the mean over the classes; training patches are scored by "
            "the first entry alone."
        )
        self.chosen.emit(self.currentData())
