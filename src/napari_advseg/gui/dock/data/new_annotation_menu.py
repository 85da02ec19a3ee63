"""The menu of New: what is looked for, which names the classes of the new annotation."""

from __future__ import annotations

from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QMenu, QWidget

from napari_advseg.app.controller import Controller
from napari_advseg.app.state.looked_for import (
    TEMPLATES,
    UNKNOWN,
    Names,
    further_names,
    names_as_text,
    parse_names,
)
from napari_advseg.core.runtime.errors import ClassMapError
from napari_advseg.gui.widgets import dialogs
from napari_advseg.gui.widgets.qt_types import add_action

QUESTION = (
    "Names of the classes, separated by commas. Put what you look for first; "
    "of two classes F1 is that of the first."
)


class NewAnnotationMenu(QMenu):
    """Asks what is looked for and makes an annotation with these classes.

    Parameters
    ----------
    controller : Controller
    button : QWidget
        Below which the menu opens.
    """

    def __init__(self, controller: Controller, button: QWidget) -> None:
        super().__init__(button)
        self.setObjectName("new_annotation_menu")
        self.setToolTipsVisible(True)
        self._data, self._model, self._button = controller.data, controller.model, button

    def popup_below(self) -> None:
        """Open the menu below the button; the names of the last time are the first to be chosen."""
        if self._model.image is None:
            self._data.new_annotation()  # which says that an image is needed
            return
        self.clear()
        run = self._model.run
        of_run = () if run is None or run.classes is None else run.classes.names
        last = self._model.looked_for
        add_action(self, "What do you look for?").setEnabled(False)
        first = None
        entries = (*TEMPLATES, *further_names(last, of_run))
        for title, names in entries:
            action = add_action(self, f"{title}: {names_as_text(names)}")
            action.triggered.connect(lambda _=False, names=names: self._make(names))
            if names == (last or TEMPLATES[0][1]):
                first = action
        self.addSeparator()
        add_action(self, "Other names…").triggered.connect(self._ask)
        self.popup(self._button.mapToGlobal(QPoint(0, self._button.height())))
        self.setActiveAction(first)

    def _make(self, names: Names) -> None:
        self._data.new_annotation(names)

    def _ask(self) -> None:
        text = ", ".join(self._model.looked_for or UNKNOWN)
        question = QUESTION
        while (
            typed := dialogs.ask_text(self._button, "New annotation", question, text)
        ) is not None:
            try:
                self._make(parse_names(typed))
            except ClassMapError as error:
                text, question = typed, f"{QUESTION}\n\n{error}"
            else:
                return
