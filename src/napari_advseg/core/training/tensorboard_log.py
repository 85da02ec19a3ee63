"""Curves, and histograms of D, for TensorBoard, where the author of the 2017 experiment looked at them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from napari_advseg.core.adversary.discriminator import Discriminator
from napari_advseg.core.runtime.errors import SettingsError
from napari_advseg.core.runtime.events import Validated
from napari_advseg.core.storage.score_names import scores_as_text, statistics_as_text

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

FOLDER = "tensorboard"
"""Inside the run folder."""


def check_tensorboard() -> None:
    """Check that TensorBoard is installed.

    Raises
    ------
    SettingsError
        If it is not.
    """
    if find_spec("tensorboard") is None:
        raise SettingsError(
            "tensorboard = True needs TensorBoard, which is not installed: run "
            'pip install "napari-advseg[tensorboard]", or leave it out.'
        )


class TensorBoardLog:
    """Writes what each validation measured.

    Parameters
    ----------
    first : int
        Update from which a resumed run goes on; what an earlier attempt wrote of later ones is hidden.
    """

    def __init__(self, first: int = 0) -> None:
        self._first = first
        self._writer: SummaryWriter | None = None

    def write(self, folder: Path, validated: Validated, D: Discriminator | None) -> None:
        """Scores, λ and D's health as curves; D's weights and biases as histograms.

        Raises
        ------
        OSError
            If the folder cannot be written.
        """
        writer = self._opened(folder)
        update = validated.update
        for name, score in scores_as_text(validated.scores).items():
            writer.add_scalar(f"scores/{name}", score, update)
        if D is not None:
            writer.add_scalar("D/λ", validated.adversarial_weight, update)
            for name, value in statistics_as_text(validated.health).items():
                writer.add_scalar(f"D/{name}", value, update)
            for name, values in _weights(D).items():
                writer.add_histogram(f"D/{name}", values, update)
        writer.flush()

    def close(self) -> None:
        """End the thread that writes."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _opened(self, folder: Path) -> SummaryWriter:
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(folder / FOLDER), purge_step=self._first + 1)
        return self._writer


@torch.no_grad()
def _weights(D: Discriminator) -> dict[str, torch.Tensor]:
    """Weights as D uses them (with spectral normalisation the divided ones) and biases, by layer."""
    found = {}
    layers = [m for m in D.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    for number, layer in enumerate(layers, start=1):
        found[f"layer {number} weights"] = layer.weight.detach().float().cpu()
        if layer.bias is not None:
            found[f"layer {number} biases"] = layer.bias.detach().float().cpu()
    return found
