"""Writes a run's files while it trains; a disk that fails never ends the training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_advseg.core.evaluation.sample_figure import draw_samples
from napari_advseg.core.evaluation.slice_scores import SliceTable
from napari_advseg.core.evaluation.validator import Validator
from napari_advseg.core.models.network_optimizer import NetworkOptimizer
from napari_advseg.core.runtime.errors import AdvSegError, short_reason
from napari_advseg.core.runtime.events import NetworkName, Validated
from napari_advseg.core.runtime.filesystem import write_text
from napari_advseg.core.storage import run_folder
from napari_advseg.core.storage.checkpoint import copied_weights, save_checkpoint, save_weights

from .tensorboard_log import TensorBoardLog
from .trainer import Trainer

RETRY_SECONDS = 30.0  # between attempts while nothing can be written


class Notify(Protocol):
    """Receives the sentences about failures of the disk."""

    def __call__(self, text: str, *, unsaved: bool) -> None:
        """Take a sentence; `unsaved` says whether the run is only in memory from here on."""


def _nothing(folder: Path) -> None:
    pass


class RunWriter:
    """Everything that a run under way writes.

    While the folder cannot be written the run is in memory alone. With the next checkpoint that can be
    written everything is there again, also in a folder that had been deleted.

    Parameters
    ----------
    folder : Path or None
        Run folder; None writes nothing.
    notify : callable
        Told when writing begins to fail, and when it works again.
    """

    def __init__(self, folder: Path | None, notify: Notify) -> None:
        self.folder = folder
        self.create: Callable[[Path], None] = _nothing
        """Writes what a run folder holds before the first update, ``config.json`` last."""
        self.prepare: Callable[[Path], None] = _nothing
        """Called before a checkpoint: writes new versions of files next to those in use."""
        self.commit: Callable[[Path], None] = _nothing
        """Called after it: replaces the files in use by the new versions."""
        self.error: Exception | None = None
        """Why something could not be written since the last checkpoint that could; None if all was."""
        self._notify = notify
        # The best weights stay in memory: those of now cannot take their place in a folder made anew.
        self._best: dict[NetworkName, dict[str, Tensor]] = {}
        self._unwritten: set[NetworkName] = set()
        self._tried = 0.0

    @property
    def failing(self) -> bool:
        """Whether something that the folder should hold is in memory alone."""
        return self.error is not None

    @property
    def retry_due(self) -> bool:
        """Whether it is time to try a checkpoint again."""
        return self.failing and monotonic() - self._tried >= RETRY_SECONDS

    @property
    def complete(self) -> bool:
        """Whether the folder holds the last checkpoint and all that goes with it."""
        if self.folder is None:
            return True
        with suppress(OSError):
            return not self.failing and self.has_checkpoint and _is_created(self.folder)
        return False

    @property
    def has_checkpoint(self) -> bool:
        """Whether the folder holds a checkpoint to go on from."""
        with suppress(OSError):
            return self.folder is not None and (self.folder / run_folder.CHECKPOINT).is_file()
        return False

    def checkpoint(
        self,
        networks: Mapping[str, nn.Module],
        optimizers: dict[str, NetworkOptimizer[Any]],
        copies: Mapping[str, nn.Module],
        progress: dict[str, Any],
        history: tuple[Validated, ...],
        classes: tuple[str, ...],
    ) -> None:
        """Write the weights of `networks`, ``metrics.csv`` and the checkpoint, which resume reads.

        What a run folder holds besides is written first if it is not there any more.
        """
        if self.folder is None:
            return
        self._tried = monotonic()
        recreated = False
        try:
            if not _is_created(self.folder):
                self.create(self.folder)
                recreated = True
            self._write_best(self.folder)
            for name, network in networks.items():
                save_weights(self.folder / f"{name}.safetensors", network)
            run_folder.write_metrics(self.folder, history, classes)
            run_folder.write_health(self.folder, history)
            self.prepare(self.folder)
            save_checkpoint(self.folder, optimizers, copies, progress)
            self.commit(self.folder)
        except (OSError, AdvSegError) as error:  # the TIFF writer words what the disk says
            self._failed(error)
        else:
            self._succeeded(recreated)

    def best(self, name: NetworkName, network: nn.Module) -> None:
        """Take a network's weights as its best so far; the next checkpoint writes them."""
        self._best[name] = copied_weights(network)
        self._unwritten.add(name)

    def best_weights(self, name: NetworkName) -> dict[str, Tensor] | None:
        """A network's weights as of its best validation; None before there was one."""
        return self._best.get(name)

    def remember_best(self, name: NetworkName, weights: dict[str, Tensor]) -> None:
        """Take weights that are in the folder already as a network's best so far."""
        self._best[name] = weights

    def samples(
        self,
        update: int,
        images: NDArray[np.float32],
        targets: NDArray[np.uint8],
        masks: dict[NetworkName, NDArray[np.uint8]],
        classes: int,
    ) -> None:
        """Write the figure of validation samples."""

        def write(folder: Path) -> None:
            path = folder / run_folder.SAMPLES / f"update-{update:06d}.png"
            draw_samples(path, images, targets, masks, classes)

        self._try(write)

    def summary(self, summary: dict[str, Any]) -> None:
        """Write ``summary.json``."""
        self._try(lambda folder: run_folder.write_summary(folder, summary))

    def slices(self, table: SliceTable) -> None:
        """Write ``slices.csv``."""
        self._try(lambda folder: write_text(folder / run_folder.SLICES, table.csv()))

    def extra(self, write: Callable[[Path], None]) -> None:
        """Write something that the run can do without."""
        self._try(write)

    def _write_best(self, folder: Path) -> None:
        for name, weights in self._best.items():
            path = folder / f"{name}-best.safetensors"
            if name in self._unwritten or not path.is_file():
                save_weights(path, weights)
                self._unwritten.discard(name)

    def _try(self, write: Callable[[Path], None]) -> None:
        """Write something small, which tells nothing of whether a checkpoint could be written."""
        if self.folder is None:
            return
        try:
            if _is_created(self.folder):  # else the next checkpoint makes it anew, or says why not
                write(self.folder)
        except OSError as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        first, self.error = not self.failing, error
        if first:
            self._notify(
                f"The run folder {self.folder} cannot be written ({_reason(error)}): training goes on "
                "in memory and is saved once that works, so free some space or put the folder back.",
                unsaved=True,
            )

    def _succeeded(self, recreated: bool) -> None:
        if self.failing:
            self._notify("The run folder can be written again.", unsaved=False)
        elif recreated:
            self._notify(
                f"The run folder was gone or not complete: {self.folder} has been made anew.",
                unsaved=False,
            )
        self.error = None


def _is_created(folder: Path) -> bool:
    """Whether a folder holds all that a run writes before its first checkpoint."""
    files = (folder / run_folder.CONFIG, folder / run_folder.ANNOTATION)
    return all(path.is_file() for path in files) and (folder / run_folder.SAMPLES).is_dir()


def _reason(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error, AdvSegError) else error
    return short_reason(cause or error)


@dataclass
class ValidationFiles:
    """Writes the figure of samples and TensorBoard's curves, where the settings ask for them.

    Attributes
    ----------
    writer : RunWriter
        Knows the run folder, or that there is none.
    """

    trainer: Trainer
    validator: Validator
    writer: RunWriter
    _tensorboard: TensorBoardLog | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.resumed(0)

    def resumed(self, update: int) -> None:
        """Go on from `update`."""
        wanted = self.trainer.settings.tensorboard
        self._tensorboard = TensorBoardLog(update) if wanted else None

    def write(self, history: Sequence[Validated]) -> None:
        """Write what belongs to the last validation."""
        s = self.trainer.settings
        if self.writer.folder is not None and s.samples and len(history) % s.samples_every == 0:
            drawn = self.validator.samples(self.trainer.networks)
            classes = len(self.trainer.data.annotation.classes)
            self.writer.samples(history[-1].update, *drawn, classes)
        log, D = self._tensorboard, self.trainer.optimizers.get("discriminator")
        if log is not None:
            network = None if D is None else D.network
            self.writer.extra(lambda folder: log.write(folder, history[-1], network))

    def close(self) -> None:
        """Write nothing more."""
        if self._tensorboard is not None:
            self._tensorboard.close()
