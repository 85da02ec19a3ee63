"""Which classes there are and which labels stand for each: a row a class, name and values."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QLineEdit, QWidget

from ..core.classes import ClassMap


class ClassForm(QWidget):
    """Edits the text of a class map, ``name=value+value,name=value``; knows nothing of its meaning.

    Emits `textEdited` with that text when a person has changed a row, never when the program did.
    """

    textEdited = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(3)
        self._grid.setColumnStretch(0, 3)
        self._grid.setColumnStretch(2, 4)
        self._rows: list[tuple[QLineEdit, QLineEdit]] = []
        self.setRows([("cell", ""), ("membrane", "")])

    def text(self) -> str:
        """The rows as text; a value that is missing leaves ``name=``."""
        return ",".join(
            f"{name.text().strip()}={values.text().replace(' ', '').replace(',', '+')}"
            for name, values in self._rows
        )

    def setClasses(self, classes: ClassMap) -> None:
        """Show a class map."""
        self.setRows([(one.name, "+".join(map(str, one.values))) for one in classes.classes])

    def setRows(self, rows: list[tuple[str, str]]) -> None:
        """Show (name, values) of each class; fields that agree already keep their cursor."""
        if len(rows) != len(self._rows):
            self._make_rows(len(rows))
        for fields, texts in zip(self._rows, rows, strict=True):
            for field, text in zip(fields, texts, strict=True):
                if field.text() != text:
                    field.setText(text)

    def _make_rows(self, count: int) -> None:
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = None if item is None else item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._rows = [self._make_row(index) for index in range(count)]

    def _make_row(self, index: int) -> tuple[QLineEdit, QLineEdit]:
        name, values = QLineEdit(), QLineEdit()
        first = "The first class is the positive one: F1 and the threshold are about it. "
        name.setObjectName(f"class_name_{index}")
        name.setToolTip(f"What you call this class. {first if index == 0 else ''}".strip())
        values.setObjectName(f"class_values_{index}")
        values.setToolTip(
            "Label values of the annotation that mean this class; merge several with +, "
            "for example 0+32+64."
        )
        values.setPlaceholderText("label, e.g. 255" if index == 0 else "labels, e.g. 0+32")
        for field in (name, values):
            field.editingFinished.connect(self._edited)
            field.setMinimumWidth(40)
        for column, widget in enumerate((name, QLabel("="), values)):
            self._grid.addWidget(widget, index, column)
        return name, values

    def _edited(self) -> None:
        sender = self.sender()
        if isinstance(sender, QLineEdit) and sender.isModified():
            sender.setModified(False)
            self.textEdited.emit(self.text())
