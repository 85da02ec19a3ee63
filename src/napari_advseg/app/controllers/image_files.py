"""Image files: which dataset is opened, voxel sizes, and files that napari opened by itself."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from napari_advseg.app.state.run_form import LayerInfo
from napari_advseg.core.data.stack import EMStack, same_pixels
from napari_advseg.core.data.voxel_size import UNKNOWN_VOXEL, parse_voxel_size
from napari_advseg.core.runtime.errors import AdvSegError, ImageError, Subject

from .base import AppContext, BaseController
from .data import DataController

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Looked:
    """A file that napari opened, as this program reads it."""

    stack: EMStack
    differs: bool


class ImageFilesController(BaseController):
    """Keeps the layers of image files what their files are."""

    def __init__(self, context: AppContext, data: DataController) -> None:
        super().__init__(context)
        self._data = data
        self._looked_at: set[str] = set()
        self._model.events.layers.connect(self._look_at_files)

    def set_voxel_size(self, text: str) -> None:
        """Correct the voxel size of the chosen image, as ``50,4,4nm``; an empty text makes it unknown."""
        image, model = self._model.image, self._model
        model.clear_problems(Subject.VOXEL_SIZE)
        if image is None:
            return
        try:
            voxel = parse_voxel_size(text) if text.strip() else UNKNOWN_VOXEL
            if voxel == image.voxel:
                return
            self._viewer.set_voxel_size(image.name, voxel)
        except ImageError as error:
            model.set_problem(Subject.VOXEL_SIZE, str(error))
            return
        if model.run is not None and model.run.voxel == image.voxel:
            model.run = replace(model.run, voxel=voxel)

    def open_dataset(self, name: str) -> None:
        """Open one of the datasets that are offered; an empty name opens none."""
        offer, self._model.dataset_offer = self._model.dataset_offer, None
        if offer is not None and name:
            opened = self._data.open_annotation if offer.labels else self._data.open_stack
            opened(offer.path / name)

    # ---- files that napari opened

    def _look_at_files(self) -> None:
        """Read anew what napari opened by itself: it knows neither voxel sizes nor all dialects."""
        for layer in self._model.layers:
            if layer.unchecked_file is not None and layer.key not in self._looked_at:
                self._looked_at.add(layer.key)
                self._look_at(layer, layer.unchecked_file)

    def _look_at(self, layer: LayerInfo, path: Path) -> None:
        try:
            shown = self._viewer.project_layers.layer_pixels(layer.key)
        except AdvSegError:  # gone already
            return

        def look() -> _Looked | None:
            try:
                stack = self._engine.read_stack(path)
            except (
                AdvSegError
            ) as error:  # it may be looked at all the same, and is refused when it is chosen
                log.info("%s", error)
                return None
            if same_pixels(shown, stack.data):
                return _Looked(stack, differs=False)
            by_napari = self._viewer.as_napari_reads(path)
            untouched = by_napari is not None and same_pixels(shown, by_napari)
            return _Looked(stack, differs=True) if untouched else None

        self._in_background(look, lambda found: self._take_over(layer.key, found))

    def _take_over(self, key: str, found: _Looked | None) -> None:
        layer = self._model.layer(key)
        if found is None or layer is None:
            return
        with suppress(AdvSegError):  # it went meanwhile
            self._viewer.take_over_file(key, found.stack, replace=found.differs)
            if found.differs:
                self._model.status = f"{layer.name} is shown as its file declares it."
