"""An annotation as the engine sees it: a class index for every pixel, or none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.config.classes import MANY_LABELS, UNLABELLED, ClassMap, instance_sentence
from napari_advseg.core.runtime.errors import (
    AnnotationError,
    ClassMapError,
    SplitError,
    UndecidedLabels,
)

MOSTLY = 0.5
"""Labels of one value and 0 are read as dense from this share of pixels that are not 0; strokes cover less."""


@dataclass(frozen=True)
class Annotation:
    """A stack's labels as class indices.

    Attributes
    ----------
    targets : ndarray of uint8, shape (Z, Y, X)
        Class index of each pixel, `UNLABELLED` (255) where nobody said.
    classes : ClassMap
        Names and values behind the indices.
    notes : tuple of str
        What was decided about the labels without being told, for the log and the dock.
    """

    targets: NDArray[np.uint8]
    classes: ClassMap
    notes: tuple[str, ...] = field(default=())

    @property
    def annotated_slices(self) -> tuple[int, ...]:
        """Indices of the slices that hold at least one labelled pixel."""
        return tuple(int(z) for z in np.flatnonzero((self.targets != UNLABELLED).any(axis=(1, 2))))

    def share_labelled(self) -> NDArray[np.float64]:
        """Share of labelled pixels of each slice, shape (Z,), 0 to 1."""
        return np.asarray((self.targets != UNLABELLED).mean(axis=(1, 2)))

    @classmethod
    def from_labels(
        cls,
        labels: NDArray[Any],
        classes: ClassMap | None = None,
        *,
        zero_slices: bool = False,
    ) -> Annotation:
        """Read an array of labels.

        With a class map, the map decides; slices that are 0 throughout are unannotated, also where 0 is a
        class, since a slice that was not annotated looks the same (see `only`). Without a class map, an
        array of only {0, 1} or {0, 255} is a dense annotation (0 membrane, the other value cell) if most
        pixels of the slices with both values are not 0; its other slices are unannotated. With fewer they
        may be strokes of one class, and the array is refused.

        Parameters
        ----------
        labels : ndarray of integers, shape (Z, Y, X) or (Y, X)
            Annotation values.
        classes : ClassMap, optional
            Which values stand for which class.
        zero_slices : bool
            Whether slices that are 0 throughout are annotated if 0 is a class, as in complete truth.

        Raises
        ------
        AnnotationError
            If the array is not a stack of integers or holds no label.
        UndecidedLabels
            If there is no class map, and 0 may be a class or unlabelled.
        ClassMapError
            If the values are neither named by `classes` nor of the dense form.
        """
        labels = np.asarray(labels)
        if labels.ndim == 2:
            labels = labels[np.newaxis]
        if labels.ndim != 3:
            raise AnnotationError(
                f"The annotation has shape {labels.shape}: give a stack (Z, Y, X) or one slice (Y, X)."
            )
        if labels.dtype == bool:
            labels = labels.astype(np.uint8)
        if not np.issubdtype(labels.dtype, np.integer):
            raise AnnotationError(
                f"The annotation holds {labels.dtype} values: convert it to integers."
            )
        if classes is None:
            return _dense(labels)
        targets = classes.encode(labels)
        notes = () if zero_slices else _leave_out_zero_slices(labels, targets, classes)
        return cls(_not_empty(targets), classes, notes)

    def only(self, name: str, slices: Iterable[int]) -> Annotation:
        """Mark slices as wholly of one class, such as slices on which there is nothing to be found.

        Parameters
        ----------
        name : str
            Name of the class.
        slices : iterable of int
            Slices that have no labels of another class.

        Raises
        ------
        ClassMapError
            If there is no such class.
        SplitError
            If a slice is outside of the stack.
        AnnotationError
            If a slice has labels of another class.
        """
        if name not in self.classes.names:
            raise ClassMapError(
                f"There is no class {name!r}: the classes are {', '.join(self.classes.names)}."
            )
        targets, index = self.targets.copy(), self.classes.names.index(name)
        for z in slices:
            if not 0 <= z < len(targets):
                raise SplitError(
                    f"Slice {z} is outside the stack: its slices are 0 to {len(targets) - 1}."
                )
            others = np.setdiff1d(targets[z], [index, UNLABELLED])
            if others.size:
                raise AnnotationError(
                    f"Slice {z} has labels of {self.classes.names[others[0]]}, so it is not only {name}: "
                    "leave it out of the list, or correct the annotation."
                )
            targets[z] = index
        return replace(self, targets=targets)


def _leave_out_zero_slices(
    labels: NDArray[Any], targets: NDArray[np.uint8], classes: ClassMap
) -> tuple[str, ...]:
    """Make slices that are 0 throughout unlabelled; return the note about them."""
    index = classes.index_of_value(0)
    if index is None:
        return ()
    zero = np.array([not one.any() for one in labels])
    targets[zero] = UNLABELLED
    return _zero_note(int(zero.sum()), len(zero), classes.names[index])


def _zero_note(zero: int, depth: int, name: str) -> tuple[str, ...]:
    if not zero:
        return ()
    what = f"{zero} of {depth} slices {'is' if zero == 1 else 'are'} 0 throughout"
    return (f"{what} and unannotated: mark those that are all {name}.",)


def _not_empty(targets: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if (targets == UNLABELLED).all():
        raise AnnotationError("The annotation is empty: paint at least two classes on one slice.")
    return targets


def _dense(labels: NDArray[Any]) -> Annotation:
    """Read labels whose meaning nobody told, if they are of the dense form."""
    present = np.unique(labels)
    positive = int(present[-1]) if present.size else 0
    if present.size <= 1 and positive == 0:
        raise AnnotationError("The annotation is empty: paint at least two classes on one slice.")
    if present.size == 1:
        raise AnnotationError(
            f"Every pixel of the annotation is {positive}: paint at least two classes on one slice."
        )
    if present.size > MANY_LABELS:
        raise ClassMapError(instance_sentence(present[present != 0]))
    if present.size != 2 or present[0] != 0 or positive not in (1, 255):
        shown = ", ".join(map(str, present[:6])) + (", ..." if present.size > 6 else "")
        raise ClassMapError(
            f"The annotation holds the values {shown}, and nothing says what they mean: "
            "name them, for example cell=255,membrane=0+32."
        )
    classes = ClassMap.of(cell=positive, membrane=0)
    targets = classes.encode(labels)
    both = np.array([(s == 0).any() and (s == positive).any() for s in labels])
    if not both.any():
        raise AnnotationError(
            f"No slice of the annotation holds both 0 and {positive}: paint at least two classes on one slice."
        )
    if labels[both].astype(np.bool_).mean() < MOSTLY:
        raise undecided(positive)
    targets[~both] = UNLABELLED
    notes = [f"Read as a dense annotation: {positive} is cell, 0 is membrane."]
    if not both.all():
        notes.append(
            f"{int((~both).sum())} of {len(both)} slices hold one value only and count as unannotated."
        )
    return Annotation(targets, classes, tuple(notes))


def undecided(value: int) -> UndecidedLabels:
    """Error for labels of one value and 0 that may be strokes of one class or a dense annotation."""
    other = 2 if value == 1 else 1
    return UndecidedLabels(
        f"The annotation holds only 0 and {value}: nothing says whether 0 is a class. If it is, name both, "
        f"for example object={value},background=0; if 0 is not labelled, name a second label, "
        f"for example object={value},background={other}."
    )
