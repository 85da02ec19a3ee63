"""New in a dock, by mouse and keys."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMenu, QWidget


def click_new(qtbot: Any, dock: QWidget, title: str = "Membranes") -> None:
    """Click New and choose an entry of its menu with the arrow keys."""
    qtbot.mouseClick(dock.findChild(QWidget, "new_annotation"), Qt.MouseButton.LeftButton)
    choose_new(qtbot, dock, title)


def choose_new(qtbot: Any, dock: QWidget, title: str) -> None:
    """Choose an entry of the menu of New, which is about to open, with the arrow keys."""
    menu: Any = dock.findChild(QMenu, "new_annotation_menu")
    qtbot.waitUntil(menu.isVisible)
    entry = next(one for one in menu.actions() if one.text().startswith(title))
    while menu.activeAction() is not entry:
        qtbot.keyClick(menu, Qt.Key.Key_Down)
    qtbot.keyClick(menu, Qt.Key.Key_Return)
