"""The parts that every section of the dock is made of: heading, rows, sentences beside controls."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from psygnal import SignalInstance
from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_advseg.app.state.model import AppModel
from napari_advseg.core.runtime.errors import Subject

from .qt_types import combined
from .theme import LEAST_TEXT_CONTRAST, readable, theme_colours

LONGEST_LABEL = "unannotated"
"""All controls begin to the right of a label as wide as this one."""
INDENT = 8
"""Of a sentence under a control in pixels: narrow, so that it takes few lines."""
_WITHIN_LONG_WORDS = re.compile(r"[+,=_\\](?=\S)")
"""Places within a class map or a path, which is one long word otherwise and would be clipped."""
_FONT_MAY_HAVE_CHANGED = (QEvent.Type.FontChange, QEvent.Type.StyleChange)


def follow(owner: QObject, signal: SignalInstance, show: Callable[[], Any]) -> None:
    """Call `show` now and whenever the signal is emitted, as long as `owner` lives."""

    def changed() -> None:
        show()

    signal.connect(changed)
    owner.destroyed.connect(lambda: signal.disconnect(changed, missing_ok=True))
    show()


def describe(widget: QWidget, role: str, tooltip: str) -> None:
    """Give a control its role as object name and accessible name, and its tooltip."""
    widget.setObjectName(role)
    widget.setAccessibleName(role.replace("_", " "))
    widget.setToolTip(tooltip)


class Sentence(QLabel):
    """A wrapped sentence that takes no room while it is empty."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAlignment(combined(Qt.AlignmentFlag.AlignTop, Qt.AlignmentFlag.AlignLeft))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.hide()

    def say(self, text: str) -> None:
        """Show a sentence, or nothing."""
        self.setText(_WITHIN_LONG_WORDS.sub("\\g<0>\u200b", text))  # where a line may end
        self.setVisible(bool(text))


CONTROL_OF_SUBJECT = {
    Subject.IMAGE: "image_layer",
    Subject.IMAGE_FILE: "open_image",
    Subject.VOXEL_SIZE: "voxel_size",
    Subject.ANNOTATION: "annotation_layer",
    Subject.ANNOTATION_FILE: "open_annotation",
    Subject.CLASSES: "classes",
    Subject.SPLIT: "slices",
    Subject.UNANNOTATED: "unannotated",
    Subject.METHOD: "method",
    Subject.PRESET: "preset",
    Subject.BUDGET: "budget",
    Subject.SETTINGS: "advanced",
    Subject.START_FROM: "start_from",
    Subject.THRESHOLD: "threshold",
    Subject.RUN_FOLDER: "run_folder",
    Subject.LOADED_RUN: "load_run",
    Subject.MASKS: "save_masks",
    Subject.APPLYING: "apply",
    Subject.APPLYING_TO_FILES: "apply_files",
    Subject.ACCEPTANCE: "accept",
    Subject.SLICE_TABLE: "slice_table",
    Subject.PROJECT: "project",
    Subject.UNSAVED_WORK: "restore",
}
"""Object name of the control next to which a subject's problem stands; `Subject.OTHER` has none."""


class ProblemLabel(Sentence):
    """The problem of one subject, next to its control, until it is fixed."""

    def __init__(self, model: AppModel, subject: Subject, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"{CONTROL_OF_SUBJECT[subject]}_problem")
        self._model, self._subject = model, subject
        follow(self, model.events.problems, self._show)

    def _show(self) -> None:
        self.say(self._model.problems.get(self._subject, ""))


class Section(QFrame):
    """A numbered section that folds; while it cannot be used it says what it waits for.

    Parameters
    ----------
    title : str
        For example ``"1 Data"``.
    """

    toggled = Signal(bool)
    """The user opened or folded the section."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = title
        self._labels: list[QLabel] = []
        self._indented: list[Sentence] = []
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 2)
        outer.setSpacing(3)
        outer.addWidget(self._make_heading())
        self._content = QWidget()
        self._layout = QVBoxLayout(self._content)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(3)
        outer.addWidget(self._content)
        self._waiting = Sentence()
        self._waiting.setProperty("advseg", "dim")
        self._layout.addWidget(self._waiting)
        self.set_open(True)

    def _make_heading(self) -> QWidget:
        self.heading = QToolButton()
        self.heading.setCheckable(True)
        self.heading.setAutoRaise(True)
        self.heading.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.heading.setProperty("advseg", "heading")
        name = self._title.partition(" ")[2].lower()
        describe(self.heading, f"section_{name}", f"Show or hide the section {self._title}.")
        self.heading.clicked.connect(self._clicked)
        self._summary = QElidingLabel()
        self._summary.setObjectName(f"summary_{name}")
        self._summary.setProperty("advseg", "dim")
        self._summary.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        line = QWidget()
        layout = QHBoxLayout(line)
        layout.setContentsMargins(0, 0, 4, 0)
        layout.setSpacing(6)
        layout.addWidget(self.heading)
        layout.addWidget(self._summary, 1)
        layout.addStretch()
        return line

    @property
    def is_open(self) -> bool:
        """Whether the content of the section is shown."""
        return bool(self.heading.isChecked())

    def set_open(self, on: bool) -> None:
        """Show the content of the section, or only its heading and summary."""
        self.heading.setChecked(on)
        self.heading.setText(f"{'▾' if on else '▸'} {self._title}")
        self._content.setVisible(on)
        self._summary.setVisible(not on)

    def summarise(self, text: str) -> None:
        """Set the words next to the heading while the section is folded."""
        self._summary.setText(text)
        self._summary.setToolTip(text)

    def _clicked(self, on: bool) -> None:
        self.set_open(on)
        self.toggled.emit(on)

    def add(self, widget: QWidget) -> None:
        """Add a widget across the whole width."""
        self._layout.addWidget(widget)

    def add_row(self, label: str, *widgets: QWidget) -> QWidget:
        """Add controls behind a label; the first takes the room that is left."""
        line = QWidget()
        layout = QHBoxLayout(line)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        words = QLabel(label)
        if widgets:
            words.setBuddy(widgets[0])
        self._labels.append(words)
        layout.addWidget(words)
        for index, widget in enumerate(widgets):
            layout.addWidget(widget, int(index == 0))
        self._layout.addWidget(line)
        return line

    def add_indented(self, sentence: Sentence) -> None:
        """Add a sentence under the controls of the row above."""
        self._indented.append(sentence)
        self._layout.addWidget(sentence)

    def showEvent(self, event: QShowEvent | None) -> None:
        self._align()
        super().showEvent(event)

    def changeEvent(self, event: QEvent | None) -> None:
        if event is not None and event.type() in _FONT_MAY_HAVE_CHANGED:
            self._align()
        super().changeEvent(event)

    def _align(self) -> None:
        """Let all controls begin at the same place, in the font that the style sheet has set."""
        for label in self._labels:
            label.ensurePolished()
        if self._labels:
            width = self._labels[0].fontMetrics().horizontalAdvance(LONGEST_LABEL) + 6
            for label in self._labels:
                label.setFixedWidth(width)
            for sentence in self._indented:
                sentence.setContentsMargins(INDENT, 0, 0, 0)

    def wait_for(self, text: str) -> None:
        """Say what the section waits for; empty words end the waiting."""
        self._waiting.say(text)

    @property
    def waits_for(self) -> str:
        """What the section says that it waits for."""
        return self._waiting.text()


class Fold(QWidget):
    """A button that shows and hides what is under it.

    Parameters
    ----------
    title : str
        Words of the button.
    content : QWidget
        Hidden at first.
    """

    def __init__(self, title: str, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.button = QToolButton()
        self.button.setText(title)
        self.button.setCheckable(True)
        self.button.setAutoRaise(True)
        self.button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._content = content
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.button)
        layout.addWidget(content)
        self.button.toggled.connect(self._show)
        self._title = title
        self._show(False)

    def _show(self, on: bool) -> None:
        self.button.setText(f"{'▾' if on else '▸'} {self._title}")
        self._content.setVisible(on)


def style_sheet(theme_id: str) -> str:
    """Style of headings, dim words and problems that can be read on a napari theme."""
    colours = theme_colours(theme_id)
    dim = readable(colours.icon, colours.background, LEAST_TEXT_CONTRAST)
    return (
        'QToolButton[advseg="heading"] { font-weight: bold; font-size: 13px; padding: 2px 2px 0 0; '
        "border: none; background: transparent; }"
        f'QToolButton[advseg="heading"]:hover {{ background: {colours.foreground}; }}'
        f'QLabel[advseg="dim"] {{ color: {dim}; }}'
        f'ProblemLabel, QLabel[advseg="alarm"] {{ color: {colours.problem}; }}'
        # A row of the class list: flat fields until they are edited, and the painted one marked.
        "ClassRowWidget QLineEdit { padding: 0 2px; margin: 0; min-height: 18px; }"
        'ClassRowWidget QLineEdit[readOnly="true"] { background: transparent; border: none; }'
        'QToolButton[advseg="small"] { padding: 0; border-radius: 2px; '
        f"background: {colours.foreground}; border: 1px solid transparent; }}"
        f'QToolButton[advseg="small"]:hover {{ background: {colours.primary}; }}'
        f'QToolButton[advseg="small"]:disabled {{ color: {colours.primary}; }}'
        # A button with an arrow beside it looks like any other button.
        f'QToolButton[advseg="split"] {{ background: {colours.primary}; border: none; border-radius: 2px; '
        f"padding: 4px 3px 4px 3px; font-size: {colours.font_size}pt; }}"
        f'QToolButton[advseg="split"]:pressed {{ background: {colours.current}; }}'
        'QToolButton[advseg="split"]::menu-button { width: 11px; border: none; background: transparent; }'
        f'ClassRowWidget[painted="true"] {{ background: {colours.current}; border-radius: 2px; }}'
    )
