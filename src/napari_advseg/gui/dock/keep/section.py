"""Section 4: where runs are kept, saving masks, loading a run, applying it."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QWidget

from napari_advseg.app.controller import Controller
from napari_advseg.app.messages.prerequisites import apply_waits_for, save_waits_for
from napari_advseg.core.runtime.errors import Subject
from napari_advseg.gui.widgets import dialogs
from napari_advseg.gui.widgets.section import ProblemLabel, Section, Sentence, describe, follow

from .apply_files_row import ApplyFilesRow
from .project_row import ProjectRow
from .save_offer_row import SaveOfferRow


class KeepSection(Section):
    """What outlives the window."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__("4 Keep", parent)
        self._controller, self._model = controller, controller.model
        ProjectRow(self, controller)
        self._add_folder()
        self._add_buttons()
        events = self._model.events
        for signal in (events.run, events.choices, events.layers):
            follow(self, signal, self._show_folder)
        for signal in (events.run, events.masks_shown, events.state, events.choices, events.layers):
            follow(self, signal, self._show_waiting)

    def _add_folder(self) -> None:
        self._folder = QLineEdit()
        self._folder.setReadOnly(True)
        describe(self._folder, "run_folder", "Where the run is kept.")
        change, show = QPushButton("Change…"), QPushButton("Show")
        describe(change, "change_folder", "Choose the folder in which each new run gets its own.")
        describe(show, "show_folder", "Open this folder in the file manager.")
        change.clicked.connect(self._change)
        show.clicked.connect(lambda: dialogs.show_folder(self._shown()))
        self.add_row("run folder", self._folder)
        self.add_row("", QWidget(), change, show)  # below, so that the end of the path is seen
        self._words = Sentence()
        self._words.setProperty("advseg", "dim")
        self._words.setObjectName("run_words")
        self.add_indented(self._words)
        self.add_indented(ProblemLabel(self._model, Subject.RUN_FOLDER))

    def _add_buttons(self) -> None:
        self._save = QPushButton("Save masks…")
        describe(
            self._save, "save_masks", "Write each network's mask as TIFF with the label values."
        )
        self._load = QPushButton("Load run…")
        describe(
            self._load, "load_run", "Open a run folder: its curves, and its networks to apply."
        )
        self._apply = QPushButton("Apply to image")
        describe(self._apply, "apply", "Predict the chosen image with this run's networks.")
        self._save.clicked.connect(self._save_masks)
        self._load.clicked.connect(self._load_run)
        self._apply.clicked.connect(self._controller.run.apply)
        line = QWidget()
        layout = QHBoxLayout(line)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for button in (self._save, self._load, self._apply):
            layout.addWidget(button, 1)
        self.add(line)
        self.add(SaveOfferRow(self._controller))
        for subject in (Subject.MASKS, Subject.LOADED_RUN, Subject.APPLYING):
            self.add(ProblemLabel(self._model, subject))
        ApplyFilesRow(self, self._controller)

    # ---- showing

    def _shown(self) -> Path:
        run = self._model.run
        if run is not None and run.folder is not None:
            return run.folder
        return self._model.choices.runs_folder

    def _show_folder(self) -> None:
        run, folder = self._model.run, self._shown()
        self._folder.setText(str(folder))
        self._folder.setCursorPosition(len(str(folder)))  # the end tells runs apart
        new = f"New runs go to {self._model.choices.runs_folder}."
        self._folder.setToolTip(new if run is None else f"This run is kept in {folder}. {new}")
        self._words.say("" if run is None else run.words)

    def _show_waiting(self) -> None:
        save, apply = save_waits_for(self._model), apply_waits_for(self._model)
        self._save.setEnabled(not save)
        self._apply.setEnabled(not apply)
        self._load.setEnabled(not self._model.busy)
        self.wait_for("Waits for a run: train one or load one." if self._model.run is None else "")

    # ---- what the person does

    def _change(self) -> None:
        folder = dialogs.ask_folder(self, "Keep runs in", self._model.choices.runs_folder)
        if folder is not None:
            self._controller.keep.set_runs_folder(folder)

    def _save_masks(self) -> None:
        start = self._controller.keep.masks_folder()
        folder = dialogs.ask_folder(self, "Save the masks in", start)
        if folder is not None:
            self._controller.keep.save_masks(folder)

    def _load_run(self) -> None:
        folder = dialogs.ask_folder(self, "Load a run", self._model.choices.runs_folder)
        if folder is not None:
            self._controller.keep.load_run(folder)
