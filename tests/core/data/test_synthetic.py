"""The built-in sample: the same for a seed, and neither trivial nor hopeless to segment."""

import time

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, label

from napari_advseg.core.config.classes import NEW_ANNOTATION
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.synthetic import MITOCHONDRIA, synthetic_mitochondria, synthetic_stack
from napari_advseg.core.runtime.errors import ImageError

SMALL = (4, 96, 128)


@pytest.fixture(scope="module")
def sample():
    stack, truth = synthetic_stack(0, (6, 512, 512))
    return stack, truth


def best_threshold_f1(grey, membrane):
    """F1 of the membrane for the best single grey threshold, dark being membrane."""
    scores = []
    for threshold in np.linspace(grey.min(), grey.max(), 60)[1:]:
        dark = grey < threshold
        scores.append(2 * np.sum(dark & membrane) / (dark.sum() + membrane.sum()))
    return max(scores)


@pytest.mark.parametrize("shape", [SMALL, (1, 64, 64), (2, 7, 33)])
def test_shape_dtype_and_labels(shape):
    stack, truth = synthetic_stack(1, shape)
    assert stack.shape == truth.shape == shape
    assert stack.data.dtype == truth.dtype == np.uint8
    assert stack.name == "synthetic EM"
    assert stack.scale == (50.0, 4.0, 4.0)
    assert set(np.unique(truth)) <= {1, 2}


def test_truth_is_a_full_annotation_in_new_annotation_values():
    _, truth = synthetic_stack(0, SMALL)
    annotation = Annotation.from_labels(truth, NEW_ANNOTATION)
    assert annotation.annotated_slices == (0, 1, 2, 3)
    np.testing.assert_array_equal(annotation.share_labelled(), 1.0)


def test_same_seed_same_bytes_and_other_seed_others():
    first, first_truth = synthetic_stack(3, SMALL)
    again, again_truth = synthetic_stack(3, SMALL)
    other, other_truth = synthetic_stack(4, SMALL)
    assert first.data.tobytes() == again.data.tobytes()
    assert first_truth.tobytes() == again_truth.tobytes()
    assert first.data.tobytes() != other.data.tobytes()
    assert first_truth.tobytes() != other_truth.tobytes()


def test_membrane_share_is_that_of_neuropil(sample):
    _, truth = sample
    assert 0.15 < (truth == 2).mean() < 0.25


def test_a_grey_threshold_alone_neither_solves_nor_misses_it(sample):
    stack, truth = sample
    membrane = truth == 2
    smooth = gaussian_filter(stack.data.astype(np.float32), (0, 1, 1))
    # ISBI 2012's training volume gives 0.60 and 0.64.
    assert 0.45 < best_threshold_f1(stack.data, membrane) < 0.75
    assert 0.45 < best_threshold_f1(smooth, membrane) < 0.75
    assert smooth[membrane].mean() < smooth[~membrane].mean() - 20


def test_cells_have_varied_sizes(sample):
    _, truth = sample
    cells, count = label(truth[0] == 1)
    areas = np.bincount(cells.ravel())[1:]
    areas = areas[areas > 50]
    assert count > 25
    assert np.percentile(areas, 90) > 5 * np.percentile(areas, 10)


def test_neighbouring_sections_resemble_each_other_and_far_ones_do_not(sample):
    _, truth = sample
    cell = (truth == 1).astype(float)

    def correlation(a, b):
        return np.corrcoef(gaussian_filter(a, 3).ravel(), gaussian_filter(b, 3).ravel())[0, 1]

    near, far = correlation(cell[0], cell[1]), correlation(cell[0], cell[5])
    assert near > 0.4
    assert near > far + 0.15
    assert not np.array_equal(truth[0], truth[1])


def test_sections_differ_in_brightness(sample):
    stack, _ = sample
    assert 2 < np.ptp(stack.data.mean(axis=(1, 2))) < 60


def test_default_shape_is_made_within_six_cpu_seconds():
    start = time.process_time()
    stack, truth = synthetic_stack()
    assert time.process_time() - start < 6
    assert stack.shape == truth.shape == (30, 512, 512)
    assert 0.15 < (truth == 2).mean() < 0.25


@pytest.mark.parametrize("shape", [(0, 64, 64), (64, 64)])
def test_refuses_a_shape_that_is_no_stack(shape):
    with pytest.raises(ImageError, match=str(shape[0])):
        synthetic_stack(0, shape)


@pytest.fixture(scope="module")
def organelles():
    return synthetic_mitochondria(2, (4, 384, 384))


def test_mitochondria_are_rare_and_every_pixel_has_a_class(organelles):
    stack, truth = organelles
    assert stack.shape == truth.shape
    assert 0.02 < (truth == 1).mean() < 0.1
    marked = Annotation.from_labels(truth, MITOCHONDRIA)
    assert marked.annotated_slices == (0, 1, 2, 3)
    np.testing.assert_array_equal(marked.share_labelled(), 1.0)


def test_mitochondria_are_objects_several_in_each_slice(organelles):
    _, truth = organelles
    for section in truth:
        _, count = label(section)
        assert count >= 4


def test_darkness_does_not_tell_mitochondria(organelles):
    stack, truth = organelles
    smooth = gaussian_filter(stack.data.astype(np.float32), (0, 3, 3))
    mitochondria = truth == 1
    assert smooth[mitochondria].mean() < smooth[~mitochondria].mean() - 10
    # Membranes and dense bodies are as dark, and some mitochondria are pale.
    assert best_threshold_f1(smooth, mitochondria) < 0.5


def test_mitochondria_repeat_with_the_seed():
    first, again, other = (synthetic_mitochondria(seed, SMALL) for seed in (3, 3, 4))
    assert first[0].data.tobytes() == again[0].data.tobytes()
    assert first[1].tobytes() == again[1].tobytes()
    assert first[0].data.tobytes() != other[0].data.tobytes()


def test_the_same_neurites_as_in_the_sample_for_membranes():
    membranes, _ = synthetic_stack(3, SMALL)
    mitochondria, _ = synthetic_mitochondria(3, SMALL)
    alike = np.abs(membranes.data.astype(int) - mitochondria.data.astype(int)) < 3
    assert 0.5 < alike.mean() < 1
