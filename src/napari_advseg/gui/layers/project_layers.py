"""napari's layers as a project keeps and reopens them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_advseg.app.ports.projects import OpenLayer
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.voxel_size import NAMES
from napari_advseg.core.runtime.errors import AdvSegError, ClassMapError
from napari_advseg.core.storage.project_file import ProjectAnnotation

from .layer_voxels import voxel_size_of
from .overlay import OVERLAY_KEY, kept_selection

if TYPE_CHECKING:
    import napari

_MOST_COLOURS = 1000
"""Of a layer with more, as of an instance segmentation, the colours are not kept."""
AddLabels = Callable[[NDArray[Any], ClassMap | None, Layer | None, str], Labels]


class ProjectLayers:
    """A `napari_advseg.app.ports.projects.ProjectPort` for a napari viewer.

    Parameters
    ----------
    viewer : napari.Viewer
    carried : callable
        Class map that a Labels layer carries.
    add_labels : callable
        Adds a Labels layer over an image layer, or by itself.
    source_key : str
        Layer metadata under which an image's file stands.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        carried: Callable[[Labels], ClassMap | None],
        add_labels: AddLabels,
        source_key: str,
    ) -> None:
        self._viewer, self._carried, self._add_labels = viewer, carried, add_labels
        self._source_key = source_key

    def open_layers(self) -> tuple[OpenLayer, ...]:
        """Grey images and Labels layers, lowest first; the program's own masks are left out."""
        found = (self.describe(layer) for layer in self._viewer.layers)
        return tuple(one for one in found if one is not None)

    def describe(self, layer: Layer) -> OpenLayer | None:
        """One layer; None if a project does not keep such."""
        if OVERLAY_KEY in layer.metadata or not isinstance(layer, Image | Labels):
            return None
        labels = layer if isinstance(layer, Labels) else None
        rgb = isinstance(layer, Image) and layer.rgb
        if layer.multiscale or layer.ndim not in (2, 3) or rgb:
            return None
        voxel = voxel_size_of(layer)
        source = layer.source.path or layer.metadata.get(self._source_key)
        return OpenLayer(
            key=str(layer.unique_id),
            name=str(layer.name),
            kind="image" if labels is None else "labels",
            shape=tuple(int(n) for n in layer.data.shape),
            nbytes=layer.data.nbytes if isinstance(layer.data, np.ndarray) else None,
            source=Path(source) if source else None,
            scale=voxel.steps,
            translate=tuple(float(t) for t in layer.translate),
            unit=voxel.unit,
            colours=MappingProxyType({}) if labels is None else _colours(labels),
            classes=None if labels is None else self._classes(labels),
        )

    def _classes(self, layer: Labels) -> ClassMap | None:
        try:
            return self._carried(layer)
        except ClassMapError:  # it is told beside the classes when the layer is chosen
            return None

    def layer_pixels(self, key: str) -> Any:
        """A layer's pixels, not copied."""
        found = next((one for one in self._viewer.layers if str(one.unique_id) == key), None)
        if found is None:
            raise AdvSegError("A layer is gone: choose another.")
        return found.data[0] if found.multiscale else found.data

    def restore_labels(
        self,
        labels: NDArray[Any],
        classes: ClassMap | None,
        saved: ProjectAnnotation,
        like: str | None,
    ) -> str:
        """Add a Labels layer as it was saved, over image layer `like` if there is one; return its name."""
        image = None if like is None else self._viewer.layers[like]
        if image is None and len(saved.shape) == 2:
            labels = labels[0]
        with kept_selection(self._viewer):
            layer = self._add_labels(labels, classes, image, saved.name)
        if image is None:
            for name, values in (("scale", saved.scale), ("translate", saved.translate)):
                if len(values) >= layer.ndim and all(values if name == "scale" else (True,)):
                    setattr(layer, name, values[-layer.ndim :])
            if saved.unit is not None:
                layer.units = (NAMES[saved.unit],) * layer.ndim
        if saved.colours:
            table: dict[int | None, Any] = {None: np.zeros(4), 0: np.zeros(4)}
            old = layer.colormap
            if isinstance(old, DirectLabelColormap):
                table = dict(old.color_dict)
            layer.colormap = DirectLabelColormap(color_dict=table | dict(saved.colours))
        return str(layer.name)


def _colours(layer: Labels) -> MappingProxyType[int, str]:
    """Colours by value where somebody chose them, ``#rrggbbaa``."""
    if not isinstance(layer.colormap, DirectLabelColormap):
        return MappingProxyType({})
    table = layer.colormap.color_dict
    if len(table) > _MOST_COLOURS:
        return MappingProxyType({})
    return MappingProxyType(
        {int(value): _hex(colour) for value, colour in table.items() if value is not None}
    )


def _hex(colour: Any) -> str:
    parts = np.clip(np.round(np.asarray(colour, float) * 255), 0, 255).astype(int)
    return "#" + "".join(f"{part:02x}" for part in parts)
