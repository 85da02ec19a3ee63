"""Estimates of the time of a run before it starts."""

from __future__ import annotations

import pytest

from napari_advseg.core.config.parsing import run_settings
from napari_advseg.core.training import time_budget
from napari_advseg.core.training.time_budget import ADVERSARIAL_COST, estimated_minutes


def long_run(**changes):
    values = {"updates": 60, "patch": 128, "batch": 8, "threads": 1, "device": "cpu"}
    return run_settings({**values, "network": {"width": 2, "depth": 2}, **changes})


@pytest.fixture
def _one_second_for_two_small_patches(monkeypatch):
    monkeypatch.setattr(time_budget, "_probe_seconds", lambda *args: 1.0)


@pytest.mark.usefixtures("_one_second_for_two_small_patches")
def test_time_grows_with_pixels_updates_and_networks():
    # 8 patches of 128² are 16 times the pixels of 2 patches of 64²; 60 updates, 60 s a minute
    assert estimated_minutes(long_run(method="standard")) == pytest.approx(16)
    assert estimated_minutes(long_run(method="adversarial")) == pytest.approx(
        16 * ADVERSARIAL_COST["patch"]
    )
    assert estimated_minutes(long_run(method="paired")) == pytest.approx(
        16 * (1 + ADVERSARIAL_COST["patch"])
    )
    assert estimated_minutes(long_run(method="standard", updates=30)) == pytest.approx(8)
    assert estimated_minutes(long_run(method="standard", patch=64)) == pytest.approx(4)


def test_a_wider_network_is_told_to_take_longer():
    narrow = estimated_minutes(long_run(method="standard"))
    wide = estimated_minutes(long_run(method="standard", network={"width": 24, "depth": 2}))
    assert 0 < narrow < wide
