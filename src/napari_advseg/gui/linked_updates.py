"""One axis of updates for all plots.

pyqtgraph's own links go by places on the screen where two plots overlap there, as one that is hidden does.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg


class LinkedUpdates:
    """Lets plots show the same updates, whichever of them is moved or scaled.

    Parameters
    ----------
    plots : sequence of pyqtgraph.PlotWidget
    """

    def __init__(self, plots: Sequence[pg.PlotWidget]) -> None:
        self._views = [plot.getViewBox() for plot in plots]
        self._following = False
        for view in self._views:
            view.sigXRangeChanged.connect(self._follow)

    def _follow(self, moved: pg.ViewBox, span: Sequence[float]) -> None:
        if self._following:
            return
        self._following = True
        try:
            for view in self._views:
                if view is not moved:
                    view.setXRange(*span, padding=0)
        finally:
            self._following = False
