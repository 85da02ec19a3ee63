"""Random draws are named, not counted."""

from __future__ import annotations

import numpy as np
import torch

from napari_advseg.core.runtime.seeded_random import Purpose, numpy_generator, torch_generator

NAMES = [(seed, purpose, i) for seed in (0, 1, 2**32 - 1) for purpose in Purpose for i in range(20)]


def test_the_same_name_gives_the_same_draws():
    for name in NAMES[::17]:
        assert (numpy_generator(*name).random(4) == numpy_generator(*name).random(4)).all()
        first, again = (torch.rand(4, generator=torch_generator(*name)) for _ in range(2))
        assert torch.equal(first, again)


def test_different_names_give_different_draws():
    assert len({numpy_generator(*name).integers(2**62) for name in NAMES}) == len(NAMES)
    drawn = {int(torch.randint(2**62, (1,), generator=torch_generator(*name))) for name in NAMES}
    assert len(drawn) == len(NAMES)


def test_neighbouring_names_are_uncorrelated():
    rows = [
        torch.rand(2000, generator=torch_generator(0, Purpose.DROPOUT, i)).numpy() for i in range(8)
    ]
    off_diagonal = np.corrcoef(rows)[~np.eye(8, dtype=bool)]
    assert np.abs(off_diagonal).max() < 5 / np.sqrt(2000)


def test_no_draw_touches_the_global_states():
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    torch.rand(3, generator=torch_generator(0, Purpose.WEIGHTS))
    numpy_generator(0, Purpose.PATCHES).random(3)
    assert torch.equal(state, torch.get_rng_state())
    assert (numpy_state == np.random.get_state()[1]).all()
