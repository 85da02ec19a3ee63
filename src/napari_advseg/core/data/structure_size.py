"""How thick the annotated structures are, and the pixel size that suits them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from napari_advseg.core.config.classes import UNLABELLED

from .annotation import Annotation
from .rescaling import coarse_side
from .split import Split

LEAST_THICKNESS = 16.0
"""Coarse pixels across a structure that are left at least; see docs/benchmarks.md, "Scale"."""
LARGEST_SCALE = 8
DENSE = 0.5
"""Share of labelled pixels from which a slice shows how thick its structures are: strokes do not."""
MOST_SLICES = 8


@dataclass(frozen=True)
class StructureSize:
    """The thinnest of the annotated structures.

    Attributes
    ----------
    name : str
        Its class.
    thickness : float
        In pixels of the stack: the width of a band whose pixels lie as far from its rim on average; of a
        disc two thirds of its diameter.
    """

    name: str
    thickness: float


def thinnest_structure(annotation: Annotation, slices: tuple[int, ...]) -> StructureSize | None:
    """The thinnest class, the most frequent one (the surroundings) aside.

    Parameters
    ----------
    annotation : Annotation
    slices : tuple of int
        Slices to look at; of many, some that are evenly spread.

    Returns
    -------
    StructureSize or None
        None where labels are strokes, which do not show it.
    """
    shares = annotation.share_labelled()
    dense = [z for z in slices if shares[z] >= DENSE]
    if not dense:
        return None
    steps = np.linspace(0, len(dense) - 1, min(len(dense), MOST_SLICES)).round().astype(int)
    planes = [annotation.targets[dense[i]] for i in np.unique(steps)]
    names = annotation.classes.names
    counts = np.sum([np.bincount(p.ravel(), minlength=256)[: len(names)] for p in planes], axis=0)
    found = [
        StructureSize(name, _thickness(planes, index))
        for index, name in enumerate(names)
        if counts[index] and index != int(counts.argmax())
    ]
    return min(found, key=lambda one: one.thickness, default=None)


def _thickness(planes: list[NDArray[np.uint8]], index: int) -> float:
    """Four times the mean distance from the rim, which runs half a pixel outside of its pixels' centres."""
    total, number = 0.0, 0
    for plane in planes:
        # what is unlabelled is no rim: a structure may go on there
        inside = (plane == index) | (plane == UNLABELLED)
        if inside.all():
            continue
        distances = distance_transform_edt(inside)[plane == index] - 0.5
        total, number = total + float(distances.sum()), number + distances.size
    return 4 * total / number if number else float("inf")


def training_sides(shape: tuple[int, int, int], split: Split, scale: int) -> tuple[int, int]:
    """Height and width, in coarse pixels, of what trains: patches have to fit in."""
    _, height, width = shape
    if split.train_columns is not None:
        columns = split.train_columns[1] - split.train_columns[0]
        return coarse_side(height, scale), columns // scale
    return coarse_side(height, scale), coarse_side(width, scale)


def suitable_scale(
    size: StructureSize | None, shape: tuple[int, int, int], split: Split, patch: int
) -> int:
    """Pixels of the stack along a side of a pixel of the networks: a power of 2.

    The largest at which the structure is still `LEAST_THICKNESS` thick and a patch fits in what trains.
    """
    scale = 1
    while size is not None and 2 * scale <= LARGEST_SCALE:
        if size.thickness / (2 * scale) < LEAST_THICKNESS:
            break
        if min(training_sides(shape, split, 2 * scale)) < patch:
            break
        scale *= 2
    return scale
