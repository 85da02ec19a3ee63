"""The row of the project in section 4."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QLineEdit, QPushButton

from napari_advseg.app.controller import Controller
from napari_advseg.core.runtime.errors import Subject
from napari_advseg.core.storage.project_file import SUFFIX
from napari_advseg.gui.widgets import dialogs
from napari_advseg.gui.widgets.section import ProblemLabel, Section, Sentence, describe, follow


class ProjectRow:
    """Adds the row of the project to a section: its name, Save as… and Open….

    Parameters
    ----------
    section : Section
        What the row is added to.
    controller : Controller
    """

    def __init__(self, section: Section, controller: Controller) -> None:
        self._section, self._controller = section, controller
        self._model = controller.model
        self._name = QLineEdit()
        self._name.setReadOnly(True)
        describe(self._name, "project", "The project that annotation, choices and run belong to.")
        self._save, self._open = QPushButton("Save as…"), QPushButton("Open…")
        describe(
            self._save,
            "save_project",
            "Keep image, annotation, classes, slices and last run as a project; from then on it saves itself.",
        )
        describe(self._open, "open_project", "Open a project where it was left.")
        self._save.clicked.connect(self._save_as)
        self._open.clicked.connect(self._open_project)
        section.add_row("project", self._name, self._save, self._open)
        self._words = Sentence()
        self._words.setObjectName("project_words")
        self._words.setProperty("advseg", "dim")
        section.add_indented(self._words)
        section.add_indented(ProblemLabel(self._model, Subject.PROJECT))
        events = self._model.events
        follow(section, events.project, self._show)
        follow(section, events.state, self._show)
        follow(section, events.choices, self._show)

    def _show(self) -> None:
        project = self._model.project
        self._name.setText(project.name)
        self._name.setPlaceholderText("not saved")
        if project.path is not None:
            self._name.setToolTip(f"The project {project.path}.")
        self._words.say(project.words)
        self._save.setEnabled(self._model.image is not None)
        self._open.setEnabled(not self._model.busy)

    def _save_as(self) -> None:
        project, image = self._model.project, self._model.image
        start = project.path
        if start is None:
            start = (
                Path.home() / "Documents" / f"{'project' if image is None else image.name}{SUFFIX}"
            )
        path = dialogs.ask_new_project(self._section, start)
        if path is not None:
            self._controller.project.save_as(path)

    def _open_project(self) -> None:
        path = dialogs.ask_project(self._section)
        if path is not None:
            self._controller.project.open(path)
