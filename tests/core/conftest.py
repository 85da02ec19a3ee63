"""A small stack with dense labels, and runs on it that take a fraction of a second."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.runtime.control import RunControl
from napari_advseg.core.training.engine import train

SMALL = {
    "calibrate": False,  # what is predicted is what the networks say
    "updates": 12,
    "validate_every": 4,
    "patch": 16,
    "batch": 2,
    "tile": 64,
    "fixed_patches": 5,
    "samples": 3,
    "device": "cpu",
    "precision": "float32",
    "threads": 1,
    "keep": "last",  # tests compare with the last validation; test_kept_weights.py is about the best
    "network": {"width": 2, "depth": 1, "dropout": 0.2},
    "discriminator": {"width": 2, "depth": 1},
}


@pytest.fixture(autouse=True)
def _one_thread():
    """Networks this small are slower on more threads, and slowest beside other processes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def cells():
    """Image, uint8 (6, 64, 64), and labels: 255 in bright cells, 0 between them."""
    draws = np.random.default_rng(0)
    field = gaussian_filter(draws.standard_normal((6, 64, 64)), (0, 4, 4))
    labels = np.where(field > np.quantile(field, 0.4), 255, 0).astype(np.uint8)
    grey = 90 + 60 * (labels > 0) + draws.normal(0, 30, labels.shape)
    return np.clip(grey, 0, 255).astype(np.uint8), labels


@pytest.fixture
def stack(cells):
    return EMStack.from_array(cells[0])


@pytest.fixture
def annotation(cells):
    return Annotation.from_labels(cells[1])


@pytest.fixture
def small():
    """Settings of a small run with changes."""

    def settings(**changes):
        groups = {
            name: {**SMALL.get(name, {}), **change} if isinstance(change, dict) else change
            for name, change in changes.items()
        }
        return from_preset("quick", **{**SMALL, **groups})

    return settings


@pytest.fixture(scope="session")
def whole_run(cells):
    """The small run from start to end; not to be changed."""
    stack = EMStack.from_array(cells[0])
    return train(from_preset("quick", **SMALL), stack, Annotation.from_labels(cells[1]))


class StopAt(RunControl):
    """Stops where the run looks at it for the `number`-th time: before an update or a tile."""

    def __init__(self, number):
        super().__init__()
        self.number = number
        self.looks = 0

    def raise_if_stopped(self):
        if self.looks == self.number:
            self.stop()
        self.looks += 1
        super().raise_if_stopped()


@pytest.fixture
def stop_at():
    return StopAt


@pytest.fixture
def same_run():
    """Whether two results have the same weights and history, bit for bit."""

    def same(one, other):
        optimizers, others = one.training.optimizers, other.training.optimizers
        if optimizers.keys() != others.keys():
            return False
        for name, learner in optimizers.items():
            weights = learner.network.state_dict()
            found = others[name].network.state_dict()
            if not all(torch.equal(tensor, found[key]) for key, tensor in weights.items()):
                return False
        return facts(one.history) == facts(other.history)

    return same


def facts(history):
    """All that validations say but the time they took."""
    return [(v.update, v.epoch, v.scores, v.adversarial_weight) for v in history]
