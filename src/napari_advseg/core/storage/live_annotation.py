"""An annotation that grows while a run learns from it: new strokes count from the next validation on.

What validates stays as it was when the run started, slices and truth: F1 before and after new strokes can
be compared, and the best weights are the best by one measure. What was left out stays left out. All other
slices train as far as they are annotated now.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.config.slice_ranges import format_slices
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.split import Split
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.formats.io import read_annotation, write_labels
from napari_advseg.core.runtime.errors import (
    AdvSegError,
    AnnotationError,
    ClassMapError,
    first_line,
)

from . import run_folder

log = logging.getLogger(__name__)

AnnotationUpdates = Callable[[], Annotation | None]
"""Returns the annotation as it is now, or None if it has not changed since it was last asked for."""


def unchanged() -> None:
    """Say that the annotation has not changed."""


@dataclass(frozen=True)
class AnnotationRecord:
    """What a checkpoint says of an annotation that has changed.

    Attributes
    ----------
    updates : tuple of int
        Updates made when each new annotation came into use.
    split : Split
        Slices that train and validate with the last of them.
    checksum : str
        Of its targets: a crash may leave the file of the next annotation beside the one in use.
    """

    updates: tuple[int, ...]
    split: Split
    checksum: str

    @classmethod
    def of(cls, folder: Path) -> AnnotationRecord | None:
        """Read it from the checkpoint in a run folder; None if the annotation never changed."""
        kept = run_folder.checkpoint_metadata(folder, "progress").get("annotation")
        if kept is None:
            return None
        try:
            updates = tuple(int(update) for update in kept["updates"])
            return cls(updates, _split(kept["split"]), str(kept["checksum"]))
        except (KeyError, TypeError, ValueError) as error:
            raise run_folder.damaged(folder / run_folder.CHECKPOINT, error) from None


@dataclass
class LiveAnnotation:
    """Takes new annotations into a run, and keeps them so that the run can be resumed.

    Parameters
    ----------
    source : callable
        See `AnnotationUpdates`; called from the training thread.
    record : AnnotationRecord, optional
        Of a run that is resumed.
    """

    source: AnnotationUpdates = unchanged
    record: AnnotationRecord | None = None

    def __post_init__(self) -> None:
        self._unwritten: tuple[Annotation, EMStack] | None = None
        self._told: set[str] = set()

    @property
    def marks(self) -> dict[str, Any]:
        """For config and summary: the updates at which new strokes came into use, if any did."""
        return {} if self.record is None else {"annotation_updates": list(self.record.updates)}

    def progress(self) -> dict[str, Any]:
        """For the checkpoint, as plain values."""
        return {} if self.record is None else {"annotation": asdict(self.record)}

    def poll(
        self, settings: RunSettings, stack: EMStack, data: TrainingData, update: int
    ) -> tuple[TrainingData | None, list[str]]:
        """Ask for a new annotation; whatever is wrong with it, the run goes on.

        Returns
        -------
        data : TrainingData or None
            What to learn from; None if nothing that trains has changed.
        sentences : list of str
            What a person should know.
        """
        try:
            fresh = self.source()
            if fresh is None:
                return None, []
            _check(fresh, data.annotation)
            changed = _changed(data, fresh)
            grown, slices = _grown(data, fresh, changed)
            said = self._once(_unused(data, changed))
            if not slices:
                return None, said
            renewed = data.with_annotation(settings, stack, *grown)
        except Exception as problem:  # whatever it is, the run is worth more
            if not isinstance(problem, AdvSegError):
                log.exception("The new annotation was not taken.")
            return None, [f"The new strokes are not used yet: {first_line(problem)}"]
        updates = () if self.record is None else self.record.updates
        checksum = checksum_of(renewed.annotation)
        self.record = AnnotationRecord((*updates, update), renewed.split, checksum)
        self._unwritten = renewed.annotation, stack
        return renewed, [_used(slices, renewed.split, update), *said]

    def _once(self, sentences: list[str]) -> list[str]:
        new = [one for one in sentences if one not in self._told]
        self._told.update(new)
        return new

    # The files: a checkpoint and its annotation change together, whenever the program is killed.

    def prepare(self, folder: Path) -> None:
        """Before a checkpoint: write the annotation that it belongs to beside the one before."""
        if self._unwritten is not None:
            write_annotation(folder / run_folder.ANNOTATION_NEXT, *self._unwritten)

    def commit(self, folder: Path) -> None:
        """After the checkpoint: let the new annotation take the place of the one before."""
        if self._unwritten is None or self.record is None:
            return
        (folder / run_folder.ANNOTATION_NEXT).replace(folder / run_folder.ANNOTATION)
        run_folder.write_config(folder, self.described(run_folder.read_config(folder)))
        self._unwritten = None

    def described(self, config: dict[str, Any]) -> dict[str, Any]:
        """The content of ``config.json``, marked; its settings stay those that the run started with."""
        if self.record is None:
            return config
        split = {**config["split"], "train": format_slices(self.record.split.train)}
        return {**config, "split": split, **self.marks}

    def annotation_of(self, folder: Path, stack: EMStack) -> Annotation:
        """The annotation that the last checkpoint in a run folder belongs to."""
        kept = read_annotation(folder / run_folder.ANNOTATION)
        following = folder / run_folder.ANNOTATION_NEXT
        if self.record is None or checksum_of(kept) == self.record.checksum:
            return kept
        if not following.is_file():  # somebody has put another in its place
            return kept
        found = read_annotation(following)
        if checksum_of(found) != self.record.checksum:
            return kept
        self._unwritten = found, stack  # it has yet to take its place
        return found


def write_annotation(path: Path, annotation: Annotation, stack: EMStack) -> None:
    """Write an annotation as 0 unlabelled, then 1, 2, ... in the order of the classes.

    Its own values could not tell an unlabelled pixel from a class that has the value 0.
    """
    names = annotation.classes.names
    classes = ClassMap.of(**{name: index + 1 for index, name in enumerate(names)})
    write_labels(
        path, classes.decode(annotation.targets), classes, scale=stack.scale, unit=stack.unit
    )


def checksum_of(annotation: Annotation) -> str:
    """CRC-32 of the class indices."""
    return f"{crc32(np.ascontiguousarray(annotation.targets).data):08x}"


def _split(kept: dict[str, Any]) -> Split:
    train, val = (tuple(int(z) for z in kept[name]) for name in ("train", "val"))
    columns = (kept["train_columns"], kept["val_columns"])
    (of_train, of_val) = (None if c is None else (int(c[0]), int(c[1])) for c in columns)
    return Split(train, val, of_train, of_val)


def _check(fresh: Annotation, used: Annotation) -> None:
    if fresh.targets.shape != used.targets.shape:
        raise AnnotationError(
            f"The annotation has shape {fresh.targets.shape} now and had {used.targets.shape}."
        )
    if fresh.classes.names != used.classes.names:
        raise ClassMapError(
            f"The classes are {', '.join(fresh.classes.names)} now, this run learns "
            f"{', '.join(used.classes.names)}: start a new run for them."
        )


def _changed(data: TrainingData, fresh: Annotation) -> list[int]:
    old, new = data.annotation.targets, fresh.targets
    return [z for z in range(len(new)) if not np.array_equal(old[z], new[z])]


def _may_train(data: TrainingData) -> set[int]:
    """All slices but those that are annotated and do not train: they validate, or were left out."""
    split, annotated = data.split, set(data.annotation.annotated_slices)
    return set(range(len(data.annotation.targets))) - (annotated - set(split.train))


def _grown(
    data: TrainingData, fresh: Annotation, changed: list[int]
) -> tuple[tuple[Annotation, Split], list[int]]:
    """Annotation and split with what was painted where it may train, and the slices of which it is."""
    old, split, may = data.annotation, data.split, _may_train(data)
    targets, slices = old.targets.copy(), []
    for z in changed:
        columns = _columns(split, z)
        if z in may and not np.array_equal(targets[z, :, columns], fresh.targets[z, :, columns]):
            targets[z, :, columns] = fresh.targets[z, :, columns]
            slices.append(z)
    grown = replace(old, targets=targets)
    annotated = set(grown.annotated_slices)
    train = tuple(z for z in sorted({*split.train, *slices}) if z in annotated)
    return (grown, replace(split, train=train)), slices


def _columns(split: Split, z: int) -> slice:
    """Columns of a slice that train: of one that also validates a part, of others all."""
    columns = split.train_columns if z in split.val else None
    return slice(None) if columns is None else slice(*columns)


def _used(slices: list[int], split: Split, update: int) -> str:
    sentence = f"New strokes on {_words(slices)} are used from update {update} on."
    whole = {z for z in slices if z not in split.val}
    beside = sorted(z for z in whole if {z - 1, z + 1} & set(split.val))
    if not beside:
        return sentence
    verb = "lies" if len(beside) == 1 else "lie"
    where = "a validation slice" if len(beside) == 1 else "validation slices"
    return f"{sentence} {_words(beside).capitalize()} {verb} beside {where}."


def _unused(data: TrainingData, changed: list[int]) -> list[str]:
    """What was painted where this run does not look."""
    split, sentences = data.split, []
    may = _may_train(data)
    val = [z for z in changed if z in split.val and z not in split.train]
    if val:
        sentences.append(
            f"Strokes on {_words(val, 'validation slice')} count from the next run on: "
            "F1 goes on with the truth that it began with."
        )
    left_out = [z for z in changed if z not in may and z not in split.val]
    if left_out:
        verb = "is" if len(left_out) == 1 else "are"
        sentences.append(
            f"{_words(left_out).capitalize()} {verb} left out: strokes there are not used."
        )
    return sentences


def _words(slices: list[int], what: str = "slice") -> str:
    """``slice 3``, ``slices 3, 7``, ``12 slices``."""
    if len(slices) > 6:
        return f"{len(slices)} {what}s"
    return f"{what}{'s' * (len(slices) > 1)} {', '.join(map(str, slices))}"
