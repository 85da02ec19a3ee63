"""The per-slice table: a click on a header sorts, a click on a row goes to its slice."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QModelIndex, QPoint, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QFocusEvent, QKeyEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QComboBox,
    QHeaderView,
    QMenu,
    QPushButton,
    QSizePolicy,
    QTableView,
    QWidget,
)

from napari_advseg.app.controller import Controller
from napari_advseg.app.messages.slice_table_messages import table_words
from napari_advseg.core.evaluation.slice_scores import SliceTable
from napari_advseg.core.runtime.errors import Subject
from napari_advseg.gui.widgets import dialogs
from napari_advseg.gui.widgets.qt_types import required
from napari_advseg.gui.widgets.section import ProblemLabel, Section, Sentence, describe, follow

from .slice_table_model import DIFFERENCE, DISAGREEMENT, GS, S, SliceTableModel

ROWS, MOST_ROWS = 5, 15
"""Rows in sight, and with the table made taller."""
MEAN = "all, mean"
SORT_KEYS = ("1", "2", "3", "4", "5")
"""The first sorts by the first column that is shown, and so on."""


class SliceTableView(QTableView):
    """Rows of slices; the one of the slice in view is selected.

    Up, Down, Page Up, Page Down, Home and End go through the slices, Enter goes to the selected one,
    1 to 5 sort by a column as a click on its header does.
    """

    sliceChosen = Signal(int)
    """The person went to this slice."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = SliceTableModel(self)
        self._header = required(self.horizontalHeader())
        self._side = required(self.verticalHeader())
        self._told = True
        """Whether a change of the current row is not the person's."""
        self._most = ROWS
        self.setModel(self._rows)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)  # Tab goes on to the next control
        self.setWordWrap(False)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        header, side = self._header, self._side
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(24)
        header.setHighlightSections(False)
        side.hide()
        side.setMinimumSectionSize(8)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        required(self.selectionModel()).currentRowChanged.connect(self._current_changed)
        self.clicked.connect(self._clicked)
        self._told = False

    def show_table(self, table: SliceTable, index: int | None, in_view: int) -> None:
        """Show a table, its order and place kept; nothing is emitted.

        Parameters
        ----------
        table : SliceTable
        index : int or None
            Class whose F1 is shown; None shows the mean.
        in_view : int
            The slice in view.
        """
        bar = required(self.verticalScrollBar())
        place, in_sight = bar.value(), self._current_in_sight()
        self._told = True
        self._rows.show(table, index)
        self._told = False
        for column, network in ((S, "standard"), (GS, "adversarial")):
            self.setColumnHidden(column, network not in table.networks)
        for column in (DIFFERENCE, DISAGREEMENT):
            self.setColumnHidden(column, len(table.networks) < 2)
        self._fit()
        self.set_current(in_view, scroll=False)
        bar.setValue(place)
        if in_sight and self.currentIndex().isValid():
            self.scrollTo(self.currentIndex())

    def set_current(self, z: int, *, scroll: bool = True) -> None:
        """Select the row of slice `z`, if it has one; nothing is emitted."""
        row = self._rows.row_of(z)
        now = self.currentIndex()
        if row is not None and now.isValid() and now.row() == row:
            return
        self._told = True
        if row is None:
            self.clearSelection()
            self.setCurrentIndex(QModelIndex())
        else:
            before = self.hasAutoScroll()
            self.setAutoScroll(scroll)
            self.selectRow(row)
            self.setAutoScroll(before)
        self._told = False

    def set_tall(self, on: bool) -> None:
        """Show up to 15 rows instead of 5."""
        self._most = MOST_ROWS if on else ROWS
        self._fit()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        event = required(event)
        last = self._rows.rowCount() - 1
        ends: dict[int, int] = {Qt.Key.Key_Home: 0, Qt.Key.Key_End: last}
        if event.key() in ends and last >= 0:
            self.selectRow(ends[event.key()])
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            if not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
                self.sliceChosen.emit(self._rows.slice_at(self.currentIndex().row()))
            else:
                event.ignore()  # Ctrl+Return starts a run
        elif event.text() in SORT_KEYS:
            self._sort_by(SORT_KEYS.index(event.text()))
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        self._told = True  # Qt makes the first row the current one: nobody went there
        super().focusInEvent(event)
        self._told = False

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if required(event).type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def _current_changed(self, now: QModelIndex, before: QModelIndex) -> None:
        if now.isValid() and not self._told:
            self.sliceChosen.emit(self._rows.slice_at(now.row()))

    def _clicked(self, index: QModelIndex) -> None:
        self.sliceChosen.emit(self._rows.slice_at(index.row()))

    def _sort_by(self, place: int) -> None:
        """Sort by the column at a place among those that are shown; once more turns it round."""
        shown = [i for i in range(self._rows.columnCount()) if not self.isColumnHidden(i)]
        if place >= len(shown):
            return
        header, up = self._header, Qt.SortOrder.AscendingOrder
        turn = header.sortIndicatorSection() == shown[place] and header.sortIndicatorOrder() == up
        self.sortByColumn(shown[place], Qt.SortOrder.DescendingOrder if turn else up)

    def _current_in_sight(self) -> bool:
        """Whether the current row can be seen; an empty table would show it."""
        if not self._rows.rowCount():
            return True
        now = self.currentIndex()
        return now.isValid() and required(self.viewport()).rect().intersects(self.visualRect(now))

    def _fit(self) -> None:
        """Be as high as the rows that are to be seen."""
        height = self.fontMetrics().height() + 4
        self._side.setDefaultSectionSize(height)
        rows = min(max(self._rows.rowCount(), 1), self._most)
        around = self._header.sizeHint().height() + 2 * self.frameWidth()
        self.setFixedHeight(around + rows * height)


class SliceTablePanel:
    """The table with its controls, added to a section.

    Parameters
    ----------
    section : Section
        Where its rows are added.
    controller : Controller
    """

    def __init__(self, section: Section, controller: Controller) -> None:
        self._controller, self._model = controller, controller.model
        self._section = section
        self._classes: tuple[str, ...] = ()
        self._picked = False
        self._box = QComboBox()
        describe(self._box, "slice_table_class", "The class whose F1 the table shows.")
        self._box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._box.setMinimumContentsLength(5)
        self._box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._tall = QPushButton("Taller")
        describe(self._tall, "slice_table_tall", f"Show up to {MOST_ROWS} slices at once.")
        self._tall.setCheckable(True)
        self._save = QPushButton("Save…")
        describe(
            self._save, "slice_table_save", "Save the table as CSV, with the F1 of each class."
        )
        self._row = section.add_row("F1 of", self._box)
        self.view = SliceTableView()
        describe(
            self.view,
            "slice_table",
            "Each slice by itself. Click a header (keys 1 to 5) to sort, a row to go to its slice; "
            "right-click to copy or save.",
        )
        section.add(self.view)
        self._buttons = section.add_row("", QWidget(), self._tall, self._save)
        self._words = Sentence()
        self._words.setProperty("advseg", "dim")
        self._words.setObjectName("slice_table_words")
        section.add(self._words)
        section.add(ProblemLabel(self._model, Subject.SLICE_TABLE))
        self.menu = QMenu(self.view)
        self.menu.addAction("Copy", self._copy)
        self.menu.addAction("Save as CSV…", self._ask)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._connect()

    def _connect(self) -> None:
        self._box.currentIndexChanged.connect(lambda index: self._pick())
        self._tall.toggled.connect(self.view.set_tall)
        self._save.clicked.connect(lambda: self._ask())
        self.view.sliceChosen.connect(self._controller.go_to_slice)
        self.view.customContextMenuRequested.connect(self._popup)
        events = self._model.events
        follow(self._section, events.slice_table, self._show)
        follow(self._section, events.structure, self._structure_changed)
        follow(self._section, events.run, self._show_words)
        follow(self._section, events.masks_of, self._show_words)
        follow(self._section, events.slice_in_view, self._show_slice)

    # ---- showing

    def _show(self) -> None:
        table = self._model.slice_table
        if table.classes != self._classes:
            self._fill(table.classes)
        chosen = max(self._box.currentIndex(), 0)
        many = len(table.classes) > 2
        index = None if many and chosen == 0 else chosen - int(many)
        self.view.show_table(table, index, self._model.slice_in_view)
        for widget in (self._row, self.view, self._buttons):
            widget.setVisible(bool(table.rows))
        self._tall.setVisible(len(table.rows) > ROWS)
        self._show_words()

    def _fill(self, classes: tuple[str, ...]) -> None:
        self._classes, self._picked = classes, False
        blocker = QSignalBlocker(self._box)
        self._box.clear()
        self._box.addItems([*([MEAN] if len(classes) > 2 else []), *classes])
        self._box.setCurrentIndex(0)
        blocker.unblock()
        self._prefer_structure()

    def _prefer_structure(self) -> None:
        """Show the F1 of the class that the masks show, unless the user picked another."""
        structure = self._model.structure
        if self._picked or structure is None or len(self._classes) != 2:
            return
        blocker = QSignalBlocker(self._box)
        self._box.setCurrentIndex(min(structure, 1))
        blocker.unblock()

    def _structure_changed(self) -> None:
        if self._classes:
            self._prefer_structure()
            self._show()

    def _pick(self) -> None:
        self._picked = True
        self._show()

    def _show_words(self) -> None:
        model = self._model
        kept = model.run is not None and model.run is not model.masks_of
        self._words.say(table_words(model.slice_table, kept))

    def _show_slice(self) -> None:
        self.view.set_current(self._model.slice_in_view)

    # ---- what the person does

    def _popup(self, place: QPoint) -> None:
        self.menu.popup(required(self.view.viewport()).mapToGlobal(place))

    def _copy(self) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._model.slice_table.csv())

    def _ask(self) -> None:
        start = self._controller.keep.masks_folder() / "slices.csv"
        path = dialogs.ask_new_file(self.view, "Save the table", start, "CSV (*.csv)")
        if path is not None:
            self._controller.compare.save(path)
