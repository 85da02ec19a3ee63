"""The weights that a run's masks are of once training has ended: those of the best validation, or the last."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from napari_advseg.core.evaluation.best_validation import best_validation
from napari_advseg.core.models.unet import UNet
from napari_advseg.core.runtime.events import SHORT, NetworkName, Validated

from .run_writer import RunWriter
from .trainer import Trainer


def best_networks(
    trainer: Trainer, history: Sequence[Validated], writer: RunWriter, update: int
) -> dict[NetworkName, UNet]:
    """Networks as of their best validation, where the settings ask for them and the last is not the best.

    Parameters
    ----------
    trainer : Trainer
        Its own networks stay as they are: resume goes on from them.
    history : sequence of Validated
    writer : RunWriter
        Holds the best weights.
    update : int
        Update that the networks are at.
    """
    found: dict[NetworkName, UNet] = {}
    if trainer.settings.keep == "last":
        return found
    for name, network in trainer.networks.items():
        best, weights = best_validation(history, name), writer.best_weights(name)
        if best is not None and best.update != update and weights is not None:
            found[name] = deepcopy(network)
            found[name].load_state_dict(weights)
    return found


def kept_as_json(
    trainer: Trainer, history: Sequence[Validated], update: int
) -> dict[str, dict[str, Any]]:
    """What ``summary.json`` says of the weights that the masks are of."""
    found: dict[str, dict[str, Any]] = {}
    for name in trainer.networks:
        best = best_validation(history, name) if trainer.settings.keep == "best" else None
        kept = "last" if best is None else "best"
        found[name] = {"kept": kept, "update": update if best is None else best.update}
    return found


def kept_sentence(kept: dict[str, dict[str, Any]], update: int) -> str:
    """Which update the masks are of; empty where it is the last for all networks."""
    if all(one["update"] == update for one in kept.values()):
        return ""
    parts = " and ".join(
        f"{SHORT[name]} of update {one['update']}"  # type: ignore[index]
        for name, one in kept.items()
    )
    return f"The masks are by the best weights: {parts}."
