"""Annotation layers as the class list needs them: stored classes, colours, the brush, whole classes.

`viewer_adapter` reads and makes annotations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_advseg.app.ports.annotations import ClassRow
from napari_advseg.core.config.class_roles import is_dense
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.mask_acceptance import SliceChange
from napari_advseg.core.runtime.errors import AnnotationError
from napari_advseg.gui.widgets.class_colours import class_colours, more_colour

from .class_metadata import write_entered_rows
from .label_edits import write_as_one_step

if TYPE_CHECKING:
    import napari

PAINTING = ("paint", "fill", "polygon")
"""Modes of a Labels layer that paint the chosen label."""
NAPARI_OPACITY = 0.7
"""Of a Labels layer that napari made."""
STROKE_OPACITY, DENSE_OPACITY = 0.8, 0.45
"""Of an annotation, and of one that covers whole slices: the image has to be seen through it."""
LARGEST_LABEL = 2**31 - 1
UNNAMED_COLOUR = "#9a9a9a"
"""Of labels that have no class: grey, since a stroke with one has to be seen."""


class AnnotationLayers:
    """A `napari_advseg.app.ports.annotations.AnnotationPort` for a napari viewer.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer

    def keep_classes(
        self, layer: str, rows: tuple[ClassRow, ...], *, carried: bool = False
    ) -> None:
        """Store the classes in the layer's metadata, which its copies and its file keep."""
        found = self._layer(layer)
        classes = write_entered_rows(found.metadata, rows, carried=carried)
        if classes is not None:
            _show_classes(found, classes)

    def show_classes(self, layer: str, classes: ClassMap) -> None:
        """Give a layer that still has napari's own colours those of its classes."""
        found = self._layer(layer)
        if not isinstance(found.colormap, DirectLabelColormap):
            _show_classes(found, classes)

    def colours(self, layer: str, values: tuple[int, ...]) -> tuple[str, ...]:
        """Colours as the layer shows them."""
        found = self._layer(layer)
        return tuple(_colour_of(found, value) for value in values)

    def recolour(
        self, layer: str, values: tuple[int, ...], colour: str, *, rest: bool = False
    ) -> None:
        """Show label values, and with `rest` all others, in another colour, as translucent as they were."""
        found = self._layer(layer)
        alpha = _colour_of(found, values[0])[7:9] if values else "ff"
        table = _table(found)
        keys: tuple[int | None, ...] = (*values, None) if rest else values
        table.update(dict.fromkeys(keys, colour[:7] + (alpha if alpha != "00" else "ff")))
        _show(found, table)

    def painted_value(self, layer: str) -> int | None:
        """The label that the brush paints; None if the layer is gone."""
        found = next((one for one in self._viewer.layers if one.name == layer), None)
        return int(found.selected_label) if isinstance(found, Labels) else None

    def paint_with(self, layer: str, value: int) -> None:
        """Choose the label to paint; a selected layer takes the brush up unless it paints already."""
        found = self._layer(layer)
        limits = np.iinfo(found.dtype)
        if not limits.min <= value <= limits.max:
            raise AnnotationError(
                f"{layer} holds {np.dtype(found.dtype)} labels, {value} is none of them: convert the "
                "layer by the right mouse button in the layer list."
            )
        found.selected_label = value
        active = self._viewer.layers.selection.active is found
        if active and found.editable and str(found.mode) not in PAINTING:
            found.mode = "paint"

    def free_label(self, layer: str, taken: tuple[int, ...]) -> int:
        """One more than the highest label, or else the lowest that is free."""
        found = self._layer(layer)
        pixels, most = _stack(found), min(int(np.iinfo(found.dtype).max), LARGEST_LABEL)
        following = max(int(pixels.max()), *taken, 0) + 1
        if following <= most:
            return following
        used = {*map(int, np.unique(pixels)), *taken}
        free = next((value for value in range(1, most + 1) if value not in used), None)
        if free is None:
            raise AnnotationError(
                f"{layer} has all labels that {np.dtype(found.dtype)} can hold: convert the layer by the "
                "right mouse button in the layer list."
            )
        return free

    def fill_slices(self, layer: str, slices: tuple[int, ...], value: int) -> int:
        """Give all pixels of some slices one value, as one undo step; return how many changed."""
        found = self._layer(layer)
        stack = _stack(found)
        changes = []
        for z in slices:
            where = stack[z] != value
            before = stack[z][where]
            if before.size:
                changes.append(SliceChange(z, where, before, np.full_like(before, value)))
        write_as_one_step(found, changes)
        self._viewer.layers.selection.active = found  # so that Ctrl+Z reaches it
        return sum(change.pixels for change in changes)

    def count(self, layer: str, values: tuple[int, ...]) -> int:
        """Pixels that hold one of the values."""
        return sum(int(np.count_nonzero(one)) for one in _where(self._layer(layer), values))

    def replace(self, layer: str, values: tuple[int, ...], by: int) -> int:
        """Give all pixels of some values another one, as one undo step; return how many."""
        found = self._layer(layer)
        stack = _stack(found)
        changes = []
        for z, where in enumerate(_where(found, values)):
            before = stack[z][where]
            if before.size:
                changes.append(SliceChange(z, where, before, np.full_like(before, by)))
        write_as_one_step(found, changes)
        self._viewer.layers.selection.active = found  # so that Ctrl+Z reaches it
        return sum(len(change.after) for change in changes)

    def _layer(self, name: str) -> Labels:
        found = next((one for one in self._viewer.layers if one.name == name), None)
        if not isinstance(found, Labels):
            raise AnnotationError(f"The annotation {name} is gone: choose another.")
        return found


def _stack(layer: Labels) -> NDArray[Any]:
    if layer.multiscale or layer.ndim not in (2, 3):
        raise AnnotationError(
            f"{layer.name} is no plain stack: choose a layer (Z, Y, X) or (Y, X)."
        )
    pixels = np.asarray(layer.data)
    return pixels[np.newaxis] if pixels.ndim == 2 else pixels


def _where(layer: Labels, values: tuple[int, ...]) -> list[NDArray[np.bool_]]:
    """For each slice the pixels that hold one of the values."""
    return [np.isin(one, values) for one in _stack(layer)]


# ---- colours


def _table(layer: Labels) -> dict[int | None, Any]:
    """The layer's own colours of labels; of napari's colours by chance only what is clear."""
    colours = layer.colormap
    if isinstance(colours, DirectLabelColormap):
        return dict(colours.color_dict)
    return {None: UNNAMED_COLOUR, 0: np.zeros(4)}


def _show(layer: Labels, table: dict[int | None, Any]) -> None:
    layer.colormap = DirectLabelColormap(
        color_dict=table, use_selection=layer.show_selected_label, selection=layer.selected_label
    )


def _show_classes(layer: Labels, classes: ClassMap) -> None:
    """Show classes; a layer that nobody has given an opacity shows the image, too."""
    if not isinstance(layer.colormap, DirectLabelColormap) and layer.opacity == NAPARI_OPACITY:
        layer.opacity = DENSE_OPACITY if is_dense(classes) else STROKE_OPACITY
    _show(layer, _fitting_colours(layer, classes))


def _colour_of(layer: Labels, value: int) -> str:
    colours = layer.colormap
    if isinstance(colours, DirectLabelColormap):
        colour = colours.color_dict.get(value, colours.color_dict.get(None, np.zeros(4)))
    else:
        colour = layer.get_color(value)
    return _hex(np.zeros(4) if colour is None else colour)


def _hex(colour: Any) -> str:
    return "#" + "".join(f"{round(float(part) * 255):02x}" for part in colour)


def _fitting_colours(layer: Labels, classes: ClassMap) -> dict[int | None, Any]:
    """Colours for a class map: a label keeps the one that it has, one without gets the next free one."""
    table = _table(layer)
    table[None] = UNNAMED_COLOUR
    usual: dict[Any, Any] = dict(class_colours(classes))
    if not isinstance(layer.colormap, DirectLabelColormap):
        return with_objects(table | usual, classes)
    used: list[str] = []
    for one, value in zip(classes.classes, classes.mask_values, strict=True):
        values = one.values or (value,)
        colour = next((_hex(table[v]) for v in values if v in table and v != 0), None)
        if colour is None and 0 in values and np.any(table.get(0, np.zeros(4))):
            colour = _hex(table[0])
        if colour is None and 0 in values:
            colour = usual[0]
        if colour is None or colour[:7] in used:
            colour = _next_free(used)
        used.append(colour[:7])
        table.update(dict.fromkeys(values, colour))
    if not is_dense(classes):
        table[0] = np.zeros(4)
    return with_objects(table, classes)


def with_objects(table: dict[int | None, Any], classes: ClassMap) -> dict[int | None, Any]:
    """The same colours; labels without one of their own have that of the class of objects."""
    if classes.objects_index is None:
        return table
    return {**table, None: table[classes.mask_values[classes.objects_index]]}


def _next_free(used: list[str]) -> str:
    return next(c for c in (more_colour(i) for i in range(len(used) + 1)) if c not in used)
