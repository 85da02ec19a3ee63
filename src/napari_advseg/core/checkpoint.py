"""All that a run needs to go on, in one file: weights, optimizers, schedules, counters, history.

Random states are not needed: every draw is named by the seed and the number of the batch (`draws`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .files import replacing
from .run_folder import CHECKPOINT, checkpoint_metadata, damaged
from .steps import Learner


def save_weights(path: Path, network: nn.Module) -> None:
    """Write a network's weights as safetensors at once.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    _save(path, _plain(network.state_dict()), None)


def load_weights(path: Path, network: nn.Module) -> None:
    """Read weights into a network of the same shape.

    Raises
    ------
    RunFolderError
        If the file is missing, damaged, no safetensors file, or of another network.
    """
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise damaged(path, error) from None


def save_checkpoint(
    folder: Path, learners: dict[str, Learner[Any]], progress: dict[str, Any]
) -> None:
    """Write the state of all learners and plain `progress` values, in one file, at once.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    plain: dict[str, Any] = {}
    for name, learner in learners.items():
        for key, tensor in learner.network.state_dict().items():
            tensors[f"{name}/weights/{key}"] = tensor
        state = learner.optimizer.state_dict()
        for index, values in state["state"].items():
            for key, value in values.items():
                tensors[f"{name}/optimizer/{index}/{key}"] = torch.as_tensor(value)
        plain[name] = {"updates": learner.updates, "rate": learner.rate.state()}
    metadata = {"progress": json.dumps(progress), "learners": json.dumps(plain)}
    _save(folder / CHECKPOINT, _plain(tensors), metadata)


def restore_checkpoint(folder: Path, learners: dict[str, Learner[Any]]) -> dict[str, Any]:
    """Put the learners back to the checkpoint; return the plain `progress` values.

    Raises
    ------
    RunFolderError
        If there is no checkpoint, it is damaged, or it is of other networks.
    """
    path = folder / CHECKPOINT
    plain = checkpoint_metadata(folder, "learners")
    try:
        tensors = load_file(path)
        for name, learner in learners.items():
            learner.network.load_state_dict(_below(tensors, f"{name}/weights/"))
            learner.optimizer.load_state_dict(
                learner.optimizer.state_dict() | {"state": _optimizer_state(tensors, name)}
            )
            learner.updates = int(plain[name]["updates"])
            learner.rate.restore(plain[name]["rate"])
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as error:
        raise damaged(path, error) from None
    return dict(checkpoint_metadata(folder, "progress"))


def _optimizer_state(tensors: dict[str, Tensor], name: str) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in _below(tensors, f"{name}/optimizer/").items():
        index, _, what = key.partition("/")
        state.setdefault(int(index), {})[what] = tensor
    return state


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key[len(prefix) :]: t for key, t in tensors.items() if key.startswith(prefix)}


def _plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous tensors on the CPU, each with storage of its own, as safetensors wants them."""
    return {key: t.detach().cpu().contiguous().clone() for key, t in tensors.items()}


def _save(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None) -> None:
    with replacing(path) as partial:
        try:
            save_file(tensors, partial, metadata)
        except SafetensorError as error:  # its word for a full disk
            raise OSError(str(error).rpartition("I/O error: ")[2]) from error
