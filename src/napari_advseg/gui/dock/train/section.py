"""Section 2: method, preset, budget, advanced settings; Start is in `run_bar`."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QPushButton,
    QWidget,
)

from napari_advseg.app.controller import Controller
from napari_advseg.app.messages.run_messages import METHOD_WORDS
from napari_advseg.app.state.advanced_fields import preset_values
from napari_advseg.app.state.run_form import Budget, preset_settings
from napari_advseg.core.config.presets import PRESET_WORDS
from napari_advseg.core.runtime.errors import Subject
from napari_advseg.gui.widgets.section import (
    Fold,
    ProblemLabel,
    Section,
    Sentence,
    describe,
    follow,
)

from .advanced_form import AdvancedForm
from .discriminator_rows import DiscriminatorRows
from .start_rows import StartRows
from .time_rows import TimePlan, TimeRows
from .unannotated_row import UnannotatedRow

_METHOD_TIPS = {
    "standard": "Train the standard network S alone.",
    "adversarial": "Train the adversarial network G/S with the discriminator D.",
    "paired": "Train both from the same weights and patches, so that only D makes the difference.",
}

USUAL = {"minutes": 5.0, "updates": 300.0, "epochs": 10.0}
"""The amount that a budget starts from when its unit is changed."""


class TrainSection(Section):
    """Choices of how to train, and the numbers of D."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__("2 Train", parent)
        self._controller, self._model = controller, controller.model
        self._add_method()
        self._add_preset()
        self._add_budget()
        self._unannotated = UnannotatedRow(self, controller)
        self._add_advanced()
        self._start_rows = StartRows(self, controller)
        self._time_rows = TimeRows(self, controller)
        self._adversary = DiscriminatorRows(self, controller)
        events = self._model.events
        follow(self, events.choices, self._show_choices)
        for signal in (events.preset_note, events.choices):
            follow(self, signal, self._show_preset_note)

    # ---- building

    def _add_method(self) -> None:
        choice = QWidget()
        describe(choice, "method", "Which networks are trained.")
        layout = QHBoxLayout(choice)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self._methods = QButtonGroup(choice)
        self._method_buttons: dict[str, QPushButton] = {}
        for method, words in METHOD_WORDS.items():
            button = QPushButton(words)
            button.setCheckable(True)
            button.setObjectName(f"method_{method}")
            button.setToolTip(_METHOD_TIPS[method])
            button.clicked.connect(
                lambda checked, method=method: self._controller.choose_method(method)
            )
            self._methods.addButton(button)
            self._method_buttons[method] = button
            layout.addWidget(button, 1)
        self.add_row("method", choice)
        self.add_indented(ProblemLabel(self._model, Subject.METHOD))

    def _add_preset(self) -> None:
        self._preset = QComboBox()
        describe(self._preset, "preset", "A named set of settings; Advanced shows what it holds.")
        for name in PRESET_WORDS:
            self._preset.addItem(name.capitalize(), name)
        self._preset.currentIndexChanged.connect(
            lambda index: self._controller.choose_preset(self._preset.itemData(index))
        )
        self.add_row("preset", self._preset)
        self._preset_words = Sentence()
        self._preset_words.setProperty("advseg", "dim")
        self._preset_words.setObjectName("preset_words")
        self.add_indented(self._preset_words)
        self.add_indented(ProblemLabel(self._model, Subject.PRESET))

    def _add_budget(self) -> None:
        self._budget = QDoubleSpinBox()
        describe(
            self._budget,
            "budget",
            "How long to train; the lowest value takes the preset's own number of updates.",
        )
        self._budget.setKeyboardTracking(False)
        self._budget.setMinimumWidth(124)  # “as preset” is whole
        self._unit = QComboBox()
        describe(self._unit, "budget_unit", "Whether the budget counts minutes, updates or epochs.")
        self._unit.addItem("min", "minutes")
        self._unit.addItem("updates", "updates")
        self._unit.addItem("epochs", "epochs")
        self._budget.valueChanged.connect(self._budget_edited)
        self._unit.currentIndexChanged.connect(self._unit_edited)
        self.add_row("budget", self._budget, self._unit)
        self.add_indented(TimePlan(self._controller))
        self.add_indented(ProblemLabel(self._model, Subject.BUDGET))

    def _add_advanced(self) -> None:
        self._form = AdvancedForm()
        self._form.valueChanged.connect(
            lambda changed: self._controller.data.choose(advanced=changed)
        )
        fold = Fold("Advanced", self._form)
        describe(fold.button, "advanced", "Show or hide further settings; the preset fills them.")
        self.add(fold)
        self.add_indented(ProblemLabel(self._model, Subject.SETTINGS))

    # ---- showing

    def _show_choices(self) -> None:
        choices = self._model.choices
        self._method_buttons[choices.method].setChecked(True)
        for method, button in self._method_buttons.items():  # Tab goes to the chosen one, arrows on
            chosen = method == choices.method
            button.setFocusPolicy(
                Qt.FocusPolicy.StrongFocus if chosen else Qt.FocusPolicy.ClickFocus
            )
        blocker = QSignalBlocker(self._preset)
        self._preset.setCurrentIndex(self._preset.findData(choices.preset))
        blocker.unblock()
        self._show_budget()
        self._form.setValue(preset_values(choices), choices.advanced)

    def _show_budget(self) -> None:
        budget = self._model.choices.budget
        blockers = QSignalBlocker(self._budget), QSignalBlocker(self._unit)
        self._unit.setCurrentIndex(self._unit.findData(budget.unit))
        self._budget.setDecimals(1 if budget.unit == "minutes" else 0)
        self._budget.setSingleStep(100 if budget.unit == "updates" else 1)
        self._budget.setRange(0, 10_000_000 if budget.unit == "updates" else 100_000)
        self._budget.setSpecialValueText("as preset")
        self._budget.setValue(budget.amount)
        for blocker in blockers:
            blocker.unblock()

    def _show_preset_note(self) -> None:
        choices = self._model.choices
        self.summarise(f"{METHOD_WORDS[choices.method]}, {choices.preset.capitalize()}")
        updates = "" if choices.budget.amount else f"{preset_settings(choices).updates} updates."
        note = self._model.preset_note
        self._preset_words.say(
            " ".join(filter(None, (PRESET_WORDS[choices.preset], updates, note)))
        )

    # ---- what the person does

    def _budget_edited(self, amount: float) -> None:
        self._controller.data.choose(budget=Budget(amount, self._unit.currentData()))

    def _unit_edited(self) -> None:
        unit = self._unit.currentData()
        amount = self._budget.value()
        if amount:  # minutes make no sense as updates: start from something usual
            amount = USUAL[unit]
        self._controller.data.choose(budget=Budget(amount, unit))
