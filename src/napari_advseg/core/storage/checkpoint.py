"""All that a run needs to go on, in one file: weights, optimizers, schedules, counters, history.

Random states are not needed: every draw is named by the seed and the number of the batch (`draws`).
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from napari_advseg.core.models.network_optimizer import NetworkOptimizer
from napari_advseg.core.runtime.errors import RunFolderError
from napari_advseg.core.runtime.filesystem import replacing

from .run_folder import CHECKPOINT, damaged

log = logging.getLogger(__name__)

CHECKSUM = "crc32"


def copied_weights(network: nn.Module) -> dict[str, Tensor]:
    """A network's weights as tensors of their own on the CPU."""
    return _plain(network.state_dict())


def save_weights(path: Path, weights: nn.Module | dict[str, Tensor]) -> None:
    """Write a network's weights as safetensors at once.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    tensors = copied_weights(weights) if isinstance(weights, nn.Module) else weights
    _save(path, tensors, {})


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read what `save_weights` wrote, as tensors of their own.

    Raises
    ------
    RunFolderError
        If the file is missing, damaged or no safetensors file.
    """
    return _load(path)[0]


def load_weights(path: Path, network: nn.Module, *, assign: bool = False) -> None:
    """Read weights into a network of the same shape; with `assign` they become its own tensors.

    Raises
    ------
    RunFolderError
        If the file is missing, damaged, no safetensors file, or of another network.
    """
    tensors = read_weights(path)
    with fitting(path):
        network.load_state_dict(tensors, assign=assign)


def save_checkpoint(
    folder: Path,
    optimizers: dict[str, NetworkOptimizer[Any]],
    copies: Mapping[str, nn.Module],
    progress: dict[str, Any],
) -> None:
    """Write the state of all learners, copies and plain `progress` values, in one file, at once.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    plain: dict[str, Any] = {}
    for name, learner in optimizers.items():
        for key, tensor in learner.network.state_dict().items():
            tensors[f"{name}/weights/{key}"] = tensor
        state = learner.optimizer.state_dict()
        for index, values in state["state"].items():
            for key, value in values.items():
                tensors[f"{name}/optimizer/{index}/{key}"] = torch.as_tensor(value)
        plain[name] = {"updates": learner.updates, "rate": learner.rate.state()}
    for name, network in copies.items():
        for key, tensor in network.state_dict().items():
            tensors[f"{name}/weights/{key}"] = tensor
    metadata = {"progress": json.dumps(progress), "learners": json.dumps(plain)}
    _save(folder / CHECKPOINT, _plain(tensors), metadata)


def restore_checkpoint(
    folder: Path, optimizers: dict[str, NetworkOptimizer[Any]], copies: Mapping[str, nn.Module]
) -> dict[str, Any]:
    """Put learners and copies back to the checkpoint; return the plain `progress` values.

    Raises
    ------
    RunFolderError
        If there is no checkpoint, it is damaged, or it is of other networks.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        raise RunFolderError(f"The run in {folder} has no checkpoint yet: start it anew.")
    tensors, metadata = _load(path)
    with fitting(path):
        plain = json.loads(metadata["learners"])
        for name, learner in optimizers.items():
            learner.network.load_state_dict(_below(tensors, f"{name}/weights/"))
            state = _optimizer_state(tensors, name)
            _check_shapes(state, learner)
            learner.optimizer.load_state_dict(learner.optimizer.state_dict() | {"state": state})
            learner.updates = int(plain[name]["updates"])
            learner.rate.restore(plain[name]["rate"])
        for name, network in copies.items():
            network.load_state_dict(_below(tensors, f"{name}/weights/"))
        return dict(json.loads(metadata["progress"]))


@contextmanager
def fitting(path: Path) -> Iterator[None]:
    """Word what does not fit the networks of the run for a person."""
    try:
        yield
    except (RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
        log.info("%s does not fit: %s", path, error)  # torch lists every tensor
        raise damaged(path, "it is of other networks") from None


def _check_shapes(state: dict[int, dict[str, Tensor]], learner: NetworkOptimizer[Any]) -> None:
    """Torch would find out in the middle of an update."""
    parameters = [p for group in learner.optimizer.param_groups for p in group["params"]]
    for index, values in state.items():
        for key, tensor in values.items():
            if tensor.ndim and tensor.shape != parameters[index].shape:
                raise ValueError(f"{key} of parameter {index} has shape {tuple(tensor.shape)}")


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


def _checksum(tensors: dict[str, Tensor], texts: dict[str, str]) -> str:
    """CRC-32 of all names, types, shapes and values: safetensors would not notice a flipped bit."""
    found = 0
    for key, text in sorted(texts.items()):
        found = crc32(f"{key}={text}".encode(), found)
    for key, tensor in sorted(tensors.items()):
        found = crc32(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode(), found)
        found = crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, found)
    return f"{found:08x}"


def _load(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and texts of a safetensors file; one without a checksum is taken as it is."""
    try:
        with safe_open(path, "pt") as file:
            texts = dict(file.metadata() or {})
            # copies: a file that stays mapped could not be replaced on Windows
            tensors = {key: file.get_tensor(key).clone() for key in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise damaged(path, "it is missing") from None
    except (OSError, SafetensorError) as error:
        raise damaged(path, error) from None
    expected = texts.pop(CHECKSUM, None)
    if expected is not None and expected != _checksum(tensors, texts):
        raise damaged(path, "its checksum does not fit")
    return tensors, texts


def _as_os_error(error: SafetensorError) -> OSError:
    """What the system said, such as "No space left on device", without the name of a partial file."""
    found = re.search(r"I/O error: (.+?) \(os error (\d+)\)", str(error))
    if found is None:
        return OSError(str(error))
    code = int(found[2])
    return OSError(code, found[1], None, code)  # the last is read on Windows, in place of the first


def _save(path: Path, tensors: dict[str, Tensor], texts: dict[str, str]) -> None:
    metadata = texts | {CHECKSUM: _checksum(tensors, texts)}
    with replacing(path) as partial:
        try:
            save_file(tensors, partial, metadata)
        except SafetensorError as error:
            raise _as_os_error(error) from error
