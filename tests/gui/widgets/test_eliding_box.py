"""Names that do not fit in a combo box."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QEvent
from qtpy.QtGui import QHelpEvent
from qtpy.QtWidgets import QApplication, QToolTip

from napari_advseg.gui.widgets.eliding_box import ElidingComboBox

LONG = "mitochondria-by-hand-of-the-second-day"


@pytest.fixture
def box(qtbot):
    found = ElidingComboBox()
    qtbot.addWidget(found)
    found.setMinimumContentsLength(4)
    found.setSizeAdjustPolicy(found.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    found.setToolTip("The annotation.")
    found.addItems(["short", LONG])
    found.resize(130, 26)
    found.show()
    qtbot.waitExposed(found)
    return found


def ask(box):
    place = box.rect().center()
    QApplication.sendEvent(box, QHelpEvent(QEvent.Type.ToolTip, place, box.mapToGlobal(place)))
    return QToolTip.text()


def test_a_long_name_keeps_its_beginning_and_its_end_and_is_whole_in_the_tooltip(qtbot, box):
    assert box.elided() == "short"
    assert LONG not in ask(box)
    box.setCurrentIndex(1)
    drawn = box.elided()
    first, last = drawn.split("…")
    assert LONG.startswith(first)
    assert LONG.endswith(last)
    assert len(first) > 1
    assert box.fontMetrics().horizontalAdvance(drawn) < box.width()
    assert ask(box) == f"{LONG}\nThe annotation."
    box.resize(600, 26)
    assert box.elided() == LONG
    box.grab()  # draws without a complaint
