"""What a run says of its progress."""

from itertools import pairwise

import pytest
import torch

from napari_advseg.core.runtime.devices import failure_sentence
from napari_advseg.core.runtime.events import Doing, Outcome, RunStarted, Step
from napari_advseg.core.training import loop
from napari_advseg.core.training.engine import resume, train


@pytest.fixture
def every_step(monkeypatch):
    """Each update is reported, not a few a second."""
    monkeypatch.setattr(loop, "STEP_SECONDS", 0.0)


def run(settings, stack, annotation, **options):
    events = []
    train(settings, stack, annotation, on_event=events.append, **options)
    return [event for event in events if not isinstance(event, Doing)]


def test_each_step_says_how_far_the_run_is(every_step, small, stack, annotation):
    steps = [e for e in run(small(), stack, annotation) if isinstance(e, Step)]
    assert [(s.update, s.updates) for s in steps] == [(i, 12) for i in range(1, 13)]
    assert [s.seconds_left is None for s in steps[:3]] == [True, True, False]
    assert steps[-1].seconds_left == 0
    assert all(0 < a.seconds < b.seconds for a, b in pairwise(steps))
    assert set(steps[-1].losses) == {"S", "G/S", "D"}


def test_steps_are_few_however_fast_the_updates(small, stack, annotation, monkeypatch):
    monkeypatch.setattr(loop, "STEP_SECONDS", 1e9)
    steps = [e.update for e in run(small(), stack, annotation) if isinstance(e, Step)]
    assert steps == [4, 8, 12]  # once before each validation


def test_blocks_count_whole_epochs_and_never_more_than_announced(
    every_step, small, stack, annotation
):
    """Five updates in blocks of three are two epochs, six updates of S and of G."""
    block = {"kind": "block", "generator_updates": 3, "discriminator_updates": 4}
    events = run(small(updates=5, alternation=block), stack, annotation)
    assert events[0].updates == 6
    assert events[0].updates_per_epoch == 3
    steps = [e for e in events if isinstance(e, Step)]
    assert [s.update for s in steps] == [1, 2, 3, *[3] * 7, 4, 5, 6, *[6] * 7]
    losses = [next(iter(s.losses)) for s in steps]
    assert losses == [*["S"] * 3, *["G/S"] * 3, *["D"] * 4] * 2


@pytest.mark.parametrize("from_update", [4, 8])
def test_a_resumed_run_announces_where_it_goes_on(
    small, stack, annotation, tmp_path, stop_at, from_update
):
    looks = {4: 10, 8: 20}[from_update]  # before the update after a validation
    train(small(), stack, annotation, tmp_path / "run", control=stop_at(looks))
    events = []
    result = resume(tmp_path / "run", stack, on_event=events.append)
    started = next(event for event in events if not isinstance(event, Doing))
    assert isinstance(started, RunStarted)
    assert started.first_update == from_update
    assert [v.update for v in started.history] == list(range(4, from_update + 1, 4))
    assert result.outcome is Outcome.COMPLETED
    seconds = [v.seconds for v in result.history]
    assert seconds == sorted(seconds)


def test_the_start_tells_what_the_plots_need(small, stack, annotation, tmp_path):
    ramp = {"kind": "ramp", "value": 0.3, "start": 0.25, "rise": 0.5}
    started = run(small(adversarial_weight=ramp), stack, annotation, folder=tmp_path / "run")[0]
    assert started.lambda_marks == ((3, 0.0), (9, 0.3))
    assert started.networks == ("standard", "adversarial")
    assert started.classes == ("cell", "membrane")
    assert (started.device, started.precision, started.threads) == ("cpu", "float32", 1)
    assert started.folder == tmp_path / "run"
    standard = run(small(method="standard"), stack, annotation)[0]
    assert standard.lambda_marks == ()


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (torch.OutOfMemoryError("CUDA out of memory\nTried"), "memory is full"),
        (RuntimeError("one\ntwo"), "Training failed (one): start again."),
        (ValueError(), "Training failed (ValueError): start again."),
    ],
)
def test_a_failure_is_one_sentence(problem, words):
    sentence = failure_sentence(problem, "Training", "start again")
    assert words in sentence
    assert "\n" not in sentence
