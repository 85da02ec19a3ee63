"""Grey stacks and their normalisation."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_advseg.core.errors import ImageError
from napari_advseg.core.stack import EMStack, Normalisation


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
    ],
)
def test_what_is_no_grey_stack_is_refused(data, said):
    with pytest.raises(ImageError, match=said) as caught:
        EMStack.from_array(data)
    assert caught.value.control == "image_layer"


@pytest.mark.parametrize("z", [0, 2])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_pixels_that_are_no_numbers_are_counted_on_their_slice(z, bad):
    grey = np.random.default_rng(0).random((3, 4, 4), np.float32)
    grey[z, 0, :2] = bad
    with pytest.raises(ImageError, match=f"Slice {z} holds 2 NaN"):
        Normalisation.of(EMStack.from_array(grey))


@pytest.mark.parametrize("value", [0, 0.1, 123.4567])
def test_an_image_without_contrast_is_refused(value):
    with pytest.raises(ImageError, match="contrast"):
        Normalisation.of(EMStack.from_array(np.full((2, 7, 9), value, np.float32)))
