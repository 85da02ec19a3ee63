"""Section 4: run folders, saved masks, loaded runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_advseg.app.messages.run_messages import run_words, score_line
from napari_advseg.app.ports.engine import Engine
from napari_advseg.app.state.model import Progress, RunInfo, SaveOffer
from napari_advseg.core.config.classes import NO_TISSUE, UNLABELLED, ClassMap
from napari_advseg.core.config.slice_ranges import format_slices
from napari_advseg.core.runtime.errors import Subject
from napari_advseg.core.runtime.events import NetworkName
from napari_advseg.core.runtime.filesystem import file_stem
from napari_advseg.core.storage.run_folder import Run, read_summary

from .base import AppContext, BaseController
from .data import DataController
from .discriminator_state import DiscriminatorController


class KeepController(BaseController):
    """Writes masks, reads runs, remembers where runs go."""

    def __init__(self, context: AppContext, data: DataController) -> None:
        super().__init__(context)
        self._data = data
        self._adversary = DiscriminatorController(self._model)

    def set_runs_folder(self, folder: Path) -> None:
        """Choose the folder in which new runs get a folder each."""
        self._data.choose(runs_folder=folder)

    def masks_folder(self) -> Path:
        """Where masks are saved unless another folder is chosen: the run's own."""
        run = self._model.masks_of or self._model.run
        return self._model.choices.runs_folder if run is None or run.folder is None else run.folder

    def save_masks(
        self,
        folder: Path,
        on_saved: Callable[[], None] = lambda: None,
        *,
        predicted_only: bool = False,
    ) -> None:
        """Write each network's mask as ``standard_mask.tif``, ``adversarial_mask.tif``.

        The masks of a run that was applied have the image's name before
        that. Pixels hold the values of the training annotation. Where slices are not predicted nothing is
        written, but `AppModel.save_offer` offers to predict them or to save the others only.

        Parameters
        ----------
        folder : Path
            Created if missing.
        on_saved : callable, optional
            Called once all masks are written.
        predicted_only : bool
            Leave out slices that are not predicted; the file's name then says which it holds.
        """
        run = self._model.masks_of or self._model.run  # a run loaded meanwhile has other classes
        if run is None or run.classes is None:
            self._model.set_problem(
                Subject.MASKS, "There is no mask yet: train or apply a run first."
            )
            return
        masks = {name: self._viewer.masks(name) for name in run.networks}
        found = {name: mask for name, mask in masks.items() if mask is not None}
        if not found:
            self._model.set_problem(Subject.MASKS, "The mask layers are gone: apply the run again.")
            return

        self._model.clear_problems(Subject.MASKS)
        self._model.save_offer = offer = _offer(folder, found)
        if offer is not None and not (predicted_only and offer.predicted):
            return
        self._model.save_offer = None

        def done(sentence: str) -> None:
            self._model.status = sentence
            on_saved()

        write = partial(_write_masks, self._engine, run, run.classes, found, folder)
        self._in_background(write, done, subject=Subject.MASKS)

    def load_run(self, folder: Path, on_loaded: Callable[[], None] = lambda: None) -> None:
        """Show a run that was kept: its curves, and its networks ready to be applied."""

        def loaded(found: tuple[Run, dict[str, Any]]) -> None:
            self._loaded(found)
            on_loaded()

        if not self._model.busy:

            def read() -> tuple[Run, dict[str, Any]]:
                return self._engine.load_run(folder), read_summary(folder)

            self._model.clear_problems(Subject.LOADED_RUN)
            self._in_background(read, loaded, subject=Subject.LOADED_RUN)

    def _loaded(self, found: tuple[Run, dict[str, Any]]) -> None:
        model = self._model
        run, summary = found
        self._adversary.load(summary)
        model.run = RunInfo(
            run.folder,
            run.networks,
            run.classes,
            run_words(run.settings, run.history, run.history[-1].update if run.history else None),
            network=run.settings.network,
        )
        model.lambda_marks, model.history = run.lambda_marks, run.history
        model.progress = Progress()
        model.status = f"Loaded {run.folder.name}. {score_line(run.history)}".strip()


def _write_masks(
    engine: Engine,
    run: RunInfo,
    classes: ClassMap,
    masks: Mapping[NetworkName, NDArray[np.uint8]],
    folder: Path,
) -> str:
    """Write the masks of a run; return a sentence about them."""
    folder.mkdir(parents=True, exist_ok=True)
    before = f"{file_stem(run.applied_to)}_" if run.applied_to else ""
    kept = _predicted(masks)
    depth = len(next(iter(masks.values())))
    only = "" if len(kept) == depth else f"_{_named(kept, depth)}"
    for name, indices in masks.items():
        path = folder / f"{before}{name}_mask{only}.tif"
        labels = classes.decode(indices[kept])
        voxel = run.voxel
        with_padding = bool((indices[kept] == NO_TISSUE).any())
        carried = classes.with_unlabelled() if with_padding else classes.of_masks
        engine.write_labels(path, labels, carried, scale=voxel.steps, unit=voxel.unit)
    many = "Both masks are" if len(masks) > 1 else "The mask is"
    if not only:
        return f"{many} saved in {folder}."
    (folder / f"{before}mask{only}.txt").write_text("\n".join(map(str, kept)) + "\n", "utf-8")
    return f"{many} saved in {folder}: {len(kept)} of {depth} slices, {format_slices(kept)}."


def _predicted(masks: Mapping[NetworkName, NDArray[np.uint8]]) -> list[int]:
    """Slices that all networks predicted."""
    whole = np.all([(one != UNLABELLED).all(axis=(1, 2)) for one in masks.values()], axis=0)
    return [int(z) for z in np.flatnonzero(whole)]


def _offer(folder: Path, masks: Mapping[NetworkName, NDArray[np.uint8]]) -> SaveOffer | None:
    """What to ask before masks are saved that lack slices; None if they are complete."""
    predicted, depth = _predicted(masks), len(next(iter(masks.values())))
    return None if len(predicted) == depth else SaveOffer(folder, len(predicted), depth)


def _named(slices: list[int], depth: int) -> str:
    """``slices_0-11`` for one block of slices, else ``12_of_55_slices``."""
    first, last = slices[0], slices[-1]
    if last - first + 1 == len(slices):
        return f"slices_{first}-{last}"
    return f"{len(slices)}_of_{depth}_slices"
