"""The file dialogs, behind functions that a test can replace."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QWidget

_TIFF = "TIFF (*.tif *.tiff);;All files (*)"


def ask_file(parent: QWidget, title: str) -> Path | None:
    """Ask for a TIFF file; None if the person changed their mind."""
    path, _ = QFileDialog.getOpenFileName(parent, title, "", _TIFF)
    return Path(path) if path else None


def ask_folder(parent: QWidget, title: str, start: Path) -> Path | None:
    """Ask for a folder, starting at the nearest one that exists; None if they changed their mind."""
    while not start.is_dir() and start != start.parent:
        start = start.parent
    path = QFileDialog.getExistingDirectory(parent, title, str(start))
    return Path(path) if path else None


def show_folder(folder: Path) -> None:
    """Open a folder in the system's file manager."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
