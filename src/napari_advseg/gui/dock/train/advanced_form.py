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
        for spec in field_specs():
            field = _make_field(spec)
            field.changed.connect(self._edited)
            field.native.setToolTip(spec.description)
            field.native.setObjectName(f"advanced_{spec.name.replace('.', '_')}")
            form.addRow(spec.label, field.native)
            self._fields[spec.name] = field

    def value(self) -> dict[str, Any]:
        """The settings that differ from the preset."""
        return {
            name: field.value
            for name, field in self._fields.items()
            if name in self._defaults and field.value != self._defaults[name]
        }

    def setValue(self, defaults: Mapping[str, Any], changed: Mapping[str, Any]) -> None:
        """Show the preset's values with those that were changed in their place."""
        self._defaults = dict(defaults)
        for name, field in self._fields.items():
            wanted = changed.get(name, defaults[name])
            if field.value != wanted:
                with field.changed.blocked():
                    field.value = wanted

    def _edited(self) -> None:
        self.valueChanged.emit(self.value())


def _make_field(spec: FieldSpec) -> ValueWidget[Any]:
    if spec.options:
        return _value_widget(spec.options[0], str, {"choices": spec.options})
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
