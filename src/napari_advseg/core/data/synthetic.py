"""The built-in samples: EM-like stacks of neural tissue with their truth, made on demand.

The tissue and the microscope are in `synthetic_tissue`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.config.classes import NEW_ANNOTATION, ClassMap
from napari_advseg.core.runtime.errors import ImageError

from .stack import EMStack
from .synthetic_tissue import Section, Tissue, expose

VOXEL_NM = (50.0, 4.0, 4.0)
"""Size of a voxel along Z, Y, X in nanometres, that of serial-section TEM (ISBI 2012)."""

MITOCHONDRIA = ClassMap.of(mitochondrion=1, background=0)
"""The classes of `synthetic_mitochondria`."""

Shape = tuple[int, int, int]


def synthetic_stack(
    seed: int = 0, shape: Shape = (30, 512, 512)
) -> tuple[EMStack, NDArray[np.uint8]]:
    """Make the sample stack and its truth: cells and their membranes.

    Parameters
    ----------
    seed : int
        The same seed and shape give the same bytes.
    shape : (int, int, int)
        Depth, height and width.

    Returns
    -------
    stack : EMStack
        uint8, axes ZYX, voxels of 50 × 4 × 4 nm.
    truth : ndarray of uint8, same shape
        Every pixel labelled with the values of `NEW_ANNOTATION`: 1 cell, 2 membrane.

    Raises
    ------
    ImageError
        If `shape` is not three positive numbers.
    """
    _check(shape)
    rng = np.random.default_rng(seed)
    tissue = Tissue.grow(rng, shape)
    image, truth = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    for z, section in _sections(rng, tissue, shape):
        truth[z] = NEW_ANNOTATION.decode(section.membrane.astype(np.uint8))
        image[z] = expose(rng, tissue.stain(rng, z, section))
    return EMStack.from_array(image, name="synthetic EM", scale=VOXEL_NM, unit="nm"), truth


def synthetic_mitochondria(
    seed: int = 0, shape: Shape = (30, 512, 512)
) -> tuple[EMStack, NDArray[np.uint8]]:
    """Make a stack in which mitochondria are looked for, and its truth.

    Some mitochondria are hardly darker than the cytoplasm around them, and dense bodies without cristae are as
    dark as the darkest, so that neither darkness nor size tells them.

    Parameters
    ----------
    seed, shape
        As of `synthetic_stack`.

    Returns
    -------
    stack : EMStack
        uint8, axes ZYX, voxels of 50 × 4 × 4 nm.
    truth : ndarray of uint8, same shape
        Every pixel labelled with the values of `MITOCHONDRIA`: 1 mitochondrion (about 5 % of the pixels), 0
        background.

    Raises
    ------
    ImageError
        If `shape` is not three positive numbers.
    """
    _check(shape)
    rng = np.random.default_rng(seed)
    tissue = Tissue.grow(rng, shape, varied=np.random.default_rng((seed, 1)))
    image, truth = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    for z, section in _sections(rng, tissue, shape):
        truth[z] = tissue.mitochondria_in(section)
        image[z] = expose(rng, tissue.stain(rng, z, section))
    return EMStack.from_array(
        image, name="synthetic mitochondria", scale=VOXEL_NM, unit="nm"
    ), truth


def _check(shape: Shape) -> None:
    if len(shape) != 3 or min(shape) < 1:
        raise ImageError(
            f"The shape {shape} is no stack: give depth, height and width, each at least 1."
        )


def _sections(
    rng: np.random.Generator, tissue: Tissue, shape: Shape
) -> Iterator[tuple[int, Section]]:
    """Cut the tissue; sections are shifted against each other, roughly aligned."""
    drift = np.zeros(2)
    for z in range(shape[0]):
        drift = 0.8 * drift + rng.normal(0, 1.5, 2)  # falls back
        yield z, tissue.cut(z, drift)
