"""Cutting, predicting and blending of slices."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_advseg.core.inference.tiling import predict_slice, tile_grid
from napari_advseg.core.runtime.control import RunControl, Stopped

SIDES = st.integers(1, 150)


@st.composite
def cuts(draw):
    """Tile, overlap and multiple that go together."""
    tile = draw(st.integers(4, 64))
    overlap = draw(st.integers(0, tile // 2))
    return {"tile": tile, "overlap": overlap, "multiple": draw(st.sampled_from([1, 2, 4, 8, 16]))}


def noise(height, width, seed=0):
    return np.random.default_rng(seed).standard_normal((height, width)).astype(np.float32)


def identity(tiles):
    return tiles


def mean_5(tiles):
    """The 5×5 mean of each tile, mirrored at the tile's own rim."""
    return ndimage.uniform_filter(tiles, (1, 1, 5, 5), mode="mirror")


@given(SIDES, SIDES, cuts())
@settings(deadline=None, max_examples=200)
def test_stitching_uncut_tiles_gives_the_slice_back(height, width, cut):
    image = noise(height, width)
    result = predict_slice(image, identity, **cut)
    assert result.shape == (1, height, width)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result[0], image, rtol=0, atol=1e-6)


@given(SIDES, SIDES, cuts())
@settings(deadline=None, max_examples=200)
def test_network_sees_sides_that_it_can_pool_on_one_grid(height, width, cut):
    multiple, largest = cut["multiple"], cut["tile"] + 2 * cut["multiple"]
    for tile in tile_grid(height, width, **cut):
        for span, side in ((tile.rows, height), (tile.columns, width)):
            assert span.size % multiple == 0
            assert span.start % multiple == 0
            assert span.size <= largest
            assert span.start + span.size < side + multiple
            assert span.start <= span.first < span.stop <= min(side, span.start + span.size)


@given(st.integers(64, 400), cuts())
# Rounded up to the multiple, this overlap is more than half the tile: fades could meet.
@example(64, {"tile": 40, "overlap": 20, "multiple": 8})
@settings(deadline=None, max_examples=200)
def test_neighbours_share_the_overlap_and_their_weights_add_up_to_one(side, cut):
    spans = [tile.columns for tile in tile_grid(1, side, **cut)]
    total = np.zeros(side, np.float64)
    for span in spans:
        total[span.kept] += span.weights()
        assert (span.weights() > 0).all()
    np.testing.assert_allclose(total, 1, atol=1e-6)
    for before, after in pairwise(spans):
        assert before.start + before.size - after.start >= cut["overlap"]
        # A quarter of the overlap at either rim has no say.
        assert after.first - after.start >= cut["overlap"] // 4
        assert before.start + before.size - before.stop >= cut["overlap"] // 4


@pytest.mark.parametrize(("height", "width"), [(97, 201), (128, 128), (250, 61), (40, 40)])
@pytest.mark.parametrize(("tile", "overlap"), [(32, 8), (48, 16), (64, 32), (100, 10), (512, 64)])
def test_a_local_operator_gives_the_same_for_every_tile_size(height, width, tile, overlap):
    # Radius 2, a quarter of the smallest overlap: exact at every seam, and at the slice's own rim.
    image = noise(height, width)
    whole = ndimage.uniform_filter(image, 5, mode="mirror")
    result = predict_slice(image, mean_5, tile=tile, overlap=overlap, multiple=8)
    np.testing.assert_allclose(result[0], whole, rtol=0, atol=1e-5)


def test_radius_beyond_a_quarter_of_the_overlap_is_faded_not_cut():
    # The 5×5 mean with an overlap of 4 feels the rim by 1 pixel; what is left is blended.
    image = noise(128, 128)
    whole = ndimage.uniform_filter(image, 5, mode="mirror")
    faded = predict_slice(image, mean_5, tile=32, overlap=4, multiple=1)[0]
    cut = predict_slice(image, mean_5, tile=32, overlap=0, multiple=1)[0]
    assert np.abs(faded - whole).max() < np.abs(cut - whole).max() / 2


def test_pooling_falls_on_one_grid_in_every_tile():
    # A network that pools by 8: each 8×8 block is replaced by its mean. Tiles that started
    # elsewhere would see other blocks.
    def pooled(tiles):
        n, c, h, w = tiles.shape
        means = tiles.reshape(n, c, h // 8, 8, w // 8, 8).mean((3, 5), keepdims=True)
        return np.broadcast_to(means, (n, c, h // 8, 8, w // 8, 8)).reshape(tiles.shape)

    image = noise(139, 203)
    whole = predict_slice(image, pooled, tile=512, overlap=0, multiple=8)
    tiled = predict_slice(image, pooled, tile=48, overlap=16, multiple=8)
    np.testing.assert_allclose(tiled, whole, rtol=0, atol=1e-6)


def test_no_seam_in_a_constant():
    result = predict_slice(
        np.full((301, 177), 0.3, np.float32), identity, tile=64, overlap=21, multiple=16
    )
    np.testing.assert_allclose(result, np.float32(0.3), rtol=3e-7)


def test_disagreeing_tiles_fade_into_each_other():
    # Tile by tile the predictor answers 0, 1: the seam must be a ramp, not a step.
    answers = iter([0.0, 1.0])
    row = predict_slice(
        np.zeros((64, 112), np.float32),
        lambda tiles: np.full_like(tiles, next(answers)),
        tile=64,
        overlap=16,
        multiple=16,
    )[0, 0]
    assert row[0] == 0
    assert row[-1] == 1
    steps = np.diff(row)
    assert (steps >= 0).all()
    # Half a cosine over 8 pixels is steepest in its middle: sin(π/16) there.
    assert steps.max() == pytest.approx(np.sin(np.pi / 16), rel=1e-5)
    np.testing.assert_allclose(row + row[::-1], 1, atol=1e-6)


def test_every_class_map_is_blended_on_its_own():
    image = noise(70, 90)
    result = predict_slice(
        image,
        lambda tiles: np.concatenate([tiles, -tiles, 2 * tiles], axis=1),
        tile=32,
        overlap=8,
        multiple=8,
    )
    np.testing.assert_allclose(result, [image, -image, 2 * image], rtol=0, atol=2e-6)


def test_a_slice_smaller_than_a_tile_is_mirrored_up_to_the_multiple():
    seen = []

    def predict(tiles):
        seen.append(tiles.copy())
        return tiles

    image = noise(21, 30)
    predict_slice(image, predict, tile=512, overlap=64, multiple=16)
    (tile,) = seen
    assert tile.shape == (1, 1, 32, 32)
    np.testing.assert_array_equal(tile[0, 0, :21, :30], image)
    np.testing.assert_array_equal(tile[0, 0, 21:, :30], image[-2:-13:-1])


def test_one_tile_is_handed_on_without_a_copy():
    predicted = np.zeros((1, 2, 64, 48), np.float32)
    result = predict_slice(noise(64, 48), lambda tiles: predicted, tile=64, overlap=16, multiple=16)
    assert np.shares_memory(result, predicted)


def test_the_image_is_neither_changed_nor_shared():
    def spoil(tiles):
        tiles += 1
        return tiles

    image = noise(32, 32)
    before = image.copy()
    result = predict_slice(image, spoil, tile=32, overlap=8, multiple=16)
    np.testing.assert_array_equal(image, before)
    assert not np.shares_memory(result, image)


def test_breathe_comes_before_each_tile_and_its_exception_ends_the_work():
    image, calls = noise(96, 96), []
    control = RunControl()

    def predict(tiles):
        calls.append("tile")
        if calls.count("tile") == 3:
            control.stop()
        return tiles

    def raise_if_stopped():
        calls.append("raise_if_stopped")
        control.raise_if_stopped()

    with pytest.raises(Stopped):
        predict_slice(
            image, predict, tile=32, overlap=8, multiple=8, raise_if_stopped=raise_if_stopped
        )
    assert calls == ["raise_if_stopped", "tile"] * 3 + ["raise_if_stopped"]


def test_one_tile_breathes_too():
    # A stack of small slices must still be stoppable between slices.
    calls = []
    predict_slice(
        noise(16, 16),
        identity,
        tile=64,
        overlap=8,
        multiple=8,
        raise_if_stopped=lambda: calls.append(1),
    )
    assert calls == [1]


def test_extra_memory_is_that_of_some_tiles_whatever_the_slice():
    tile = 128

    def extra(side):
        image = np.zeros((side, side), np.float32)
        tracemalloc.start()
        try:
            result = predict_slice(image, identity, tile=tile, overlap=32, multiple=16)
            return tracemalloc.get_traced_memory()[1] - result.nbytes
        finally:
            tracemalloc.stop()

    # What a tile needs: itself, the kept part, its weighted copy; the grid's own list comes on top.
    small, large = extra(1024), extra(3072)
    assert large < 12 * tile * tile * 4
    assert large - small < 4 * tile * tile * 4


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"tile": 32, "overlap": 17}, "overlap 17"),
        ({"tile": 32, "overlap": -1}, "overlap -1"),
        ({"tile": 0, "overlap": 0}, "tile 0"),
        ({"tile": 32, "overlap": 8, "multiple": 0}, "multiple 0"),
    ],
)
def test_impossible_cuts_are_refused_with_the_value(values, named):
    with pytest.raises(ValueError, match=named):
        tile_grid(64, 64, **{"multiple": 8, **values})


def test_a_stack_is_refused():
    with pytest.raises(ValueError, match=r"\(2, 1, 8, 8\)"):
        predict_slice(np.zeros((2, 1, 8, 8), np.float32), identity, tile=8, overlap=0, multiple=8)
