"""The voxel size of the chosen image: shown, and corrected by hand."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from napari_advseg.app.controller import Controller
from napari_advseg.core.data.voxel_size import UNKNOWN_VOXEL
from napari_advseg.gui.widgets.section import describe, follow


class VoxelRow(QWidget):
    """A field with the voxel size; empty where it is unknown."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller, self._model = controller, controller.model
        self._field = QLineEdit()
        self._field.setPlaceholderText("unknown, for example 50, 4, 4 nm")
        describe(
            self._field,
            "voxel_size",
            "Size of a voxel along Z, Y, X with its unit (Å, nm, µm, mm); masks are saved with it.",
        )
        self._field.editingFinished.connect(self._entered)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._field)
        follow(self, self._model.events.layers, self._show)
        follow(self, self._model.events.choices, self._show)

    def _entered(self) -> None:
        self._controller.images.set_voxel_size(self._field.text())

    def _show(self) -> None:
        image = self._model.image
        unknown = image is None or image.voxel == UNKNOWN_VOXEL
        shown = "" if image is None or unknown else str(image.voxel)
        if not self._field.hasFocus() or not self._field.isModified():
            self._field.setText(shown)
