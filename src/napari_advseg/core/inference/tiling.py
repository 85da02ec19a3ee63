"""Overlap tiles: cut a slice far larger than a tile, predict tile after tile, and blend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Predict = Callable[[NDArray[np.float32]], NDArray[Any]]
"""Tiles (N, channels, h, w) to as many maps (N, C, h, w)."""


@dataclass(frozen=True)
class Span:
    """One tile along one axis, in pixels of the slice.

    Attributes
    ----------
    start, size : int
        The part that the network sees; it may reach past the end of the slice, into its reflection.
    first, stop : int
        Half-open range of the slice that the tile has a say in.
    rise, fall : int
        Pixels after `first` over which the weight rises to 1, and before `stop` over which it falls
        to 0.
    """

    start: int
    size: int
    first: int
    stop: int
    rise: int
    fall: int

    @property
    def seen(self) -> slice:
        """The part that the network sees."""
        return slice(self.start, self.start + self.size)

    @property
    def kept(self) -> slice:
        """The part of the slice that is written."""
        return slice(self.first, self.stop)

    @property
    def kept_in_tile(self) -> slice:
        """The same part, counted from the tile's own first pixel."""
        return slice(self.first - self.start, self.stop - self.start)

    def weights(self) -> NDArray[np.float32]:
        """Weights of the kept pixels; those of all tiles add up to 1 at each pixel of the slice."""
        weights = np.ones(self.stop - self.first, np.float32)
        if self.rise:
            weights[: self.rise] = _ramp(self.rise)
        if self.fall:
            weights[-self.fall :] = 1 - _ramp(self.fall)
        return weights


@dataclass(frozen=True)
class Tile:
    """A tile: the network sees ``rows.seen`` × ``columns.seen`` and decides on ``kept``."""

    rows: Span
    columns: Span


def tile_grid(height: int, width: int, tile: int, overlap: int, multiple: int) -> list[Tile]:
    """Cover a slice with tiles, evenly spread, row after row.

    Every tile starts at a multiple of `multiple`, so that the poolings of all tiles fall on one
    grid: away from its rim a tile then gives what the whole slice would give.

    Parameters
    ----------
    height, width : int
        Size of the slice in pixels.
    tile : int
        Side of a tile in pixels, rounded up to `multiple`. A slice that is smaller gets one tile of
        its own size, rounded up likewise.
    overlap : int
        Pixels that neighbours share at least, at most half a tile. The quarter at a tile's rim is
        discarded, for there the network saw the rim; across the middle half one tile fades into
        the next.
    multiple : int
        The sides of what the network sees are multiples of this: 2^depth.

    Raises
    ------
    ValueError
        If a size is not positive, or the overlap is negative or more than half a tile.
    """
    if min(height, width, tile, multiple) < 1:
        raise ValueError(
            f"height {height}, width {width}, tile {tile}, multiple {multiple}: one is not positive"
        )
    if not 0 <= overlap <= tile / 2:
        raise ValueError(f"overlap {overlap} is not between 0 and half of tile {tile}")
    columns = _spans(width, tile, overlap, multiple)
    return [
        Tile(row, column) for row in _spans(height, tile, overlap, multiple) for column in columns
    ]


def predict_slice(
    image: NDArray[Any],
    predict: Predict,
    *,
    tile: int,
    overlap: int,
    multiple: int,
    raise_if_stopped: Callable[[], None] = lambda: None,
) -> NDArray[np.float32]:
    """Predict a slice tile by tile.

    Beside the result no more than a few tiles are held in memory.

    Parameters
    ----------
    image : ndarray, shape (Y, X) or (channels, Y, X)
        Normalised grey values; a memory map will do.
    predict : callable
        Takes float32 of shape (1, channels, h, w), h and w multiples of `multiple`; gives (1, C, h, w).
    tile, overlap, multiple : int
        As for `tile_grid`.
    raise_if_stopped : callable, optional
        Called before each tile; it may wait, or raise to stop.

    Returns
    -------
    ndarray of float32, shape (C, Y, X)

    Raises
    ------
    ValueError
        As for `tile_grid`, and if `image` has neither two nor three axes.
    """
    if image.ndim not in (2, 3):
        raise ValueError(f"image has shape {image.shape}, (Y, X) or (C, Y, X) is needed")
    planes = image[np.newaxis] if image.ndim == 2 else image
    height, width = planes.shape[1:]
    tiles = tile_grid(height, width, tile, overlap, multiple)
    rows, columns = _reflected(height, multiple), _reflected(width, multiple)
    every = np.arange(len(planes))
    result: NDArray[np.float32] | None = None
    for one in tiles:
        raise_if_stopped()
        where = np.ix_(every, rows[one.rows.seen], columns[one.columns.seen])
        maps = predict(planes[where].astype(np.float32, copy=False)[np.newaxis])[0]
        maps = maps[:, one.rows.kept_in_tile, one.columns.kept_in_tile]
        if len(tiles) == 1:
            return np.ascontiguousarray(maps, np.float32)
        if result is None:
            result = np.zeros((len(maps), height, width), np.float32)
        weighted = maps * one.rows.weights()[:, np.newaxis]
        weighted *= one.columns.weights()
        result[:, one.rows.kept, one.columns.kept] += weighted
    assert result is not None  # a grid has at least one tile
    return result


def _ramp(length: int) -> NDArray[np.float32]:
    """Half a cosine from 0 to 1, without its ends."""
    phase = (np.arange(length) + 0.5) / length
    return (0.5 - 0.5 * np.cos(np.pi * phase)).astype(np.float32)


def _reflected(length: int, multiple: int) -> NDArray[np.intp]:
    """Indices along an axis, continued by reflection up to the next multiple."""
    return np.pad(np.arange(length), (0, -length % multiple), mode="reflect")


def _spans(length: int, tile: int, overlap: int, multiple: int) -> list[Span]:
    """Tiles along one axis, placed in units of `multiple`."""
    units = -(-length // multiple)
    shared = -(-overlap // multiple)
    # Rounding up to units can lift the overlap above half a tile, where two fades would meet.
    side = min(units, max(-(-tile // multiple), 2 * shared))
    steps = -(-(units - side) // (side - shared)) if units > side else 0
    starts = [multiple * (i * (units - side) // steps) for i in range(steps + 1)] if steps else [0]
    size, fade = side * multiple, overlap // 2
    # The fade between neighbours lies in the middle of what they share.
    fades = [(b + a + size - fade) // 2 for a, b in pairwise(starts)]
    firsts = [0, *fades]
    stops = [*(f + fade for f in fades), length]
    return [
        Span(start, size, first, stop, fade if i else 0, fade if i < steps else 0)
        for i, (start, first, stop) in enumerate(zip(starts, firsts, stops, strict=True))
    ]
