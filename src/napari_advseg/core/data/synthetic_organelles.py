"""Mitochondria and dense bodies of the built-in samples: where they lie, and their shapes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Mitochondrion:
    """An ellipsoid in tissue coordinates, inside one cell.

    Attributes
    ----------
    pale : how much brighter its matrix is than usual, in grey values.
    dense : whether it is no mitochondrion but a dense body: as dark, with one membrane and no cristae.
    """

    centre: Floats
    radii: tuple[float, float, float]
    angle: float
    cell: int
    cristae: float
    pale: float = 0.0
    dense: bool = False


def draw_mitochondria(
    rng: np.random.Generator,
    seeds: Floats,
    cell_of: NDArray[np.intp],
    varied: np.random.Generator | None,
) -> tuple[Mitochondrion, ...]:
    """One near every fifth seed; `Tissue.stain` trims it to its cell."""
    found = []
    for index in np.flatnonzero(rng.random(len(seeds)) < 0.2):
        short = rng.uniform(13, 24)
        radii = (rng.uniform(35, 90), short * rng.uniform(1, 1.9), short)
        centre = seeds[index] + rng.normal(0, 6, 3)
        angle, cristae = rng.uniform(0, np.pi), rng.uniform(0.55, 0.85)
        found.append(Mitochondrion(centre, radii, angle, int(cell_of[index]), cristae))
    return tuple(found) if varied is None else _varied(varied, found, seeds, cell_of)


def _varied(
    rng: np.random.Generator,
    mitochondria: list[Mitochondrion],
    seeds: Floats,
    cell_of: NDArray[np.intp],
) -> tuple[Mitochondrion, ...]:
    """Make mitochondria paler by up to 20 grey values, and add a dense body near every 16th seed."""
    found = [replace(one, pale=rng.uniform(0, 20)) for one in mitochondria]
    for index in np.flatnonzero(rng.random(len(seeds)) < 0.06):
        size = rng.uniform(10, 26)
        radii = (rng.uniform(20, 50), size * rng.uniform(1, 1.4), size)
        centre = seeds[index] + rng.normal(0, 6, 3)
        cell, angle = int(cell_of[index]), rng.uniform(0, np.pi)
        found.append(Mitochondrion(centre, radii, angle, cell, 0.0, dense=True))
    return tuple(found)
