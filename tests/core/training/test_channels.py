"""Images of several channels: read by the axis that a person names, normalised one by one, learned from."""

import json

import numpy as np
import pytest
import tifffile
import torch

from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.normalisation import normalisation_of
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.formats.io import read_stack
from napari_advseg.core.inference.predict_stack import predict_stack
from napari_advseg.core.runtime.errors import ImageError, RunFolderError
from napari_advseg.core.storage.run_folder import load_run
from napari_advseg.core.training.engine import resume, train


@pytest.fixture
def planes():
    """Two channels of different range, uint16 (2, 6, 20, 24)."""
    draws = np.random.default_rng(0)
    return np.stack([draws.integers(0, 100, (6, 20, 24)), draws.integers(500, 4000, (6, 20, 24))])


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1])
@pytest.mark.parametrize("lazy", [False, True])
def test_any_axis_may_count_the_channels(planes, axis, lazy):
    data = np.moveaxis(planes, 0, axis)
    if lazy:
        import dask.array

        data = dask.array.from_array(data, chunks=7)
    stack = EMStack.from_channels(data, axis)
    assert stack.channels == 2
    assert stack.shape == (6, 20, 24)
    np.testing.assert_array_equal(stack.slice(3), planes[:, 3].astype(np.float32))


def test_a_slice_with_channels(planes):
    stack = EMStack.from_channels(planes[:, 2], 0)
    assert (stack.channels, stack.shape) == (2, (1, 20, 24))
    np.testing.assert_array_equal(stack.slice(0), planes[:, 2])


def test_one_entry_along_the_axis_is_a_grey_stack(planes):
    stack = EMStack.from_channels(planes[:1], 0)
    assert stack.channels == 1
    np.testing.assert_array_equal(stack.slice(1), planes[0, 1])


@pytest.mark.parametrize(
    ("shape", "axis", "words"),
    [((4, 5, 6), 3, "axis 3"), ((4, 5), 0, "axis 0"), ((2, 200, 9, 9), 1, "200 entries")],
)
def test_what_cannot_be_channels_is_refused(shape, axis, words):
    with pytest.raises(ImageError, match=words):
        EMStack.from_channels(np.zeros(shape, np.uint8), axis)


def test_stacks_together_are_the_channels_of_one_image(planes):
    together = EMStack.together([EMStack.from_array(one, name="em") for one in planes])
    assert (together.channels, together.name) == (2, "em")
    np.testing.assert_array_equal(together.slice(4), planes[:, 4])
    with pytest.raises(ImageError, match=r"\(6, 20, 24\)"):
        EMStack.together([EMStack.from_array(planes[0]), EMStack.from_array(planes[1, :3])])


def test_each_channel_is_normalised_by_its_own_statistics(planes):
    stack = EMStack.from_channels(planes, 0)
    normalise = normalisation_of(stack)
    found = np.stack([normalise(stack.slice(z)) for z in range(6)], axis=1)
    expected = (planes - planes.mean((1, 2, 3), keepdims=True)) / planes.std(
        (1, 2, 3), keepdims=True
    )
    assert np.allclose(found, expected, atol=1e-5)
    broken = planes.astype(np.float32)
    broken[1, 4, 0, 0] = np.inf
    with pytest.raises(ImageError, match=r"Channel 2: Slice 4 holds 1 infinite"):
        normalisation_of(EMStack.from_channels(broken, 0))


@pytest.mark.parametrize("planar", [True, False])
def test_channels_of_a_tiff(planes, tmp_path, planar):
    path = tmp_path / "two.tif"
    if planar:
        tifffile.imwrite(
            path, planes.astype(np.uint16), metadata={"axes": "CZYX"}, photometric="minisblack"
        )
    else:
        pages = np.moveaxis(planes, 0, -1).astype(np.uint16)[0]
        rgb = np.concatenate([pages, pages[..., :1]], axis=-1)
        tifffile.imwrite(path, rgb, photometric="rgb")
    stack = read_stack(path, channel_axis=0 if planar else -1)
    assert stack.channels == (2 if planar else 3)
    np.testing.assert_array_equal(stack.slice(0)[:2], planes[:, 0])


@pytest.fixture
def two(cells, tmp_path):
    """The cells' image, of which the second channel tells the classes apart and the first nothing."""
    image, labels = cells
    noise = np.random.default_rng(1).integers(0, 255, image.shape).astype(np.uint8)
    path = tmp_path / "two.tif"
    tifffile.imwrite(
        path, np.stack([noise, image]), metadata={"axes": "CZYX"}, photometric="minisblack"
    )
    return read_stack(path, channel_axis=0), labels


def test_patches_hold_all_channels_of_the_same_place(small, two):
    stack, labels = two
    settings = small(network={"image_channels": 2})
    data = TrainingData.prepare(
        settings, stack, Annotation.from_labels(labels), torch.device("cpu")
    )
    images, targets = data.train.cut(np.array([[1, 3, 5], [0, 40, 12]]), 16)
    assert images.shape == (2, 2, 16, 16)
    normalise = data.normalisation
    z = data.split.train[1]
    np.testing.assert_array_equal(images[0], normalise(stack.slice(z))[:, 3:19, 5:21])
    np.testing.assert_array_equal(targets[0] == 0, labels[z, 3:19, 5:21] == 255)


def test_a_run_learns_from_the_channels_and_goes_on(small, two, tmp_path, stop_at, same_run):
    stack, labels = two
    annotation = Annotation.from_labels(labels)
    whole = train(small(), stack, annotation, tmp_path / "run")
    assert load_run(tmp_path / "run").settings.network.image_channels == 2
    assert json.loads((tmp_path / "run" / "config.json").read_text())["image"]["channels"] == 2
    train(small(), stack, annotation, tmp_path / "stopped", control=stop_at(5))
    assert same_run(resume(tmp_path / "stopped"), whole)  # reads the file by the same axis

    first = whole.training.networks["standard"].encoder.levels[0][0]
    assert first.in_channels == 2
    found = {}
    predict_stack(tmp_path / "run", stack, on_slice=lambda name, z, p: found.update({(name, z): p}))
    swapped = EMStack.together([EMStack.from_array(one) for one in (stack.further[0], stack.data)])
    other = {}
    predict_stack(
        tmp_path / "run", swapped, on_slice=lambda name, z, p: other.update({(name, z): p})
    )
    assert not np.allclose(found["standard", 0], other["standard", 0])


def test_a_run_is_not_applied_to_other_channels(small, two, tmp_path):
    stack, labels = two
    train(small(updates=1), stack, Annotation.from_labels(labels), tmp_path / "run")
    grey = EMStack.from_array(stack.data)
    with pytest.raises(RunFolderError, match="images of 2 channels and this image has 1"):
        predict_stack(tmp_path / "run", grey, on_slice=lambda *args: None)
    with pytest.raises(RunFolderError, match="images of 2 channels and this image has 1"):
        resume(tmp_path / "run", grey)
