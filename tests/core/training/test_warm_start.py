"""A run that starts from the networks of another."""

import json
from itertools import count

import pytest
import torch

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.evaluation import validator
from napari_advseg.core.runtime.errors import RunFolderError, Subject
from napari_advseg.core.runtime.events import Notice, Outcome
from napari_advseg.core.training.engine import resume, train

pytestmark = pytest.mark.training

NAMES = ("standard", "adversarial", "discriminator")


@pytest.fixture
def run(small, stack, annotation, tmp_path):
    """Make a run of 12 updates in a folder."""

    def make(**changes):
        folder = tmp_path / f"run of {changes.get('method', 'both')}"
        return train(small(**changes), stack, annotation, folder), folder

    return make


def weights(training, name):
    return training.kept[name].state_dict()


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(t, other[k]) for k, t in one.items())


def test_each_network_starts_from_its_own_weights_bit_for_bit(
    run, small, stack, annotation, stop_at, tmp_path
):
    first, folder = run()
    # a run that is stopped before its first update
    result = train(
        small(seed=7), stack, annotation, tmp_path / "next", start_from=folder, control=stop_at(0)
    )
    assert result.outcome is Outcome.STOPPED
    for name in NAMES:
        assert equal(weights(result.training, name), weights(first.training, name))
        learner = result.training.optimizers[name]
        assert learner.updates == 0
        assert learner.optimizer.state_dict()["state"] == {}
    config = json.loads((tmp_path / "next" / "config.json").read_text())
    assert config["start_from"] == str(folder)
    assert config["start_weights"] == {name: f"{name}.safetensors" for name in NAMES}


def test_learning_goes_on_from_there(run, small, stack, annotation):
    first, folder = run(updates=60, validate_every=60, network={"width": 4})
    settings = small(updates=2, validate_every=2, network={"width": 4})
    further = train(settings, stack, annotation, start_from=folder)
    anew = train(settings, stack, annotation)
    reached = first.history[-1].scores.standard.f1_val_by_class["membrane"]
    assert abs(further.history[0].scores.standard.f1_val_by_class["membrane"] - reached) < 0.05
    assert anew.history[0].scores.standard.f1_val_by_class["membrane"] < reached - 0.1
    assert not equal(weights(further.training, "standard"), weights(first.training, "standard"))


def test_the_best_weights_instead_of_the_last(
    run, small, stack, annotation, stop_at, tmp_path, monkeypatch
):
    calls = count()  # the fifth validation of both networks scores best
    monkeypatch.setattr(validator, "mean_f1", lambda counts: 1 - abs(next(calls) // 2 - 4) / 12)
    first, folder = run(validate_every=1)
    best = first.summary["best"]["standard"]["update"]
    assert best == 5
    as_of_best = train(
        small(), stack, annotation, control=stop_at(0), start_from=folder, start_from_best=True
    )
    last = train(small(), stack, annotation, control=stop_at(0), start_from=folder)
    assert not equal(weights(as_of_best.training, "standard"), weights(last.training, "standard"))
    again = train(small(validate_every=1, updates=12), stack, annotation, control=AfterUpdate(best))
    assert equal(weights(as_of_best.training, "standard"), weights(again.training, "standard"))


def AfterUpdate(update):
    """Stop a run that validates each update, on two slices and two networks, after an update."""
    from napari_advseg.core.runtime.control import RunControl

    class Control(RunControl):
        def __init__(self):
            super().__init__()
            self.looks = 0

        def raise_if_stopped(self):
            # one look before the update and six in its validation: four tiles, one for each network
            if self.looks == 7 * update:
                self.stop()
            self.looks += 1
            super().raise_if_stopped()

    return Control()


def test_both_networks_may_start_from_a_standard_run(run, small, stack, annotation, stop_at):
    first, folder = run(method="standard")
    result = train(small(seed=3), stack, annotation, start_from=folder, control=stop_at(0))
    new = train(small(seed=3), stack, annotation, control=stop_at(0))
    S = weights(first.training, "standard")
    assert equal(weights(result.training, "standard"), S)
    assert equal(weights(result.training, "adversarial"), S)
    # there is no D to start from
    assert equal(weights(result.training, "discriminator"), weights(new.training, "discriminator"))


def test_a_discriminator_of_another_kind_learns_anew_and_this_is_said(
    run, small, stack, annotation, stop_at
):
    _, folder = run()
    settings, events = small(discriminator={"width": 4}), []
    result = train(
        settings, stack, annotation, start_from=folder, control=stop_at(0), on_event=events.append
    )
    new = train(settings, stack, annotation, control=stop_at(0))
    assert equal(weights(result.training, "discriminator"), weights(new.training, "discriminator"))
    said = [event.text for event in events if isinstance(event, Notice)]
    assert "D learns anew: that of the run to start from is of another kind." in said


def test_the_copy_of_d_that_g_learns_against_starts_with_it(run, small, stack, annotation, stop_at):
    blocks = {"kind": "block", "generator_updates": 3, "discriminator_updates": 2}
    changes = {
        "discriminator": {"norm": "batch", "averages": True},
        "alternation": blocks,
        "updates": 6,
    }
    first, folder = run(**changes)
    result = train(small(**changes), stack, annotation, start_from=folder, control=stop_at(0))
    copy = result.training.copies["discriminator-in-generator"]
    assert equal(copy.state_dict(), weights(first.training, "discriminator"))


def test_a_run_that_started_warm_resumes_bit_for_bit(
    run, small, stack, annotation, stop_at, same_run, tmp_path
):
    _, folder = run()
    whole = train(small(), stack, annotation, start_from=folder)
    train(small(), stack, annotation, tmp_path / "next", start_from=folder, control=stop_at(7))
    assert same_run(resume(tmp_path / "next", stack), whole)


@pytest.mark.parametrize(
    ("of_run", "of_next", "says"),
    [
        (
            {"method": "adversarial"},
            {"method": "paired"},
            "holds no standard network: choose the method adversarial, or start from new networks.",
        ),
        (
            {},
            {"network": {"width": 4}},
            "has networks of width 2 and 4 is chosen: choose 2, or start from new networks.",
        ),
        (
            {},
            {"network": {"norm": "instance"}},
            "has networks of norm batch and instance is chosen: choose batch, or start from new "
            "networks.",
        ),
    ],
)
def test_other_networks_are_refused_in_a_sentence(
    run, small, stack, annotation, tmp_path, of_run, of_next, says
):
    _, folder = run(updates=1, validate_every=1, **of_run)
    with pytest.raises(RunFolderError) as refused:
        train(small(**of_next), stack, annotation, tmp_path / "next", start_from=folder)
    assert str(refused.value) == f"The run in {folder} {says}"
    assert refused.value.subject is Subject.START_FROM
    assert not (tmp_path / "next").exists()


def test_other_classes_are_refused(run, small, stack, cells, tmp_path):
    _, folder = run(updates=1, validate_every=1)
    other = Annotation.from_labels(cells[1], ClassMap.of(neurite=255, membrane=0))
    with pytest.raises(RunFolderError, match="tells cell, membrane apart and the annotation neur"):
        train(small(), stack, other, tmp_path / "next", start_from=folder)
    # values may be others: names in their order say what a network tells apart
    values = Annotation.from_labels(cells[1] // 255 + 1, ClassMap.of(cell=2, membrane=1))
    assert train(small(), stack, values, start_from=folder).outcome is Outcome.COMPLETED


def test_a_folder_without_such_networks_is_refused(
    run, small, stack, annotation, stop_at, tmp_path
):
    with pytest.raises(RunFolderError, match="holds no run"):
        train(small(), stack, annotation, start_from=tmp_path)
    train(small(), stack, annotation, tmp_path / "unvalidated", control=stop_at(1))
    with pytest.raises(RunFolderError, match="has no best weights yet: start from its last ones"):
        train(small(), stack, annotation, start_from=tmp_path / "unvalidated", start_from_best=True)
