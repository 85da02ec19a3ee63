"""Weights and optimizer states come back from disk exactly, or one sentence says why not."""

import errno
import os

import pytest
import torch
from safetensors.torch import load_file

from napari_advseg.core.runtime.devices import choose_device
from napari_advseg.core.runtime.errors import RunFolderError
from napari_advseg.core.storage.checkpoint import (
    load_weights,
    restore_checkpoint,
    save_checkpoint,
    save_weights,
)
from napari_advseg.core.training.engine import train
from napari_advseg.core.training.trainer import Trainer


def fresh(result, **changes):
    settings = result.training.settings.model_copy(update=changes)
    return Trainer.build(settings, result.training.data, choose_device("cpu", "float32", 1))


def everything(optimizers):
    """All tensors and numbers of learners."""
    found = {}
    for name, learner in optimizers.items():
        found |= {(name, key): tensor for key, tensor in learner.network.state_dict().items()}
        for index, values in learner.optimizer.state_dict()["state"].items():
            found |= {(name, index, key): torch.as_tensor(v) for key, v in values.items()}
        found[name, "updates"] = torch.tensor(learner.updates)
        found |= {(name, key): torch.tensor(v) for key, v in learner.rate.state().items()}
    return found


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "rmsprop"])
@pytest.mark.parametrize("head", ["patch", "dense"])
def test_a_checkpoint_brings_back_everything(small, stack, annotation, tmp_path, optimizer, head):
    norm = {"patch": "spectral", "dense": "batch"}[head]
    settings = small(
        updates=3, optimizer={"name": optimizer, "schedule": "plateau"},
        discriminator={"head": head, "norm": norm},
    )  # fmt: skip
    result = train(settings, stack, annotation)
    optimizers = result.training.optimizers
    progress = {"turn": 3, "history": [], "words": "β"}
    save_checkpoint(tmp_path, optimizers, {}, progress)
    other = fresh(result, seed=5).optimizers
    assert restore_checkpoint(tmp_path, other, {}) == progress
    saved, restored = everything(optimizers), everything(other)
    assert saved.keys() == restored.keys()
    assert all(torch.equal(tensor, restored[key]) for key, tensor in saved.items())


def test_weights_are_plain_safetensors_that_others_can_read(small, stack, annotation, tmp_path):
    result = train(small(updates=1), stack, annotation, tmp_path / "run")
    weights = load_file(tmp_path / "run" / "standard.safetensors")
    expected = result.training.networks["standard"].state_dict()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[key]) for key, tensor in weights.items())


def test_weights_of_another_network_are_refused(small, stack, annotation, tmp_path):
    result = train(small(updates=1), stack, annotation)
    path = tmp_path / "wide.safetensors"
    wide = small(network={"width": 3}).network
    save_weights(path, fresh(result, network=wide).networks["standard"])
    with pytest.raises(RunFolderError, match=r"wide\.safetensors is damaged") as error:
        load_weights(path, result.training.networks["standard"])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"no safetensors", None])
def test_damaged_weights_are_refused(small, stack, annotation, tmp_path, content):
    network = train(small(updates=1), stack, annotation).training.networks["standard"]
    path = tmp_path / "a.safetensors"
    save_weights(path, network)
    path.write_bytes(path.read_bytes()[:-50] if content is None else content)
    with pytest.raises(RunFolderError, match="damaged"):
        load_weights(path, network)
    path.unlink()
    with pytest.raises(RunFolderError, match="damaged"):
        load_weights(path, network)


def test_a_checkpoint_of_other_networks_is_refused(small, stack, annotation, tmp_path):
    result = train(small(updates=1), stack, annotation)
    save_checkpoint(tmp_path, {"standard": result.training.optimizers["standard"]}, {}, {"turn": 1})
    with pytest.raises(RunFolderError, match="damaged"):
        restore_checkpoint(tmp_path, fresh(result).optimizers, {})


def test_a_refusal_of_the_disk_is_an_error_of_the_system(small, stack, annotation, tmp_path):
    """So that a run under way takes it for what it is, and goes on; in the system's words alone."""
    network = train(small(updates=1), stack, annotation).training.networks["standard"]
    with pytest.raises(FileNotFoundError) as refusal:
        save_weights(tmp_path / "gone" / "a.safetensors", network)
    assert refusal.value.strerror == os.strerror(errno.ENOENT)
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    with pytest.raises(NotADirectoryError) as refusal:
        save_weights(in_the_way / "a.safetensors", network)
    assert refusal.value.strerror == os.strerror(errno.ENOTDIR)
    in_the_way.unlink()
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(OSError, match="too large") as refusal:
            save_weights(tmp_path / "a.safetensors", network)
        assert refusal.value.errno == errno.EFBIG
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_every_flipped_bit_of_a_weight_is_noticed(small, stack, annotation, tmp_path):
    """safetensors itself has no checksum."""
    network = train(small(updates=1), stack, annotation).training.networks["standard"]
    path = tmp_path / "a.safetensors"
    save_weights(path, network)
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    for at in range(header, len(whole), 97):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        path.write_bytes(flipped)
        with pytest.raises(RunFolderError, match="its checksum does not fit"):
            load_weights(path, network)
    path.write_bytes(whole)
    load_weights(path, network)
