"""Section 3: the threshold, and the masks side by side."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QSizePolicy, QVBoxLayout, QWidget

from napari_advseg.app.controller import Controller
from napari_advseg.app.messages.prerequisites import compare_waits_for
from napari_advseg.gui.layers.mask_colours import MaskColours
from napari_advseg.gui.widgets.section import Section, describe, follow

from .acceptance_rows import AcceptanceRows
from .class_legend import ClassLegend
from .look_rows import LookRows
from .slice_table import SliceTablePanel
from .threshold_rows import ThresholdRows
from .verdict_label import VerdictLabel


class CompareSection(Section):
    """What is done with the masks that lie over the image."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__("3 Compare", parent)
        self._controller, self._model = controller, controller.model
        above = QWidget()
        self._above = QVBoxLayout(above)
        self._above.setContentsMargins(0, 0, 0, 0)
        self.add(above)
        self.add(VerdictLabel(self._model))
        self.threshold_row = ThresholdRows(self, controller).row
        self._side_by_side = QCheckBox("side by side")
        describe(
            self._side_by_side,
            "side_by_side",
            "Image, annotation, adversarial and standard mask beside each other; off puts all back.",
        )
        self._side_by_side.toggled.connect(controller.set_side_by_side)
        # As wide as its words: a click beside them would do nothing.
        policy = QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed
        self._side_by_side.setSizePolicy(*policy)
        LookRows(self, controller)
        self.add_row("view", self._side_by_side, QWidget())
        AcceptanceRows(self, controller)
        self.slices = SliceTablePanel(self, controller)
        follow(self, self._model.events.masks_shown, self._show_waiting)
        follow(self, self._model.events.masks_of, self._show_waiting)

    def show_legend(self, colours: MaskColours) -> None:
        """Put the legend of the classes above the controls."""
        self._above.addWidget(ClassLegend(colours))

    def _show_waiting(self) -> None:
        waits = compare_waits_for(self._model)
        self.wait_for(waits)
        self._side_by_side.setEnabled(not waits or self._side_by_side.isChecked())
