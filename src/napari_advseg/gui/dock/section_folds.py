"""Opens the sections in use and folds the others; a problem opens the section that shows it."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QScrollArea, QWidget

from napari_advseg.app.state.model import AppModel
from napari_advseg.app.state.section_in_use import SectionName, sections_in_use
from napari_advseg.core.runtime.errors import Subject
from napari_advseg.gui.widgets.section import CONTROL_OF_SUBJECT, Section, follow


class SectionFolds(QObject):
    """Follows the model; what the user opens or folds stays until the next step of work.

    Parameters
    ----------
    model : AppModel
    sections : mapping of str to Section
    scroll : QScrollArea
        Scrolls to a new failure.
    parent : QWidget
        The dock.
    """

    def __init__(
        self,
        model: AppModel,
        sections: Mapping[SectionName, Section],
        scroll: QScrollArea,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._model, self._sections, self._scroll = model, dict(sections), scroll
        self._shown: frozenset[SectionName] | None = None
        self._failures: Mapping[Subject, str] = {}
        self._target: QWidget | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._scroll_to_target)
        events = model.events
        for signal in (
            events.masks_shown, events.masks_over, events.run, events.state, events.layers,
            events.choices,
        ):  # fmt: skip
            follow(self, signal, self._show)
        follow(self, events.problems, self._show_problems)

    def _show(self) -> None:
        wanted = sections_in_use(self._model)
        if wanted is None or wanted == self._shown:
            return
        self._shown = wanted
        for name, section in self._sections.items():
            # A control that has the keyboard must not vanish under the hands of the user.
            section.set_open(name in wanted or _has_keyboard(section))

    def _show_problems(self) -> None:
        before, self._failures = self._failures, self._model.failures
        for subject in self._model.problems:
            found = self._label_of(subject)
            if found is None:
                continue
            section, label = found
            section.set_open(True)
            if self._failures.get(subject) not in (None, before.get(subject)):
                self._target = label
                self._soon.start()  # once the label is laid out

    def _label_of(self, subject: Subject) -> tuple[Section, QWidget] | None:
        name = f"{CONTROL_OF_SUBJECT.get(subject)}_problem"
        for section in self._sections.values():
            label = section.findChild(QWidget, name)
            if label is not None:
                return section, label
        return None

    def _scroll_to_target(self) -> None:
        if self._target is not None and self._target.isVisible():
            self._scroll.ensureWidgetVisible(self._target, 0, 40)


def _has_keyboard(section: Section) -> bool:
    """Whether a control inside the section has the keyboard; its heading may keep it folded."""
    window = section.window()
    focus = None if window is None else window.focusWidget()
    return (
        window is not None
        and focus is not None
        and window.isActiveWindow()
        and focus is not section.heading
        and section.isAncestorOf(focus)
    )
