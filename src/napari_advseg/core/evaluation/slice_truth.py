"""Which truth the masks of a run can be measured by, and the scores of slices that a run kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.config.slice_ranges import parse_slices
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.normalisation import alike, normalisation_of
from napari_advseg.core.data.split import Split, make_split
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.runtime.errors import AdvSegError, RunFolderError
from napari_advseg.core.storage.run_folder import ANNOTATION, SLICES, damaged, read_config

from .slice_scores import SliceTable, SliceTruth


def truth_of_start(annotation: Annotation, settings: RunSettings) -> SliceTruth | None:
    """The truth of a run that is about to start; None if its slices cannot be split."""
    try:
        split = make_split(annotation, settings.patch, settings.train, settings.val)
    except AdvSegError:  # the run itself will say why it does not start
        return None
    return SliceTruth.of(annotation, split)


def truth_of_run(folder: Path, stack: EMStack) -> SliceTruth | None:
    """The annotation that a run keeps, if `stack` is the image that it was trained on.

    The image may have been renamed or moved: its shape and its grey values tell. None also if the run
    keeps no annotation that can be read; its networks can be applied all the same.
    """
    from napari_advseg.core.formats.io import read_annotation
    from napari_advseg.core.storage.live_annotation import (
        AnnotationRecord,  # torch, which a kept table does without
    )

    try:
        config = read_config(folder)
        if list(stack.shape) != config["image"]["shape"]:
            return None
        if not alike(normalisation_of(stack).numbers(), config["normalisation"]):
            return None
        grown = AnnotationRecord.of(folder)
        split = _split(config["split"]) if grown is None else grown.split
        return SliceTruth.of(read_annotation(folder / ANNOTATION), split)
    except (AdvSegError, KeyError, TypeError, ValueError):
        return None


def kept_slices(folder: Path) -> SliceTable:
    """The scores of slices at the end of a run; an empty table if it wrote none.

    Raises
    ------
    RunFolderError
        If they cannot be read.
    """
    path = folder / SLICES
    if not path.is_file():
        return SliceTable()
    try:
        return SliceTable.from_csv(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RunFolderError) as error:
        raise damaged(path, error) from None


def _split(kept: dict[str, Any]) -> Split:
    """The split as ``config.json`` has it."""
    columns = [
        None if kept[side] is None else (int(kept[side][0]), int(kept[side][1]))
        for side in ("train_columns", "val_columns")
    ]
    return Split(parse_slices(kept["train"]), parse_slices(kept["val"]), columns[0], columns[1])
