"""Open…: a file, or by its arrow a folder of slices or a Zarr store."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QMenu, QToolButton, QWidget

from napari_advseg.gui.widgets import dialogs
from napari_advseg.gui.widgets.qt_types import add_action

FOLDER = "Folder of slices, or Zarr…"


class OpenButton(QToolButton):
    """Asks for a file; its menu asks for a folder.

    Parameters
    ----------
    what : str
        What is opened, for the title of the dialog: "a stack".
    """

    chosen = Signal(Path)

    def __init__(self, what: str, text: str = "Open…", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = f"Open {what}"
        self.setText(text)
        self.setProperty("advseg", "split")
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        menu = QMenu(self)
        add_action(menu, "File…").triggered.connect(self._ask_file)
        add_action(menu, FOLDER).triggered.connect(self._ask_folder)
        self.setMenu(menu)
        self.clicked.connect(self._ask_file)

    def _ask_file(self) -> None:
        path = dialogs.ask_file(self, self._title)
        if path is not None:
            self.chosen.emit(path)

    def _ask_folder(self) -> None:
        path = dialogs.ask_folder(self, self._title, Path.home())
        if path is not None:
            self.chosen.emit(path)
