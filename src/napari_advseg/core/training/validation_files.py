"""What a validation writes beside the checkpoint: the figure of samples, and TensorBoard's curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from napari_advseg.core.evaluation.validator import Validator
from napari_advseg.core.runtime.events import Validated

from .run_writer import RunWriter
from .tensorboard_log import TensorBoardLog
from .trainer import Trainer


@dataclass
class ValidationFiles:
    """Writes them where the settings ask for them; a run can do without.

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
