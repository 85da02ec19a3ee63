"""The classes of the chosen annotation, a row a class, and what can be done with them."""

from __future__ import annotations

from itertools import pairwise

from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_advseg.app.controller import Controller
from napari_advseg.app.state.class_list import Offer
from napari_advseg.app.state.class_rows import MIN_CLASSES, border_choices, border_word
from napari_advseg.core.config.classes import OBJECTS
from napari_advseg.core.runtime.errors import Subject
from napari_advseg.gui.widgets import dialogs
from napari_advseg.gui.widgets.qt_types import add_action, required
from napari_advseg.gui.widgets.section import describe, follow

from .class_row import HEIGHT, ClassRowWidget

ROWS_SHOWN = 6
"""More classes than this are scrolled."""
_GAP = 1
_BORDER = 2
"""Above and below together, which napari's style sheet gives a scroll area."""
OFFERS = {
    Offer.OBJECTS: (
        "Objects, 0 is background",
        "classes_objects",
        "Each label except 0 is an object, as in an instance segmentation or a mask, and 0 is background. "
        "Slices that are 0 throughout are not annotated until you mark them in the strip below.",
    ),
    Offer.STROKES: (
        "0 is not labelled",
        "classes_strokes",
        "The label is painted strokes of one class. Paint the other class with a second label.",
    ),
    Offer.EACH: (
        "One class for each label",
        "classes_each",
        "Make a class of each label that the annotation holds; 0 is unlabelled then. "
        "Rename, merge and remove them afterwards.",
    ),
}
"""Text, object name and tooltip of the button of each offer."""
_PICK_FIRST = "Click a class first."


class ClassListWidget(QWidget):
    """Shows `AppModel.class_list` and asks the controller for what a person wants.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller, self._model = controller.classes, controller.model
        self._rows: list[ClassRowWidget] = []
        self._column = QVBoxLayout()
        self._scroll = self._make_scroll()
        self._offers = {offer: self._make_offer(offer) for offer in OFFERS}
        top = QHBoxLayout()
        top.setSpacing(4)
        top.addWidget(self._scroll, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(2)
        outer.addLayout(top)
        self._grow(MIN_CLASSES)  # they hold the place of later ones in the order of Tab
        top.addLayout(self._make_buttons())
        offers = QHBoxLayout()
        offers.setContentsMargins(0, 0, 0, 0)
        offers.setSpacing(4)
        for button in self._offers.values():
            offers.addWidget(button)
        outer.addLayout(offers)
        follow(self, self._model.events.class_list, self._show)

    # ---- building

    def _make_offer(self, offer: Offer) -> QPushButton:
        text, role, tooltip = OFFERS[offer]
        button = QPushButton(text)
        describe(button, role, tooltip)
        button.clicked.connect(lambda: self._controller.name_labels(offer))
        return button

    def _make_scroll(self) -> QScrollArea:
        content = QWidget()
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(_GAP)
        content.setLayout(self._column)
        scroll = QScrollArea()
        scroll.setObjectName("class_rows")
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setMinimumWidth(190)
        scroll.setWidget(content)
        return scroll

    def _make_buttons(self) -> QGridLayout:
        self._add = _button("+", "class_add", "Add a class and paint with it.")
        self._remove = _button("−", "class_remove", "")
        self._more = _button("⋯", "class_more", "")
        self._add.clicked.connect(self._add_class)
        self._remove.clicked.connect(lambda: self._with_painted(self._remove_class))
        self._more.clicked.connect(lambda: self._with_painted(self._menu_below))
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(_GAP)
        grid.addWidget(self._add, 0, 0)
        grid.addWidget(self._remove, 0, 1)
        grid.addWidget(self._more, 1, 0, 1, 2)
        grid.setRowStretch(2, 1)
        return grid

    def _grow(self, count: int) -> None:
        while len(self._rows) < count:
            row = ClassRowWidget(len(self._rows))
            row.picked.connect(self._controller.pick)
            row.renamed.connect(self._controller.rename)
            row.valuesTyped.connect(self._controller.set_values)
            row.colourWanted.connect(self._ask_colour)
            row.removeWanted.connect(self._remove_class)
            row.menuWanted.connect(self._show_menu)
            row.stepWanted.connect(self._step)
            self._column.addWidget(row)
            stops = [*(self._rows[-1].focus_order() if self._rows else ()), *row.focus_order()]
            for stop in stops:  # Qt gives no place to what takes no keyboard, which `_show` decides
                stop.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            for before, after in pairwise(stops):
                QWidget.setTabOrder(before, after)
            self._rows.append(row)

    # ---- showing

    def _show(self) -> None:
        shown = self._model.class_list
        self._grow(len(shown.rows))
        while len(self._rows) > max(MIN_CLASSES, len(shown.rows)):
            gone = self._rows.pop()
            self._column.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        for index, widget in enumerate(self._rows):
            widget.setVisible(index < len(shown.rows))
            if index < len(shown.rows):
                widget.show_class(
                    shown.rows[index],
                    values_editable=shown.values_editable,
                    painted=index == shown.painted,
                    positive=index == 0 and len(shown.rows) == 2,  # of more, F1 is a mean
                )
        lines = min(max(len(shown.rows), MIN_CLASSES), ROWS_SHOWN)
        self._scroll.setFixedHeight(lines * (HEIGHT + _GAP) - _GAP + _BORDER)
        off, on = Qt.ScrollBarPolicy.ScrollBarAlwaysOff, Qt.ScrollBarPolicy.ScrollBarAsNeeded
        self._scroll.setVerticalScrollBarPolicy(on if len(shown.rows) > lines else off)
        content = self._scroll.widget()
        if content is not None:  # at once, so that a class that was just added can be scrolled to
            self._column.activate()
            content.resize(content.width(), content.minimumSizeHint().height())
        for offer, button in self._offers.items():
            button.setVisible(offer in shown.offers)
        self._show_buttons()

    def _show_buttons(self) -> None:
        painted = self._model.class_list.painted
        refusal = _PICK_FIRST if painted is None else self._controller.refusal_to_remove(painted)
        self._remove.setEnabled(not refusal)
        self._remove.setToolTip(
            refusal or f"Remove {self._name(painted)}; its pixels become unlabelled."
        )
        self._more.setEnabled(painted is not None)
        self._more.setToolTip(
            _PICK_FIRST
            if painted is None
            else f"Rename, recolour, merge, move or remove {self._name(painted)}."
        )

    def _name(self, index: int | None) -> str:
        return "" if index is None else self._model.class_list.rows[index].name

    # ---- what a person does

    def _with_painted(self, act: object) -> None:
        painted = self._model.class_list.painted
        if painted is not None and callable(act):
            act(painted)

    def _add_class(self) -> None:
        index = self._controller.add()
        self._scroll.ensureWidgetVisible(self._rows[index])
        self._rows[index].name.begin()

    def _ask_colour(self, index: int) -> None:
        colour = dialogs.ask_colour(
            self, f"Colour of {self._name(index)}", self._rows[index].swatch.colour()
        )
        if colour is not None:
            self._controller.recolour(index, colour)

    def _remove_class(self, index: int) -> None:
        refusal = self._controller.refusal_to_remove(index)
        if refusal:
            self._model.set_problem(Subject.CLASSES, refusal)
            return
        pixels = self._controller.pixels_of(index)
        question = (
            f"{self._name(index)} has {pixels:,} painted pixels. They become unlabelled; "
            "Ctrl+Z on the annotation brings them back."
        )
        if not pixels or dialogs.ask_to_go_on(
            self, f"Remove {self._name(index)}", question, "Remove"
        ):
            self._controller.remove(index)

    def _step(self, index: int, by: int) -> None:
        to = index + by
        if 0 <= to < len(self._model.class_list.rows):
            self._rows[to].name.setFocus(Qt.FocusReason.TabFocusReason)
            self._scroll.ensureWidgetVisible(self._rows[to])

    def _menu_below(self, index: int) -> None:
        self._show_menu(index, self._more.mapToGlobal(QPoint(0, self._more.height())))

    def _show_menu(self, index: int, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setObjectName("class_menu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        row, rows = self._rows[index], self._model.class_list.rows
        add_action(menu, "Rename").triggered.connect(row.name.begin)
        add_action(menu, "Colour…").triggered.connect(lambda: self._ask_colour(index))
        into = required(menu.addMenu("Merge into"))
        into.setEnabled(len(rows) > MIN_CLASSES)
        for other, one in enumerate(rows):
            if other != index and one.complete:
                act = add_action(into, one.name)
                act.triggered.connect(
                    lambda _=False, other=other: self._controller.merge(index, other)
                )
        if any(OBJECTS in one.derived for one in rows):
            self._add_borders(required(menu.addMenu("Borders of objects")))
        of_two = " (the first is the positive class)" if len(rows) == 2 else ""
        up = add_action(menu, f"Move up{of_two}")
        up.setEnabled(index > 0)
        up.triggered.connect(lambda: self._controller.move_up(index))
        remove = add_action(menu, "Remove…")
        remove.setEnabled(not self._controller.refusal_to_remove(index))
        remove.triggered.connect(lambda: self._remove_class(index))
        menu.popup(at)

    def _add_borders(self, menu: QMenu) -> None:
        """Choices of what the borders of objects are; the current one is ticked."""
        for text, word, name in border_choices(self._model.class_list.rows):
            action = add_action(menu, text)
            action.setCheckable(True)
            now = border_word(self._model.class_list.rows)
            rows = self._model.class_list.rows
            action.setChecked(
                (("", "") if now is None else (now[1], rows[now[0]].name)) == (word, name)
            )
            action.triggered.connect(
                lambda _=False, word=word, name=name: self._controller.set_borders(word, name)
            )


def _button(text: str, role: str, tooltip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setFixedHeight(HEIGHT)
    button.setMinimumWidth(HEIGHT)
    button.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.setProperty("advseg", "small")
    describe(button, role, tooltip)
    return button
