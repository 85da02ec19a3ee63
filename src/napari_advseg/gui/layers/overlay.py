"""One mask over the image: a Labels layer that changes in place and never over what was painted.

What is not found here: the masks of a run together (`mask_overlays`), how layers are read
(`viewer_adapter`) and set beside each other (`side_by_side`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.stack import EMStack

from .class_metadata import mask_metadata
from .hidden_contour import HiddenContour
from .layer_voxels import transform_keywords
from .mask_style import DIFFERENCE, MaskStyle

if TYPE_CHECKING:
    import napari

OVERLAY_KEY = "advseg_overlay"
"""Layer metadata: marks a layer that this program keeps writing; its value is the overlay's role."""
OnReplaced = Callable[[Labels, Labels], None]


def transform_of(image: Layer) -> dict[str, Any]:
    """Keyword arguments that lay a new layer exactly over `image`."""
    names = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
    return {name: getattr(image, name) for name in names}


def shaped_like(stack: NDArray[Any], image: Layer) -> NDArray[Any]:
    """View of a (Z, Y, X) array with as many axes as `image`: one slice over a 2D image is 2D."""
    return stack[0] if image.ndim == 2 else stack


def add_image(viewer: napari.Viewer, stack: EMStack, **looks: Any) -> Image:
    """Add an image layer that shows a stack."""
    place = transform_keywords(stack.voxel_size, stack.translate)
    layer = viewer.add_image(stack.data, name=stack.name, **place, **looks)
    assert isinstance(layer, Image)  # a list with `channel_axis` only
    return layer


@contextmanager
def kept_selection(viewer: napari.Viewer) -> Iterator[None]:
    """Leave the selected layers selected: a new layer would otherwise take the brush away."""
    selection = viewer.layers.selection
    active, selected = selection.active, set(selection)
    yield
    present = set(viewer.layers)
    selection.intersection_update(selected)
    selection.update(selected & present)
    selection.active = active if active in present else None


class Overlay:
    """One Labels layer and what this program wrote into it last.

    A layer that the person deletes is written no more, one that they rename goes on. When a slice to
    be written differs from what was written last, somebody painted on it: the layer is then theirs
    and a fresh one, above it, takes its place. Nothing that was painted is ever overwritten.

    Parameters
    ----------
    viewer : napari.Viewer
    role : {"standard", "adversarial", "disagreement"}
        What it shows.
    on_replaced : callable
        Told of the layer that was painted on and of the fresh one.
    """

    def __init__(self, viewer: napari.Viewer, role: str, on_replaced: OnReplaced) -> None:
        self._viewer, self._role, self._on_replaced = viewer, role, on_replaced
        self.layer: Labels | None = None
        self._looks: MaskStyle
        self._contour = HiddenContour()

    def begin(
        self, image: Layer, shape: tuple[int, int, int], classes: ClassMap, looks: MaskStyle
    ) -> None:
        """Show nothing, over `image`, in the same layer if it is still the program's own.

        Parameters
        ----------
        image : Layer
            The layer to lie over.
        shape : (int, int, int)
            Depth, height and width.
        classes : ClassMap
            Whose names the layer carries, for a person who corrects it and trains on it.
        looks : Looks
            Of a layer that is made; one that is taken over keeps its own but for colours of classes.
        """
        if not self.is_own():
            self.give_up()
        elif self.layer is not None and (
            self.layer.ndim != image.ndim or self._looks.of_classes != looks.of_classes
        ):
            self.remove_if_own()  # napari cannot give a layer another number of axes
        recoloured = self.layer is not None and self._looks.colours != looks.colours
        self._looks = looks
        # Zeros of their own rather than a copy: memory is then taken as slices are written.
        self._written, self._pixels = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        self._like, self._flat = transform_of(image), image.ndim == 2
        self._classes = classes
        if self.layer is None:
            start = {name: getattr(looks, name) for name in ("opacity", "contour", "visible")}
            self._add(len(self._viewer.layers), **start)
        else:
            self._take_over(self.layer, image)
            if looks.of_classes or recoloured:
                self.recolour(looks)

    @property
    def present(self) -> Labels | None:
        """The layer, None if the person deleted it."""
        return self.layer if self.layer is not None and self.layer in self._viewer.layers else None

    def is_own(self) -> bool:
        """Whether the layer is in the viewer under its name and holds what was written."""
        return (
            self.present is not None
            and self.present.name == self._name
            and self._holds_what_was_written(self.present, slice(None))
        )

    def give_up(self) -> None:
        """Leave the layer to the person, as an annotation like any other."""
        if self.layer is not None:
            self.layer.metadata.pop(OVERLAY_KEY, None)
            self.layer = None

    def write(self, z: int, values: NDArray[np.uint8]) -> bool:
        """Put one slice into the layer, unless it is gone; return whether it was put there."""
        layer = self.present
        if layer is None:
            return False
        if not self._holds_what_was_written(layer, z):
            self._replace(layer)
        self._written[z] = values
        self._pixels[z] = values
        return True

    def recolour(self, looks: MaskStyle) -> None:
        """Give the layer, and any that takes its place, other colours."""
        self._looks = looks
        if self.present is not None:
            self.present.colormap = looks.colormap

    def refresh(self) -> None:
        """Draw the layer anew; a hidden one costs nothing."""
        if self.present is not None:
            self.present.refresh(extent=False)

    def fit_display(self) -> None:
        """Show the contour in 2D only."""
        layer = self.present
        if layer is not None:
            self._contour.fit(layer, self._viewer.dims.ndisplay)

    def remove_if_own(self) -> None:
        """Take the layer out of the viewer, unless it is the person's by now."""
        if self.layer is not None and self.is_own():
            self._viewer.layers.remove(self.layer)
        self.give_up()

    def _holds_what_was_written(self, layer: Labels, z: int | slice) -> bool:
        return layer.data is self._given and np.array_equal(self._pixels[z], self._written[z])

    def _add(self, index: int, **looks: Any) -> None:
        self._given = self._pixels[0] if self._flat else self._pixels
        layer = Labels(
            self._given,
            name=self._role if self._role == DIFFERENCE else f"{self._role} mask",
            colormap=self._looks.colormap,
            metadata=self._metadata(),
            **self._like,
        )
        self._contour = HiddenContour(looks.pop("contour"))
        for name, value in {"selected_label": self._looks.selected, **looks}.items():
            setattr(layer, name, value)
        with kept_selection(self._viewer):
            self._viewer.layers.insert(index, layer)
        self.layer, self._name = layer, layer.name
        self.fit_display()

    def _metadata(self) -> dict[str, str]:
        carried = {} if self._role == DIFFERENCE else mask_metadata(self._classes)
        return {OVERLAY_KEY: self._role, **carried}

    def _take_over(self, layer: Labels, image: Layer) -> None:
        """Use the earlier run's layer again, with what the person chose for its looks."""
        layers = self._viewer.layers
        self._given = self._pixels[0] if self._flat else self._pixels
        layer.data = self._given
        for name, value in self._like.items():
            setattr(layer, name, value)
        layer.metadata.update(self._metadata())
        if layers.index(layer) < layers.index(image):
            layers.move(layers.index(layer), len(layers))

    def _replace(self, theirs: Labels) -> None:
        """Go on in a fresh layer above the one that was painted on."""
        looks = {name: getattr(theirs, name) for name in ("opacity", "visible")}
        looks["contour"] = self._contour.width_of(theirs)
        self._like = transform_of(theirs)  # the voxel size may have been corrected
        self.give_up()
        self._pixels = self._written.copy()
        self._add(self._viewer.layers.index(theirs) + 1, **looks)
        assert self.layer is not None
        self._on_replaced(theirs, self.layer)
