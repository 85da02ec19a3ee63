"""Regions, and patches cut from them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_advseg.core.config.classes import NEW_ANNOTATION, UNLABELLED
from napari_advseg.core.config.parsing import run_settings
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.patch_sampler import PatchSampler
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.runtime.errors import (
    AdvSegError,
    AnnotationError,
    SettingsError,
    SplitError,
)

CPU = torch.device("cpu")


def settings(**changes):
    small = {"network": {"width": 2, "depth": 2}, "discriminator": {"width": 2, "depth": 2}}
    return run_settings({"patch": 16, "batch": 4, "fixed_patches": 6, **small, **changes})


def grey(shape=(4, 48, 60), seed=0):
    return np.random.default_rng(seed).normal(100, 20, shape).astype(np.float32)


def dense(shape=(4, 48, 60)):
    return np.random.default_rng(9).integers(0, 2, shape).astype(np.uint8)


def strokes(shape=(3, 48, 60)):
    """A cell stroke and a membrane stroke on two slices; two pixels of it in corners."""
    targets = np.full(shape, UNLABELLED, np.uint8)
    targets[0, 10, 5:40] = 0
    targets[0, 12:40, 50] = 1
    targets[2, 20, 20:30] = 1
    targets[2, 0, 0] = targets[2, -1, -1] = 0
    return targets


def prepare(image=None, targets=None, **changes):
    image = grey() if image is None else image
    targets = dense(image.shape) if targets is None else targets
    annotation = Annotation(targets, NEW_ANNOTATION)
    return TrainingData.prepare(settings(**changes), EMStack.from_array(image), annotation, CPU)


# --- drawing -----------------------------------------------------------------------------------


def test_every_patch_holds_a_labelled_pixel_and_lies_inside():
    targets = strokes()
    positions = PatchSampler(targets, 16).draw(np.random.default_rng(0), 3000)
    assert positions.shape == (3000, 3)
    for z, y, x in positions:
        patch = targets[z, y : y + 16, x : x + 16]
        assert patch.shape == (16, 16)
        assert (patch != UNLABELLED).any()
    assert set(positions[:, 0]) == {0, 2}


def rare(shape=(6, 96, 128), size=4):
    """Objects of 4 × 4 pixels on two of six slices: 0.04 % of the pixels."""
    targets = np.zeros(shape, np.uint8)
    targets[1, 40 : 40 + size, 60 : 60 + size] = 1
    targets[4, :size, -size:] = 1  # in a corner
    return targets


def share_with_object(targets, positions, patch=16):
    cuts = [targets[z, y : y + patch, x : x + patch] for z, y, x in positions]
    return np.mean([(cut == 1).any() for cut in cuts])


@pytest.mark.parametrize("balance", [0.5, 1.0])
def test_half_of_the_balanced_patches_hold_the_rare_class(balance):
    targets = rare()
    sampler = PatchSampler(targets, 16)
    plain = sampler.draw(np.random.default_rng(0), 2000)
    assert share_with_object(targets, plain) < 0.02
    positions = sampler.draw(np.random.default_rng(0), 2000, balance)
    assert positions.min() >= 0
    assert (positions[:, 1] <= 80).all()
    assert (positions[:, 2] <= 112).all()
    assert share_with_object(targets, positions) == pytest.approx(balance / 2, abs=0.04)
    around = positions[[(targets[z, y : y + 16, x : x + 16] == 1).any() for z, y, x in positions]]
    assert set(around[:, 0]) == {1, 4}


def test_balanced_patches_of_a_divided_slice_stay_in_the_columns_that_train():
    targets = rare()
    targets[1, 40:44, 50:54] = 1
    ends = np.array([64] * 6)
    positions = PatchSampler(targets, 16, ends).draw(np.random.default_rng(1), 2000, 1.0)
    assert (positions[:, 2] + 16 <= 64).all()


def test_without_balance_the_draws_are_as_ever():
    """The first draws of a plain sampler, as the runs of before had them."""
    found = PatchSampler(dense(), 16).draw(np.random.default_rng(0), 4)
    rows = np.random.default_rng(0).choice(4, 4, p=[0.25] * 4)
    np.testing.assert_array_equal(found[:, 0], rows)


def test_at_a_scale_regions_are_coarser_and_keep_the_stack_s_columns():
    image, targets = grey((4, 48, 61)), dense((4, 48, 61))
    data = prepare(image, targets, scale=2, patch=8, train=(0, 1), val=(2, 3))
    assert data.train.images.shape == (2, 1, 24, 31)
    assert data.train.targets.shape == (2, 24, 31)
    assert data.val.columns == (0, 61)
    blocks = image[:2, :, :60].reshape(2, 24, 2, 30, 2).mean((2, 4))
    found = data.train.images[:, 0, :, :30].numpy() * image.std() + image.mean()
    np.testing.assert_allclose(found, blocks, rtol=1e-3)


def test_a_scale_at_which_no_patch_fits_is_refused():
    with pytest.raises(SettingsError, match="at scale 4: choose a smaller scale"):
        prepare(scale=4)


def test_slices_are_drawn_by_how_much_of_them_is_labelled():
    targets = strokes()
    labelled = (targets != UNLABELLED).sum(axis=(1, 2))
    rows = PatchSampler(targets, 16).draw(np.random.default_rng(1), 20_000)[:, 0]
    share = np.bincount(rows, minlength=3) / 20_000
    assert share == pytest.approx(labelled / labelled.sum(), abs=0.015)


def test_no_labelled_pixel_is_left_out_not_even_in_a_corner():
    targets = strokes()
    shown = np.zeros(targets.shape)
    draws = 20_000
    for z, y, x in PatchSampler(targets, 16).draw(np.random.default_rng(2), draws):
        shown[z, y : y + 16, x : x + 16] += 1
    at_labels = shown[targets != UNLABELLED]
    # each is aimed at with probability 1 / labelled pixels; neighbours on a stroke come along
    assert at_labels.min() > 0.8 * draws / at_labels.size
    on_the_stroke = shown[0, 10, 5:40]
    assert on_the_stroke.min() > 0.3 * on_the_stroke.max()


def test_a_labelled_pixel_is_met_at_every_place_of_a_patch():
    targets = np.full((1, 48, 60), UNLABELLED, np.uint8)
    targets[0, 24, 30] = 0
    positions = PatchSampler(targets, 16).draw(np.random.default_rng(0), 20_000)
    for place in (24 - positions[:, 1], 30 - positions[:, 2]):
        assert np.bincount(place, minlength=16) / 20_000 == pytest.approx(
            np.full(16, 1 / 16), rel=0.15
        )


def test_dense_slices_are_drawn_evenly():
    positions = PatchSampler(dense(), 16).draw(np.random.default_rng(3), 40_000)
    for axis, places in ((0, 4), (1, 48 - 16 + 1), (2, 60 - 16 + 1)):
        share = np.bincount(positions[:, axis], minlength=places) / 40_000
        assert len(share) == places
        assert share == pytest.approx(np.full(places, 1 / places), rel=0.25)


def test_a_patch_as_large_as_the_slice_has_one_place():
    for targets in (dense((2, 16, 16)), strokes((3, 48, 60))[:, :16, :16]):
        positions = PatchSampler(targets, 16).draw(np.random.default_rng(0), 50)
        assert (positions[:, 1:] == 0).all()


# --- regions -----------------------------------------------------------------------------------


def test_patches_are_cut_as_numpy_slices_them():
    image, targets = grey(), dense()
    data = prepare(image, targets, train=(0, 2), val=(3,))
    scaled = (image - image.mean(dtype=np.float64)) / image.std(dtype=np.float64)
    positions = data.sampler.draw(np.random.default_rng(0), 20)
    images, cut = data.train.cut(positions, 16)
    assert images.shape == (20, 1, 16, 16)
    assert cut.dtype == torch.uint8
    for i, (row, y, x) in enumerate(positions):
        z = (0, 2)[row]
        assert images[i, 0].numpy() == pytest.approx(scaled[z, y : y + 16, x : x + 16], abs=1e-4)
        assert (cut[i].numpy() == targets[z, y : y + 16, x : x + 16]).all()


def test_training_and_validation_slices_are_the_splits():
    data = prepare(image=grey((6, 48, 60)))
    assert (data.train.slices, data.val.slices) == ((0, 1, 2, 3), (4, 5))
    assert data.train.columns == data.val.columns == (0, 60)
    assert data.sampler.labelled_pixels == 4 * 48 * 60


def test_with_one_slice_no_training_patch_shows_a_validation_pixel():
    # the image says where a pixel is
    image = np.tile(np.arange(60, dtype=np.float32), (2, 48, 1))
    targets = np.full(image.shape, UNLABELLED, np.uint8)
    targets[1] = dense((48, 60))
    data = prepare(image, targets)
    first_validated = 60 - 20
    positions = data.sampler.draw(np.random.default_rng(0), 2000)
    images, _ = data.train.cut(positions, 16)
    columns = images * data.normalisation.std + data.normalisation.mean
    assert float(columns.min()) == pytest.approx(0, abs=1e-3)
    assert float(columns.max()) == pytest.approx(first_validated - 16 - 1, abs=1e-3)
    validated = data.val.images * data.normalisation.std + data.normalisation.mean
    assert float(validated.min()) == pytest.approx(first_validated, abs=1e-3)
    assert data.val.columns == (40, 60)


def test_fixed_patches_are_the_same_each_time_and_from_their_own_side():
    first, again, other = prepare(), prepare(), prepare(seed=1)
    assert torch.equal(first.fixed_train[0], again.fixed_train[0])
    assert torch.equal(first.fixed_val[0], again.fixed_val[0])
    assert not torch.equal(first.fixed_train[0], other.fixed_train[0])
    assert first.fixed_train[0].shape == (6, 1, 16, 16)
    assert first.fixed_val[1].shape == (6, 16, 16)
    own = set(first.val.images.flatten().tolist())
    assert set(first.fixed_val[0].flatten().tolist()) <= own
    assert not set(first.fixed_train[0].flatten().tolist()) <= own


# --- refusals ----------------------------------------------------------------------------------


def test_an_annotation_of_another_image_is_refused_with_both_shapes():
    with pytest.raises(AnnotationError, match=r"\(3, 48, 60\) and the image \(4, 48, 60\)"):
        prepare(grey(), dense((3, 48, 60)))


def test_a_patch_that_cannot_be_halved_names_the_multiple():
    with pytest.raises(SettingsError, match=r"patch of 18 pixels.*multiple of 4"):
        prepare(patch=18)


def test_a_patch_larger_than_the_slice_names_the_largest():
    with pytest.raises(SettingsError, match="48 × 60: choose at most 48"):
        prepare(patch=64)


def test_the_depth_of_d_limits_only_runs_that_have_one():
    deep = {"discriminator": {"width": 2, "depth": 4}}
    with pytest.raises(SettingsError, match=r"too small for the depth.*choose 32 or more"):
        prepare(**deep)
    assert prepare(method="standard", **deep).split.train


def test_slices_too_small_for_any_patch_ask_for_a_smaller_depth():
    shape = (4, 6, 60)
    with pytest.raises(SettingsError, match="6 × 60: set a smaller depth"):
        prepare(grey(shape), dense(shape))


def test_a_class_that_nobody_painted_is_named():
    with pytest.raises(AnnotationError, match="no membrane: paint"):
        prepare(targets=np.zeros((4, 48, 60), np.uint8))


def test_a_class_that_is_painted_only_where_it_validates_is_named():
    targets = dense((3, 48, 60))
    targets[:2] = 0
    with pytest.raises(SplitError, match=r"slices 0:2\) holds no membrane"):
        prepare(grey((3, 48, 60)), targets)


def test_strokes_on_one_side_of_a_single_slice_are_refused_with_where_to_paint():
    targets = np.full((4, 48, 60), UNLABELLED, np.uint8)
    targets[1, 5, :10], targets[1, 20, :10] = 0, 1
    with pytest.raises(AdvSegError, match="columns 40 to 59, holds no label"):
        prepare(targets=targets)


def test_a_validation_slice_may_lack_a_class():
    targets = dense()
    targets[3] = 0
    assert prepare(targets=targets).val.slices == (3,)
