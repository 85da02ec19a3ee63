"""The stack as a strip of cells, one for each slice, on which training and validation slices are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from qtpy.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from qtpy.QtGui import (
    QBrush,
    QColor,
    QContextMenuEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
)
from qtpy.QtWidgets import QMenu, QSizePolicy, QToolTip, QWidget

from napari_advseg.gui.widgets.qt_types import required
from napari_advseg.gui.widgets.theme import mix, readable

from .role_menu import RoleMenu
from .slice_cells import Role, SliceStates, cells, roles_shown, slice_at
from .slice_menu import CHOICES, SliceActions, fill_menu

GREEN = "#2a9d78"
"""Training slices; neither network's colour."""
PATTERNS = {
    Role.VALIDATE: Qt.BrushStyle.BDiagPattern,
    Role.UNUSED: Qt.BrushStyle.Dense6Pattern,
}
"""Beside solid training slices: grey prints and colour-blind eyes tell the uses apart."""
MENU_KEYS = (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)
NO_MODIFIER, KEYPAD = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier
MARGIN = 4
HELP = (
    "Click or drag: go to a slice. Right click, or Shift and drag: change the use of one or several "
    "(keys T, V, X; Enter opens the menu)."
)


class SliceStrip(QWidget):
    """One cell for each slice, coloured by use, the current slice outlined.

    Training is solid green, validation hatched, left out dotted, so that grey prints and colour-blind
    eyes tell them apart; a partly labelled slice fills its cell partly. Arrow keys move, Shift and
    arrow keys select, T, V and X change what the selected slices are used for, Enter or Space opens
    the menu.
    """

    sliceClicked = Signal(int)
    """The person went to this slice."""
    splitChanged = Signal(tuple, tuple)
    """The person changed the split: training and validation slices, sorted."""
    splitReset = Signal()
    """The person wants the default split back."""
    slicesFilled = Signal(tuple, int)
    """The user marked slices as wholly of one class: slices, position of the class."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._states = SliceStates()
        self._current = 0
        self._anchor: int | None = None
        """Slice at which a selection began; it reaches to `_head`."""
        self._head = 0
        self._fillings: tuple[str, ...] = ()
        self.menu: QMenu = RoleMenu(self)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Slices")
        self.setAccessibleDescription(HELP)

    def set_slices(self, share_labelled: Sequence[float], train: set[int], val: set[int]) -> None:
        """Show these slices; nothing is emitted.

        Parameters
        ----------
        share_labelled : sequence of float
            For each slice the share of labelled pixels, 0 to 1.
        train, val : set of int
            Slice indices.
        """
        states = SliceStates(tuple(share_labelled), frozenset(train), frozenset(val))
        if states == self._states:
            return
        if len(states) != len(self._states):
            self._anchor = None
        self._states = states
        self._current = min(self._current, max(len(states) - 1, 0))
        self.update()

    def set_fillings(self, sentences: tuple[str, ...]) -> None:
        """Offer to mark slices as wholly of one class: a sentence of the menu for each class."""
        self._fillings = sentences

    def set_current(self, z: int) -> None:
        """Outline slice `z`; nothing is emitted."""
        if z != self._current and 0 <= z < max(len(self._states), 1):
            self._current = z
            self.update()

    def split(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Training and validation slices, sorted."""
        return tuple(sorted(self._states.train)), tuple(sorted(self._states.val))

    def current(self) -> int:
        """The outlined slice."""
        return self._current

    def selected(self) -> range:
        """The slices that a change applies to: the selection, else the current slice."""
        if self._anchor is None:
            return range(self._current, self._current + 1)
        return range(min(self._anchor, self._head), max(self._anchor, self._head) + 1)

    def cell_rect(self, z: int) -> QRect:
        """Where the cell of slice `z` stands in this widget."""
        for x, width, slices in cells(len(self._states), self._inner().width()):
            if z in slices:
                inner = self._inner()
                return QRect(inner.left() + x, inner.top(), width, inner.height())
        return QRect()

    def tooltip(self, z: int) -> str:
        """What the tooltip says over the cell of slice `z`: its use, its labelled share, the legend."""
        colours = {
            **self._colours(),
            Role.UNANNOTATED: self._tones()[0],
        }  # a frame, not a filled cell
        marks = (
            (Role.TRAIN, "■", "training"),
            (Role.VALIDATE, "▨", "validation"),
            (Role.UNUSED, "▩", "annotated, left out"),
            (Role.UNANNOTATED, "□", "not annotated"),
        )
        legend = "<br>".join(
            f'<span style="color:{colours[role]}">{mark}</span> {word}'
            for role, mark, word in marks
        )
        slices = self._slices_with(z)
        about = f"<b>{escape(self._states.describe_several(slices))}</b>"
        beside = self._states.touches(z) if len(slices) == 1 else None
        if beside is not None:
            about += f"<br>next to slice {beside}, which trains: its score flatters"
        return f"{about}<br>{legend}<br>a low cell is labelled in part<br>{HELP}"

    def sizeHint(self) -> QSize:
        return QSize(240, 30)

    def minimumSizeHint(self) -> QSize:
        return QSize(60, 26)

    def event(self, event: QEvent | None) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip and self._states:
            z = self._slice_under(event.pos())
            QToolTip.showText(event.globalPos(), self.tooltip(z), self, self.cell_rect(z))
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        event = required(event)
        if event.button() != Qt.MouseButton.LeftButton or not self._states:
            return
        z = self._slice_under(event.pos())
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._anchor, self._head = z, z
            self.update()
        else:
            self._anchor = None
            self._go(z)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        event = required(event)
        if not event.buttons() & Qt.MouseButton.LeftButton or not self._states:
            return
        z = self._slice_under(event.pos())
        if self._anchor is not None:
            self._head = z
            self.update()
        elif z != self._current:
            self._go(z)

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        event = required(event)
        if event.button() == Qt.MouseButton.LeftButton and self._anchor is not None:
            self._popup(self.mapToGlobal(event.pos()))

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:
        event = required(event)
        if not self._states:
            return
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            self._popup(self.mapToGlobal(self.cell_rect(self._current).bottomLeft()))
            return
        z = self._slice_under(event.pos())
        if z not in self.selected():
            self._anchor = self._head = z
            self.update()
        self._popup(event.globalPos())

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        event = required(event)
        key, last = event.key(), len(self._states) - 1
        steps: dict[int, int] = {
            Qt.Key.Key_Left: self._head_or_current() - 1,
            Qt.Key.Key_Right: self._head_or_current() + 1,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last,
        }
        role = {getattr(Qt.Key, f"Key_{letter}"): role for _, role, letter in CHOICES}.get(key)
        if last < 0:
            super().keyPressEvent(event)
        elif key in steps:
            extend = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self._step(min(max(steps[key], 0), last), extend)
        elif role is not None:
            self.set_role(role)
        elif key in MENU_KEYS and event.modifiers() in (NO_MODIFIER, KEYPAD):
            self._popup(self.mapToGlobal(self.cell_rect(self.selected()[0]).bottomLeft()))
        elif key == Qt.Key.Key_Escape and self._anchor is not None:
            self._anchor = None
            self.update()
        else:
            super().keyPressEvent(event)

    def set_role(self, role: Role) -> None:
        """Use the selected slices for `role`, as the person asked, and tell of the change."""
        slices = self.selected()
        self._anchor = None
        before = self._states
        self._states = before.with_role(slices, role)
        self.update()
        if not any(before.share_labelled[z] > 0 for z in slices):
            place = self.mapToGlobal(self.cell_rect(slices[0]).bottomLeft())
            QToolTip.showText(place, f"{_name(slices)}: not annotated yet, paint first", self)
        elif self._states != before:
            self.splitChanged.emit(*self.split())

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        inner, colours = self._inner(), self._colours()
        text, background = self._tones()
        places = cells(len(self._states), inner.width()) if self._states else []
        gap = 1 if len(places) * 4 <= inner.width() else 0
        for x, width, slices in places:
            place = QRect(inner.left() + x, inner.top(), max(width - gap, 1), inner.height())
            painter.fillRect(place, QColor(colours[Role.UNANNOTATED]))
            self._paint_cell(painter, place, slices, colours, background)
        if self._anchor is not None:
            self._frame(painter, self.selected(), QColor(text), Qt.PenStyle.DotLine)
        if self._states:
            self._frame(painter, range(self._current, self._current + 1), QColor(text))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(mix(text, background, 0.3)), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()

    def _paint_cell(
        self,
        painter: QPainter,
        place: QRect,
        slices: range,
        colours: dict[Role, str],
        background: str,
    ) -> None:
        """Fill one cell: a slice up to its labelled share, or the roles of several slices stacked."""
        roles = roles_shown([self._states.role(z) for z in slices])
        share = self._states.share_shown(slices)
        if share > 0:
            # Sparse labels stay visible: the lowest fill is a third of the cell.
            height = (
                place.height() if share >= 0.995 else round(place.height() * (0.33 + 0.4 * share))
            )
            place = QRect(place.left(), place.bottom() + 1 - height, place.width(), height)
        if roles == [Role.BOTH]:
            wide = place.width() * 2 // 3
            right = place.adjusted(wide, 0, 0, 0)
            painter.fillRect(place, QColor(colours[Role.TRAIN]))
            self._fill(painter, right, Role.VALIDATE, colours, background)
            return
        for i, role in enumerate(roles):
            top = place.top() + i * place.height() // len(roles)
            below = place.top() + (i + 1) * place.height() // len(roles)
            part = QRect(place.left(), top, place.width(), below - top)
            self._fill(painter, part, role, colours, background)

    @staticmethod
    def _fill(
        painter: QPainter, place: QRect, role: Role, colours: dict[Role, str], background: str
    ) -> None:
        painter.fillRect(place, QColor(colours[role]))
        if role in PATTERNS:
            # Aligned to the widget, the patterns run on through neighbouring cells.
            painter.fillRect(place, QBrush(QColor(background), PATTERNS[role]))

    def _frame(
        self,
        painter: QPainter,
        slices: range,
        colour: QColor,
        style: Qt.PenStyle = Qt.PenStyle.SolidLine,
    ) -> None:
        """Outline slices, at least 5 pixels wide so that one of 2000 can be found."""
        place = self.cell_rect(slices[0]).united(self.cell_rect(slices[-1]))
        short = max(5 - place.width(), 0)
        place.adjust(-(short // 2) - 1, -2, short - short // 2, 1)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour, 2, style))
        painter.drawRect(place)

    def _go(self, z: int) -> None:
        self._current = self._head = z
        self.update()
        self.sliceClicked.emit(z)

    def _step(self, z: int, extend: bool) -> None:
        if extend and self._anchor is None:
            self._anchor = self._current
        elif not extend:
            self._anchor = None
        if z != self._current:
            self._go(z)

    def _head_or_current(self) -> int:
        return self._current if self._anchor is None else self._head

    def _popup(self, place: QPoint) -> None:
        slices = self.selected()
        actions = SliceActions(
            self.set_role,
            lambda index: self._fill_slices(slices, index),
            self._train_on_all,
            self.splitReset.emit,
        )
        annotated = any(self._states.share_labelled[z] > 0 for z in slices)
        title, fillings = _name(slices), self._fillings
        fill_menu(self.menu, title, annotated=annotated, fillings=fillings, actions=actions)
        self.menu.popup(place)

    def _fill_slices(self, slices: range, index: int) -> None:
        self._anchor = None
        self.update()
        self.slicesFilled.emit(tuple(slices), index)

    def _train_on_all(self) -> None:
        every = range(len(self._states))
        self._anchor, before = None, self._states
        self._states = before.with_role(every, Role.TRAIN)
        self.update()
        if self._states != before:
            self.splitChanged.emit(*self.split())

    def _slices_with(self, z: int) -> range:
        """The slices that share the cell of slice `z`."""
        places = cells(len(self._states), self._inner().width())
        return next(slices for *_, slices in places if z in slices)

    def _slice_under(self, place: QPoint) -> int:
        inner = self._inner()
        return slice_at(place.x() - inner.left(), len(self._states), inner.width())

    def _inner(self) -> QRect:
        inner = self.rect().adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        inner.setWidth(max(inner.width(), 1))
        return inner

    def _tones(self) -> tuple[str, str]:
        """Text and background; napari's style sheet puts its theme into the palette."""
        palette = self.palette()
        return (
            palette.color(QPalette.ColorRole.WindowText).name(),
            palette.color(QPalette.ColorRole.Window).name(),
        )

    def _colours(self) -> dict[Role, str]:
        """Each use stands out from an empty cell, which a partly labelled slice leaves above it."""
        text, background = self._tones()
        empty = mix(background, text, 0.12)
        return {
            Role.TRAIN: readable(GREEN, empty),
            Role.VALIDATE: mix(text, background, 0.15),
            Role.BOTH: readable(GREEN, empty),
            Role.UNUSED: readable(mix(text, background, 0.6), empty),
            Role.UNANNOTATED: empty,
        }


def _name(slices: range) -> str:
    if len(slices) == 1:
        return f"slice {slices[0]}"
    return f"slices {slices[0]} to {slices[-1]}"
