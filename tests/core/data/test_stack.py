"""Grey stacks and their normalisation."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import torch

from napari_advseg.core.data.normalisation import Normalisation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.runtime.errors import ImageError, Subject


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", ">u2", "f4", "f8", ">f4"])
def test_normalised_grey_values_have_mean_0_and_deviation_1(dtype):
    grey = np.random.default_rng(0).integers(0, 120, (5, 16, 16)).astype(dtype)
    stack = EMStack.from_array(grey)
    scaled = Normalisation.of(stack)(grey)
    assert scaled.dtype == np.float32
    assert scaled.mean() == pytest.approx(0, abs=1e-5)
    assert scaled.std() == pytest.approx(1, abs=1e-5)


def test_the_statistics_are_numpys_own_even_far_from_zero():
    grey = 1e6 + np.random.default_rng(1).normal(0, 3, (4, 9, 11))
    grey += np.arange(4)[:, None, None]
    found = Normalisation.of(EMStack.from_array(grey.astype(np.float32)))
    expected = grey.astype(np.float32).astype(np.float64)
    assert found.mean == pytest.approx(expected.mean(), rel=1e-12)
    assert found.std == pytest.approx(expected.std(), rel=1e-9)


def test_a_lazy_stack_is_read_slice_by_slice():
    read = []

    def block(block_info=None):
        z = block_info[None]["chunk-location"][0]
        read.append(z)
        return np.full((1, 8, 9), z, np.uint8)

    lazy = da.map_blocks(block, chunks=((1,) * 6, (8,), (9,)), dtype=np.uint8, meta=np.empty(0))
    stack = EMStack.from_array(lazy)
    assert (stack.slice(3) == 3).all()
    assert read == [3]
    assert Normalisation.of(stack).mean == pytest.approx(2.5)


def test_a_single_slice_is_a_stack_of_depth_1():
    stack = EMStack.from_array(np.zeros((6, 7), np.uint8), scale=(4, 4))
    assert stack.shape == (1, 6, 7)
    assert stack.scale == (1, 4, 4)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (np.zeros(3, np.uint8), r"\(3,\)"),
        (np.zeros((2, 2, 2, 2), np.uint8), r"\(2, 2, 2, 2\)"),
        (np.zeros((0, 4, 4), np.uint8), r"\(0, 4, 4\)"),
        (np.zeros((64, 64, 3), np.uint8), "RGB"),
        (np.zeros((4, 4), complex), "complex128"),
        (np.zeros((4, 4), bool), "bool"),
        (np.zeros((4, 4), object), "object"),
        (torch.zeros((4, 4), dtype=torch.bfloat16), "bfloat16"),
    ],
)
def test_what_is_no_grey_stack_is_refused(data, said):
    with pytest.raises(ImageError, match=said) as caught:
        EMStack.from_array(data)
    assert caught.value.subject is Subject.IMAGE


@pytest.mark.parametrize("z", [0, 2])
@pytest.mark.parametrize("bad", [-np.inf, np.inf])
def test_pixels_that_are_no_numbers_are_counted_on_their_slice(z, bad):
    grey = np.random.default_rng(0).random((3, 4, 4), np.float32)
    grey[z, 0, :2] = bad
    with pytest.raises(ImageError, match=f"Slice {z} holds 2 infinite"):
        Normalisation.of(EMStack.from_array(grey))


@pytest.mark.parametrize("value", [0, 0.1, 123.4567])
def test_an_image_without_contrast_is_refused(value):
    with pytest.raises(ImageError, match="contrast"):
        Normalisation.of(EMStack.from_array(np.full((2, 7, 9), value, np.float32)))


def test_infinite_values_of_both_signs_are_counted_and_nothing_else_is_said():
    grey = np.random.default_rng(0).random((2, 4, 4))
    grey[0, 0, :3] = np.inf, -np.inf, np.nan
    with pytest.raises(ImageError, match="Slice 0 holds 2 infinite values: replace"):
        Normalisation.of(EMStack.from_array(grey))


@pytest.mark.parametrize("value", [1e300, -1e35, 2e30])
def test_values_that_float32_cannot_normalise_are_counted_as_what_they_are(value):
    grey = np.random.default_rng(0).random((3, 4, 4))
    grey[1, 2, 1:3] = value
    with pytest.raises(ImageError, match=r"Slice 1 holds 2 huge \(beyond 1e\+30\) values: replace"):
        Normalisation.of(EMStack.from_array(grey))


def test_a_constant_image_is_constant_however_many_pixels_it_has():
    # The float64 mean of so many 0.1 in float32 is not quite 0.1.
    grey = np.full((3, 700, 701), 0.1, np.float32)
    with pytest.raises(ImageError, match=r"Every pixel of the image is 0\.1: choose"):
        Normalisation.of(EMStack.from_array(grey))


def test_one_pixel_that_differs_is_contrast():
    grey = np.full((1, 64, 64), 200, np.uint8)
    grey[0, 3, 3] = 201
    assert Normalisation.of(EMStack.from_array(grey)).std == pytest.approx(np.std(grey), rel=1e-9)


def test_contrast_below_what_float32_tells_apart_is_refused():
    grey = np.zeros((1, 4, 4))
    grey[0, 0, 0] = 1e-38
    with pytest.raises(ImageError, match="hardly differ"):
        Normalisation.of(EMStack.from_array(grey))


def test_a_lazy_stack_that_cannot_be_read_names_the_slice_and_the_reason():
    class Store:
        shape, ndim, dtype = (4, 8, 8), 3, np.dtype(np.uint8)

        def __getitem__(self, z):
            if z == 2:
                raise ConnectionError("no answer.\nTraceback and so on")
            return np.arange(64, dtype=np.uint8).reshape(8, 8)

    with pytest.raises(
        ImageError, match=r"Slice 2 of em cannot be read \(no answer\): check"
    ) as one:
        Normalisation.of(EMStack.from_array(Store(), name="em"))
    assert isinstance(one.value.__cause__, ConnectionError)


@pytest.mark.parametrize(
    ("scale", "found"),
    [((-50, 4, -4), (50, 4, 4)), ((np.nan, np.inf, 0), (1, 1, 1)), ((9, 50, 4, 4), (50, 4, 4))],
)
def test_a_voxel_has_a_size_whatever_the_layers_transform(scale, found):
    assert EMStack.from_array(np.zeros((2, 6, 7), np.uint8), scale=scale).scale == found
