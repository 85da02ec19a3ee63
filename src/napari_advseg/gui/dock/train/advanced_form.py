"""The settings that are folded away: one field for each, described by the settings themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from magicgui.widgets import create_widget
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QWidget

from napari_advseg.app.state.advanced_fields import FieldSpec, field_specs


class AdvancedForm(QWidget):
    """Shows the preset's values and tells which of them a person changed.

    Emits `valueChanged` with the changed settings, by dotted name, when a person edits a field.
    """

    valueChanged = Signal(dict)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        form = QFormLayout(self)
        form.setContentsMargins(12, 0, 0, 0)
        form.setVerticalSpacing(3)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._defaults: dict[str, Any] = {}
        self._fields: dict[str, ValueWidget[Any]] = {}
        self._words: dict[str, Mapping[str, Any]] = {}
        for spec in field_specs():
            field = _make_field(spec)
            field.changed.connect(self._edited)
            field.native.setToolTip(spec.description)
            field.native.setObjectName(f"advanced_{spec.name.replace('.', '_')}")
            form.addRow(spec.label, field.native)
            self._fields[spec.name] = field
            self._words[spec.name] = spec.options

    def value(self) -> dict[str, Any]:
        """The settings that differ from the preset."""
        now = {name: self._value_of(name) for name in self._defaults}
        return {name: value for name, value in now.items() if value != self._defaults[name]}

    def setValue(self, defaults: Mapping[str, Any], changed: Mapping[str, Any]) -> None:
        """Show the preset's values with those that were changed in their place."""
        self._defaults = dict(defaults)
        for name, field in self._fields.items():
            wanted = self._shown(name, changed.get(name, defaults[name]))
            if field.value != wanted:
                with field.changed.blocked():
                    field.value = wanted

    def _value_of(self, name: str) -> Any:
        shown, options = self._fields[name].value, self._words[name]
        return options[shown] if options else shown

    def _shown(self, name: str, value: Any) -> Any:
        """What stands in the field of a value; one that is not offered, as from a file, is added."""
        options = self._words[name]
        if not options:
            return value
        words = next((text for text, one in options.items() if one == value), None)
        if words is None:
            words = str(value)
            self._words[name] = {**options, words: value}
            field = self._fields[name]
            with field.changed.blocked():
                field.choices = tuple(self._words[name])  # type: ignore[attr-defined]
        return words

    def _edited(self) -> None:
        self.valueChanged.emit(self.value())


def _make_field(spec: FieldSpec) -> ValueWidget[Any]:
    if spec.options:
        return _value_widget(next(iter(spec.options)), str, {"choices": tuple(spec.options)})
    options = {"min": spec.minimum, "max": spec.maximum}
    field = _value_widget(spec.minimum, spec.kind, options)
    if spec.kind is float:
        field.native.setDecimals(5)
        field.native.setStepType(field.native.StepType.AdaptiveDecimalStepType)
    field.native.setKeyboardTracking(False)  # not at each digit: 256 is no patch of 2 first
    return field


def _value_widget(value: Any, kind: type, options: dict[str, Any]) -> ValueWidget[Any]:
    """Make the widget that magicgui chooses for a value, of which it declares no more than `Widget`."""
    field = create_widget(value, annotation=kind, options=options)
    if not isinstance(field, ValueWidget):
        raise TypeError(f"magicgui made a {type(field).__name__}, which holds no value.")
    return field
