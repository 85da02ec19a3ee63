"""The row of section 4 that applies a run to image files."""

from __future__ import annotations

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_advseg.app.controller import Controller
from napari_advseg.app.controllers.files import SUBJECT
from napari_advseg.app.messages.prerequisites import apply_files_waits_for
from napari_advseg.gui.widgets import dialogs
from napari_advseg.gui.widgets.section import ProblemLabel, Section, describe, follow


class ApplyFilesRow(QObject):
    """Adds its row to a section: Files…, Folder…; both ask where the masks go."""

    def __init__(self, section: Section, controller: Controller) -> None:
        super().__init__(section)
        self._section, self._controller, self._model = section, controller, controller.model
        self._files, self._folder = QPushButton("Files…"), QPushButton("Folder…")
        describe(
            self._files,
            "apply_files",
            "Apply this run to TIFF files: masks are written to a folder, and the first stacks opened.",
        )
        describe(
            self._folder,
            "apply_folder",
            "Apply this run to every TIFF of a folder: masks are written, and the first stacks opened.",
        )
        self._files.clicked.connect(self._apply_files)
        self._folder.clicked.connect(self._apply_folder)
        buttons = QWidget()
        layout = QHBoxLayout(buttons)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for button in (self._files, self._folder):
            layout.addWidget(button, 1)
        section.add_row("apply to", buttons)
        section.add_indented(ProblemLabel(self._model, SUBJECT))
        for signal in (self._model.events.run, self._model.events.state):
            follow(self, signal, self._show)

    def _show(self) -> None:
        for button in (self._files, self._folder):
            button.setEnabled(not apply_files_waits_for(self._model))

    def _apply_files(self) -> None:
        images = dialogs.ask_files(self._section, "Apply the run to")
        if not images:
            return
        out = dialogs.ask_folder(self._section, "Write the masks to", images[0].parent)
        if out is not None:
            self._controller.files.apply(images, out)

    def _apply_folder(self) -> None:
        start = self._model.choices.runs_folder
        folder = dialogs.ask_folder(self._section, "Apply the run to the TIFF files of", start)
        if folder is None:
            return
        out = dialogs.ask_folder(self._section, "Write the masks to", folder)
        if out is not None:
            self._controller.files.apply(folder, out)
