"""Runs that train on every annotated slice: no F1, and the last weights are kept as the best."""

from __future__ import annotations

import pytest

from napari_advseg.core.data.split import Split, held_out_sentence, make_split
from napari_advseg.core.runtime.events import Outcome
from napari_advseg.core.training.engine import resume, train

pytestmark = pytest.mark.training


def test_no_validation_slices_can_be_asked_for(annotation):
    assert make_split(annotation, 16, val=()) == Split((0, 1, 2, 3, 4, 5), ())
    assert make_split(annotation, 16, (1, 2), ()) == Split((1, 2), ())
    assert str(make_split(annotation, 16, val=())) == "6 train, no validation: no F1"


@pytest.mark.parametrize(
    ("split", "said"),
    [
        (Split((0, 1, 2), (3, 4)), "Slices 3, 4 validate; the other 3 train."),
        (Split((0,), (3,)), "Slice 3 validates; the other one trains."),
        (Split((0,), (0,), (0, 20), (40, 60)), ""),
        (Split(tuple(range(20)), tuple(range(20, 30))), ""),
        (Split((0, 1), ()), ""),
    ],
)
def test_slices_that_do_not_train_are_named(split, said):
    assert held_out_sentence(split) == said


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "standard"},
        {"discriminator": {"regime": "truth"}},
        {"scores": "batches"},
        {"updates": None, "minutes": 0.01},
    ],
    ids=["standard", "truth", "batches", "minutes"],
)
def test_a_run_without_validation_slices_ends_well(stack, annotation, small, tmp_path, changes):
    settings = small(val=(), **changes)
    done = train(settings, stack, annotation, tmp_path / "run")
    assert (done.outcome, done.error) == (Outcome.COMPLETED, None)
    scores = done.history[-1].scores
    assert scores.standard.f1_val is None
    assert scores.standard.f1_train is not None
    assert done.summary["verdict"] is None
    assert done.summary["best"]["standard"] == {"update": None, "F1 val": None}
    last, best = (tmp_path / "run" / f"standard{end}.safetensors" for end in ("", "-best"))
    assert last.is_file()
    assert best.is_file()


def test_it_resumes_bit_for_bit(stack, annotation, small, tmp_path, stop_at, same_run):
    whole = train(small(val=()), stack, annotation)
    train(small(val=()), stack, annotation, tmp_path / "run", control=stop_at(6))
    assert same_run(resume(tmp_path / "run", stack), whole)
