"""What settings leave open, and what is decided for a run: one table."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from napari_advseg.core.config.classes import NEW_ANNOTATION, ClassMap
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.synthetic import synthetic_stack
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.runtime.devices import ComputeDevice
from napari_advseg.core.runtime.errors import SettingsError, Subject
from napari_advseg.core.storage.run_folder import CONFIG
from napari_advseg.core.training.engine import train
from napari_advseg.core.training.resolve_settings import FEW, FEW_LABELS, resolve_settings

CPU = ComputeDevice(torch.device("cpu"), "float32", 3)
TINY = {
    "updates": 100, "patch": 16, "batch": 1, "tile": 64, "fixed_patches": 2, "samples": 0,
    "network": {"width": 2, "depth": 2}, "discriminator": {"width": 2, "depth": 2},
}  # fmt: skip
SPLIT = {"train": (0, 1, 2), "val": (3,)}
BLOCKS = {"alternation": {"kind": "block", "generator_updates": 3, "discriminator_updates": 6}}
QUICK = from_preset("quick").augmentation.model_dump()
VARIED = {**QUICK, **FEW_LABELS}
BALANCED = from_preset("balanced").augmentation.model_dump()


def settings_of(given):
    """Small settings with changes; a change to a group adds to it."""
    values = {
        name: {**TINY.get(name, {}), **change} if isinstance(change, dict) else change
        for name, change in given.items()
    }
    budget = {"updates", "epochs", "minutes"} & given.keys()
    tiny = {k: v for k, v in TINY.items() if not (budget and k == "updates")}
    return from_preset(**{**tiny, **values})


def image_and_annotation(share=1.0, slices=4, channels=1):
    """Four slices of 64 × 64: the first `slices` are annotated, each on its first `share` of columns."""
    stack, truth = synthetic_stack(seed=3, shape=(4, 64, 64))
    truth[:, :, int(64 * share) :] = 0
    truth[slices:] = 0
    if channels > 1:
        stack = EMStack.together([stack] * channels)
    return stack, Annotation.from_labels(truth, NEW_ANNOTATION)


def resolved(settings, *, second=False, **image):
    stack, annotation = image_and_annotation(**image)
    other = synthetic_stack(seed=4, shape=(2, 64, 64))[0] if second else None
    data = TrainingData.prepare(settings, stack, annotation, CPU.device, second=other)
    return resolve_settings(settings, stack, data, CPU)


CHANNELS = [
    ({}, {}, {"network.image_channels": 1}),
    ({}, {"channels": 2}, {"network.image_channels": 2}),
    ({"network": {"image_channels": 2}}, {"channels": 2}, {"network.image_channels": 2}),
]
REGIME = [  # "unannotated" also names the slices that D sees
    ({}, {}, {"discriminator.regime": "truth", "unannotated": None}),
    ({}, {"slices": 2}, {"discriminator.regime": "unannotated", "unannotated": (2, 3)}),
    ({"unannotated": (3,)}, {"slices": 2}, {"unannotated": (3,)}),
    ({}, {"second": True}, {"discriminator.regime": "unannotated", "unannotated": ()}),
    (
        {"discriminator": {"regime": "truth"}},
        {"slices": 2},
        {"discriminator.regime": "truth", "unannotated": None},
    ),
    (
        {"method": "standard"},
        {"slices": 2},
        {"discriminator.regime": "truth", "unannotated": None},
    ),
]
GREY = [
    (SPLIT, {}, {"augmentation": QUICK}),
    (SPLIT, {"share": 0.5}, {"augmentation": QUICK}),
    (SPLIT, {"share": FEW / 2}, {"augmentation": VARIED}),
    ({}, {"slices": 2}, {"augmentation": VARIED}),  # one whole slice of four trains
    (
        {**SPLIT, "augmentation": {"noise": 0.05}},
        {"share": FEW / 2},
        {"augmentation": {**QUICK, "noise": 0.05}},
    ),
    ({**SPLIT, "preset": "balanced"}, {"share": FEW / 2}, {"augmentation": BALANCED}),
]
LENGTH = [  # 3 · 64² labelled pixels train, 16² are in a patch: 48 updates in an epoch
    ({}, {}, {"updates": 100, "epoch": 48}),
    ({"batch": 5}, {}, {"epoch": 10}),  # 9.6
    ({}, {"share": 0.5}, {"epoch": 24}),
    ({"batch": 100}, {}, {"epoch": 1}),
    ({"epoch": 7}, {}, {"epoch": 7, "updates": 100}),
    ({"epochs": 2}, {}, {"updates": 96, "epochs": None}),
    ({"epochs": 2, "updates": 5}, {}, {"updates": 96}),
    ({"epochs": 2, "epoch": 7}, {}, {"updates": 14}),
    ({**BLOCKS, "updates": 5}, {}, {"updates": 6, "epoch": 3}),
    ({**BLOCKS, "epochs": 4, "epoch": 7}, {}, {"updates": 12, "epoch": 3}),
]
EVERY = [
    ({"validations": 10}, {}, {"validate_every": 10}),
    ({"validations": 10, "updates": 101}, {}, {"validate_every": 11}),
    ({"validations": 10, "updates": 3}, {}, {"validate_every": 1}),
    ({"validate_every": 4}, {}, {"validate_every": 4}),
    ({**BLOCKS, "validate_every": 1}, {}, {"validate_every": 3}),
]
MINUTES = [  # corrected once updates are timed
    ({"minutes": 1.0, "validations": 5}, {}, {"updates": 1000, "validate_every": None}),
    ({"minutes": 1.0, "updates": 7}, {}, {"updates": 1000, "minutes": 1.0}),
    ({"minutes": 1.0, "epochs": 7}, {}, {"updates": 1000, "epochs": None}),
    ({"minutes": 1.0, "validate_every": 10}, {}, {"updates": 1000, "validate_every": 10}),
    ({"minutes": 1.0, "plan": {"crops": 3}}, {}, {"updates": 1000, "plan": None}),
    ({**BLOCKS, "minutes": 1.0}, {}, {"updates": 1002, "validate_every": 3}),
    ({"plan": {"crops": 3}}, {}, {"updates": 100, "validate_every": None}),
]
WHERE = [
    ({}, {}, {"device": "cpu", "precision": "float32", "threads": 3}),
    ({"device": "auto", "precision": "auto"}, {}, {"device": "cpu", "precision": "float32"}),
]
SLICES = [
    ({}, {}, {"train": (0, 1, 2), "val": (3,)}),
    ({"val": (0, 2)}, {}, {"train": (1, 3), "val": (0, 2)}),
    ({"train": (1,)}, {"slices": 3}, {"train": (1,), "val": (0, 2)}),
    ({}, {"slices": 1}, {"train": None, "val": None}),  # parts of one slice
]
TABLE = [*CHANNELS, *REGIME, *GREY, *LENGTH, *EVERY, *MINUTES, *WHERE, *SLICES]


def value_of(settings, path):
    values = settings.model_dump()
    for name in path.split("."):
        values = values[name]
    return values


@pytest.mark.parametrize(("given", "image", "decided"), TABLE)
def test_what_is_left_open_is_decided_and_stays_decided(given, image, decided):
    found = resolved(settings_of(given), **image)
    assert {path: value_of(found, path) for path in decided} == decided
    assert resolved(found, **image) == found  # nothing is left open


def test_all_else_is_left_as_it_was_given():
    given = settings_of({"seed": 5, "method": "adversarial", "optimizer": {"rate": 0.01}})
    decided = {
        "discriminator", "unannotated", "epoch", "validate_every", "device", "precision",
        "threads", "train", "val", "dice",
    }  # fmt: skip
    assert resolved(given).model_dump(exclude=decided) == given.model_dump(exclude=decided)


def test_a_run_without_a_length_is_refused():
    without = settings_of({}).model_copy(update={"updates": None})
    with pytest.raises(SettingsError, match="updates, epochs nor minutes") as caught:
        resolved(without)
    assert caught.value.subject is Subject.BUDGET


def blobs(side):
    """Four slices of 64 × 64 with a square object of a side; the first is annotated."""
    truth = np.zeros((4, 64, 64), np.uint8)
    truth[0, 8 : 8 + side, 8 : 8 + side] = 1
    stack = EMStack.from_array(np.random.default_rng(0).integers(0, 255, truth.shape, np.uint8))
    return stack, Annotation.from_labels(truth, ClassMap.of(background=0, object=1))


@pytest.mark.parametrize(("side", "varied"), [(40, False), (8, True)])
def test_grey_values_vary_where_few_objects_are_thin(side, varied):
    stack, annotation = blobs(side)
    data = TrainingData.prepare(settings_of({}), stack, annotation, CPU.device)
    found = resolve_settings(settings_of({}), stack, data, CPU)
    assert found.augmentation.rotation == 180
    assert (found.augmentation.brightness > 0) is varied
    assert found.dice == 1.0
    kept = resolve_settings(settings_of({"dice": 0.3}), stack, data, CPU)
    assert kept.dice == 0.3  # what was asked for


@pytest.mark.parametrize(("share", "dice"), [(1.0, 0.3), (FEW / 2, 1.0)])
def test_the_weight_of_dice_follows_from_the_number_of_labels(share, dice):
    assert resolved(settings_of(SPLIT), share=share).dice == dice
    assert resolved(settings_of({**SPLIT, "preset": "balanced"}), share=share).dice == 1.0
    assert from_preset("seed2017").dice == 0.0


# --- a run keeps what was decided ---------------------------------------------------------------


def augmentation_of_run(folder, share, **changes):
    """What a run of one update keeps as its augmentation."""
    stack, annotation = image_and_annotation(share)
    given = {"updates": 1, "method": "standard", "device": "cpu", "threads": 1, **SPLIT, **changes}
    train(settings_of(given), stack, annotation, folder)
    return json.loads((folder / CONFIG).read_text())["settings"]["augmentation"]


def test_few_labels_vary_grey_values_and_the_run_says_so(tmp_path):
    assert augmentation_of_run(tmp_path / "run", FEW / 2) == VARIED


def test_a_run_repeated_from_its_settings_keeps_them(tmp_path):
    first = augmentation_of_run(tmp_path / "first", FEW / 2)
    again = augmentation_of_run(tmp_path / "again", 1.0, augmentation=first)
    assert again == first
    assert np.isclose(again["noise"], FEW_LABELS["noise"])
