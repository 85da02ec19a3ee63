"""What an annotation holds, in the few numbers that the window shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_advseg.app.ports.annotations import ClassRow
from napari_advseg.core.config.classes import MANY_LABELS, UNLABELLED, ClassMap
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.split import Split, make_split
from napari_advseg.core.runtime.errors import AdvSegError, AnnotationError, ClassMapError

from .class_rows import complete_map, to_class_map


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
    pixels_of_class : tuple of int
        How many pixels each class of `classes` has; empty where that is not known.
    carried : bool
        Whether the layer, or the file it came from, says what its labels mean.
    unnamed : tuple of int
        Labels that it holds and no class names, where there are few; 0 only if nothing says what
        the labels mean.
    classes_of_slice : tuple of tuple of int
        For each slice the classes that occur on it, by position in `classes`.
    read_with : tuple or None
        `Choices.for_annotation` when it was read.
    """

    classes: ClassMap | None = None
    share_labelled: tuple[float, ...] = ()
    classes_present: int = 0
    split: Split | None = None
    notes: tuple[str, ...] = ()
    problem: AdvSegError | None = None
    pixels_of_class: tuple[int, ...] = ()
    carried: bool = False
    unnamed: tuple[int, ...] = ()
    classes_of_slice: tuple[tuple[int, ...], ...] = ()
    read_with: tuple[object, ...] | None = None


def read_annotation(
    labels: NDArray[Any], carried: ClassMap | None, rows: Sequence[ClassRow] | None
) -> Annotation:
    """Interpret labels by the classes that the user entered, else those the layer carries, else infer them.

    If the user only renames or reorders inferred classes, slices that the inference treats as unannotated
    remain unannotated.

    Parameters
    ----------
    labels : ndarray of integers, shape (Z, Y, X)
        Annotation values.
    carried : ClassMap, optional
        The layer's own class map.
    rows : sequence of ClassRow, optional
        The classes that the user entered.

    Raises
    ------
    AnnotationError, ClassMapError
        If the rows are incomplete or do not fit the labels.
    """
    if rows is None:
        return Annotation.from_labels(labels, carried)
    classes = to_class_map(rows)
    if carried is None:
        try:
            inferred = Annotation.from_labels(labels)
        except ClassMapError:
            return Annotation.from_labels(labels, classes)
        same = [sorted(c.values for c in one.classes) for one in (inferred.classes, classes)]
        if same[0] == same[1]:
            targets = classes.encode(labels)
            targets[inferred.targets == UNLABELLED] = UNLABELLED
            return Annotation(targets, classes, inferred.notes[1:])
    return Annotation.from_labels(labels, classes)


def summarise(
    labels: NDArray[Any],
    carried: ClassMap | None,
    rows: Sequence[ClassRow] | None,
    *,
    patch: int,
    train: Sequence[int] | None = None,
    val: Sequence[int] | None = None,
) -> AnnotationSummary:
    """Read an annotation and say what is in it; what is wrong becomes the summary's `problem`."""
    depth = labels.shape[0] if labels.ndim == 3 else 1
    try:
        annotation = read_annotation(labels, carried, rows)
    except AdvSegError as problem:
        return _unreadable(labels, carried, rows, (0.0,) * depth, problem)
    counts = np.stack(
        [np.bincount(one.ravel(), minlength=UNLABELLED + 1) for one in annotation.targets]
    )[:, :UNLABELLED]
    present = counts.sum(axis=0)
    summary = AnnotationSummary(
        annotation.classes,
        tuple(float(share) for share in annotation.share_labelled()),
        int(np.count_nonzero(present)),
        notes=annotation.notes,
        pixels_of_class=tuple(int(n) for n in present[: len(annotation.classes)]),
        carried=carried is not None,
        classes_of_slice=tuple(tuple(map(int, np.flatnonzero(one))) for one in counts),
    )
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


def _unreadable(
    labels: NDArray[Any],
    carried: ClassMap | None,
    rows: Sequence[ClassRow] | None,
    share: tuple[float, ...],
    problem: AdvSegError,
) -> AnnotationSummary:
    """What can be said of labels that do not fit their classes: which ones have none."""
    classes = carried if rows is None else complete_map(rows)
    named = [] if classes is None else [0, *(v for one in classes.classes for v in one.values)]
    unnamed = tuple(int(v) for v in np.setdiff1d(np.unique(labels), named))
    return AnnotationSummary(
        classes,
        share,
        problem=problem,
        pixels_of_class=() if unnamed or classes is None else (0,) * len(classes),
        carried=carried is not None,
        unnamed=unnamed if len(unnamed) <= MANY_LABELS else (),
        classes_of_slice=() if labels.any() else ((),) * len(share),
    )
