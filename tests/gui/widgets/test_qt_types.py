"""The helpers between Qt's stubs and what Qt returns."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QMenu

from napari_advseg.gui.widgets.qt_types import add_action, combined, required


def test_required_returns_the_value_or_raises():
    assert required("") == ""
    with pytest.raises(RuntimeError, match="Qt returned None"):
        required(None)


def test_combined_flags_are_those_that_qt_takes(qtbot):
    label = QLabel()
    qtbot.addWidget(label)
    flags = combined(Qt.AlignmentFlag.AlignTop, Qt.AlignmentFlag.AlignRight)
    label.setAlignment(flags)
    assert label.alignment() == Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight


def test_add_action_appends_to_the_menu(qtbot):
    menu = QMenu()
    qtbot.addWidget(menu)
    action = add_action(menu, "Copy")
    assert menu.actions() == [action]
    assert action.text() == "Copy"
