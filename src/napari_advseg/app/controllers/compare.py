"""The per-slice table: measured in the background as masks come and as the threshold moves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from napari_advseg.app.state.annotation_summary import read_annotation
from napari_advseg.app.state.model import RunInfo
from napari_advseg.core.data.split import Split
from napari_advseg.core.evaluation.slice_scores import (
    SliceScore,
    SliceTable,
    SliceTruth,
    score_slice,
)
from napari_advseg.core.inference.predictions import predicted_indices
from napari_advseg.core.runtime.errors import AdvSegError, Subject
from napari_advseg.core.runtime.events import NetworkName, Prediction
from napari_advseg.core.runtime.filesystem import write_text

from .base import AppContext, BaseController

SUBJECT = Subject.SLICE_TABLE
SECONDS_AT_ONCE = 0.25
"""Time after which one task shows what it has measured; the next goes on. A threshold that is being
dragged is measured as often."""
SLICES_AT_ONCE = 32
"""Slices whose predictions one task is handed."""


@dataclass(frozen=True)
class _Work:
    """Slices to measure, the one in view first."""

    predictions: dict[int, dict[NetworkName, Prediction]]
    classes: int
    threshold: float
    truth: SliceTruth | None

    def __call__(self) -> list[SliceScore]:
        until, found = perf_counter() + SECONDS_AT_ONCE, []
        for z, kept in self.predictions.items():
            masks = {name: predicted_indices(one, self.threshold) for name, one in kept.items()}
            found.append(score_slice(z, masks, self.classes, self.truth))
            if perf_counter() > until:
                break
        return found


class CompareController(BaseController):
    """Keeps `AppModel.slice_table` in step with the masks that are shown."""

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self._truth: SliceTruth | None = None
        self._of_masks = False
        """Whether the table is that of the masks in the viewer, not one that a loaded run kept."""
        self._waiting: set[int] = set()
        self._number, self._measuring = 0, False
        self._model.events.summary.connect(self._labels_chosen)
        self._model.events.run.connect(self._run_changed)
        self._model.events.threshold.connect(self._threshold_changed)

    def begin(self, info: RunInfo, truth: SliceTruth | None) -> None:
        """Start an empty table for the masks of a run.

        Parameters
        ----------
        info : RunInfo
            The run, with its networks and classes.
        truth : SliceTruth or None
            What its masks are measured by; None if the image has no annotation of this run.
        """
        self._new_table(True)
        self._truth = truth
        names = () if info.classes is None else info.classes.names
        self._model.slice_table = SliceTable(info.networks, names)

    def predicted(self, z: int) -> None:
        """A mask of slice `z` has come."""
        if self._of_masks:
            self._waiting.add(z)
            self._measure()

    def missing(self, depth: int) -> tuple[int, ...]:
        """Slices of a stack of this depth that some network of the masks has not predicted."""
        run = self._model.masks_of
        networks = () if run is None else run.networks
        return tuple(
            z
            for z in range(depth)
            if any(self._viewer.prediction(name, z) is None for name in networks)
        )

    def missing_of_masks(self) -> tuple[int, ...]:
        """Slices of the image under the masks that are not predicted; empty without that image."""
        image = self._model.layer(self._model.masks_over)
        return () if image is None else self.missing((1, *image.shape)[-3])

    def save(self, path: Path) -> None:
        """Write the table as CSV in the background."""
        text = self._model.slice_table.csv()
        self._model.clear_problems(SUBJECT)

        def done(result: None) -> None:
            self._model.status = f"The table is saved as {path}."

        self._in_background(lambda: write_text(path, text), done, subject=SUBJECT)

    # ---- labels of another stack

    def _labels_chosen(self) -> None:
        """Score masks without a truth by the annotation that is chosen for their image."""
        model = self._model
        summary, annotation, masks = model.summary, model.annotation, model.masks_of
        if not self._of_masks or self._truth is not None or masks is None or model.busy:
            return
        if summary is None or summary.classes is None or annotation is None:
            return
        classes = masks.classes
        same = classes is not None and classes.names == summary.classes.names
        if not same or model.masks_over != model.choices.image:
            return
        try:
            labels, carried = self._viewer.peek_labels(annotation.name)
        except AdvSegError:  # said next to the annotation
            return
        number, rows = self._number, model.choices.classes

        def read() -> SliceTruth:
            found = read_annotation(labels, carried, rows)
            annotated = [z for z, share in enumerate(found.share_labelled()) if share > 0]
            return SliceTruth.of(found, Split((), tuple(annotated)))

        def done(truth: SliceTruth) -> None:
            if number == self._number:
                self._truth = truth
                self._waiting.update(row.z for row in model.slice_table.rows)
                self._measure()

        self._in_background(read, done, subject=SUBJECT)

    # ---- measuring

    def _new_table(self, of_masks: bool) -> None:
        self._number += 1  # what is still being measured belongs to the table before
        self._waiting.clear()
        self._measuring = False
        self._of_masks = of_masks
        self._model.clear_problems(SUBJECT)

    def _measure(self) -> None:
        """Hand the next slices to a task, unless one is at work; it will be followed by another."""
        if self._measuring:
            return
        table, number = self._model.slice_table, self._number
        complete: dict[int, dict[NetworkName, Prediction]] = {}
        while self._waiting and not complete:  # a mask alone waits for that of the other network
            kept = {z: self._kept(z, table.networks) for z in self._next()}
            self._waiting.difference_update(kept)
            complete = {z: one for z, one in kept.items() if len(one) == len(table.networks)}
        if not complete:
            return
        threshold = self._model.threshold
        self._measuring = True

        def done(rows: list[SliceScore]) -> None:
            if number == self._number:
                self._measuring = False
                self._show(rows, threshold, complete)

        def failed(error: BaseException) -> None:
            if number == self._number:
                self._measuring = False
                self._show_failure(SUBJECT, error)

        work = _Work(complete, len(table.classes), threshold, self._truth)
        self._in_background(work, done, failed)

    def _threshold_changed(self) -> None:
        """Measure all slices at the new threshold."""
        if self._of_masks and len(self._model.slice_table.classes) == 2:
            self._waiting.update(row.z for row in self._model.slice_table.rows)
            self._measure()

    def _next(self) -> list[int]:
        view = self._model.slice_in_view
        return sorted(self._waiting, key=lambda z: (z != view, z))[:SLICES_AT_ONCE]

    def _kept(self, z: int, networks: Iterable[NetworkName]) -> dict[NetworkName, Prediction]:
        found = {name: self._viewer.prediction(name, z) for name in networks}
        return {name: one for name, one in found.items() if one is not None}

    def _show(self, rows: list[SliceScore], threshold: float, asked: Iterable[int]) -> None:
        table = self._model.slice_table
        level = threshold if len(table.classes) == 2 else None
        self._model.slice_table = table.with_rows(rows, level)
        self._waiting.update(set(asked) - {row.z for row in rows})
        if threshold != self._model.threshold:
            self._threshold_changed()
        self._measure()

    # ---- loaded runs

    def _run_changed(self, run: RunInfo | None) -> None:
        """Show what a run that was loaded kept; its masks are not there before it is applied."""
        model = self._model
        if model.busy or run is None or run.folder is None or run is model.masks_of:
            return
        self._new_table(False)
        number, folder = self._number, run.folder
        model.slice_table = SliceTable()

        def done(table: SliceTable) -> None:
            if number == self._number:
                model.slice_table = table

        self._in_background(lambda: self._engine.kept_slices(folder), done, subject=SUBJECT)
