"""What a project needs to know of the viewer's layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.storage.project_file import ProjectAnnotation


@dataclass(frozen=True)
class OpenLayer:
    """One image or Labels layer, without its pixels.

    Attributes
    ----------
    key, name, kind, shape
        As of a `napari_advseg.app.state.run_form.LayerInfo`.
    nbytes : int or None
        Size of pixels that lie in memory; None for lazy ones.
    source : Path or None
        The file it was opened from.
    scale, translate : tuple of float
    unit : str or None
        Unit of both, a key of `napari_advseg.core.data.voxel_size.METRES`.
    colours : mapping of int to str
        Of a Labels layer, ``#rrggbbaa`` by value, where they are not napari's own.
    classes : ClassMap or None
        What a Labels layer carries.
    """

    key: str
    name: str
    kind: Literal["image", "labels"]
    shape: tuple[int, ...]
    nbytes: int | None = None
    source: Path | None = None
    scale: tuple[float, ...] = ()
    translate: tuple[float, ...] = ()
    unit: str | None = None
    colours: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    classes: ClassMap | None = None


class ProjectPort(Protocol):
    """Layers as a project sees them; every method is called on the GUI thread alone."""

    def open_layers(self) -> tuple[OpenLayer, ...]:
        """Grey images and Labels layers, lowest first; the program's own masks are left out."""
        ...

    def layer_pixels(self, key: str) -> Any:
        """A layer's pixels, not copied."""
        ...

    def restore_labels(
        self,
        labels: NDArray[Any],
        classes: ClassMap | None,
        saved: ProjectAnnotation,
        like: str | None,
    ) -> str:
        """Add a Labels layer as it was saved, over image layer `like` if there is one; return its name.

        The selected layer stays selected, or a brush would paint on another one.
        """
        ...
