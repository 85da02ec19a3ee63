"""The masks of one run over the image: what was predicted, the threshold, and the layers that show it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels, Layer
from numpy.typing import NDArray

from napari_advseg.core.config.classes import NO_TISSUE, UNLABELLED, ClassMap
from napari_advseg.core.inference.predictions import predicted_indices
from napari_advseg.core.runtime.errors import AdvSegError
from napari_advseg.core.runtime.events import NetworkName, Prediction

from .mask_style import DIFFERENCE, FILL_OPACITY, MaskStyle, mask_style, value_of
from .outline import Outline
from .overlay import OVERLAY_KEY, OnReplaced, Overlay, kept_selection, transform_of

if TYPE_CHECKING:
    import napari
    from napari.layers import Image


class MaskOverlays:
    """The masks of one run: predictions, the threshold of two classes, and the layers that show them.

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
        self._outlines: dict[str, Outline] = {}
        self._classes: ClassMap | None = None
        self._prediction: dict[NetworkName, Prediction] = {}
        self._predicted: dict[NetworkName, NDArray[np.bool_]] = {}
        # (network, z) → the pixels that were predicted, of slices of which only a part was
        self._known: dict[tuple[NetworkName, int], NDArray[np.bool_]] = {}
        self._stale: set[int] = set()
        self._colours: dict[str, str] = {}
        self.structure: int | None = None
        self.fill = FILL_OPACITY
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
        colours: Mapping[str, str],
    ) -> None:
        """Make or take over the layers of a run; see `ViewerPort.begin_masks` and `MaskColours`."""
        depth, *plane = (1, *image.data.shape)[-3:]
        shape = (int(depth), int(plane[0]), int(plane[1]))
        self.threshold, self._stale, self._classes = threshold, set(), classes
        self._colours = dict(colours)
        self._prediction = {name: self._nothing(shape) for name in networks}
        self._predicted = {name: np.zeros(shape[0], bool) for name in networks}
        self._known = {}
        roles: list[str] = [*networks, *([DIFFERENCE] if len(networks) > 1 else [])]
        self._let_go_of_outlines(networks)
        for role in set(self._overlays) - set(roles):
            self._overlays.pop(role).remove_if_own()
        for role in networks:
            self._overlay(role).begin(image, shape, classes, self._looks(role, colours))
        for role in networks:
            self._outline(role, image)
        if DIFFERENCE in roles:
            looks = self._looks(DIFFERENCE, colours)
            self._overlay(DIFFERENCE).begin(image, shape, classes, looks)

    def recolour(self, colours: Mapping[str, str]) -> None:
        """Give the classes other colours."""
        if self._classes is None or list(colours) != list(self._classes.names):
            return  # of the run that begins
        self._colours = dict(colours)
        if self._many:  # with two, masks have the colours of the networks
            self._recolour()

    def show_structure(self, index: int | None) -> None:
        """Draw one class only, or with None all of them; also in masks that are begun later."""
        if index != self.structure:
            self.structure = index
            self._recolour()

    def set_fill(self, strength: float) -> None:
        """Set the opacity of the fillings, and show those that were hidden because of it."""
        self.fill = strength
        for network in self._prediction:
            layer = self.layer(network)
            if layer is not None:
                layer.opacity = strength

    def _recolour(self) -> None:
        if self._classes is None or (self.structure or 0) >= len(self._classes):
            return
        for role in self._prediction:
            self._overlays[role].recolour(self._looks(role, self._colours))
        for outline in self._outlines.values():
            outline.outline_only(self._outlined)

    def show_prediction(
        self,
        network: NetworkName,
        z: int,
        prediction: Prediction,
        origin: tuple[int, int] | None = None,
    ) -> None:
        """Keep a prediction of one slice, or of a part of it, and show it if its slice is in view."""
        if network not in self._prediction:
            raise AdvSegError(f"No {network} mask was begun: start a run or apply one.")
        if origin is None:
            self._prediction[network][z] = prediction
            self._known.pop((network, z), None)
        else:
            self._keep_part(network, z, prediction, origin)
        self._predicted[network][z] = True
        self._write(z, (network,))
        if self._in_view(z):
            self._refresh(network, DIFFERENCE)

    def set_threshold(self, threshold: float) -> None:
        """Rewrite the slice in view; `catch_up` and `settle` do the others.

        With more than two classes nothing depends on it.
        """
        self.threshold = threshold
        if self._many:
            return
        done = list(self._predicted.values())
        self._stale = {int(z) for z in np.flatnonzero(np.any(done, axis=0))} if done else set()
        self.settle(self._slice_in_view())

    def settle(self, z: int | None) -> None:
        """Bring slice `z` up to the threshold before it is looked at."""
        if z in self._stale:
            self._stale.discard(z)
            self._write(z, tuple(self._prediction))
            self._refresh(*self._overlays)

    def catch_up(self, seconds: float) -> bool:
        """Bring slices up to the threshold for about `seconds`; return whether some are left."""
        until = time.perf_counter() + seconds
        while self._stale and time.perf_counter() < until:
            self._write(self._stale.pop(), tuple(self._prediction))
        if not self._stale and self._slice_in_view() is None:
            self._refresh(*self._overlays)  # in 3D all slices are in view
        return bool(self._stale)

    def fit_display(self) -> None:
        """Adapt the layers to 2D or 3D."""
        for overlay in self._overlays.values():
            overlay.fit_display()
        for outline in self._outlines.values():
            outline.fit_display()

    def has_predicted(self, z: int) -> bool:
        """Whether a network has predicted slice `z`."""
        return any(0 <= z < len(done) and done[z] for done in self._predicted.values())

    def prediction(self, network: NetworkName, z: int) -> Prediction | None:
        """What a network said of slice `z` last; see `ViewerPort.prediction`."""
        done = self._predicted.get(network)
        whole = done is not None and done[z] and (network, z) not in self._known
        return self._prediction[network][z] if whole else None

    def masks(self, network: NetworkName) -> NDArray[np.uint8] | None:
        """Class indices (Z, Y, X) at the threshold; see `ViewerPort.masks`."""
        prediction = self._prediction.get(network)
        if prediction is None:
            return None
        indices = predicted_indices(prediction, self.threshold)
        indices[~self._predicted[network]] = UNLABELLED
        for (name, z), known in self._known.items():
            if name == network:
                indices[z][~known] = UNLABELLED
        return indices

    def mask_slice(self, network: NetworkName, z: int) -> NDArray[np.uint8] | None:
        """Class indices (Y, X) of one slice; see `AcceptPort.mask`."""
        predicted = self._predicted.get(network)
        if predicted is None or not 0 <= z < len(predicted) or not predicted[z]:
            return None
        if (network, z) in self._known:  # only a part of it
            return None
        return predicted_indices(self._prediction[network][z], self.threshold)

    @property
    def _many(self) -> bool:
        """Whether there are more classes than a threshold tells apart."""
        return self._classes is not None and len(self._classes) > 2

    def _nothing(self, shape: tuple[int, int, int]) -> Prediction:
        return np.zeros(shape, np.uint8) if self._many else np.zeros(shape, np.float16)

    def _looks(self, role: str, colours: Mapping[str, str]) -> MaskStyle:
        # Two fills over each other would mix their colours: G/S is shown, S when asked for.
        assert self._classes is not None
        shown = role == list(self._prediction)[-1]
        return mask_style(role, self._classes, colours, shown, self.structure, self.fill)

    @property
    def _outlined(self) -> int | None:
        """Value of the mask layers that is outlined; None if all are."""
        if self.structure is not None:
            return value_of(self.structure)
        return None if self._many else value_of(1)

    def _overlay(self, role: str) -> Overlay:
        if role not in self._overlays:
            self._overlays[role] = Overlay(self._viewer, role, self._replaced)
        return self._overlays[role]

    def _outline(self, network: str, image: Layer) -> None:
        mask = self._overlays[network].layer
        assert mask is not None
        outline = self._outlines.setdefault(network, Outline(self._viewer, network))
        with kept_selection(self._viewer):
            metadata = {OVERLAY_KEY: f"{network} outline"}
            outline.begin(mask, transform_of(image), metadata, self._outlined)

    def _let_go_of_outlines(self, networks: tuple[NetworkName, ...]) -> None:
        """Leave outlines with masks that are the person's by now, and remove those of no use."""
        for network, outline in list(self._outlines.items()):
            mask = self._overlays[network]
            if mask.present is not None and not mask.is_own():
                outline.give_up()
            elif mask.present is None or network not in networks:
                outline.remove()
            else:
                continue
            del self._outlines[network]

    def _replaced(self, theirs: Labels, fresh: Labels) -> None:
        for network, outline in self._outlines.items():
            if self._overlays[network].layer is fresh:
                outline.follow(fresh)
        self._on_replaced(theirs, fresh)

    def _keep_part(
        self, network: NetworkName, z: int, prediction: Prediction, origin: tuple[int, int]
    ) -> None:
        """Keep a part of a slice; the rest stays as it was, not predicted if it never was."""
        whole = self._prediction[network][z]
        if not self._predicted[network][z]:
            self._known[network, z] = np.zeros(whole.shape, bool)
        (top, left), (height, width) = origin, prediction.shape
        part = slice(top, top + height), slice(left, left + width)
        whole[part] = prediction
        if (network, z) in self._known:
            self._known[network, z][part] = True

    def _write(self, z: int, networks: tuple[NetworkName, ...]) -> None:
        found = {
            network: predicted_indices(prediction[z], self.threshold)
            for network, prediction in self._prediction.items()
            if self._predicted[network][z]
        }
        for network, indices in found.items():
            known = self._known.get((network, z))
            if known is not None:
                indices[~known] = UNLABELLED  # the overlay shows nothing there
        for network in networks:
            if network not in found:
                continue
            shown = self._overlays[network].write(z, _values(found[network]))
            if not shown and network in self._outlines:
                self._outlines[network].remove()  # there is no mask any more that it outlines
        if DIFFERENCE in self._overlays and len(found) == len(self._prediction):
            first, second = found.values()
            self._overlays[DIFFERENCE].write(z, (first != second).astype(np.uint8))

    def _in_view(self, z: int) -> bool:
        shown = self._slice_in_view()
        return shown is None or shown == z

    def _refresh(self, *roles: str) -> None:
        for role in roles:
            if role in self._overlays:
                self._overlays[role].refresh()
            if role in self._outlines:
                self._outlines[role].refresh()


def _values(indices: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Values of a mask layer: class indices + 1, and 0 where nothing is predicted or there is no tissue."""
    values = indices + np.uint8(1)
    values[indices == NO_TISSUE] = 0
    return values
