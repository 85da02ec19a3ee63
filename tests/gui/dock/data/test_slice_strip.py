"""The strip of slices, with real mouse and key events."""

from __future__ import annotations

import re

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QContextMenuEvent
from qtpy.QtWidgets import QApplication

from napari_advseg.gui.dock.data.slice_cells import cells, slice_at
from napari_advseg.gui.dock.data.slice_strip import SliceStrip


@pytest.fixture
def strip(qtbot):
    widget = SliceStrip()
    qtbot.addWidget(widget)
    widget.resize(320, 30)
    widget.show()
    qtbot.waitExposed(widget)
    widget.set_slices([1.0] * 8 + [0.25, 0.0], train={0, 1, 2, 3, 4}, val={5, 6, 7})
    return widget


def centre(strip, z: int) -> QPoint:
    return strip.cell_rect(z).center()


def tones(strip, z: int) -> np.ndarray:
    """Grey values inside a cell, its border left out, as (rows, columns)."""
    QApplication.processEvents()
    image, rect = strip.grab().toImage(), strip.cell_rect(z).adjusted(2, 2, -3, -2)
    return np.array(
        [
            [image.pixelColor(x, y).lightness() for x in range(rect.left(), rect.right() + 1)]
            for y in range(rect.top(), rect.bottom() + 1)
        ]
    )


def plain(tooltip: str) -> str:
    return re.sub("<[^>]+>", "", tooltip.split("<br>")[0])


def test_click_goes_to_the_slice_under_the_pointer(strip, qtbot):
    for z in (7, 0, 9):
        with qtbot.waitSignal(strip.sliceClicked) as told:
            qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=centre(strip, z))
        assert told.args == [z]
        assert strip.current() == z


def test_setters_tell_nobody(strip, qtbot):
    with qtbot.assertNotEmitted(strip.sliceClicked), qtbot.assertNotEmitted(strip.splitChanged):
        strip.set_current(3)
        strip.set_slices([1.0] * 4, {0}, {1})
    assert strip.current() == 3


def test_keys_move_and_change_the_role(strip, qtbot):
    strip.set_current(4)
    with qtbot.waitSignal(strip.sliceClicked) as went:
        qtbot.keyClick(strip, Qt.Key.Key_Right)
    assert went.args == [5]
    with qtbot.waitSignal(strip.splitChanged) as told:
        qtbot.keyClick(strip, Qt.Key.Key_T)
    assert told.args == [(0, 1, 2, 3, 4, 5), (6, 7)]
    with qtbot.waitSignal(strip.splitChanged) as told:
        qtbot.keyClick(strip, Qt.Key.Key_X)
    assert told.args == [(0, 1, 2, 3, 4), (6, 7)]
    with qtbot.waitSignal(strip.splitChanged) as told:
        qtbot.keyClick(strip, Qt.Key.Key_V)
    assert told.args == [(0, 1, 2, 3, 4), (5, 6, 7)]


def test_shift_and_arrows_select_several(strip, qtbot):
    strip.set_current(2)
    qtbot.keyClick(strip, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClick(strip, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert strip.selected() == range(2, 5)
    with qtbot.waitSignal(strip.splitChanged) as told:
        qtbot.keyClick(strip, Qt.Key.Key_V)
    assert told.args == [(0, 1), (2, 3, 4, 5, 6, 7)]
    qtbot.keyClick(strip, Qt.Key.Key_End)
    assert strip.current() == 9
    qtbot.keyClick(strip, Qt.Key.Key_Right)
    assert strip.current() == 9


def test_an_unannotated_slice_keeps_out_of_the_split(strip, qtbot):
    strip.set_current(9)
    with qtbot.assertNotEmitted(strip.splitChanged):
        qtbot.keyClick(strip, Qt.Key.Key_T)
    assert strip.split() == ((0, 1, 2, 3, 4), (5, 6, 7))


def choose(qtbot, strip, word: str) -> None:
    qtbot.waitUntil(strip.menu.isVisible)
    action = next(one for one in strip.menu.actions() if one.text().startswith(word))
    assert action.isEnabled()
    while strip.menu.activeAction() is not action:
        qtbot.keyClick(strip.menu, Qt.Key.Key_Down)
    qtbot.keyClick(strip.menu, Qt.Key.Key_Return)


def right_click(strip, z: int) -> None:
    place = centre(strip, z)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, strip.mapToGlobal(place))
    QApplication.sendEvent(strip, event)


def test_the_context_menu_changes_the_slice_under_the_pointer(strip, qtbot):
    right_click(strip, 8)
    with qtbot.waitSignal(strip.splitChanged) as told:
        choose(qtbot, strip, "Validate")
    assert told.args == [(0, 1, 2, 3, 4), (5, 6, 7, 8)]
    right_click(strip, 9)
    qtbot.waitUntil(strip.menu.isVisible)
    roles = [one for one in strip.menu.actions() if one.text().startswith(("Tr", "Va", "Le"))]
    assert len(roles) == 3
    assert not any(one.isEnabled() for one in roles)
    assert strip.menu.actions()[0].text() == "slice 9"


def test_the_letters_work_while_the_menu_is_open(strip, qtbot):
    right_click(strip, 4)
    qtbot.waitUntil(strip.menu.isVisible)
    with qtbot.waitSignal(strip.splitChanged) as told:
        qtbot.keyClick(strip.menu, Qt.Key.Key_V)
    assert told.args == [(0, 1, 2, 3), (4, 5, 6, 7)]
    assert not strip.menu.isVisible()
    right_click(strip, 9)  # not annotated, so it cannot be used
    qtbot.waitUntil(strip.menu.isVisible)
    with qtbot.assertNotEmitted(strip.splitChanged):
        qtbot.keyClick(strip.menu, Qt.Key.Key_T)
    assert strip.menu.isVisible()
    strip.menu.close()


def test_shift_and_drag_select_slices_and_ask_for_their_use(strip, qtbot):
    shift = Qt.KeyboardModifier.ShiftModifier
    qtbot.mousePress(strip, Qt.MouseButton.LeftButton, shift, centre(strip, 6))
    drag(strip, centre(strip, 3))
    qtbot.mouseRelease(strip, Qt.MouseButton.LeftButton, shift, centre(strip, 3))
    assert strip.selected() == range(3, 7)
    with qtbot.waitSignal(strip.splitChanged) as told:
        choose(qtbot, strip, "Leave out")
    assert told.args == [(0, 1, 2), (7,)]


def drag(strip, place: QPoint) -> None:
    """Move with the left button down, which `QTest.mouseMove` cannot say on every binding."""
    from qtpy.QtCore import QEvent, QPointF
    from qtpy.QtGui import QMouseEvent

    event = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(place),
        QPointF(strip.mapToGlobal(place)),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(strip, event)


def test_drag_runs_through_the_stack(strip, qtbot):
    went: list[int] = []
    strip.sliceClicked.connect(went.append)
    qtbot.mousePress(strip, Qt.MouseButton.LeftButton, pos=centre(strip, 1))
    for z in (2, 2, 3):
        drag(strip, centre(strip, z))
    qtbot.mouseRelease(strip, Qt.MouseButton.LeftButton, pos=centre(strip, 3))
    assert went == [1, 2, 3]


def test_tooltip_says_use_and_share(strip):
    assert plain(strip.tooltip(2)) == "slice 2: training, 100 % labelled"
    assert plain(strip.tooltip(6)) == "slice 6: validation, 100 % labelled"
    assert plain(strip.tooltip(8)) == "slice 8: annotated, left out, 25 % labelled"
    assert plain(strip.tooltip(9)) == "slice 9: not annotated"
    strip.set_slices([0.004, 0.9999], {0}, {1})
    assert plain(strip.tooltip(0)) == "slice 0: training, &lt; 1 % labelled"
    assert plain(strip.tooltip(1)) == "slice 1: validation, &gt; 99 % labelled"


def test_tooltip_of_a_cell_of_several_slices_counts_them(strip):
    share = [1.0] * 1000 + [0.5] * 500 + [0.0] * 1000
    strip.set_slices(share, set(range(900)), set(range(900, 1500)))
    first = strip.tooltip(0)
    slices = next(cell for *_, cell in cells(2500, 312) if 900 in cell)
    assert plain(first).startswith("slices 0 to 8: 9 training; annotated ones are 100 %")
    assert plain(strip.tooltip(2499)).endswith("9 not annotated") or "8 not annotated" in plain(
        strip.tooltip(2499)
    )
    mixed = plain(strip.tooltip(900))
    train = sum(z < 900 for z in slices)
    assert f"{train} training, {len(slices) - train} validation" in mixed


def test_tooltip_points_out_a_validation_slice_beside_a_training_one(strip):
    assert "next to slice 4, which trains" in strip.tooltip(5)
    assert "next to slice" not in strip.tooltip(6)
    assert "next to slice" not in strip.tooltip(4)


def test_the_menu_gives_the_default_split_back(strip, qtbot):
    right_click(strip, 1)
    with qtbot.waitSignal(strip.splitReset), qtbot.assertNotEmitted(strip.splitChanged):
        choose(qtbot, strip, "Default split")


def themed(strip, theme: str) -> None:
    from napari._qt.qt_resources import get_stylesheet

    strip.setStyleSheet(get_stylesheet(theme))


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_uses_differ_without_hue(strip, theme):
    themed(strip, theme)
    strip.set_slices([1.0, 1.0, 1.0, 0.0, 1.0], {0}, {1})
    strip.set_current(4)
    train, val, unused, unannotated = (tones(strip, z) for z in range(4))
    assert train.std() == unannotated.std() == 0
    assert val.std() > 20  # hatched
    assert 5 < unused.std() < val.std()  # dotted
    assert abs(train.mean() - unannotated.mean()) > 20
    # No line along a diagonal, which is what tells dots from hatching.
    assert len({unused[i, i + shift] for i in range(8) for shift in range(4)}) == 2


def test_a_partly_labelled_slice_fills_its_cell_partly(strip):
    strip.set_slices([1.0, 0.5, 0.01, 0.0], {0, 1, 2}, set())
    strip.set_current(3)
    filled = []
    colour = tones(strip, 0)[-1, 0]
    for z in range(3):
        column = tones(strip, z)[:, 0]
        filled.append(int((column == colour).sum()))
    assert filled[0] == len(tones(strip, 0))
    assert filled[0] > filled[1] > filled[2] > 3


def test_a_divided_slice_trains_left_and_validates_right(strip):
    strip.set_slices([1.0], {0}, {0})
    both = tones(strip, 0)
    width = both.shape[1]
    assert both[:, : width // 2].std() == 0
    assert both[:, width * 3 // 4 :].std() > 20


def test_the_current_slice_is_outlined_even_among_thousands(strip):
    strip.set_slices([1.0] * 2500, set(range(2500)), set())
    before = strip.grab().toImage()
    strip.set_current(1200)
    after = strip.grab().toImage()
    row = strip.height() // 2
    changed = [x for x in range(20, strip.width()) if before.pixel(x, row) != after.pixel(x, row)]
    expected = strip.cell_rect(1200).center().x()
    assert len(changed) >= 2
    assert max(abs(x - expected) for x in changed) <= 5


def test_one_slice_of_its_kind_is_visible_among_thousands(strip):
    strip.set_slices([1.0 if z == 1234 else 0.0 for z in range(2500)], {1234}, set())
    image, row = strip.grab().toImage(), strip.height() // 2
    x = strip.cell_rect(1234).left()
    assert image.pixelColor(x, row).saturation() > 80  # green among greys


def test_sparse_labels_stay_low_among_thousands(strip):
    strip.set_slices([1.0] * 1000 + [0.1] * 1000, set(range(2000)), set())
    strip.set_current(0)
    image = strip.grab().toImage()
    full, sparse = strip.cell_rect(900), strip.cell_rect(1900)
    filled = [
        sum(
            image.pixelColor(rect.left(), y).saturation() > 80
            for y in range(rect.top(), rect.bottom() + 1)
        )
        for rect in (full, sparse)
    ]
    assert filled[0] == full.height()
    assert 3 < filled[1] < full.height() / 2


def test_every_slice_has_a_visible_cell_and_clicks_find_it():
    for count in (1, 2, 7, 30, 311, 312, 313, 2000, 5000):
        found = cells(count, 312)
        assert [z for *_, slices in found for z in slices] == list(range(count))
        assert [x for x, width, _ in found for x in range(x, x + width)] == list(range(312))
        for x, width, slices in found:
            assert width >= 1
            assert {slice_at(p, count, 312) for p in range(x, x + width)} == {slices[0]}
        assert slice_at(-50, count, 312) == 0
        assert slice_at(900, count, 312) == found[-1][2][0]


def test_focus_is_visible(strip, qtbot):
    strip.clearFocus()
    without = strip.grab().toImage()
    strip.window().activateWindow()
    strip.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(strip.hasFocus)
    assert strip.grab().toImage().pixel(0, 0) != without.pixel(0, 0)


def test_without_slices_nothing_happens(strip, qtbot):
    strip.set_slices([], set(), set())
    with qtbot.assertNotEmitted(strip.sliceClicked):
        qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=QPoint(20, 15))
        qtbot.keyClick(strip, Qt.Key.Key_Right)
    strip.grab()
