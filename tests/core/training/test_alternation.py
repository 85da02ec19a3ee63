"""Who learns when."""

from __future__ import annotations

from collections import Counter

import pytest

from napari_advseg.core.config.parsing import run_settings
from napari_advseg.core.training.alternation import discriminator_updates, scheduled_turns

ALL = {"standard", "adversarial", "discriminator"}


def settings(kind="step", method="paired", updates=7, **changes):
    alternation = {"kind": kind, "generator_updates": 3, "discriminator_updates": 5}
    return run_settings(
        {"method": method, "updates": updates, "alternation": alternation, **changes}
    )


@pytest.mark.parametrize(
    ("method", "networks"),
    [("standard", {"standard"}), ("adversarial", ALL - {"standard"}), ("paired", ALL)],
)
def test_step_by_step_everyone_learns_from_each_batch(method, networks):
    taken = list(scheduled_turns(settings(method=method, validate_every=3)))
    assert [t.batch for t in taken] == list(range(7))
    assert [t.update for t in taken] == list(range(1, 8))
    assert all(t.networks == networks for t in taken)
    assert [t.update for t in taken if t.validate] == [3, 6, 7]


def test_the_end_is_validated_once_when_it_falls_on_the_interval():
    taken = list(scheduled_turns(settings(validate_every=7)))
    assert [t.update for t in taken if t.validate] == [7]


def test_blocks_are_s_then_g_on_the_same_batches_then_d():
    taken = list(scheduled_turns(settings("block", updates=6)))
    order = [next(iter(t.networks)) for t in taken]
    epoch = ["standard"] * 3 + ["adversarial"] * 3 + ["discriminator"] * 5
    assert order == epoch * 2
    assert [t.batch for t in taken[:11]] == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1]
    assert [t.batch for t in taken[11:]] == [3, 4, 5, 3, 4, 5, 3, 4, 5, 3, 4]
    assert [i for i, t in enumerate(taken) if t.validate] == [10, 21]
    assert [t.update for t in taken[:11]] == [1, 2, 3] + [3] * 8
    assert taken[-1].update == 6


@pytest.mark.parametrize("kind", ["step", "block"])
@pytest.mark.parametrize("method", ["standard", "adversarial", "paired"])
def test_s_and_g_learn_from_the_same_batches_in_the_same_order(kind, method):
    chosen = settings(kind, method, updates=6)
    for network in chosen.networks:
        assert [t.batch for t in scheduled_turns(chosen) if network in t.networks] == list(range(6))


def test_the_standard_method_knows_no_d():
    chosen = settings("block", "standard", updates=6)
    assert Counter(learner for t in scheduled_turns(chosen) for learner in t.networks) == {
        "standard": 6
    }


@pytest.mark.parametrize("kind", ["step", "block"])
def test_from_any_turn_on_the_rest_follows(kind):
    chosen = settings(kind, updates=6)
    whole = list(scheduled_turns(chosen))
    for first in range(len(whole) + 1):
        assert list(scheduled_turns(chosen, first)) == whole[first:]


@pytest.mark.parametrize("kind", ["step", "block"])
@pytest.mark.parametrize("updates", [6, 20])
def test_updates_never_fall_and_end_where_asked(kind, updates):
    chosen = settings(kind, updates=updates // 3 * 3)
    counted = [t.update for t in scheduled_turns(chosen)]
    assert counted == sorted(counted)
    assert counted[-1] == chosen.updates
    assert list(scheduled_turns(chosen))[-1].validate


def test_d_makes_as_many_updates_as_it_is_given_turns():
    assert discriminator_updates(settings("block", updates=6)) == 2 * 5
    constant = settings(adversarial_weight={"kind": "constant"})
    assert discriminator_updates(constant) == 7
    # a ramp that starts at 20 % lets D learn from 10 % on
    assert discriminator_updates(settings(updates=300)) == 270
