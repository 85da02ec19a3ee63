"""The tissue of the built-in samples: neurites, organelles and how a microscope shows a section of them.

Cells are a Voronoi diagram in three dimensions whose seeds are merged into neurites and whose space
is warped, so that borders curve and move smoothly between sections. A section has a thickness:
a border that is cut obliquely is smeared and pale. Mitochondria, vesicles and synapses are dark too
and belong to the cell, so that darkness alone does not tell membrane from cell.

All lengths are pixels (4 nm) unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from .synthetic_organelles import Floats, Mitochondrion, draw_mitochondria

_STEP = 8.0  # section distance; less than 50 nm / 4 nm, so that neurites are elongated along Z
_SPACING = 72.0  # mean distance of the seeds of large cells
_BUNDLE = 210.0  # mean in-plane distance of bundles of thin neurites
_THINNEST = 29.0  # least distance of two thin neurites
_ALONG = 24.0  # distance of a thin neurite's seeds along Z
_MARGIN = 120.0  # seeds beyond the field of view, more than any warp and drift
_WARP = (17.0, 5.0, 0.9)  # standard deviations of the displacement, coarse to fine
_BLOCK = 8  # pixels of one block share their candidate seeds
_CANDIDATES = 10
_HALF_WIDTH = 2.8  # of a border in the truth, both membranes and the cleft
_MOST_SLOPE = 14.0  # a border that moves further within a section is invisible anyway


class _SmoothNoise:
    """Noise of zero mean and unit variance, a cubic B-spline on a coarse random grid."""

    def __init__(
        self, rng: np.random.Generator, shape: tuple[int, ...], nodes: tuple[float, ...]
    ) -> None:
        """Draw the grid; `nodes` is its spacing along Z (sections), Y and X (pixels)."""
        count = [int(np.ceil(n / step)) + 4 for n, step in zip(shape, nodes, strict=True)]
        self._grid = rng.standard_normal(count).astype(np.float32) / (151 / 315) ** 1.5
        self._z, self._y, self._x = (_taps(n, s) for n, s in zip(shape, nodes, strict=True))

    def at(self, z: int) -> Floats:
        """Values on section `z`, shape (Y, X)."""
        start, weights = self._z
        plane = sum(weights[k, z] * self._grid[start[z] + k] for k in range(4))
        start, weights = self._y
        rows = sum(weights[k, :, None] * plane[start + k] for k in range(4))
        start, weights = self._x
        return np.asarray(sum(weights[k] * rows[:, start + k] for k in range(4)))


def _taps(length: int, step: float) -> tuple[NDArray[np.intp], Floats]:
    """First grid node and the four B-spline weights, shape (4, length), of each position."""
    position = np.arange(length) / step
    start = position.astype(np.intp)
    t = (position - start).astype(np.float32)
    weights = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    return start, np.stack(weights) / np.float32(6)


@dataclass(frozen=True)
class Section:
    """The geometry of one section; arrays have shape (Y, X).

    Attributes
    ----------
    y, x : tissue coordinates of each pixel.
    cell : index of the cell.
    depth : in-plane distance to the cell's border, positive.
    slope : how far that border moves within the section's thickness.
    membrane : the truth.
    """

    z: float
    y: Floats
    x: Floats
    cell: NDArray[np.intp]
    depth: Floats
    slope: Floats
    membrane: NDArray[np.bool_]


@dataclass(frozen=True)
class _Cut:
    """A body within its bounding box in one section; arrays have the box's shape.

    Attributes
    ----------
    window : the box, in pixels.
    along, across : coordinates in the body's own axes.
    inside : distance to the body's border, positive inside.
    """

    body: Mitochondrion
    window: tuple[slice, slice]
    along: Floats
    across: Floats
    inside: Floats


@dataclass(frozen=True)
class Tissue:
    """Everything that is the same for all sections."""

    seeds: NDArray[np.float32]
    weights: NDArray[np.float32]
    cell_of: NDArray[np.intp]
    tree: Any
    grey_of: Floats
    vesicles_of: Floats
    mitochondria: tuple[Mitochondrion, ...]
    warps: tuple[_SmoothNoise, ...]
    contrast: _SmoothNoise
    active: _SmoothNoise
    dirt: _SmoothNoise

    @classmethod
    def grow(
        cls,
        rng: np.random.Generator,
        shape: tuple[int, int, int],
        varied: np.random.Generator | None = None,
    ) -> Tissue:
        """Draw seeds, neurites, mitochondria and the fields that warp them.

        With `varied`, mitochondria are as pale as cytoplasm or as dark as usual, and dense bodies of their
        size lie among them.
        """
        extent = np.array([shape[0] * _STEP, *shape[1:]], float)
        large, cell_of = _large_cells(rng, extent)
        thin, thin_of = _thin_neurites(rng, extent)
        seeds, cell_of = (
            np.concatenate([large, thin]),
            np.concatenate([cell_of, thin_of + len(large)]),
        )
        count = len(seeds)
        weights = np.zeros(
            count
        )  # of the power diagram: what a seed's cell gains on its neighbours
        weights[: len(large)] = rng.gamma(1.5, 300.0, len(large))
        # A power distance is a Euclidean one with an extra coordinate, so that a k-d tree finds it.
        lifted = np.column_stack([seeds, np.sqrt(weights.max() - weights)])
        grey = rng.normal(0, 7, count) - 30 * (rng.random(count) < 0.07)  # a few dark processes
        return cls(
            seeds=seeds.astype(np.float32),
            weights=weights.astype(np.float32),
            cell_of=cell_of,
            tree=cKDTree(lifted),
            grey_of=grey.astype(np.float32),
            vesicles_of=np.where(rng.random(count) < 0.3, rng.uniform(0.2, 1.0, count), 0.12),
            mitochondria=draw_mitochondria(rng, large, cell_of, varied),
            warps=tuple(
                _SmoothNoise(rng, shape, (z, xy, xy))
                for z, xy in [(9, 85)] * 2 + [(5, 24)] * 2 + [(3, 9)] * 2
            ),
            contrast=_SmoothNoise(rng, shape, (3, 22, 22)),
            active=_SmoothNoise(rng, shape, (2, 16, 16)),
            dirt=_SmoothNoise(rng, shape, (1.5, 55, 55)),
        )

    def cut(self, z: int, drift: Floats) -> Section:
        """Geometry of section `z`, shifted by `drift` (Y, X)."""
        octaves = [w.at(z) for w in self.warps]
        bend_y, bend_x = (
            sum(a * o for a, o in zip(_WARP, octaves[i::2], strict=True)) for i in (0, 1)
        )
        height, width = octaves[0].shape
        y = np.arange(height, dtype=np.float32)[:, None] + np.float32(drift[0]) + bend_y
        x = np.arange(width, dtype=np.float32) + np.float32(drift[1]) + bend_x
        near = self._candidates(z, y, x)
        first, second, gap = self._two_nearest(near, z, y, x)
        apart = self.seeds[second] - self.seeds[first]
        in_plane = np.sqrt(apart[..., 1] ** 2 + apart[..., 2] ** 2) + np.float32(1e-3)
        depth = gap / (2 * in_plane)
        slope = np.minimum(np.abs(apart[..., 0]) * _STEP / in_plane, _MOST_SLOPE).astype(np.float32)
        membrane = depth < _HALF_WIDTH + 0.1 * slope
        return Section(z * _STEP, y, x, self.cell_of[first], depth, slope, membrane)

    def _candidates(self, z: int, y: Floats, x: Floats) -> NDArray[np.intp]:
        """Nearest seeds of each block's centre, shape (blocks along Y, along X, candidates)."""
        at = [np.minimum(np.arange(_BLOCK // 2, n + _BLOCK // 2, _BLOCK), n - 1) for n in y.shape]
        rows, columns = np.meshgrid(*at, indexing="ij")
        flat = np.zeros_like(rows, float)
        points = np.stack([flat + z * _STEP, y[rows, columns], x[rows, columns], flat], axis=-1)
        _, found = self.tree.query(points, k=min(_CANDIDATES, len(self.seeds)))
        return np.asarray(found, np.intp)

    def _two_nearest(
        self, near: NDArray[np.intp], z: int, y: Floats, x: Floats
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
        """Nearest seed, nearest of another cell, and the gap between their squared distances."""
        height, width = y.shape
        spread = [
            np.repeat(np.repeat(near[..., k], _BLOCK, 0), _BLOCK, 1)[:height, :width]
            for k in range(near.shape[-1])
        ]
        distances = np.stack(
            [
                (y - self.seeds[s, 1]) ** 2
                + (x - self.seeds[s, 2]) ** 2
                + ((np.float32(z * _STEP) - self.seeds[s, 0]) ** 2 - self.weights[s])
                for s in spread
            ]
        )
        seeds = np.stack(spread)
        first = distances.argmin(0)[None]
        least = np.take_along_axis(distances, first, 0)[0]
        first = np.take_along_axis(seeds, first, 0)[0]
        distances[self.cell_of[seeds] == self.cell_of[first]] = np.inf
        second = distances.argmin(0)[None]
        gap = np.take_along_axis(distances, second, 0)[0] - least
        second = np.take_along_axis(seeds, second, 0)[0]
        return first, second, np.minimum(gap, np.float32(1e6))

    def stain(self, rng: np.random.Generator, z: int, section: Section) -> Floats:
        """Grey values of a section before the camera sees it, shape (Y, X)."""
        size = section.depth.shape
        fine = _unit(gaussian_filter(rng.standard_normal(size, np.float32), 1.1))
        coarse = _unit(gaussian_filter(rng.standard_normal(size, np.float32), 2.1))
        clumps = np.maximum(coarse - 0.9, 0)  # ribosomes and reticulum: dark and sparse
        grey = 164 + self.grey_of[section.cell] + 20 * fine + 8 * coarse - 55 * clumps
        self._add_mitochondria(grey, section, fine)
        self._add_vesicles(rng, grey, section)
        # A synapse is a dark density on the inner side of a border.
        density = np.clip(self.active.at(z) - 1.5, 0, 1) * np.exp(-((section.depth - 5) ** 2) / 18)
        grey -= 75 * density
        grey -= self._border(section, self.contrast.at(z), fine) * (grey - 25)
        grey -= 45 * np.clip(self.dirt.at(z) - 1.4, 0, 1.2)
        return np.asarray(grey)

    def _border(self, section: Section, contrast: Floats, grain: Floats) -> Floats:
        """Opacity of the membranes, 0 to 1: two sheets about a cleft, smeared if cut obliquely."""
        width = np.float32(1.5)
        smeared = np.sqrt(width**2 + section.slope**2 / 12)
        sheets = np.exp(-((section.depth - np.float32(1.2)) ** 2) / (2 * smeared**2))
        strength = np.clip(0.61 + 0.17 * contrast + 0.13 * grain, 0.15, 0.95)
        return np.asarray(strength * sheets * np.sqrt(width / smeared))

    def _bodies(self, section: Section) -> Iterator[_Cut]:
        """The cuts of those mitochondria and dense bodies that are in view."""
        for one in self.mitochondria:
            if abs(section.z - one.centre[0]) >= one.radii[0]:
                continue
            window = _window(section, one)
            if window is None:
                continue
            dy, dx = section.y[window] - one.centre[1], section.x[window] - one.centre[2]
            along = np.cos(one.angle) * dx + np.sin(one.angle) * dy
            across = np.cos(one.angle) * dy - np.sin(one.angle) * dx
            height = 1 - ((section.z - one.centre[0]) / one.radii[0]) ** 2
            radius = np.sqrt((along / one.radii[1]) ** 2 + (across / one.radii[2]) ** 2)
            inside = (np.sqrt(height) - radius) * min(one.radii[1:])
            inside = np.minimum(inside, section.depth[window] - 6)
            inside = np.where(section.cell[window] == one.cell, inside, -9)
            yield _Cut(one, window, along, across, inside)

    def mitochondria_in(self, section: Section) -> NDArray[np.bool_]:
        """Return where the section shows a mitochondrion, outer membrane included, shape (Y, X)."""
        found = np.zeros(section.depth.shape, bool)
        for cut in self._bodies(section):
            if not cut.body.dense:
                found[cut.window] |= cut.inside > 0
        return found

    def _add_mitochondria(self, grey: Floats, section: Section, grain: Floats) -> None:
        """Draw, in place, dark bodies with two membranes and cristae, inside their cells."""
        for cut in self._bodies(section):
            one, window, inside = cut.body, cut.window, cut.inside
            body = 1 / (1 + np.exp(-2 * np.clip(inside, -20, 20)))
            envelope = np.exp(-((inside - 1) ** 2) / 1.6)
            if one.dense:
                matrix = 98 + 20 * grain[window]
            else:
                wave = np.sin(one.cristae * cut.along + 0.06 * cut.across + 1.5 * grain[window])
                matrix = 98 + one.pale + 12 * grain[window] + 22 * wave * (inside > 5)
                envelope += 0.8 * np.exp(-((inside - 4) ** 2) / 1.6)
            grey[window] += body * (matrix - grey[window]) - 52 * envelope

    def _add_vesicles(self, rng: np.random.Generator, grey: Floats, section: Section) -> None:
        """Draw, in place, dark rings where the cytoplasm has room; some have a dense core."""
        height, width = grey.shape
        for y, x in rng.integers(0, (height, width), (height * width // 200, 2)):
            radius, core, keep = rng.uniform(2.4, 5.0), rng.random() < 0.15, rng.random()
            reach = int(np.ceil(radius)) + 3
            if not (reach <= y < height - reach and reach <= x < width - reach):
                continue
            room = section.depth[y, x] > radius + 5
            if not room or keep > self.vesicles_of[section.cell[y, x]] or grey[y, x] < 115:
                continue
            r = _RADII[_CENTRE - reach : _CENTRE + reach + 1, _CENTRE - reach : _CENTRE + reach + 1]
            ring = np.exp(-((r - radius) ** 2) / 1.4)
            inner = np.exp(-(r**2) / radius**2)
            here = np.s_[y - reach : y + reach + 1, x - reach : x + reach + 1]
            grey[here] += (-70 * inner if core else 16 * inner) - 55 * ring


_CENTRE = 12
_RADII = np.hypot(*np.mgrid[-_CENTRE : _CENTRE + 1, -_CENTRE : _CENTRE + 1]).astype(np.float32)


def _large_cells(rng: np.random.Generator, extent: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Seeds (N, 3) anywhere, and the cell of each: about half join the cell of a neighbour."""
    count = int(np.ceil(np.prod(extent + 2 * _MARGIN) / _SPACING**3))
    seeds = rng.uniform(-_MARGIN, extent + _MARGIN, (count, 3))
    joins = rng.random(count) < 0.5
    leaders = np.flatnonzero(~joins)
    cell_of = np.arange(count)
    if leaders.size:
        # Nearer along Z counts more: neurites run through the sections.
        squeeze = np.array([0.5, 1, 1])
        _, nearest = cKDTree(seeds[leaders] * squeeze).query(seeds[joins] * squeeze)
        cell_of[joins] = leaders[nearest]
    return seeds, cell_of


def _thin_neurites(rng: np.random.Generator, extent: Floats) -> tuple[Floats, NDArray[np.intp]]:
    """Seeds (N, 3) in chains through the sections, in bundles, and the neurite of each."""
    z = np.arange(-_MARGIN, extent[0] + _MARGIN, _ALONG)
    low, high = -_MARGIN, extent[1:] + _MARGIN
    bundles = rng.uniform(low, high, (int(np.ceil(np.prod(high - low) / _BUNDLE**2)), 2))
    start = np.repeat(bundles, rng.integers(6, 22, len(bundles)), axis=0)
    start += rng.normal(0, 45, start.shape)
    crowded = cKDTree(start).query_pairs(_THINNEST, output_type="ndarray")[:, 1]
    start = np.delete(start, crowded, axis=0)
    walk = np.cumsum(rng.normal(0, 3, (*start.shape[:1], len(z), 2)), axis=1) + start[:, None]
    seeds = np.concatenate([np.broadcast_to(z[:, None], (*walk.shape[:2], 1)), walk], axis=-1)
    return seeds.reshape(-1, 3), np.repeat(np.arange(len(start)), len(z))


def _window(section: Section, one: Mitochondrion) -> tuple[slice, slice] | None:
    """Bounding box, in pixels, of where a mitochondrion can be; None if out of view."""
    reach = max(one.radii[1:])
    coarse = np.s_[::_BLOCK, ::_BLOCK]
    near = np.hypot(section.y[coarse] - one.centre[1], section.x[coarse] - one.centre[2]) < reach
    if not near.any():
        return None
    rows, columns = (np.flatnonzero(near.any(axis)) * _BLOCK for axis in (1, 0))
    return (
        slice(max(rows[0] - _BLOCK, 0), rows[-1] + 2 * _BLOCK),
        slice(max(columns[0] - _BLOCK, 0), columns[-1] + 2 * _BLOCK),
    )


def _unit(noise: Floats) -> Floats:
    """Scale to unit standard deviation."""
    return np.asarray(noise / (noise.std() + np.float32(1e-6)))


def expose(rng: np.random.Generator, grey: Floats) -> NDArray[np.uint8]:
    """What the camera records: blur, brightness and contrast, uneven light, shot noise."""
    grey = gaussian_filter(grey.astype(np.float32), 0.7)
    height, width = grey.shape
    tilt_y, tilt_x = rng.normal(0, 6, 2)
    light = tilt_y * np.linspace(-1, 1, height)[:, None] + tilt_x * np.linspace(-1, 1, width)
    grey = (grey - 128) * rng.uniform(0.88, 1.12) + 128 + rng.normal(0, 8) + light
    electrons = np.sqrt(
        np.clip(grey, 1, None) / 128
    )  # shot noise grows with the root of the signal
    grey = grey + 8 * electrons * rng.standard_normal(grey.shape, np.float32)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)
