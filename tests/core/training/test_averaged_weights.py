"""Validations, masks and files of a run are of averaged weights; learning goes on from its own."""

import numpy as np
import pytest
import torch

from napari_advseg.core.inference.predict_stack import predict_stack
from napari_advseg.core.storage.checkpoint import read_weights
from napari_advseg.core.training.engine import resume, train
from napari_advseg.core.training.trainer import Trainer

pytestmark = pytest.mark.training

NETWORKS = ("standard", "adversarial")


@pytest.fixture
def followed(monkeypatch):
    """Averages computed beside the run, in float64, from the weights after each turn."""
    found, real = {}, Trainer.step

    def step(self, turn):
        if turn.update == 1:
            found.update({n: _weights(self.optimizers[n].network) for n in NETWORKS})
        taken = real(self, turn)
        for name in NETWORKS:
            kept = min(0.9, turn.update / (turn.update + 9))
            for key, value in _weights(self.optimizers[name].network).items():
                found[name][key] = kept * found[name][key] + (1 - kept) * value
        return taken

    monkeypatch.setattr(Trainer, "step", step)
    return found


def _weights(network):
    tensors = network.state_dict().items()
    return {k: t.double().clone() for k, t in tensors if t.is_floating_point()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_files_and_scores_are_of_the_average(followed, small, stack, annotation, tmp_path):
    folder = tmp_path / "run"
    result = train(small(average=0.9, keep="last"), stack, annotation, folder)
    for name in NETWORKS:
        kept, raw = read_weights(folder / f"{name}.safetensors"), followed[name]
        for key, expected in raw.items():
            torch.testing.assert_close(kept[key].double(), expected, rtol=1e-4, atol=1e-5)
        learner = result.training.optimizers[name].network.state_dict()
        assert not same(kept, learner)
        assert same(kept, result.training.networks[name].state_dict())

    maps, z = {}, result.training.data.split.val
    predict_stack(folder, stack, on_slice=lambda n, i, found: maps.update({(n, i): found[0]}))
    for name in NETWORKS:
        mask = np.stack([maps[name, i] < 0.5 for i in z])
        truth = annotation.targets[list(z)]
        hits = np.sum(~mask & (truth == 0))
        f1 = 2 * hits / (2 * hits + np.sum(~mask & (truth == 1)) + np.sum(mask & (truth == 0)))
        assert result.history[-1].scores.of(name).f1_val == pytest.approx(f1, abs=1e-9)


def test_a_run_learns_what_it_would_without_averages(small, stack, annotation):
    plain = train(small(average=0.0), stack, annotation).training
    averaged = train(small(average=0.9), stack, annotation).training
    for name in plain.optimizers:
        one, other = (t.optimizers[name].network.state_dict() for t in (plain, averaged))
        assert same(one, other)


@pytest.mark.parametrize("looks", [3, 8, 16])
def test_a_stopped_run_resumes_bit_for_bit(small, stack, annotation, tmp_path, stop_at, looks):
    settings = small(average=0.9)
    train(settings, stack, annotation, tmp_path / "whole")
    train(settings, stack, annotation, tmp_path / "run", control=stop_at(looks))
    resume(tmp_path / "run", stack)
    for name in (*NETWORKS, "discriminator", "standard-best"):
        one, other = (read_weights(tmp_path / f / f"{name}.safetensors") for f in ("whole", "run"))
        assert same(one, other), name


def test_averages_of_a_warm_start_begin_at_its_weights(small, stack, annotation, tmp_path):
    train(small(average=0.9, keep="last"), stack, annotation, tmp_path / "first")
    seen = {}
    real = Trainer.step

    def step(self, turn):
        seen.setdefault("averages", {n: dict(_copied(self.networks[n])) for n in NETWORKS})
        return real(self, turn)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "step", step)
        train(small(average=0.9), stack, annotation, start_from=tmp_path / "first")
    for name in NETWORKS:
        assert same(
            seen["averages"][name], read_weights(tmp_path / "first" / f"{name}.safetensors")
        )


def _copied(network):
    return {key: tensor.clone() for key, tensor in network.state_dict().items()}
