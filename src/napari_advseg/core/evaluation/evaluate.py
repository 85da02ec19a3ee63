"""Score a mask against an annotation: F1 of each class, accuracy, V_Rand, V_Info."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.config.classes import NO_TISSUE, UNLABELLED, ClassMap
from napari_advseg.core.config.slice_ranges import format_slices
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.inference.predictions import to_indices
from napari_advseg.core.runtime.errors import AnnotationError, ClassMapError, SplitError
from napari_advseg.core.storage.checks import check_threshold

from .boundary_scores import BoundaryScores, rand_and_info
from .metrics import accuracy, confusion, f1_scores, mean_f1
from .slice_scores import slice_f1

_NO_REGIONS = BoundaryScores(math.nan, math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Evaluation:
    """How well a mask matches an annotation.

    Attributes
    ----------
    f1 : dict of str to float
        F1 of each class from pooled counts, positive class first; NaN for a class in neither.
    f1_mean : float
        Mean of the F1 of the classes that the annotation holds there.
    accuracy : float
        Share of the labelled pixels whose class is right.
    v_rand, v_info : float
        Scores of the regions of the first of two classes, means over slices; for a probability map
        each at its best threshold. NaN without a pixel of that class, and with more than two classes.
    threshold_rand, threshold_info : float or None
        Those best thresholds; None for a mask of labels.
    slices : tuple of int
        Slices that counted.
    pixels : int
        Labelled pixels that counted.
    notes : tuple of str
        What was decided about the mask without being told.
    slice_f1 : tuple of tuple of float
        For each of `slices` the F1 of each class; NaN for a class without a true pixel there.
    """

    f1: dict[str, float]
    f1_mean: float
    accuracy: float
    v_rand: float
    v_info: float
    threshold_rand: float | None
    threshold_info: float | None
    slices: tuple[int, ...]
    pixels: int
    notes: tuple[str, ...] = ()
    slice_f1: tuple[tuple[float, ...], ...] = ()

    def per_slice(self) -> str:
        """A line for each slice: its number and the F1 of each class."""
        names = [f"F1 {name}" for name in self.f1]
        lines = ["  ".join(["slice", *names])]
        for z, scores in zip(self.slices, self.slice_f1, strict=True):
            shown = (
                f"{_shown(score):>{len(name)}}" for name, score in zip(names, scores, strict=True)
            )
            lines.append("  ".join([f"{z:>5}", *shown]))
        return "\n".join(lines)

    def per_slice_as_list(self) -> list[dict[str, Any]]:
        """The same as plain values ready for JSON; NaN becomes None."""
        return [
            {"slice": z, "f1": dict(zip(self.f1, map(_plain, scores), strict=True))}
            for z, scores in zip(self.slices, self.slice_f1, strict=True)
        ]

    def as_dict(self) -> dict[str, Any]:
        """Plain values ready for JSON; NaN becomes None."""
        return {
            "f1": {name: _plain(value) for name, value in self.f1.items()},
            "f1_mean": _plain(self.f1_mean),
            "accuracy": _plain(self.accuracy),
            "v_rand": _plain(self.v_rand),
            "v_info": _plain(self.v_info),
            "threshold_rand": _plain(self.threshold_rand),
            "threshold_info": _plain(self.threshold_info),
            "slices": list(self.slices),
            "pixels": self.pixels,
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        rows = [(f"F1 {name}", _shown(value)) for name, value in self.f1.items()]
        if len(self.f1) > 2:
            regions = [("F1 mean", _shown(self.f1_mean))]
        else:
            regions = [
                ("V_Rand", _shown(self.v_rand, self.threshold_rand)),
                ("V_Info", _shown(self.v_info, self.threshold_info)),
            ]
        rows += [
            ("accuracy", _shown(self.accuracy)),
            *regions,
            ("slices", f"{format_slices(self.slices)} ({self.pixels:,} labelled pixels)"),
        ]
        width = max(len(name) for name, _ in rows)
        return "\n".join([*(f"{name:<{width}}  {value}" for name, value in rows), *self.notes])


def evaluate(
    mask: Any,
    annotation: Annotation,
    *,
    mask_classes: ClassMap | None = None,
    slices: Sequence[int] | None = None,
    threshold: float = 0.5,
    raise_if_stopped: Callable[[], None] | None = None,
) -> Evaluation:
    """Score a mask on the annotated slices.

    Parameters
    ----------
    mask : array-like, shape (Z, Y, X) or (Y, X)
        Integers or bool: labels. Float: probability of the first class, 0 to 1. May be lazy (dask,
        zarr, memory map): only the slices that count are read.
    annotation : Annotation
        The truth, of the same shape. Its unlabelled pixels count nowhere.
    mask_classes : ClassMap, optional
        What the mask's labels mean, if it carries that. They are matched to the annotation's
        classes by name, or by position if no name is shared. Without it the annotation's values
        hold; a mask of only {0, 1} or {0, 255} that does not fit those is read as background and
        foreground.
    slices : sequence of int, optional
        Slices to count; those without a label are left out. Default: all annotated slices.
    threshold : float
        From this probability on, a pixel is of the first class; not used for labels.
    raise_if_stopped : callable, optional
        Called between slices; it may raise to end a long computation.

    Returns
    -------
    Evaluation
        Pooled pixel scores and mean region scores.

    Raises
    ------
    AnnotationError
        If the shapes differ, a probability is not within 0 to 1, or a counted pixel of the mask has
        no class.
    ClassMapError
        If the mask's labels cannot be matched to the annotation's classes.
    SplitError
        If a slice is outside the stack, or none is annotated.
    SettingsError
        If the threshold is not within 0 to 1.
    """
    check_threshold(threshold)
    if len(mask.shape) == 2:
        mask = mask[np.newaxis]
    if tuple(mask.shape) != annotation.targets.shape:
        raise AnnotationError(
            f"The mask has shape {tuple(mask.shape)} and the annotation "
            f"{annotation.targets.shape}: "
            "give the annotation of the image that the mask was made from."
        )
    used = _slices_used(annotation, slices)
    counted = np.stack([np.asarray(mask[z]) for z in used])
    targets = annotation.targets[list(used)]
    probability = _probability(counted, annotation.classes)
    notes: tuple[str, ...] = ()
    if probability is not None:
        predicted = to_indices(probability, threshold)
        no_tissue = (predicted == NO_TISSUE) & (targets != UNLABELLED)
        notes = _left_out(int(no_tissue.sum()))
    else:
        predicted, notes = _class_indices(counted, targets, annotation.classes, mask_classes)
    counts = confusion(predicted, targets, len(annotation.classes))
    regions = _NO_REGIONS
    if len(annotation.classes) == 2:
        proposal = predicted == 0 if probability is None else probability
        regions = rand_and_info(proposal, targets, raise_if_stopped=raise_if_stopped)
    return Evaluation(
        f1=dict(zip(annotation.classes.names, f1_scores(counts).tolist(), strict=True)),
        f1_mean=mean_f1(counts),
        accuracy=accuracy(counts),
        v_rand=regions.v_rand,
        v_info=regions.v_info,
        threshold_rand=None if probability is None else regions.threshold_rand,
        threshold_info=None if probability is None else regions.threshold_info,
        slices=used,
        pixels=int(counts.sum()),
        notes=notes,
        slice_f1=tuple(
            slice_f1(mask, truth, len(annotation.classes))
            for mask, truth in zip(predicted, targets, strict=True)
        ),
    )


def _slices_used(annotation: Annotation, asked: Sequence[int] | None) -> tuple[int, ...]:
    """Annotated slices among those asked for, in order."""
    annotated = annotation.annotated_slices
    depth = annotation.targets.shape[0]
    outside = [z for z in asked or () if not 0 <= z < depth]
    if outside:
        raise SplitError(
            f"Slice {outside[0]} is outside the stack: its slices are 0 to {depth - 1}."
        )
    used = annotated if asked is None else tuple(z for z in annotated if z in set(asked))
    if not used:
        raise SplitError(
            f"None of the slices {format_slices(asked or ()) or 'asked for'} is annotated: "
            f"annotated are {format_slices(annotated) or 'none'}."
        )
    return used


def _probability(counted: NDArray[Any], classes: ClassMap) -> NDArray[Any] | None:
    """The mask if it is a probability map, None if it holds labels."""
    if counted.dtype.kind in "iub":
        return None
    if counted.dtype.kind != "f":
        raise AnnotationError(
            f"The mask holds {counted.dtype} values: give integers, or float32 probabilities."
        )
    if len(classes) != 2:
        raise ClassMapError(
            f"The mask is a probability map, which tells two classes apart, and the annotation has "
            f"{len(classes)} ({', '.join(classes.names)}): give a mask of labels."
        )
    known = counted[~np.isnan(counted)]  # NaN where there is no tissue
    low, high = (float(known.min()), float(known.max())) if known.size else (np.nan, np.nan)
    if not (low >= 0 and high <= 1):
        raise AnnotationError(
            f"The mask holds float values from {low:g} to {high:g}, which are no probabilities: "
            "convert labels to integers."
        )
    return counted


def _class_indices(
    labels: NDArray[Any],
    targets: NDArray[np.uint8],
    classes: ClassMap,
    mask_classes: ClassMap | None,
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Class indices of a mask of labels, in the annotation's order, and what was decided."""
    if labels.dtype == bool:
        labels = labels.view(np.uint8)
    told = (mask_classes or classes).of_masks
    labelled = targets != UNLABELLED
    present = [int(value) for value in np.unique(labels[labelled])]
    named = {value for one in told.classes for value in one.values}
    ignored = np.isin(labels, (mask_classes or classes).ignored)
    present = [value for value in present if value not in (mask_classes or classes).ignored]
    strange = [value for value in present if value not in named]
    if strange and mask_classes is None and _is_binary(present) and len(classes) == 2:
        return _background_foreground(labels, present[-1], classes)
    if strange == [0]:
        zeros = int((labelled & (labels == 0)).sum())
        raise AnnotationError(
            f"{zeros} annotated pixels of the mask are 0, which the classes {told} do not name: "
            "predict the whole slices, or name what 0 is."
        )
    if strange:
        shown = ", ".join(map(str, strange[:6])) + (", ..." if len(strange) > 6 else "")
        raise ClassMapError(
            f"The mask holds values ({shown}) that the classes {told} do not name: "
            "add each to a class, for example membrane=0+32."
        )
    order, notes = _order(told, classes)
    predicted = np.full(labels.shape, UNLABELLED, np.uint8)
    for index, one in zip(order, told.classes, strict=True):
        predicted[np.isin(labels, one.values)] = index
    predicted[ignored] = NO_TISSUE
    return predicted, (*notes, *_left_out(int((ignored & labelled).sum())))


def _left_out(pixels: int) -> tuple[str, ...]:
    """The note on annotated pixels of which the mask says nothing."""
    return (
        (f"{pixels} annotated pixels are of no class in the mask and count nowhere.",)
        if pixels
        else ()
    )


def _is_binary(present: list[int]) -> bool:
    """Whether these sorted values are {0, 1} or {0, 255}, or the higher one alone."""
    return present[-1] in (1, 255) and present[:-1] in ([], [0])


def _background_foreground(
    labels: NDArray[Any], foreground: int, classes: ClassMap
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Read a binary mask: 0 is the class that has the value 0, the second if none has."""
    background = next((i for i, c in enumerate(classes.classes) if 0 in c.values), 1)
    names = classes.names
    note = f"Mask read as {foreground} for {names[1 - background]}, 0 for {names[background]}."
    indices = np.where(labels == 0, background, 1 - background).astype(np.uint8)
    return indices, (note,)


def _order(mask: ClassMap, truth: ClassMap) -> tuple[list[int], tuple[str, ...]]:
    """The annotation's class index for each class index of the mask."""
    if set(mask.names) == set(truth.names):
        return [truth.names.index(name) for name in mask.names], ()
    if len(mask) == len(truth) and not set(mask.names) & set(truth.names):
        pairs = ", ".join(f"{m} is {t}" for m, t in zip(mask.names, truth.names, strict=True))
        note = f"Mask and annotation name their classes differently; taken in order: {pairs}."
        return list(range(len(mask))), (note,)
    raise ClassMapError(
        f"The mask's classes ({', '.join(mask.names)}) are not the annotation's "
        f"({', '.join(truth.names)}): name those of the annotation likewise."
    )


def _plain(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _shown(value: float, threshold: float | None = None) -> str:
    if math.isnan(value):
        return "none"
    return f"{value:.4f}" + (f" (threshold {threshold:.1f})" if threshold is not None else "")
