"""Sections of the dock in tests: a folded one is opened as a user does, with a click on its heading."""

from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget

from napari_advseg.gui.widgets.section import Section


def open_section_of(widget: QWidget | None) -> None:
    """Open the section that a control belongs to; controls outside of sections are always shown."""
    while widget is not None and not isinstance(widget, Section):
        widget = widget.parentWidget()
    if widget is not None and not widget.is_open:
        QTest.mouseClick(widget.heading, Qt.MouseButton.LeftButton)  # type: ignore[call-overload]
        assert widget.is_open
