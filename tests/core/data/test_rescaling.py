"""Coarser pixels: images, targets, and masks of full size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.measure import block_reduce

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.data.rescaling import downsampled, downsampled_targets, upsampled

DRAWS = np.random.default_rng(4)


@pytest.mark.parametrize("shape", [(12, 18), (2, 12, 18)])
@pytest.mark.parametrize("scale", [1, 2, 3])
def test_an_image_is_the_mean_of_its_blocks(shape, scale):
    image = DRAWS.normal(size=shape).astype(np.float32)
    blocks = (1,) * (len(shape) - 2) + (scale, scale)
    np.testing.assert_allclose(
        downsampled(image, scale), block_reduce(image, blocks, np.mean), rtol=1e-5, atol=1e-6
    )


def test_what_reaches_past_the_rim_repeats_it():
    image = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]], np.float32)
    found = downsampled(image, 2)
    np.testing.assert_array_equal(found, [[3, 4.5], [7.5, 9]])


def test_targets_are_the_most_frequent_class_of_a_block():
    targets = np.full((1, 4, 6), UNLABELLED, np.uint8)
    targets[0, :2, :2] = [[0, 0], [0, 1]]
    targets[0, :2, 2:4] = [[1, 1], [0, UNLABELLED]]
    targets[0, 2, 4] = 0  # one labelled pixel of four
    found = downsampled_targets(targets, 2)
    u = UNLABELLED
    np.testing.assert_array_equal(found, [[[0, 1, u], [u, u, 0]]])


def test_of_classes_as_frequent_in_a_block_the_rarer_is_taken():
    targets = np.zeros((1, 4, 4), np.uint8)
    targets[0, 0, :2] = 1
    assert downsampled_targets(targets, 2)[0, 0, 0] == 1
    assert downsampled_targets(1 - targets, 2)[0, 0, 0] == 0


@pytest.mark.parametrize(("height", "width"), [(8, 12), (7, 11)])
def test_a_mask_of_coarse_pixels_lies_where_the_fine_one_did(height, width):
    """The centre of mass of a blob moves by less than a tenth of a pixel, and a plane stays plane."""
    y, x = np.mgrid[: 8 * height, : 8 * width].astype(np.float32)
    blob = np.exp(-((y - 31.3) ** 2 + (x - 40.7) ** 2) / 200)
    small = torch.from_numpy(downsampled(blob, 4))[None, None]
    large = upsampled(small, 4, *blob.shape)[0, 0].numpy()
    assert large.shape == blob.shape
    for axis in (y, x):
        centres = [(axis * one).sum() / one.sum() for one in (blob, large)]
        assert abs(centres[0] - centres[1]) < 0.1
    plane = torch.from_numpy(downsampled((y + 2 * x)[:24, :24], 2))[None, None]
    np.testing.assert_allclose(
        upsampled(plane, 2, 24, 24)[0, 0, 1:-1, 1:-1], (y + 2 * x)[1:23, 1:23], atol=1e-4
    )
