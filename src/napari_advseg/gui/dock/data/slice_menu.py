"""The menu of the strip of slices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qtpy.QtWidgets import QMenu

from napari_advseg.gui.widgets.qt_types import add_action

from .slice_cells import Role

CHOICES = (
    ("Train", Role.TRAIN, "T"),
    ("Validate", Role.VALIDATE, "V"),
    ("Leave out", Role.UNUSED, "X"),
)
"""Entry, use and key."""


@dataclass(frozen=True)
class SliceActions:
    """What the entries of the menu do.

    Attributes
    ----------
    use : callable
        Use the slices for a role.
    fill : callable
        Mark the slices as wholly of the class at a position.
    train_all, reset : callable
        Make all annotated slices training slices; choose the default split.
    """

    use: Callable[[Role], None]
    fill: Callable[[int], None]
    train_all: Callable[[], None]
    reset: Callable[[], None]


def fill_menu(
    menu: QMenu, title: str, *, annotated: bool, fillings: tuple[str, ...], actions: SliceActions
) -> None:
    """Replace the entries of the menu.

    Parameters
    ----------
    menu : QMenu
    title : str
        Names the slices.
    annotated : bool
        Whether one of them has labels.
    fillings : tuple of str
        Entries that mark them as wholly of one class, in the order of the classes.
    actions : SliceActions
    """
    menu.clear()
    add_action(menu, title).setEnabled(False)
    if not annotated:
        add_action(menu, "not annotated yet: paint, or mark below").setEnabled(False)
    for word, role, letter in CHOICES:
        action = add_action(menu, f"{word}\t{letter}")
        action.setEnabled(annotated)
        action.triggered.connect(lambda _=False, role=role: actions.use(role))
    if fillings:
        menu.addSeparator()
    for index, sentence in enumerate(fillings):
        action = add_action(menu, sentence)
        action.triggered.connect(lambda _=False, index=index: actions.fill(index))
    menu.addSeparator()
    add_action(menu, "All annotated slices train: no F1").triggered.connect(actions.train_all)
    default = add_action(menu, "Default split: the last third validates")
    default.triggered.connect(lambda: actions.reset())
