"""A whole run of the preset seed2017, made small: its files, its scores, a stop in the middle."""

from __future__ import annotations

import csv
from functools import cache

import numpy as np
import pytest
from PIL import Image

from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.runtime.events import Outcome, Validated
from napari_advseg.core.storage.run_folder import load_run
from napari_advseg.core.storage.score_names import SCORES, scores_as_text
from napari_advseg.core.training.engine import resume, train

pytestmark = pytest.mark.training

EIGHT = (  # the header of the 2017 metrics
    "S F1 train", "S F1 val", "G/S F1 train", "G/S F1 val",
    "D Accuracy train", "D Accuracy val", "G/D Accuracy train", "G/D Accuracy val",
)  # fmt: skip


def small(**changes):
    return from_preset(
        "seed2017",
        **{
            "epochs": 2,
            "patch": 16,
            "batch": 2,
            "tile": 64,
            "fixed_patches": 12,
            "device": "cpu",
            "threads": 1,
            "network": {"width": 2, "depth": 2},
            "discriminator": {"depth": 2},
            "alternation": {"generator_updates": 4, "discriminator_updates": 8},
            **changes,
        },
    )


@pytest.fixture(scope="module")
def finished(cells, tmp_path_factory):
    folder = tmp_path_factory.mktemp("seed2017") / "run"
    stack, annotation = EMStack.from_array(cells[0]), Annotation.from_labels(cells[1])
    return train(small(), stack, annotation, folder), folder


def test_the_eight_metrics_stand_in_the_file_under_their_names_of_2017(finished):
    result, folder = finished
    assert result.outcome is Outcome.COMPLETED
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["epoch"]) for row in rows] == [1, 2]
    for row in rows:
        assert all(0 <= float(row[name]) <= 1 for name in EIGHT)
        assert float(row["S F1 membrane val"]) >= 0  # beside them, on whole slices


def test_d_is_scored_on_every_mask_of_the_epoch_and_of_the_validation_patches(finished):
    """16 masks in 8 updates of D and 8 of G's; 12 true and 12 predicted patches to validate on."""
    for one in finished[0].history:
        for name, masks in (
            ("D Accuracy train", 16),
            ("G/D Accuracy train", 8),
            ("D Accuracy val", 24),
            ("G/D Accuracy val", 12),
        ):
            share = SCORES[name].value(one.scores) * masks
            assert share == pytest.approx(round(share), abs=1e-4)


def test_f1_val_is_the_mean_over_batches_of_the_fixed_patches(finished, cells):
    result, _ = finished
    training = result.training
    images, targets = training.data.fixed_val
    assert len(images) == 12
    found = []
    for first in range(0, 12, 2):
        logits = training.networks["standard"].eval()(images[first : first + 2])
        mask = np.round(1 / (1 + np.exp(-logits.detach().double().numpy()[:, 0]))) == 1
        truth = targets[first : first + 2].numpy() == 0
        found.append(2 * (mask & truth).sum() / (mask.sum() + truth.sum()))
    assert result.history[-1].scores.standard.f1_val == pytest.approx(np.mean(found), abs=1e-6)


def test_ten_samples_after_each_epoch(finished):
    pictures = sorted((finished[1] / "samples").iterdir())
    assert [p.name for p in pictures] == ["update-000004.png", "update-000008.png"]
    for path in pictures:
        with Image.open(path) as picture:
            width, height = picture.size
        assert 4 * 16 < width < 5 * 16 + 16  # image, true, adversarial and standard mask
        assert height > 10 * 16


@pytest.fixture(scope="module")
def whole(cells):
    """Trains the run of given settings from start to end, once."""

    @cache
    def run(settings):
        return train(settings, EMStack.from_array(cells[0]), Annotation.from_labels(cells[1]))

    return run


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("number", [1, 7, 12, 18])
def test_a_stop_within_any_block_changes_nothing(
    cells, annotation, whole, stop_at, same_run, tmp_path, shared, number
):
    """In S's block, in G's (its copy of D has averages of its own), in D's, in the next epoch."""
    stack, settings = EMStack.from_array(cells[0]), small(shared_draws=shared)
    stopped = train(settings, stack, annotation, tmp_path / "run", control=stop_at(number))
    assert stopped.outcome is Outcome.STOPPED
    resumed = resume(tmp_path / "run", stack)
    assert resumed.outcome is Outcome.COMPLETED
    assert same_run(resumed, whole(settings))
    for name, copy in whole(settings).training.copies.items():
        other = resumed.training.copies[name].state_dict()
        assert all(bool((tensor == other[key]).all()) for key, tensor in copy.state_dict().items())


def test_epochs_are_counted_with_either_order_of_turns(cells, annotation, tmp_path):
    stack = EMStack.from_array(cells[0])
    blocks = train(small(epochs=1), stack, annotation, tmp_path / "blocks")
    assert blocks.history[-1].update == 4
    assert load_run(tmp_path / "blocks").settings.updates == 4
    steps = small(
        epochs=3,
        epoch=5,
        alternation={"kind": "step"},
        discriminator={"depth": 2, "averages": False, "batches": "separate"},
        scores="slices",
    )
    result = train(steps, stack, annotation)
    assert result.history[-1].update == 15
    assert result.history[-1].epoch == 3


def test_scores_of_batches_with_turns_in_each_update(cells, annotation):
    """Nothing in them needs blocks."""
    events = []
    settings = small(
        updates=6,
        epochs=None,
        validations=2,
        alternation={"kind": "step"},
        discriminator={"depth": 2, "averages": False, "batches": "separate"},
    )
    train(settings, EMStack.from_array(cells[0]), annotation, on_event=events.append)
    found = [event.scores for event in events if isinstance(event, Validated)]
    assert len(found) == 2
    assert all(set(EIGHT) <= set(scores_as_text(scores)) for scores in found)
