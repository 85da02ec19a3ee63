"""Which slices train and which validate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.config.slice_ranges import format_slices, slice_words
from napari_advseg.core.runtime.errors import SplitError

from .annotation import Annotation


@dataclass(frozen=True)
class Split:
    """Training and validation slices of a stack.

    Attributes
    ----------
    train, val : tuple of int
        Slice indices, counted from 0; without validation slices nothing is measured.
    train_columns, val_columns : (int, int) or None
        Half-open range of columns used of each slice; None means all. Set where one slice is divided
        into a left part that trains and a right third that validates.
    """

    train: tuple[int, ...]
    val: tuple[int, ...]
    train_columns: tuple[int, int] | None = None
    val_columns: tuple[int, int] | None = None

    def __str__(self) -> str:
        if self.val_columns is not None and self.train_columns is not None:
            return (
                f"slice {self.train[0]}: columns {self.train_columns[0]}–{self.train_columns[1] - 1} train, "
                f"{self.val_columns[0]}–{self.val_columns[1] - 1} validate"
            )
        if not self.val:
            return f"{len(self.train)} train, no validation: no F1"
        return f"{len(self.train)} train, {len(self.val)} validation"


def without_measure(split: Split) -> tuple[str, ...]:
    """Sentence about a run without validation slices; empty for any other."""
    return () if split.val else ("No F1: every annotated slice trains.",)


FEW_SLICES = 10
"""Up to this number of annotated slices each one that does not train is missed."""


def held_out_sentence(split: Split) -> str:
    """Which slices of a default split do not train; empty for many slices or one that is divided."""
    if split.val_columns is not None or not split.val:
        return ""
    if len(split.train) + len(split.val) > FEW_SLICES:
        return ""
    validate = "validates" if len(split.val) == 1 else "validate"
    others = (
        "the other one trains" if len(split.train) == 1 else f"the other {len(split.train)} train"
    )
    return f"{slice_words(split.val, FEW_SLICES).capitalize()} {validate}; {others}."


def touching_slices(split: Split) -> tuple[int, ...]:
    """Validation slices directly above or below a training slice, sorted.

    Neighbouring sections of a stack look alike, so the score of such a slice flatters. One slice that is
    divided has a gap between its parts and touches nothing.
    """
    if split.val_columns is not None:
        return ()
    train = set(split.train)
    return tuple(sorted(z for z in split.val if z - 1 in train or z + 1 in train))


def default_split(annotation: Annotation, patch: int) -> Split:
    """Let the last third of the annotated slices validate.

    With one annotated slice its right third validates, and a gap as wide as a patch stays unused, so
    that no training patch touches a validation pixel.

    Parameters
    ----------
    annotation : Annotation
        Targets (Z, Y, X).
    patch : int
        Side of a training patch in pixels.

    Raises
    ------
    SplitError
        If no slice is annotated, or one alone that is too narrow to be divided or holds no label in
        one of the parts.
    """
    slices = annotation.annotated_slices
    if len(slices) > 1:
        held_out = max(1, round(len(slices) / 3))
        return Split(slices[:-held_out], slices[-held_out:])
    if not slices:
        raise SplitError("No slice is annotated: paint at least two classes on one slice.")
    width = annotation.targets.shape[2]
    start = width - width // 3
    if patch > width // 3:
        raise SplitError(
            f"The only annotated slice is {width} pixels wide, too narrow to train and validate with patches "
            f"of {patch}: annotate a second slice or choose a patch of at most {width // 3}."
        )
    train, val = (0, start - patch), (start, width)
    for what, (first, end) in (("trains", train), ("validates", val)):
        if not (annotation.targets[slices[0], :, first:end] != UNLABELLED).any():
            raise SplitError(
                f"Slice {slices[0]} alone is annotated, and its part that {what}, columns {first} to "
                f"{end - 1}, holds no label: paint there too, or annotate a second slice."
            )
    return Split(slices, slices, train, val)


def make_split(
    annotation: Annotation,
    patch: int,
    train: Sequence[int] | None = None,
    val: Sequence[int] | None = None,
) -> Split:
    """Take the slices asked for, and the default for what was not.

    Parameters
    ----------
    annotation : Annotation
        Targets (Z, Y, X); slices without a label are left out of both.
    patch : int
        Side of a training patch in pixels.
    train, val : sequence of int, optional
        Slices asked for. With only one of them given the other takes the remaining annotated slices. An empty
        `val` asks for no validation slices.

    Raises
    ------
    SplitError
        If a slice lies outside the stack or stands in both, or nothing is left to train or validate on.
    """
    if train is None and val is None:
        return default_split(annotation, patch)
    no_validation = val is not None and not val
    depth = annotation.targets.shape[0]
    annotated = annotation.annotated_slices
    outside = [z for z in (*(train or ()), *(val or ())) if not 0 <= z < depth]
    if outside:
        raise SplitError(
            f"Slice {outside[0]} is outside the stack: its slices are 0 to {depth - 1}."
        )
    both = sorted(set(train or ()) & set(val or ()))
    if both:
        raise SplitError(
            f"Slice {both[0]} trains and validates at once: take it out of one of them."
        )
    train = [z for z in annotated if z not in set(val or ())] if train is None else train
    val = [z for z in annotated if z not in set(train)] if val is None else val
    split = Split(
        tuple(z for z in annotated if z in train), tuple(z for z in annotated if z in val)
    )
    sides = [("train", train, split.train)]
    if val or not no_validation:
        sides.append(("validate", val, split.val))
    for what, asked, kept in sides:
        if not kept:
            raise SplitError(
                f"None of the slices {format_slices(asked) or 'left'} to {what} on is annotated: "
                f"choose among {format_slices(annotated)}, or annotate more."
            )
    return split
