"""The per-slice table as Qt's item model: texts, order, marks; nothing here paints."""

from __future__ import annotations

from math import isnan
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt
from qtpy.QtGui import QColor, QFont, QPainter, QPixmap

from napari_advseg.core.evaluation.slice_scores import (
    LEFT_OUT,
    TRAINING,
    VALIDATION,
    SliceScore,
    SliceTable,
)
from napari_advseg.gui.widgets.theme import ADVERSARIAL, STANDARD

SLICE, S, GS, DIFFERENCE, DISAGREEMENT = range(5)
HEADERS = ("slice", "S", "G/S", "G/S − S", "disagree")
TOOLTIPS = (
    "Number of the slice. Bold: it validates. T: it trained, so its F1 flatters.",
    "F1 of the standard network S on this slice.",
    "F1 of the adversarial network G/S on this slice.",
    "F1 of G/S less that of S: positive where the adversarial network is better.",
    "Share of the slice's pixels whose class differs between the two masks.",
)
NOTHING = "–"
BORDER = "#1e1e21"
_COLOURS = {S: STANDARD, GS: ADVERSARIAL}
_MEANING = {
    TRAINING: "it trained, so its F1 flatters",
    VALIDATION: "it validates",
    LEFT_OUT: "annotated and left out: neither trained nor validates",
    "": "no annotation, so there is no F1",
}


class SliceTableModel(QAbstractTableModel):
    """Rows of a `SliceTable`, sorted by one column; what is not known stands last in either order."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._table = SliceTable()
        self._class: int | None = 0
        self._rows: list[SliceScore] = []
        self._column, self._order = SLICE, Qt.SortOrder.AscendingOrder

    @property
    def table(self) -> SliceTable:
        """What is shown."""
        return self._table

    def show(self, table: SliceTable, index: int | None) -> None:
        """Show a table and the F1 of one class, or with None their mean over the classes."""
        same = [row.z for row in table.rows] == sorted(row.z for row in self._rows)
        self._table, self._class = table, index
        if same:
            self._arrange(list(table.rows))
        else:
            self.beginResetModel()
            self._rows = sorted(table.rows, key=self._key)
            self.endResetModel()

    def slice_at(self, row: int) -> int:
        """The slice that stands in a row."""
        return self._rows[row].z

    def row_of(self, z: int) -> int | None:
        """The row of a slice; None if it is not in the table."""
        return next((i for i, row in enumerate(self._rows) if row.z == z), None)

    # ---- Qt's questions

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 -- Qt's own signature
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(HEADERS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return HEADERS[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{TOOLTIPS[section]} Click to sort."
        if role == Qt.ItemDataRole.DecorationRole and section in _COLOURS:
            return _square(_COLOURS[section])
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, index.column())
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.FontRole and row.use == VALIDATION:
            font = QFont()
            font.setBold(True)
            return font
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"slice {row.z}: {_MEANING.get(row.use, row.use)}"
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._column, self._order = column, order
        self._arrange(self._rows)

    # ---- rows

    def _arrange(self, rows: list[SliceScore]) -> None:
        """Take rows of the same slices in their new order; what is selected stays selected."""
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        slices = [self._rows[index.row()].z for index in before]
        self._rows = sorted(rows, key=self._key)
        place = {row.z: i for i, row in enumerate(self._rows)}
        after = [
            self.index(place[z], index.column()) for z, index in zip(slices, before, strict=True)
        ]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _key(self, row: SliceScore) -> tuple[bool, float, int]:
        value = self._value(row, self._column)
        down = self._order == Qt.SortOrder.DescendingOrder
        return isnan(value), 0.0 if isnan(value) else (-value if down else value), row.z

    def _value(self, row: SliceScore, column: int) -> float:
        if column == SLICE:
            return float(row.z)
        if column == DISAGREEMENT:
            return row.disagreement
        if column == DIFFERENCE:
            return row.difference(self._class)
        return row.score("standard" if column == S else "adversarial", self._class)

    def _text(self, row: SliceScore, column: int) -> str:
        if column == SLICE:
            return f"T {row.z}" if row.use == TRAINING else str(row.z)
        value = self._value(row, column)
        if isnan(value):
            return NOTHING
        if column == DISAGREEMENT:
            return "0 %" if value == 0 else f"{100 * value:.1f} %"
        signed = column == DIFFERENCE and abs(value) >= 0.0005
        return f"{value:+.3f}" if signed else f"{abs(value):.3f}"


def _square(colour: str) -> QPixmap:
    """A network's colour before its name; the border is seen where the colour is as light as the header."""
    square = QPixmap(9, 9)
    square.fill(QColor(BORDER))
    painter = QPainter(square)
    painter.fillRect(1, 1, 7, 7, QColor(colour))
    painter.end()
    return square
