"""Take a predicted mask, or a part of it, into an annotation as corrected truth."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.config.classes import OBJECTS, UNLABELLED, ClassMap
from napari_advseg.core.runtime.errors import ClassMapError


@dataclass(frozen=True, eq=False)
class SliceChange:
    """The pixels of one slice that change, and to what.

    Attributes
    ----------
    z : int
        Index of the slice.
    where : ndarray of bool, shape (Y, X)
        Pixels that change; no other does.
    before, after : ndarray of the annotation's dtype, shape (N,)
        Their values, in the order of ``labels[where]``.
    kept : int
        Painted pixels that the mask has as another class and that stayed as they are.
    """

    z: int
    where: NDArray[np.bool_]
    before: NDArray[Any]
    after: NDArray[Any]
    kept: int = 0

    @property
    def pixels(self) -> int:
        """Number of pixels that change."""
        return len(self.after)


def same_classes(mask: ClassMap, annotation: ClassMap) -> NDArray[np.uint8]:
    """Table from the class indices of a mask to those of an annotation, matched by name.

    Parameters
    ----------
    mask, annotation : ClassMap

    Returns
    -------
    ndarray of uint8, shape (256,)
        ``table[index]`` is the annotation's index; `UNLABELLED` stays `UNLABELLED`.

    Raises
    ------
    ClassMapError
        If one has a class whose name the other lacks.
    """
    if set(mask.names) != set(annotation.names):
        raise ClassMapError(
            f"The masks show {', '.join(mask.names)} and the annotation has "
            f"{', '.join(annotation.names)}: give its classes the same names, or choose another annotation."
        )
    table = np.full(256, UNLABELLED, np.uint8)
    table[: len(mask)] = [annotation.names.index(name) for name in mask.names]
    return table


def accept_slice(
    z: int,
    labels: NDArray[Any],
    indices: NDArray[np.uint8],
    classes: ClassMap,
    *,
    region: NDArray[np.bool_] | None = None,
    overwrite: bool = False,
    blank: bool = False,
) -> SliceChange:
    """What changes in one slice of an annotation when a mask is accepted.

    Nothing is written where the network did not predict, outside `region`, or where the annotation
    says that class already, be it by another of the class' values.

    Parameters
    ----------
    z : int
        Index of the slice, for the answer.
    labels : ndarray of integers, shape (Y, X)
        Annotation values.
    indices : ndarray of uint8, shape (Y, X)
        The mask: indices into `classes`, `UNLABELLED` where nothing was predicted.
    classes : ClassMap
        The annotation's classes; `ClassMap.mask_values` are written.
    region : ndarray of bool, shape (Y, X), optional
        Pixels to take; None takes all.
    overwrite : bool
        Also change pixels that are painted as another class.
    blank : bool
        The slice counts as unannotated though 0 is a class, as in an annotation that is dense on its
        other slices.

    Raises
    ------
    ClassMapError
        If a label belongs to no class, or a class' value does not fit the annotation's dtype.
    ValueError
        If the shapes differ.
    """
    if labels.shape != indices.shape or (region is not None and region.shape != labels.shape):
        raise ValueError(f"labels {labels.shape}, mask {indices.shape}: shapes differ")
    now = np.full(labels.shape, UNLABELLED, np.uint8) if blank else classes.encode(labels)
    where = (indices != UNLABELLED) & (indices != now)
    if region is not None:
        where &= region
    kept = 0
    if not overwrite:
        painted = now != UNLABELLED
        kept = int(np.count_nonzero(where & painted))
        where &= ~painted
    values = _values(classes, labels.dtype)
    after = values[indices[where]]
    if blank:  # a pixel can be of a class before and after without a new value
        changes = after != labels[where]
        where[where] = changes
        after = after[changes]
    return SliceChange(z, where, labels[where], after, kept)


def accept_stack(
    labels: NDArray[Any],
    indices: NDArray[np.uint8],
    classes: ClassMap,
    *,
    table: NDArray[np.uint8],
    overwrite: bool = False,
    unannotated: Collection[int] = (),
) -> Iterator[SliceChange]:
    """Changes of a whole stack, slice by slice; slices without one are left out.

    Parameters
    ----------
    labels : ndarray of integers, shape (Z, Y, X)
    indices : ndarray of uint8, shape (Z, Y, X)
        Indices into the mask's classes.
    table : ndarray of uint8, shape (256,)
        As `same_classes` gives it.
    unannotated : collection of int
        As for `is_blank`.
    classes, overwrite
        As for `accept_slice`, whose errors it raises.
    """
    for z, (drawn, mask) in enumerate(zip(labels, indices, strict=True)):
        blank = is_blank(z, drawn, classes, unannotated)
        change = accept_slice(z, drawn, table[mask], classes, overwrite=overwrite, blank=blank)
        if change.pixels or change.kept:
            yield change


def is_blank(z: int, labels: NDArray[Any], classes: ClassMap, unannotated: Collection[int]) -> bool:
    """Whether a slice counts as unannotated though each of its values is a class.

    That is so in an annotation that is dense on other slices, on those of one value alone.

    Parameters
    ----------
    z : int
    labels : ndarray of integers, shape (Y, X)
    classes : ClassMap
    unannotated : collection of int
        Slices on which nothing counted as labelled when the annotation was last read.
    """
    zero_is_a_class = any(0 in one.values for one in classes.classes)
    return zero_is_a_class and z in unannotated and bool((labels == labels.flat[0]).all())


def _values(classes: ClassMap, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Written values by class index, in the annotation's own dtype."""
    limits = np.iinfo(dtype)
    for one in classes.classes:
        if not one.values and OBJECTS not in one.derived:
            raise ClassMapError(
                f"{one.name} are the borders of objects here, which no label stands for: "
                "accept masks into an annotation whose classes have labels of their own."
            )
    beyond = [v for v in classes.mask_values if not limits.min <= v <= limits.max]
    if beyond:
        raise ClassMapError(
            f"The annotation holds {dtype} values, and {beyond[0]} does not fit: give the class a "
            f"value from {limits.min} to {limits.max}."
        )
    return np.asarray(classes.mask_values, dtype)
