"""Writes a run's files while it trains; a disk that fails never ends the training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from . import run_folder
from .checkpoint import save_checkpoint, save_weights
from .events import NetworkName, Validated
from .samples import draw_samples
from .steps import Learner


class Keeper:
    """Everything that a run under way writes.

    Parameters
    ----------
    folder : Path or None
        Run folder; None writes nothing.
    say : callable
        Takes a sentence when writing begins to fail, and when it works again.
    """

    def __init__(self, folder: Path | None, say: Callable[[str], None]) -> None:
        self.folder = folder
        self._say = say
        self.failing = False
        """Whether the last writing failed."""

    def checkpoint(
        self,
        learners: dict[str, Learner[Any]],
        progress: dict[str, Any],
        history: tuple[Validated, ...],
        classes: tuple[str, ...],
    ) -> None:
        """Write weights, ``metrics.csv`` and the checkpoint, which resume reads."""

        def write(folder: Path) -> None:
            for name, learner in learners.items():
                save_weights(folder / f"{name}.safetensors", learner.network)
            run_folder.write_metrics(folder, history, classes)
            save_checkpoint(folder, learners, progress)

        self._try(write)

    def best(self, name: NetworkName, network: nn.Module) -> None:
        """Write a network's weights as its best so far."""
        self._try(lambda folder: save_weights(folder / f"{name}-best.safetensors", network))

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

    def _try(self, write: Callable[[Path], None]) -> None:
        if self.folder is None:
            return
        try:
            write(self.folder)
        except OSError as error:
            if not self.failing:
                self._say(
                    f"The run folder cannot be written ({error.strerror or error}): training goes on in "
                    f"memory, free some space or mend {self.folder}."
                )
            self.failing = True
        else:
            if self.failing:
                self._say("The run folder can be written again.")
            self.failing = False
