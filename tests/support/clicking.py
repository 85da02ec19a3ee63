"""Clicks of a person on the dock."""

from __future__ import annotations

from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QApplication, QScrollArea, QWidget

from napari_advseg.gui.widgets.qt_types import required

from .sections import open_section_of


def click(qtbot: QtBot, dock: QWidget, role: str) -> None:
    """Click as a person does: in the middle of a button that can be seen and is not covered."""
    button = dock.findChild(QAbstractButton, role)
    assert isinstance(button, QAbstractButton), role
    open_section_of(button)

    def can_be_hit() -> bool:
        required(dock.findChild(QScrollArea)).ensureWidgetVisible(button)
        return QApplication.widgetAt(button.mapToGlobal(button.rect().center())) is button

    qtbot.waitUntil(can_be_hit)
    middle = button.rect().center()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton, pos=middle)  # type: ignore[call-overload]
