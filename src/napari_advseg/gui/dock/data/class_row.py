"""One class of the class list: swatch, name, label values, share painted."""

from __future__ import annotations

from qtpy.QtCore import QPoint, QRegularExpression, QSize, Qt, Signal
from qtpy.QtGui import (
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QRegularExpressionValidator,
)
from qtpy.QtWidgets import QAbstractButton, QFrame, QHBoxLayout, QLabel, QLineEdit, QWidget

from napari_advseg.app.state.class_list import ShownClass, format_share
from napari_advseg.gui.widgets.class_colours import CLEAR
from napari_advseg.gui.widgets.qt_types import combined
from napari_advseg.gui.widgets.section import describe

HEIGHT = 22
SWATCH = 16
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_KEYS = 9
"""Classes that Alt and a digit can pick."""


class ClassRowWidget(QFrame):
    """Shows one class and says what a person wants of it; knows its position and nothing else."""

    picked = Signal(int)
    renamed = Signal(int, str)
    valuesTyped = Signal(int, str)
    colourWanted = Signal(int)
    removeWanted = Signal(int)
    menuWanted = Signal(int, QPoint)
    stepWanted = Signal(int, int)
    """Position and -1 or 1: the keyboard goes to the row above or below."""

    def __init__(self, index: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._index = index
        self.setObjectName(f"class_{index}")
        self.setFixedHeight(HEIGHT)
        self.swatch = Swatch()
        self.swatch.setObjectName(f"class_colour_{index}")
        self.swatch.clicked.connect(lambda: self.colourWanted.emit(index))
        self.name = NameField()
        self.name.setObjectName(f"class_name_{index}")
        self.name.named.connect(lambda text: self.renamed.emit(index, text))
        self.values = _values_field(index)
        self.values.editingFinished.connect(self._values_edited)
        self.share = QLabel()
        self.share.setObjectName(f"class_share_{index}")
        self.share.setAlignment(
            combined(Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignVCenter)
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        layout.setSpacing(4)
        layout.addWidget(self.swatch)
        layout.addWidget(self.name, 1)
        layout.addWidget(self.values)
        layout.addWidget(self.share)

    def focus_order(self) -> tuple[QWidget, ...]:
        """What Tab stops at, in order."""
        return self.swatch, self.name, self.values

    def show_class(
        self, row: ShownClass, *, values_editable: bool, painted: bool, positive: bool
    ) -> None:
        """Show a class; no signal is emitted."""
        self.swatch.set_colour(row.colour)
        clear = " It is clear now." if row.colour[7:9] == CLEAR else ""
        hint = f"Colour of {row.name}: choose another.{clear}"
        describe(self.swatch, self.swatch.objectName(), hint)
        self.swatch.setAccessibleName(f"colour of {row.name}")
        self.name.show_name(row.name)
        self.name.setAccessibleName(f"class {self._index + 1}, {row.name}")
        if not self.values.isModified() and self.values.text() != row.values_text:
            self.values.setText(row.values_text)
        self._make_values_editable(values_editable)
        self.values.setAccessibleName(f"label values of {row.name}")
        self.share.setText(format_share(row.share))
        self.share.setFixedWidth(self.share.fontMetrics().horizontalAdvance("100 %") + 2)
        self.share.setToolTip(_share_sentence(row))
        words = _row_sentence(self._index, row.name, positive)
        for widget in (self, self.name):
            widget.setToolTip(words)
        self._set_painted(painted)

    def _make_values_editable(self, on: bool) -> None:
        shown = self.values.text()
        metrics = self.values.fontMetrics()
        self.values.setReadOnly(not on)
        self.values.setFocusPolicy(Qt.FocusPolicy.StrongFocus if on else Qt.FocusPolicy.NoFocus)
        self.values.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents, not on)
        self.values.setFrame(on)
        width = metrics.horizontalAdvance("e.g. 0+32") if on else metrics.horizontalAdvance(shown)
        self.values.setFixedWidth(width + 12)
        self.values.setToolTip(_VALUES_HINT if on else "")
        repolish(self.values)

    def _set_painted(self, on: bool) -> None:
        if self.property("painted") != on:
            self.setProperty("painted", on)
            repolish(self)
            for widget in (self.name, self.values, self.share):
                repolish(widget)

    def _values_edited(self) -> None:
        if self.values.isModified():
            self.values.setModified(False)
            self.valuesTyped.emit(self._index, self.values.text())

    # ---- mouse and keys

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and event.button() == Qt.MouseButton.LeftButton:
            self.picked.emit(self._index)

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:
        if event is not None:
            self.menuWanted.emit(self._index, event.globalPos())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is None:
            return
        key = event.key()
        if key == Qt.Key.Key_Delete:
            self.removeWanted.emit(self._index)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.stepWanted.emit(self._index, -1 if key == Qt.Key.Key_Up else 1)
        elif key == Qt.Key.Key_Space:
            self.picked.emit(self._index)
        elif key == Qt.Key.Key_F2:
            self.name.begin()
        else:
            event.ignore()


class NameField(QLineEdit):
    """A name as in a list: F2, Enter or a double click edit it, Enter ends that, Escape takes it back.

    While it is not edited, keys and the mouse belong to the row: letters go to the viewer's own shortcuts.
    """

    named = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown = ""
        self.setReadOnly(True)
        self.setFrame(False)
        self.setMinimumWidth(48)
        self.setValidator(QRegularExpressionValidator(QRegularExpression("[^=,+\\n]*"), self))
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.editingFinished.connect(self._end)

    def show_name(self, name: str) -> None:
        """Show a name; one that is being edited stays."""
        self._shown = name
        if self.isReadOnly() and self.text() != name:
            self.setText(name)
            self.setCursorPosition(0)

    def begin(self) -> None:
        """Edit the name."""
        self.setReadOnly(False)
        repolish(self)
        self.setFocus(Qt.FocusReason.OtherFocusReason)
        self.selectAll()

    def _end(self) -> None:
        if self.isReadOnly():
            return
        name = self.text().strip()
        self._leave()
        if name and name != self._shown:
            self.named.emit(name)

    def _leave(self) -> None:
        self.setReadOnly(True)
        self.deselect()
        self.setText(self._shown)
        self.setCursorPosition(0)
        repolish(self)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is None:
            return
        if self.isReadOnly():
            if event.key() in _ENTER and event.modifiers() == Qt.KeyboardModifier.NoModifier:
                self.begin()
            else:
                event.ignore()
        elif event.key() == Qt.Key.Key_Escape:
            self._leave()
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if event is not None and self.isReadOnly():
            event.ignore()
        else:
            super().mousePressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        if self.isReadOnly():
            self.begin()
        else:
            super().mouseDoubleClickEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:
        if event is not None:
            event.ignore()

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        super().focusOutEvent(event)
        self._end()


class Swatch(QAbstractButton):
    """A square of a class's colour; Space, Enter or a click ask for another."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colour = QColor("#808080")
        self._clear = False
        self.setFixedSize(SWATCH, SWATCH)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def colour(self) -> str:
        """The colour that is shown, ``#rrggbb``."""
        return str(self._colour.name())

    def set_colour(self, colour: str) -> None:
        """Show ``#rrggbb`` or ``#rrggbbaa``: opaque, since swatches are compared, or struck out if clear."""
        self._colour = QColor(colour[:7])
        self._clear = colour[7:9] == CLEAR
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(SWATCH, SWATCH)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is None:
            return
        if event.key() in _ENTER and event.modifiers() == Qt.KeyboardModifier.NoModifier:
            self.click()
        elif event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            event.ignore()  # a button would take the keyboard to the one beside it
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.palette().windowText().color()
        width = 2.0 if self.hasFocus() else 1.0
        painter.setPen(QPen(text, width))
        painter.setBrush(Qt.BrushStyle.NoBrush if self._clear else self._colour)
        inset = width / 2
        painter.drawRoundedRect(
            int(inset), int(inset), int(self.width() - width), int(self.height() - width), 2, 2
        )
        if self._clear:
            painter.drawLine(4, self.height() - 5, self.width() - 5, 4)
        painter.end()


def repolish(widget: QWidget) -> None:
    """Let the style sheet look at a widget's properties again."""
    style = widget.style()
    if style is not None:
        style.unpolish(widget)
        style.polish(widget)


_VALUES_HINT = (
    "Label values of the annotation that mean this class; merge several with +, for example 0+32+64. "
    "objects stands for all labels but 0 and those of other classes, touching and borders for the borders "
    "of objects, #ff0000 for a colour. A class that is named ignore is left out."
)


def _values_field(index: int) -> QLineEdit:
    field = QLineEdit()
    field.setObjectName(f"class_values_{index}")
    field.setValidator(QRegularExpressionValidator(QRegularExpression("[-0-9+, #a-zA-Z]*"), field))
    field.setPlaceholderText("e.g. 255" if index == 0 else "e.g. 0+32")
    return field


def _row_sentence(index: int, name: str, positive: bool) -> str:
    key = f" or Alt+{index + 1}" if index < _KEYS else ""
    first = " It is the positive class: F1 and the threshold are about it." if positive else ""
    return f"A click{key} paints {name}; a double click or F2 renames it.{first}"


def _share_sentence(row: ShownClass) -> str:
    if row.pixels is None:
        return ""
    return f"{row.pixels:,} pixels: {format_share(row.share)} of what is labelled."
