"""The masks over the image: what a run predicted, as Labels layers that change in place.

What is not found here: how layers are read (`viewer_adapter`) and set beside each other (`side_by_side`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Layer
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from ..core.classes import UNLABELLED, ClassMap
from ..core.errors import AdvSegError
from ..core.events import NetworkName
from ..core.metrics import to_indices
from .colours import DISAGREEMENT, NETWORK_COLOURS

if TYPE_CHECKING:
    import napari
    from napari.layers import Image

CLASSES_KEY = "advseg_classes"
"""Layer metadata: the class map of a Labels layer, as text."""
OVERLAY_KEY = "advseg_overlay"
"""Layer metadata: marks a layer that this program keeps writing; its value is the overlay's role."""
SHOWN_VALUE = 2
"""The second class in a mask layer, whose pixels hold the class index + 1 and 0 where nothing was predicted."""
DIFFERENCE = "disagreement"
"""Role and name of the overlay that shows where the two networks differ."""
OPACITY = 0.9
CONTOURS = {"standard": 2, "adversarial": 1, DIFFERENCE: 0}
"""Width of the outlines in pixels. Filled, two masks hide the membrane and each other; as outlines, blue
shows on the inner side of orange where both run along the same border."""
OnReplaced = Callable[[Layer, Layer], None]


def transform_of(image: Layer) -> dict[str, Any]:
    """Keyword arguments that lay a new layer exactly over `image`."""
    names = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
    return {name: getattr(image, name) for name in names}


def shaped_like(stack: NDArray[Any], image: Layer) -> NDArray[Any]:
    """View of a (Z, Y, X) array with as many axes as `image`: one slice over a 2D image is 2D."""
    return stack[0] if image.ndim == 2 else stack


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
        self._outline = 0

    def begin(self, image: Layer, shape: tuple[int, int, int], classes: ClassMap) -> None:
        """Show nothing, over `image`, in the same layer if it is still the program's own.

        Parameters
        ----------
        image : Layer
            The layer to lie over.
        shape : (int, int, int)
            Depth, height and width.
        classes : ClassMap
            Whose names the layer carries, for a person who corrects it and trains on it.
        """
        if not self.is_own():
            self.give_up()
        elif self.layer is not None and self.layer.ndim != image.ndim:
            self.remove_if_own()  # napari cannot give a layer another number of axes
        # Zeros of their own rather than a copy: memory is then taken as slices are written.
        self._written, self._pixels = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        self._like, self._flat = transform_of(image), image.ndim == 2
        names = enumerate(classes.names)
        self._meaning = ",".join(f"{name}={index + 1}" for index, name in names)
        if self.layer is None:
            # Magenta over both masks would hide which of the two is right: it is shown when asked for.
            looks = {"opacity": OPACITY, "contour": CONTOURS[self._role]}
            self._add(len(self._viewer.layers), visible=self._role != DIFFERENCE, **looks)
        else:
            self._take_over(self.layer, image)

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

    def refresh(self) -> None:
        """Draw the layer anew; a hidden one costs nothing."""
        if self.present is not None:
            self.present.refresh(extent=False)

    def fit_display(self) -> None:
        """Take the outline away in 3D, where napari warns at each drawing, and give it back in 2D."""
        layer = self.present
        if layer is None:
            return
        if self._viewer.dims.ndisplay == 3 and layer.contour:
            self._outline, layer.contour = layer.contour, 0
        elif self._viewer.dims.ndisplay == 2 and self._outline:
            layer.contour, self._outline = self._outline, 0

    def remove_if_own(self) -> None:
        """Take the layer out of the viewer, unless it is the person's by now."""
        if self.is_own():
            self._viewer.layers.remove(self.layer)
        self.give_up()

    def _holds_what_was_written(self, layer: Labels, z: int | slice) -> bool:
        return layer.data is self._given and np.array_equal(self._pixels[z], self._written[z])

    def _add(self, index: int, **looks: Any) -> None:
        difference = self._role == DIFFERENCE
        shown = 1 if difference else SHOWN_VALUE
        colour = DISAGREEMENT if difference else NETWORK_COLOURS[self._role]
        self._given = self._pixels[0] if self._flat else self._pixels
        layer = Labels(
            self._given,
            name=self._role if difference else f"{self._role} mask",
            colormap=DirectLabelColormap(
                color_dict={None: np.zeros(4), 0: np.zeros(4), shown: colour}
            ),
            metadata=self._metadata(),
            **self._like,
        )
        self._outline = looks.pop("contour")
        for name, value in {"selected_label": shown, **looks}.items():
            setattr(layer, name, value)
        with kept_selection(self._viewer):
            self._viewer.layers.insert(index, layer)
        self.layer, self._name = layer, layer.name
        self.fit_display()

    def _metadata(self) -> dict[str, str]:
        carried = {} if self._role == DIFFERENCE else {CLASSES_KEY: self._meaning}
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
        looks["contour"] = theirs.contour or self._outline
        self.give_up()
        self._pixels = self._written.copy()
        self._add(self._viewer.layers.index(theirs) + 1, **looks)
        assert self.layer is not None
        self._on_replaced(theirs, self.layer)


class MaskOverlays:
    """The masks of one run: probabilities, the threshold, and the layers that show them.

    Parameters
    ----------
    viewer : napari.Viewer
    slice_in_view : callable
        Index of the slice of the masks that is shown, None if many may be.
    on_replaced : callable
        Told of a mask that was painted on and of the fresh one that takes its place.
    """

    def __init__(
        self,
        viewer: napari.Viewer,
        slice_in_view: Callable[[], int | None],
        on_replaced: OnReplaced,
    ) -> None:
        self._viewer, self._slice_in_view, self._on_replaced = viewer, slice_in_view, on_replaced
        self._overlays: dict[str, Overlay] = {}
        self._probability: dict[NetworkName, NDArray[np.float16]] = {}
        self._predicted: dict[NetworkName, NDArray[np.bool_]] = {}
        self._stale: set[int] = set()
        self.threshold = 0.5

    def layer(self, role: str) -> Labels | None:
        """The layer of ``"standard"``, ``"adversarial"`` or ``"disagreement"``, None if it is gone."""
        found = self._overlays.get(role)
        return None if found is None else found.present

    def begin(
        self,
        image: Image,
        networks: tuple[NetworkName, ...],
        classes: ClassMap,
        threshold: float,
    ) -> None:
        """Make or take over the layers of a run; see `ViewerPort.begin_masks`."""
        depth, *plane = (1, *image.data.shape)[-3:]
        shape = (int(depth), int(plane[0]), int(plane[1]))
        self.threshold, self._stale = threshold, set()
        self._probability = {name: np.zeros(shape, np.float16) for name in networks}
        self._predicted = {name: np.zeros(shape[0], bool) for name in networks}
        roles: list[str] = [*networks, *([DIFFERENCE] if len(networks) > 1 else [])]
        for role in set(self._overlays) - set(roles):
            self._overlays.pop(role).remove_if_own()
        for role in roles:
            if role not in self._overlays:
                self._overlays[role] = Overlay(self._viewer, role, self._on_replaced)
            self._overlays[role].begin(image, shape, classes)

    def show_probability(
        self, network: NetworkName, z: int, probability: NDArray[np.float16]
    ) -> None:
        """Keep one slice's probability of the first class and show it if its slice is in view."""
        if network not in self._probability:
            raise AdvSegError(f"No {network} mask was begun: start a run or apply one.")
        self._probability[network][z] = probability
        self._predicted[network][z] = True
        self._write(z, (network,))
        if self._in_view(z):
            self._refresh(network, DIFFERENCE)

    def set_threshold(self, threshold: float) -> None:
        """Rewrite the slice in view; `catch_up` and `settle` do the others."""
        self.threshold = threshold
        done = list(self._predicted.values())
        self._stale = {int(z) for z in np.flatnonzero(np.any(done, axis=0))} if done else set()
        self.settle(self._slice_in_view())

    def settle(self, z: int | None) -> None:
        """Bring slice `z` up to the threshold before it is looked at."""
        if z in self._stale:
            self._stale.discard(z)
            self._write(z, tuple(self._probability))
            self._refresh(*self._overlays)

    def catch_up(self, seconds: float) -> bool:
        """Bring slices up to the threshold for about `seconds`; return whether some are left."""
        until = time.perf_counter() + seconds
        while self._stale and time.perf_counter() < until:
            self._write(self._stale.pop(), tuple(self._probability))
        if not self._stale and self._slice_in_view() is None:
            self._refresh(*self._overlays)  # in 3D all slices are in view
        return bool(self._stale)

    def fit_display(self) -> None:
        """Adapt the layers to 2D or 3D."""
        for overlay in self._overlays.values():
            overlay.fit_display()

    def masks(self, network: NetworkName) -> NDArray[np.uint8] | None:
        """Class indices (Z, Y, X) at the threshold; see `ViewerPort.masks`."""
        probability = self._probability.get(network)
        if probability is None:
            return None
        indices = to_indices(probability, self.threshold)
        indices[~self._predicted[network]] = UNLABELLED
        return indices

    def _write(self, z: int, networks: tuple[NetworkName, ...]) -> None:
        for network in networks:
            if self._predicted[network][z]:
                values = to_indices(self._probability[network][z], self.threshold)
                self._overlays[network].write(z, values + np.uint8(1))
        if DIFFERENCE in self._overlays and all(p[z] for p in self._predicted.values()):
            first, second = (p[z] >= self.threshold for p in self._probability.values())
            self._overlays[DIFFERENCE].write(z, (first != second).astype(np.uint8))

    def _in_view(self, z: int) -> bool:
        shown = self._slice_in_view()
        return shown is None or shown == z

    def _refresh(self, *roles: str) -> None:
        for role in roles:
            if role in self._overlays:
                self._overlays[role].refresh()
