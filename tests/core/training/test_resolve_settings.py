"""With few labels the quick preset varies grey values; with dense labels nothing is changed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_advseg.core.config.classes import NEW_ANNOTATION
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.synthetic import synthetic_stack
from napari_advseg.core.training.engine import train
from napari_advseg.core.training.resolve_settings import FEW, GREY_VALUES

TINY = {
    "method": "standard", "updates": 1, "patch": 16, "batch": 1, "tile": 64, "fixed_patches": 2,
    "samples": 0, "threads": 1, "device": "cpu", "network": {"width": 2, "depth": 2},
}  # fmt: skip


def augmentation_of_run(folder, share, slices=4, **changes):
    """What a run of one update keeps as its augmentation.

    Four slices, of which so many are labelled to this share; the last of them validates.
    """
    stack, truth = synthetic_stack(seed=3, shape=(4, 64, 64))
    truth[:, int(64 * share) :] = 0
    truth[slices:] = 0
    changes = {"train": tuple(range(slices - 1)), "val": (slices - 1,), **changes}
    annotation = Annotation.from_labels(truth, NEW_ANNOTATION)
    train(from_preset(**{**TINY, **changes}), stack, annotation, folder)
    return json.loads((folder / "config.json").read_text())["settings"]["augmentation"]


def test_few_labels_vary_grey_values_and_the_run_says_so(tmp_path):
    found = augmentation_of_run(tmp_path / "run", FEW / 2)
    assert found == {**from_preset("quick").augmentation.model_dump(), **GREY_VALUES}


def test_a_dense_slice_of_many_is_few(tmp_path):
    found = augmentation_of_run(tmp_path / "run", 1.0, slices=2)
    assert found["brightness"] == GREY_VALUES["brightness"]


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_many_labels_leave_the_preset_as_it_is(tmp_path, share):
    found = augmentation_of_run(tmp_path / "run", share)
    assert found == from_preset("quick").augmentation.model_dump()


def test_what_was_asked_for_and_other_presets_stay(tmp_path):
    asked = augmentation_of_run(tmp_path / "asked", FEW / 2, augmentation={"noise": 0.05})
    assert asked["noise"] == 0.05
    assert asked["brightness"] == 0.0
    other = {"preset": "balanced", "discriminator": {"depth": 2, "width": 2}}
    found = augmentation_of_run(tmp_path / "other", FEW / 2, **other)
    assert found == from_preset("balanced").augmentation.model_dump()


def test_a_run_repeated_from_its_settings_keeps_them(tmp_path):
    first = augmentation_of_run(tmp_path / "first", FEW / 2)
    again = augmentation_of_run(tmp_path / "again", 1.0, augmentation=first)
    assert again == first
    assert np.isclose(again["noise"], GREY_VALUES["noise"])
