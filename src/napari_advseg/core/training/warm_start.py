"""Start a run from the networks of another one instead of from random weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.runtime.errors import RunFolderError, Subject
from napari_advseg.core.storage.checkpoint import fitting, read_weights
from napari_advseg.core.storage.run_compatibility import why_not_from
from napari_advseg.core.storage.run_folder import Run, load_run

if TYPE_CHECKING:
    from .trainer import Trainer

Weights = dict[str, tuple[str, dict[str, Tensor]]]
"""File name and weights for each network."""


@dataclass(frozen=True)
class WarmStart:
    """Weights that a run begins with.

    Only weights are taken. Optimizers start anew: their moments are averages of gradients under the
    old annotation, and the learning rate's schedule spans the updates of one run, so that moments
    made at the low end of the last one would meet the high rate of the new. λ starts anew for the same
    reason.

    Attributes
    ----------
    folder : Path
        The run that they are of.
    weights : dict
        File name and weights for each network, by the name that it has in the new run.
    """

    folder: Path
    weights: Weights

    @classmethod
    def of(
        cls,
        folder: Path,
        settings: RunSettings,
        classes: ClassMap,
        channels: int,
        *,
        best: bool = False,
    ) -> WarmStart:
        """Read the weights for a run with `settings`, `classes` and an image of `channels`.

        S starts from S, G/S from G/S, or from S where the other run holds no G/S. D starts from D where
        there is one of the same shape, and from the seed otherwise.

        Parameters
        ----------
        folder : Path
            Run folder, of a run that has ended or not.
        best : bool
            Take S and G/S as of their best validation; of D there is only the last.

        Raises
        ------
        RunFolderError
            If the folder holds no such networks, or they are of another shape or for other classes.
        """
        try:
            run = load_run(folder)
            why = why_not_from(
                settings, run.settings.network, run.networks, run.classes, classes, channels
            )
            if why:
                raise RunFolderError(f"The run in {run.folder} {why}.")
            return cls(Path(folder), _read(run, settings, best))
        except RunFolderError as error:
            error.subject = Subject.START_FROM  # not the folder of the new run
            raise

    def load_into(self, trainer: Trainer, note: Callable[[str], None]) -> dict[str, Any]:
        """Put the weights into the networks of a run that has made no update yet.

        Parameters
        ----------
        note : callable
            Told in a sentence if D is of another kind than the other run's and so learns anew.

        Returns
        -------
        dict
            What ``config.json`` says of it: the run, and for each network the file that it starts from.
        """
        files = {}
        for name, (file, weights) in self.weights.items():
            network = trainer.optimizers[name].network
            if name == "discriminator" and not _same_shapes(network, weights):
                note("D learns anew: that of the run to start from is of another kind.")
                continue
            with fitting(self.folder / file):
                network.load_state_dict(weights)
            files[name] = file
        trainer.copy_weights()
        return {"start_from": str(self.folder.absolute()), "start_weights": files}


def _read(run: Run, settings: RunSettings, best: bool) -> Weights:
    """The weights for each network that can start from the run."""
    weights: Weights = {}
    for name in settings.networks:
        source = name if name in run.networks else "standard"
        file = f"{source}{'-best' if best else ''}.safetensors"
        weights[name] = (file, _weights(run, file))
    if "adversarial" in settings.networks and "adversarial" in run.networks:
        file = "discriminator.safetensors"
        weights["discriminator"] = (file, _weights(run, file))
    return weights


def _weights(run: Run, file: str) -> dict[str, Tensor]:
    path = run.folder / file
    if "-best" in file and not path.exists():
        raise RunFolderError(
            f"The run in {run.folder} has no best weights yet: start from its last ones."
        )
    return read_weights(path)


def _same_shapes(network: nn.Module, weights: dict[str, Tensor]) -> bool:
    own = network.state_dict()
    return own.keys() == weights.keys() and all(
        tensor.shape == weights[key].shape for key, tensor in own.items()
    )
