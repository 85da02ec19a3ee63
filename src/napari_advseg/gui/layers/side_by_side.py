"""Layers beside each other in napari's grid, and everything put back afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from napari.layers import Labels

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer

SPACING = 4
"""Pixels between two tiles."""
MARGIN = 0.01
"""Share of a tile that stays empty around its layer."""


def grid_shape(
    tiles: int, canvas: tuple[float, float], plane: tuple[float, float]
) -> tuple[int, int]:
    """Rows and columns in which tiles of one shape are drawn largest; of equals the fewest rows.

    Parameters
    ----------
    tiles : int
    canvas, plane : (float, float)
        Height and width of the canvas and of what a tile shows.
    """

    def scale(rows: int) -> float:
        columns = ceil(tiles / rows)
        return min(canvas[0] / rows / plane[0], canvas[1] / columns / plane[1])

    rows = max(range(1, tiles + 1), key=lambda rows: (scale(rows), -rows))
    return rows, ceil(tiles / rows)


def _plane(layer: Layer) -> tuple[float, float]:
    """Height and width of a layer's slices in world units."""
    (height, width), (dy, dx) = layer.data.shape[-2:], layer.scale[-2:]
    return float(height * dy), float(width * dx)


@dataclass(frozen=True)
class _Before:
    """What the grid changes; layers are kept by reference, as they may be renamed meanwhile."""

    order: list[Layer]
    visible: dict[Layer, bool]
    looks: dict[Labels, tuple[float, int]]
    grid: dict[str, Any]
    camera: dict[str, Any]


class SideBySide:
    """Tiles with one layer each, in the order that is asked for: one row, or 2 × 2 where that is larger.

    Tiles hold nothing but their own layer, as in the 2017 figure: masks fill their column opaquely,
    and the camera and the slice slider are shared. All other layers are hidden meanwhile.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer
        self._before: _Before | None = None
        self.columns: list[Layer] = []

    @property
    def active(self) -> bool:
        """Whether the columns are shown."""
        return self._before is not None

    def enter(self, columns: list[Layer]) -> None:
        """Show `columns` from left to right; other columns that are shown give way."""
        self.leave()
        if not columns:
            return
        layers = self._viewer.layers
        self._before = self._state(columns)
        self.columns = list(columns)
        self._reorder([*columns, *(one for one in layers if one not in columns)])
        for layer in layers:
            layer.visible = layer in columns
        for mask in self._before.looks:
            mask.opacity, mask.contour = 1.0, 0
        grid = self._viewer.canvas.grid
        shape = grid_shape(len(columns), self._canvas_size(), _plane(columns[0]))
        grid.stride, grid.shape, grid.spacing = 1, shape, SPACING
        grid.enabled = True
        self._viewer.fit_to_view(layers=columns, margin=MARGIN)

    def _canvas_size(self) -> tuple[float, float]:
        """Height and width of the canvas in pixels."""
        height, width = self._viewer.canvas.size
        return float(height), float(width)

    def keep_out(self, theirs: Labels, fresh: Labels) -> None:
        """Hide a layer that took the place of a column which was painted on, until leaving.

        The column goes on showing what the person is painting on.
        """
        before = self._before
        if before is None or theirs not in self.columns:
            return
        before.order.insert(before.order.index(theirs) + 1, fresh)
        before.visible[fresh] = before.visible[theirs]
        before.looks[fresh] = before.looks[theirs]
        fresh.visible = False
        layers = self._viewer.layers
        columns = [one for one in self.columns if one in layers]  # others were deleted meanwhile
        self._reorder([*columns, *(one for one in layers if one not in columns)])

    def leave(self) -> None:
        """Put everything back; layers that were deleted stay so, new ones stay on top."""
        before, self._before, self.columns = self._before, None, []
        if before is None:
            return
        grid, camera = self._viewer.canvas.grid, self._viewer.scene.camera
        for name, value in before.grid.items():
            setattr(grid, name, value)
        present = list(self._viewer.layers)
        kept = [layer for layer in before.order if layer in present]
        self._reorder([*kept, *(layer for layer in present if layer not in before.visible)])
        for layer in kept:
            layer.visible = before.visible[layer]
            if isinstance(layer, Labels) and layer in before.looks:
                layer.opacity, layer.contour = before.looks[layer]
        for name, value in before.camera.items():
            setattr(camera, name, value)

    def _state(self, columns: list[Layer]) -> _Before:
        grid, camera = self._viewer.canvas.grid, self._viewer.scene.camera
        order = list(self._viewer.layers)
        return _Before(
            order=order,
            visible={layer: layer.visible for layer in order},
            looks={one: (one.opacity, one.contour) for one in columns if isinstance(one, Labels)},
            # `enabled` first: the shape then changes without drawing columns in between.
            grid={name: getattr(grid, name) for name in ("enabled", "shape", "stride", "spacing")},
            camera={name: getattr(camera, name) for name in ("angles", "zoom", "center")},
        )

    def _reorder(self, order: list[Layer]) -> None:
        layers = self._viewer.layers
        for index, layer in enumerate(order):
            layers.move(layers.index(layer), index)
