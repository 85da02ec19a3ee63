"""napari behind the application's `ViewerPort`: layers to stacks and annotations, and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.voxel_size import VoxelSize
from napari_advseg.core.runtime.errors import AdvSegError, AnnotationError, ImageError
from napari_advseg.core.runtime.events import NetworkName, Prediction

from .annotation_layers import AnnotationLayers
from .annotation_style import annotation_style, carried_classes, style_of_unknown
from .image_file_layers import (
    NOTES_KEY,
    SOURCE_KEY,
    as_napari_reads,
    file_metadata,
    lying_over,
    take_over,
)
from .layer_voxels import set_voxel_size, voxel_size_of
from .mask_acceptance import MaskAcceptance
from .mask_colours import MaskColours
from .mask_overlays import MaskOverlays
from .overlay import OVERLAY_KEY, add_image, kept_selection, shaped_like, transform_of
from .predicted_layers import open_predicted
from .project_layers import ProjectLayers
from .side_by_side import SideBySide
from .unpredicted_note import UnpredictedNote

if TYPE_CHECKING:
    import napari
    from napari.utils.events import Event

AnyLayer = TypeVar("AnyLayer", bound=Layer)

CATCH_UP_SECONDS = 0.01
"""At most so long is the window busy at a time with slices that are not in view."""


class NapariViewerAdapter:
    """A `napari_advseg.app.ports.viewer.ViewerPort` for a napari viewer.

    Everything but `slice_in_view` belongs to the GUI thread.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer
        self._side_by_side = SideBySide(viewer)
        self.mask_colours = MaskColours(viewer)
        self.annotations = AnnotationLayers(viewer)
        self._overlays = MaskOverlays(viewer, self._mask_slice_in_view, self._side_by_side.keep_out)
        self.accepting = MaskAcceptance(
            viewer, self._overlays, self._side_by_side, self._one_mask_slice, self._under_masks
        )
        self.project_layers = ProjectLayers(viewer, carried_classes, self._add_labels, SOURCE_KEY)
        self._note = UnpredictedNote(viewer)
        self._beside: tuple[Layer | None, ...] = ()
        self._chosen: Layer | None = None
        self._of_run: Layer | None = None
        self._slice: int | None = None
        self._catch_up = QTimer()
        self._catch_up.setSingleShot(True)
        self._catch_up.timeout.connect(self._catch_up_on_others)
        self._sources = [
            (viewer.dims.events.point, self._on_slice_changed),
            (viewer.dims.events.ndisplay, self._on_display_changed),
            (viewer.layers.events.inserted, self._on_slice_changed),
            (viewer.layers.events.removed, self._on_layer_removed),
        ]
        for signal, slot in self._sources:
            signal.connect(slot)
        self.mask_colours.changed.connect(self._recolour_masks)
        self._on_slice_changed()

    def close(self) -> None:
        """Listen to the viewer no more."""
        self._catch_up.stop()
        self.mask_colours.close()
        for signal, slot in self._sources:
            signal.disconnect(slot)

    # ---- reading layers

    def image(self, layer: str) -> EMStack:
        """Take a reference to an image layer's pixels; lazy data stay lazy.

        Raises
        ------
        ImageError
            If the layer is gone, is no image layer, or is not a grey stack or slice.
        """
        found = self._image_layer(layer)
        self._chosen = found
        self._on_slice_changed()
        source = found.source.path or found.metadata.get(SOURCE_KEY)
        voxel = voxel_size_of(found)
        return EMStack.from_array(
            found.data,
            name=found.name,
            source=Path(source) if source else None,
            scale=voxel.steps,
            unit=voxel.unit,
        )

    def labels(self, layer: str) -> tuple[NDArray[Any], ClassMap | None]:
        """Copy a Labels layer's pixels as (Z, Y, X), with the class map that it carries.

        Raises
        ------
        AnnotationError
            If the layer is gone, is no Labels layer, or is neither a stack nor a slice.
        ClassMapError
            If the class map that it carries is damaged.
        """
        pixels, classes = self.peek_labels(layer)
        return pixels.copy(), classes

    def peek_labels(self, layer: str) -> tuple[NDArray[Any], ClassMap | None]:
        """Like `labels` without the copy."""
        found = self._layer(layer, Labels, AnnotationError, "a Labels layer")
        if found.multiscale or found.ndim not in (2, 3):
            raise AnnotationError(
                f"{found.name} is no plain stack: choose a Labels layer (Z, Y, X) or (Y, X)."
            )
        pixels = np.asarray(found.data)
        return (pixels[np.newaxis] if pixels.ndim == 2 else pixels), carried_classes(found)

    def _image_layer(self, name: str) -> Image:
        found = self._layer(name, Image, ImageError, "an image layer")
        if found.rgb:
            raise ImageError(f"{name} is RGB: convert it to grey.")
        if found.multiscale:
            raise ImageError(
                f"{name} is a pyramid of resolutions: open its full resolution as a layer of its own."
            )
        if found.ndim not in (2, 3):
            raise ImageError(
                f"{name} has {found.ndim} axes: choose a grey stack (Z, Y, X) or slice (Y, X), "
                "for example one channel of it."
            )
        return found

    def _layer(
        self, name: str, kind: type[AnyLayer], refusal: type[AdvSegError], what: str
    ) -> AnyLayer:
        found = next((one for one in self._viewer.layers if one.name == name), None)
        if found is None:
            raise refusal(f"The layer {name} is gone: choose another.")
        if not isinstance(found, kind) or (kind is Image and isinstance(found, Labels)):
            raise refusal(f"{name} is a {type(found).__name__} layer: choose {what}.")
        return found

    # ---- making layers

    def new_annotation(self, image_layer: str, classes: ClassMap) -> str:
        """Add an empty Labels layer over an image and take up its brush; return its name."""
        image = self._image_layer(image_layer)
        labels = np.zeros((1, *image.data.shape)[-3:], np.uint8)
        layer = self._add_labels(labels, classes, image, "annotation")
        self._viewer.layers.selection.active = layer
        layer.mode = "paint"
        return str(layer.name)

    def open_stack(self, stack: EMStack) -> str:
        """Add an image layer that remembers its file; return its name."""
        layer = add_image(self._viewer, stack, metadata=file_metadata(stack))
        self._chosen = layer
        self._on_slice_changed()
        return str(layer.name)

    def set_voxel_size(self, image_layer: str, voxel: VoxelSize) -> None:
        """Give an image layer, and the layers that lie exactly over it, another voxel size."""
        image = self._image_layer(image_layer)
        for layer in lying_over(image, self._viewer.layers):
            set_voxel_size(layer, voxel)
        self._on_slice_changed()

    def as_napari_reads(self, path: Path) -> Any:
        """Pixels of a file as napari itself reads them; None if it cannot. Safe on any thread."""
        return as_napari_reads(path)

    def take_over_file(self, key: str, stack: EMStack, *, replace: bool) -> None:
        """Let an image layer that napari opened be the stack of its file."""
        found = next((one for one in self._viewer.layers if str(one.unique_id) == key), None)
        if found is None:
            raise ImageError("The layer is gone: choose another.")
        with kept_selection(self._viewer):
            taken = take_over(self._viewer, found, stack, replace=replace)
        if self._chosen is found:
            self._chosen = taken
        if replace and self._viewer.layers.selection.active is None:
            self._viewer.layers.selection.active = taken
        self._on_slice_changed()

    def open_labels(
        self,
        labels: NDArray[Any],
        classes: ClassMap | None,
        like: str,
        name: str,
        notes: Sequence[str] = (),
    ) -> str:
        """Add a Labels layer laid over image layer `like`; return its name."""
        image = self._image_layer(like)
        stack = labels[np.newaxis] if labels.ndim == 2 else labels
        with kept_selection(self._viewer):
            layer = self._add_labels(stack, classes, image, name)
        layer.metadata[NOTES_KEY] = list(notes)
        return str(layer.name)

    def open_predicted(
        self,
        stack: EMStack,
        masks: Sequence[tuple[NetworkName, NDArray[np.uint8]]],
        classes: ClassMap,
        *,
        visible: bool,
    ) -> None:
        """Add an image that a run was applied to, and its masks."""
        metadata = file_metadata(stack)
        open_predicted(self._viewer, stack, masks, classes, metadata=metadata, visible=visible)

    def _add_labels(
        self, stack: NDArray[Any], classes: ClassMap | None, image: Layer | None, name: str
    ) -> Labels:
        looks = style_of_unknown(stack) if classes is None else annotation_style(classes, stack)
        if image is not None:
            stack, looks = shaped_like(stack, image), transform_of(image) | looks
        layer = Labels(stack, name=name, **looks)
        self._viewer.add_layer(layer)
        if classes is not None:
            layer.selected_label = classes.mask_values[0]  # the brush paints a class
        return layer

    # ---- the slice in view

    def slice_in_view(self) -> int | None:
        """Index of the slice shown of the run's image; before any run of the one chosen.

        Safe to call from any thread: it returns what the last move of the slider left behind. None
        if there is no such image or another part of the world is shown.
        """
        return self._slice

    def go_to_slice(self, z: int) -> None:
        """Show slice `z` of the chosen image, or of the run's."""
        image = self._chosen or self._of_run or self._some_image()
        if image is None or image.ndim < 3:
            return
        dims = self._viewer.dims
        position = image.world_to_data(dims.point)
        position[0] = min(max(z, 0), image.data.shape[0] - 1)
        dims.set_point(dims.ndim - 3, image.data_to_world(position)[0])

    def _on_slice_changed(self, event: Event | None = None) -> None:
        image = self._of_run or self._mask_layer() or self._chosen or self._some_image()
        self._slice = None if image is None else self._slice_of(image)
        self._overlays.settle(self._mask_slice_in_view())
        self._show_note()

    def _show_note(self) -> None:
        z = self._one_mask_slice() if self._mask_layer() is not None else None
        self._note.show(None if z is None or self._overlays.has_predicted(z) else z)

    def _on_display_changed(self, event: Event) -> None:
        self._overlays.fit_display()

    def _mask_layer(self) -> Layer | None:
        """A layer of the run's masks, which outlive the image that they lie over."""
        return self._overlays.layer("standard") or self._overlays.layer("adversarial")

    def _mask_slice_in_view(self) -> int | None:
        """Slice of the masks that is shown, -1 if none is; None if many may be, as in 3D."""
        layer = self._mask_layer()
        dims = self._viewer.dims
        if layer is None or (layer.ndim == 3 and dims.ndim - 3 in dims.displayed):
            return None
        shown = self._slice_of(layer)
        return -1 if shown is None else shown

    def _one_mask_slice(self) -> int | None:
        """Slice of the masks that is shown in 2D; None if there is not one."""
        if self._mask_layer() is None:
            return self._slice  # what they showed is kept without them
        shown = self._mask_slice_in_view()
        return None if shown is None or shown < 0 else shown

    def _under_masks(self) -> Layer | None:
        """The image that the masks lie over, or one of them once it is gone."""
        return self._present(self._of_run) or self._mask_layer()

    def _slice_of(self, layer: Layer) -> int | None:
        if layer.ndim < 3:
            return 0
        z = int(np.round(layer.world_to_data(self._viewer.dims.point)[0]))
        return z if 0 <= z < layer.data.shape[0] else None

    def _some_image(self) -> Layer | None:
        """The image that a person would mean who chose none: the active one, or the topmost."""
        layers = self._viewer.layers
        found = [layers.selection.active, *reversed(layers)]
        return next((one for one in found if type(one) is Image), None)

    def _present(self, layer: Layer | None) -> Layer | None:
        return layer if layer is not None and layer in self._viewer.layers else None

    def _on_layer_removed(self, event: Event) -> None:
        # Layers hold their pixels: one that was deleted must not be kept alive from here.
        if event.value is self._chosen:
            self._chosen = None
        if event.value is self._of_run:
            self._of_run = None
        self.mask_colours.forget(event.value)
        self._on_slice_changed()

    # ---- masks

    def begin_masks(
        self,
        image_layer: str,
        networks: tuple[NetworkName, ...],
        classes: ClassMap,
        threshold: float,
    ) -> None:
        """Lay fresh masks over an image.

        A mask layer of an earlier run that nobody renamed or painted on is taken over, with the looks
        that the person gave it; any other stays as it is, and a new one is made.

        During a run a layer that was renamed goes on, one that was deleted is not made again, and
        one that was painted on is the person's from then on: a new one, above it, takes its place.
        """
        image = self._image_layer(image_layer)
        beside = self._beside if self._side_by_side.active else ()
        self._side_by_side.leave()
        moved = self._of_run is not None and self._of_run is not image
        self._of_run = image
        colours = self.mask_colours.begin(classes)
        self._overlays.begin(image, networks, classes, threshold, colours)
        self._on_slice_changed()
        if moved:
            self._go_to(image)
        if beside:
            self._show_beside(beside)

    def _go_to(self, image: Image) -> None:
        """Show an image, and hide images and labels that lie over others."""
        for layer in self._viewer.layers:
            if OVERLAY_KEY not in layer.metadata and isinstance(layer, Image | Labels):
                layer.visible = layer is image
        self._viewer.fit_to_view(layers=[image])

    def show_prediction(
        self,
        network: NetworkName,
        z: int,
        prediction: Prediction,
        origin: tuple[int, int] | None = None,
    ) -> None:
        """Put a prediction of a slice, or of a part from `origin` on, into its mask.

        Raises
        ------
        AdvSegError
            If no mask of this network was begun.
        """
        self._overlays.show_prediction(network, z, prediction, origin)
        if z == self._slice:
            self._show_note()

    def _recolour_masks(self) -> None:
        self._overlays.recolour(self.mask_colours.by_name)

    def show_structure(self, index: int | None) -> None:
        """Draw only one class in all masks; None draws all."""
        self._overlays.show_structure(index)

    def set_fill(self, strength: float) -> None:
        """Set the opacity of the filling of all masks."""
        self._overlays.set_fill(strength)

    def set_threshold(self, threshold: float) -> None:
        """Threshold the slice in view at once and the others while the window is idle."""
        self._overlays.set_threshold(threshold)
        self._catch_up.start(0)

    def _catch_up_on_others(self) -> None:
        if self._overlays.catch_up(CATCH_UP_SECONDS):
            self._catch_up.start(0)

    def prediction(self, network: NetworkName, z: int) -> Prediction | None:
        """What a network said of slice `z` last, whatever became of its layer."""
        return self._overlays.prediction(network, z)

    def masks(self, network: NetworkName) -> NDArray[np.uint8] | None:
        """Class indices (Z, Y, X) of what a network predicted, whatever became of its layer."""
        return self._overlays.masks(network)

    # ---- side by side

    def set_side_by_side(self, on: bool, image_layer: str, annotation_layer: str | None) -> None:
        """Show image, annotation, adversarial and standard mask beside each other, or put all back.

        A column that does not exist (no annotation, no such mask) is left out.
        """
        if not on:
            self._side_by_side.leave()
            self._overlays.fit_display()
            return
        image = self._image_layer(image_layer)
        annotation = None
        if annotation_layer is not None:
            annotation = self._layer(annotation_layer, Labels, AnnotationError, "a Labels layer")
        self._show_beside((image, annotation))

    def _show_beside(self, beside: tuple[Layer | None, ...]) -> None:
        self._beside = beside
        self._side_by_side.enter(self._columns())

    def _columns(self) -> list[Layer]:
        masks = (self._overlays.layer("adversarial"), self._overlays.layer("standard"))
        found = [self._present(layer) for layer in (*self._beside, *masks)]
        return [layer for layer in dict.fromkeys(found) if layer is not None]
