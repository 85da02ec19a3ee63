"""The dock: composition root of everything that a person meets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QDockWidget, QFrame, QScrollArea, QVBoxLayout, QWidget

from napari_advseg.app.ports.engine import Engine
from napari_advseg.app.state.model import AppModel
from napari_advseg.app.state.section_in_use import SectionName
from napari_advseg.gui.dock.compare.section import CompareSection
from napari_advseg.gui.dock.data.section import DataSection
from napari_advseg.gui.dock.keep.section import KeepSection
from napari_advseg.gui.dock.train.curves_button import CurvesButton
from napari_advseg.gui.dock.train.run_bar import RunBar
from napari_advseg.gui.dock.train.section import TrainSection
from napari_advseg.gui.widgets.focus_ring import FocusRing
from napari_advseg.gui.widgets.section import Section, style_sheet
from napari_advseg.gui.widgets.theme import follow_theme
from napari_advseg.gui.window.viewer_session import session_of

from .section_folds import SectionFolds

if TYPE_CHECKING:
    import napari

DOCK_NAME = "Adversarial Segmentation (napari-advseg)"
"""As napari names the dock that its menu or ``napari -w`` opens: under one name it is opened once."""
MIN_WIDTH = 350


class _Column(QScrollArea):
    """Scrolls down only: it is always as wide as what is in it, whatever is shown at the moment."""

    def __init__(self, column: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it follows the control that has the keyboard
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(column)
        column.installEventFilter(self)
        self._fit()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        column, bar, viewport = self.widget(), self.verticalScrollBar(), self.viewport()
        if column is None or bar is None or viewport is None:
            return
        # What a style sheet makes of a scroll bar is known only once it is there.
        beside = self.width() - viewport.width() if bar.isVisible() else 0
        width = column.minimumSizeHint().width() + max(beside, bar.sizeHint().width())
        self.setMinimumWidth(max(MIN_WIDTH, width))


class AdversarialSegmentation(QWidget):
    """Train a standard and an adversarial network side by side on the stack in the viewer.

    The dock only shows; what goes on belongs to the window's session. Hiding or closing the dock
    stops nothing, and a dock that is opened again shows what goes on.

    Parameters
    ----------
    viewer : napari.Viewer
        Its window gets the curves at the bottom, too.
    engine : Engine, optional
        Other functions than the engine's own.
    """

    def __init__(self, viewer: napari.viewer.Viewer, engine: Engine | None = None) -> None:
        super().__init__()
        self.setObjectName("adversarial_segmentation")
        self._was_docked = False
        session = session_of(viewer, engine)
        controller = session.controller
        column = QWidget()
        layout = QVBoxLayout(column)
        layout.setContentsMargins(3, 0, 3, 4)
        layout.setSpacing(4)
        compare = CompareSection(controller)
        sections: dict[SectionName, Section] = {
            "data": DataSection(controller),
            "train": TrainSection(controller),
            "compare": compare,
            "keep": KeepSection(controller),
        }
        for section in sections.values():
            layout.addWidget(section)
        compare.show_legend(session.adapter.mask_colours)
        layout.addStretch(1)
        scroll = _Column(column)
        run_bar = RunBar(controller)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(scroll, 1)
        outer.addWidget(run_bar)
        SectionFolds(session.model, sections, scroll, self)
        self._session = session
        follow_theme(
            session.viewer, lambda theme_id: self.setStyleSheet(style_sheet(theme_id)), self
        )
        FocusRing(self)
        session.keys.add(self)
        run_bar.add_button(CurvesButton(session.show_plots(), run_bar))

    @property
    def model(self) -> AppModel:
        """The state that the dock shows."""
        return self._session.model

    def sizeHint(self) -> QSize:
        return QSize(self.minimumSizeHint().width(), 700)

    def event(self, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if isinstance(self.parent(), QDockWidget):
                self._was_docked = True
                QTimer.singleShot(0, self._make_room)
            elif self.parent() is None and self._was_docked:
                # napari's close button takes the widget out of its dock and forgets it.
                QTimer.singleShot(0, self._go_if_alone)
        return super().event(event)

    def _make_room(self) -> None:
        dock = self.parent()
        if isinstance(dock, QDockWidget):
            self._session.room.share_with(dock)

    def _go_if_alone(self) -> None:
        if self.parent() is None:
            self.deleteLater()
