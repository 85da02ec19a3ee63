"""The menu of the strip of slices: its letters work while it is open."""

from __future__ import annotations

from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QMenu


class RoleMenu(QMenu):
    """A menu whose actions are also chosen by the letter after the tab in their text, as with T, V and X."""

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        letter = "" if event is None else event.text().upper()
        found = [
            one for one in self.actions() if letter and one.text().partition("\t")[2] == letter
        ]
        if not found:
            super().keyPressEvent(event)
        elif found[0].isEnabled():
            self.close()
            found[0].trigger()
