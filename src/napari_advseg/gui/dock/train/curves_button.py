"""The button that shows and hides the curves."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QToolButton, QWidget

from napari_advseg.gui.widgets.section import describe
from napari_advseg.gui.window.plots_dock import PlotsDock


class CurvesButton(QToolButton):
    """Pressed while the curves are shown.

    Parameters
    ----------
    plots : PlotsDock
    """

    def __init__(self, plots: PlotsDock, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText("Curves")
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        describe(self, "curves", "Show or hide the curves below the image.")
        self.setChecked(plots.is_shown)
        self.clicked.connect(plots.want)
        plots.shown.connect(self.setChecked)
