"""An annotation as the engine sees it: a class index for every pixel, or none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.config.classes import MANY_LABELS, UNLABELLED, ClassMap, instance_sentence
from napari_advseg.core.runtime.errors import AnnotationError, ClassMapError


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
    def from_labels(cls, labels: NDArray[Any], classes: ClassMap | None = None) -> Annotation:
        """Read an array of labels.

        With a class map, the map decides. Without one, an array of only {0, 1} or {0, 255} is a dense
        annotation (0 membrane, the other value cell) on the slices that hold both values; its other
        slices count as unannotated.

        Parameters
        ----------
        labels : ndarray of integers, shape (Z, Y, X) or (Y, X)
            Annotation values.
        classes : ClassMap, optional
            Which values stand for which class.

        Raises
        ------
        AnnotationError
            If the array is no stack of integers or holds no label.
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
        if classes is not None:
            return cls(_not_empty(classes.encode(labels)), classes)
        return _dense(labels)


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
    targets[~both] = UNLABELLED
    notes = [f"Read as a dense annotation: {positive} is cell, 0 is membrane."]
    if not both.all():
        notes.append(
            f"{int((~both).sum())} of {len(both)} slices hold one value only and count as unannotated."
        )
    return Annotation(targets, classes, tuple(notes))
