"""What an annotation holds, in the few numbers that the window shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.annotation import Annotation
from ..core.classes import UNLABELLED, ClassMap
from ..core.errors import AdvSegError, AnnotationError, ClassMapError
from ..core.split import Split, make_split

CLASSES_SHOWN = 2
"""Classes that the window's masks can show; the engine and the command line take more."""


@dataclass(frozen=True)
class AnnotationSummary:
    """An annotation in short; plain values, so that two can be compared.

    Attributes
    ----------
    classes : ClassMap or None
        What each label means; None if nothing says it.
    share_labelled : tuple of float
        Share of labelled pixels of each slice, 0 to 1.
    classes_present : int
        How many of the classes occur.
    split : Split or None
        The slices that would train and validate; None if they cannot be taken.
    notes : tuple of str
        What was decided about the labels without being told.
    problem : AdvSegError or None
        Why a run cannot start with it.
    """

    classes: ClassMap | None = None
    share_labelled: tuple[float, ...] = ()
    classes_present: int = 0
    split: Split | None = None
    notes: tuple[str, ...] = ()
    problem: AdvSegError | None = None


def read_annotation(labels: NDArray[Any], carried: ClassMap | None, told: str | None) -> Annotation:
    """Give labels their meaning: what the person told, else what the layer carries, else inferred.

    Where the person only renames classes that were inferred, the slices that the inference counts
    as unannotated stay so.

    Parameters
    ----------
    labels : ndarray of integers, shape (Z, Y, X)
        Annotation values.
    carried : ClassMap, optional
        The layer's own class map.
    told : str, optional
        ``name=value+value,name=value`` as the person wrote it.

    Raises
    ------
    AnnotationError, ClassMapError
        If they cannot be read.
    """
    if told is None:
        return Annotation.from_labels(labels, carried)
    classes = ClassMap.parse(told)
    if carried is None:
        try:
            inferred = Annotation.from_labels(labels)
        except ClassMapError:
            return Annotation.from_labels(labels, classes)
        if [c.values for c in inferred.classes.classes] == [c.values for c in classes.classes]:
            return replace(inferred, classes=classes, notes=inferred.notes[1:])
    return Annotation.from_labels(labels, classes)


def summarise(
    labels: NDArray[Any],
    carried: ClassMap | None,
    told: str | None,
    *,
    patch: int,
    train: Sequence[int] | None = None,
    val: Sequence[int] | None = None,
) -> AnnotationSummary:
    """Read an annotation and say what is in it; what is wrong becomes the summary's `problem`."""
    depth = labels.shape[0] if labels.ndim == 3 else 1
    try:
        annotation = read_annotation(labels, carried, told)
    except AdvSegError as problem:
        return AnnotationSummary(carried, (0.0,) * depth, problem=problem)
    present = np.bincount(annotation.targets.ravel(), minlength=UNLABELLED + 1)[:UNLABELLED]
    summary = AnnotationSummary(
        annotation.classes,
        tuple(float(share) for share in annotation.share_labelled()),
        int(np.count_nonzero(present)),
        notes=annotation.notes,
    )
    if len(annotation.classes) > CLASSES_SHOWN:
        return replace(summary, problem=_too_many(annotation.classes))
    if summary.classes_present < 2:
        only = annotation.classes.names[int(present.argmax())]
        return replace(
            summary,
            problem=AnnotationError(f"Only {only} is labelled: paint at least two classes."),
        )
    try:
        return replace(summary, split=make_split(annotation, patch, train, val))
    except AdvSegError as problem:
        return replace(summary, problem=problem)


def _too_many(classes: ClassMap) -> ClassMapError:
    return ClassMapError(
        f"The window trains {CLASSES_SHOWN} classes so far and the annotation has {len(classes)} "
        f"({', '.join(classes.names)}): merge some with +, or use advseg train."
    )
