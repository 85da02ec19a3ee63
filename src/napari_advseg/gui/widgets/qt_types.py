"""Small helpers that satisfy the type stubs of PyQt5 and PyQt6 alike."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TypeVar

from qtpy.QtWidgets import QAction, QMenu

T = TypeVar("T")
Flag = TypeVar("Flag")


def required(value: T | None) -> T:
    """Return a value that the stubs declare optional although Qt always returns it.

    Raises
    ------
    RuntimeError
        If it is None after all.
    """
    if value is None:
        raise RuntimeError("Qt returned None for an object that must exist.")
    return value


def combined(*flags: Flag) -> Flag:
    """Combine flags with ``|``, which the stubs of PyQt5 declare as int."""
    return reduce(or_, flags)


def add_action(menu: QMenu, text: str) -> QAction:
    """Add an action to a menu."""
    return required(menu.addAction(text))
