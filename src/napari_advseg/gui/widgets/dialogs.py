"""The dialogs, behind functions that a test can replace."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QUrl
from qtpy.QtGui import QColor, QDesktopServices
from qtpy.QtWidgets import QColorDialog, QFileDialog, QInputDialog, QMessageBox, QWidget

from napari_advseg.core.formats.suffixes import IMAGE_SUFFIXES

from .class_colours import MORE_CLASSES

_IMAGES = f"Images ({' '.join(f'*{suffix}' for suffix in IMAGE_SUFFIXES)});;All files (*)"
_PROJECT = "Project (*.advseg.json);;All files (*)"


def ask_file(parent: QWidget, title: str) -> Path | None:
    """Ask for an image file; None if the person changed their mind."""
    path, _ = QFileDialog.getOpenFileName(parent, title, "", _IMAGES)
    return Path(path) if path else None


def ask_files(parent: QWidget, title: str) -> tuple[Path, ...]:
    """Ask for image files; none if the person changed their mind."""
    paths, _ = QFileDialog.getOpenFileNames(parent, title, "", _IMAGES)
    return tuple(Path(path) for path in paths)


def ask_folder(parent: QWidget, title: str, start: Path) -> Path | None:
    """Ask for a folder, starting at the nearest one that exists; None if they changed their mind."""
    while not start.is_dir() and start != start.parent:
        start = start.parent
    path = QFileDialog.getExistingDirectory(parent, title, str(start))
    return Path(path) if path else None


def ask_new_file(parent: QWidget, title: str, start: Path, kinds: str) -> Path | None:
    """Ask where to write a file of these kinds (``"CSV (*.csv)"``); None if they changed their mind."""
    folder = start.parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    path, _ = QFileDialog.getSaveFileName(parent, title, str(folder / start.name), kinds)
    return Path(path) if path else None


def ask_project(parent: QWidget) -> Path | None:
    """Ask for a project file; None if the person changed their mind."""
    path, _ = QFileDialog.getOpenFileName(parent, "Open a project", "", _PROJECT)
    return Path(path) if path else None


def ask_new_project(parent: QWidget, start: Path) -> Path | None:
    """Ask where to save a project; None if the person changed their mind or keeps what is there."""
    folder = start.parent if start.parent.is_dir() else Path.home()
    dialog = QFileDialog(parent, "Save the project as", str(folder), _PROJECT)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix("advseg.json")  # before it asks whether to replace a file
    dialog.selectFile(start.name)
    found = dialog.selectedFiles() if dialog.exec() else []
    return Path(found[0]) if found else None


def show_folder(folder: Path) -> None:
    """Open a folder in the system's file manager."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


def ask_colour(parent: QWidget, title: str, colour: str) -> str | None:
    """Ask for a colour, ``#rrggbb``; the palette of the classes is offered beside any other."""
    for index, one in enumerate(MORE_CLASSES):
        QColorDialog.setCustomColor(index, QColor(one))
    found = QColorDialog.getColor(QColor(colour), parent, title)
    return str(found.name()) if found.isValid() else None


def ask_text(parent: QWidget, title: str, question: str, text: str) -> str | None:
    """Ask for a line of text; None if the user cancels."""
    typed, accepted = QInputDialog.getText(parent, title, question, text=text)
    return typed if accepted else None


def ask_to_go_on(parent: QWidget, title: str, text: str, go_on: str) -> bool:
    """Ask before something is done; Escape and Return leave it."""
    box = QMessageBox(QMessageBox.Icon.Question, title, text, parent=parent)
    yes = box.addButton(go_on, QMessageBox.ButtonRole.AcceptRole)
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    box.exec()
    return box.clickedButton() is yes
