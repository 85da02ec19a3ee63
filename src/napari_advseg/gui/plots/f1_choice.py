"""Which F1 the left plot shows: the mean over the classes, or that of one class."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QComboBox, QWidget

from napari_advseg.core.runtime.events import Validated
from napari_advseg.gui.widgets.section import describe

from .series import classes_scored

LETTERS = 13
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
        self._preferred: str | None = None
        self._picked = False
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(LETTERS)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.currentIndexChanged.connect(self._tell)
        self.activated.connect(self._pick)
        self.show_history(())

    def show_history(self, history: Sequence[Validated]) -> None:
        """Offer the classes of these validations; the choice stays if its class is among them."""
        classes = classes_scored(history)
        self.setVisible(bool(classes))
        if not classes or classes == self._classes:
            return
        before = self.currentData() if self._picked else None
        self._classes = classes
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
        self._show_preferred()
        self._tell()

    def prefer(self, name: str | None) -> None:
        """Show this class unless the user picks another, for example the rarer of two."""
        self._preferred = name
        self._show_preferred()

    def _show_preferred(self) -> None:
        if not self._picked and len(self._classes) == 2 and self._preferred in self._classes:
            self.setCurrentIndex(self._classes.index(self._preferred))

    def _pick(self) -> None:
        self._picked = True

    def _tell(self) -> None:
        shown = self.currentText() or "F1"
        self.setToolTip(
            f"{shown} is plotted. F1 mean is the mean over the classes; training patches are scored by "
            "the first entry alone."
        )
        self.chosen.emit(self.currentData())
