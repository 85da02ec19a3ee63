"""Masks outlive the window: they are written into the run folder and shown again with a project."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

from napari_advseg.app.state.model import RunState
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.evaluation.slice_scores import SliceTruth
from napari_advseg.core.runtime.errors import AdvSegError, Subject
from napari_advseg.core.storage.kept_masks import (
    KeptPrediction,
    MaskedImage,
    read_masks,
    write_masks,
)

from .base import AppContext, BaseController
from .compare import CompareController
from .run import RunController
from .run_tasks import RestTask

log = logging.getLogger(__name__)


class KeptMasksController(BaseController):
    """Writes the masks at the end of a run or of applying one, and brings them back.

    Parameters
    ----------
    context : AppContext
    run : RunController
        Shows masks that are brought back, and predicts those that are missing.
    compare : CompareController
        Knows which slices are missing.
    """

    def __init__(self, context: AppContext, run: RunController, compare: CompareController) -> None:
        super().__init__(context)
        self._run, self._compare = run, compare
        self._model.events.state.connect(self._state_changed)

    def bring_back(self) -> None:
        """Show the masks that the run that is shown keeps of the chosen image, if it has any."""
        model = self._model
        run, image = model.run, model.image
        if run is None or run.folder is None or image is None or model.busy:
            return
        folder = run.folder
        try:
            stack = self._viewer.image(image.name)
        except AdvSegError:  # said next to the image
            return

        def read() -> tuple[tuple[KeptPrediction, ...], SliceTruth | None]:
            found = read_masks(folder, _described(stack))
            return found, self._engine.truth_of_run(folder, stack) if found else None

        def done(found: tuple[tuple[KeptPrediction, ...], SliceTruth | None]) -> None:
            still = model.run is run and model.layer(image.key) is not None and not model.busy
            if found[0] and still:
                self._run.show_masks(run, image.key, found[1], found[0])

        self._in_background(read, done, _log_failure)

    def predict_rest(self, on_complete: Callable[[], None]) -> None:
        """Predict the slices that the masks lack, then call `on_complete` unless some still are."""
        model = self._model
        run, image = model.masks_of, model.layer(model.masks_over)
        if model.busy or run is None or run.folder is None or image is None:
            return
        try:
            stack = self._viewer.image(image.name)
        except AdvSegError as error:
            model.set_problem(Subject.MASKS, str(error))
            return
        missing = self._compare.missing_of_masks()

        def done() -> None:
            if not self._compare.missing_of_masks():
                on_complete()

        task = RestTask(self._engine, run.folder, stack, missing)
        self._run.carry_out(task, {}, "Predicting the slices that are missing.", done)

    def _state_changed(self, new: RunState, old: RunState) -> None:
        if new is RunState.IDLE:
            self._keep()

    def _keep(self) -> None:
        """Write the masks that are shown, in the background."""
        model = self._model
        run, image = model.masks_of, model.layer(model.masks_over)
        if not model.masks_shown or run is None or run.folder is None or image is None:
            return
        if not run.folder.is_dir():  # a run that could not be written
            return
        try:
            stack = self._viewer.image(image.name)
        except AdvSegError:
            return
        found = [
            KeptPrediction(name, z, prediction)
            for name in run.networks
            for z in range(stack.shape[0])
            if (prediction := self._viewer.prediction(name, z)) is not None
        ]
        work = partial(write_masks, run.folder, _described(stack), found)
        self._in_background(work, _nothing, _log_failure)


def _described(stack: EMStack) -> MaskedImage:
    source = "" if stack.source is None else str(stack.source)
    return MaskedImage(stack.name, source, tuple(stack.shape))


def _nothing(path: Path) -> None:
    """Nobody waits for the file."""


def _log_failure(error: BaseException) -> None:
    log.warning("The masks were not kept: %s", error)
