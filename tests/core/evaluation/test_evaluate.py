"""A mask against an annotation, as `advseg evaluate` scores it."""

import json

import dask.array
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.evaluation.evaluate import evaluate
from napari_advseg.core.runtime.control import RunControl, Stopped
from napari_advseg.core.runtime.errors import AnnotationError, ClassMapError, SplitError
from support.paths import SHARED_DATA

ISBI_LABELS = SHARED_DATA / "isbi2012/train-labels.tif"
CELL_MEMBRANE = ClassMap.of(cell=255, membrane=0)


@pytest.fixture
def labels() -> NDArray[np.uint8]:
    """Four slices of two cells of 12 pixels each and a membrane of 4; 255 cell, 0 membrane."""
    stack = np.full((4, 4, 7), 255, np.uint8)
    stack[:, :, 3] = 0
    return stack


def test_the_truth_itself_is_perfect(labels: NDArray[np.uint8]) -> None:
    found = evaluate(labels, Annotation.from_labels(labels))

    assert found.f1 == {"cell": 1.0, "membrane": 1.0}
    assert (found.accuracy, found.v_rand, found.v_info) == (1, 1, pytest.approx(1))
    assert found.slices == (0, 1, 2, 3)
    assert found.pixels == labels.size
    assert found.threshold_rand is None
    assert found.notes == ()


def test_a_gap_in_one_slice_costs_a_pixel_and_joins_two_cells(labels: NDArray[np.uint8]) -> None:
    mask = labels.copy()
    mask[1, 2, 3] = 255

    found = evaluate(mask, Annotation.from_labels(labels))

    # 112 pixels, 96 of them cell; one membrane pixel is called cell.
    assert found.f1["cell"] == pytest.approx(2 * 96 / (96 + 97))
    assert found.f1["membrane"] == pytest.approx(2 * 15 / (15 + 16))
    assert found.accuracy == pytest.approx(111 / 112)
    # In that slice half of the pairs that the proposal joins are true: F1 of 1/2 and 1.
    assert found.v_rand == pytest.approx((3 + 2 / 3) / 4)
    assert found.v_info == pytest.approx(3 / 4)


def test_only_annotated_slices_among_those_asked_for_count(labels: NDArray[np.uint8]) -> None:
    labels[0] = 0  # one value alone: unannotated
    mask = labels.copy()
    mask[3] = 0
    annotation = Annotation.from_labels(labels)

    assert evaluate(mask, annotation).slices == (1, 2, 3)
    found = evaluate(mask, annotation, slices=range(0, 3))
    assert found.slices == (1, 2)
    assert found.accuracy == 1
    assert evaluate(mask, annotation, slices=[3]).accuracy == pytest.approx(4 / 28)
    with pytest.raises(SplitError, match=r"None of the slices 0 is annotated: annotated are 1:4"):
        evaluate(mask, annotation, slices=[0])
    with pytest.raises(SplitError, match="None of the slices asked for is annotated"):
        evaluate(mask, annotation, slices=[])
    with pytest.raises(SplitError, match="Slice 4 is outside the stack: its slices are 0 to 3"):
        evaluate(mask, annotation, slices=[3, 4])


def test_unlabelled_pixels_count_nowhere(labels: NDArray[np.uint8]) -> None:
    classes = ClassMap.of(cell=1, membrane=2)
    painted = np.where(labels == 255, 1, 2).astype(np.uint8)
    mask = painted.copy()
    painted[:, 3:] = 0
    mask[:, 3:] = 7  # whatever a mask holds there, even an unknown value

    found = evaluate(mask, Annotation.from_labels(painted, classes))

    assert found.pixels == 4 * 3 * 7
    assert (found.accuracy, found.v_rand) == (1, 1)


@pytest.mark.parametrize("foreground", [1, 255])
def test_a_binary_mask_is_read_as_background_and_foreground(
    labels: NDArray[np.uint8], foreground: int
) -> None:
    classes = ClassMap.of(cell=3, membrane=2)
    annotation = Annotation.from_labels(np.where(labels == 255, 3, 2), classes)
    mask = np.where(labels == 255, foreground, 0)

    found = evaluate(mask, annotation)

    assert found.accuracy == 1
    assert found.notes == (f"Mask read as {foreground} for cell, 0 for membrane.",)


def test_zero_stays_what_the_annotation_says_it_is(labels: NDArray[np.uint8]) -> None:
    classes = ClassMap.of(cell=0, membrane=255)
    annotation = Annotation.from_labels(255 - labels, classes)

    assert evaluate(255 - labels, annotation).accuracy == 1
    assert evaluate((labels == 0).astype(np.uint8), annotation).accuracy == 1


def test_a_dense_binary_mask_counts_on_slices_of_one_value(labels: NDArray[np.uint8]) -> None:
    found = evaluate(np.ones_like(labels), Annotation.from_labels(labels))

    assert found.slices == (0, 1, 2, 3)
    assert found.f1 == {"cell": pytest.approx(2 * 96 / (96 + 112)), "membrane": 0}


def test_a_bool_mask_is_the_first_class(labels: NDArray[np.uint8]) -> None:
    assert evaluate(labels == 255, Annotation.from_labels(labels)).accuracy == 1


def test_classes_that_the_mask_carries_are_matched_by_name(labels: NDArray[np.uint8]) -> None:
    mask = np.where(labels == 255, 2, 1).astype(np.uint8)
    carried = ClassMap.of(membrane=1, cell=2)

    found = evaluate(mask, Annotation.from_labels(labels), mask_classes=carried)

    assert found.accuracy == 1
    assert list(found.f1) == ["cell", "membrane"]
    assert found.notes == ()


def test_classes_without_a_common_name_are_matched_in_order(labels: NDArray[np.uint8]) -> None:
    mask = np.where(labels == 255, 2, 1).astype(np.uint8)
    carried = ClassMap.of(inside=2, outside=1)

    found = evaluate(mask, Annotation.from_labels(labels), mask_classes=carried)

    assert found.accuracy == 1
    assert "inside is cell, outside is membrane" in found.notes[0]


@pytest.mark.parametrize(
    "carried",
    [ClassMap.of(membrane=255, glia=0), ClassMap.of(cell=255, membrane=0, glia=3)],
)
def test_classes_that_cannot_be_matched_are_refused(
    labels: NDArray[np.uint8], carried: ClassMap
) -> None:
    with pytest.raises(ClassMapError, match=r"The mask's classes \(.*glia.*cell, membrane\)"):
        evaluate(labels, Annotation.from_labels(labels), mask_classes=carried)


def test_three_classes_each_have_an_f1() -> None:
    classes = ClassMap.of(cell=1, membrane=2, glia=3)
    truth = np.array([[[1, 1, 2, 2], [1, 1, 2, 2]]], np.uint8)
    mask = np.array([[[1, 1, 2, 2], [1, 1, 2, 1]]], np.uint8)

    found = evaluate(mask, Annotation.from_labels(truth, classes))

    assert found.f1["cell"] == pytest.approx(8 / 9)
    assert found.f1["membrane"] == pytest.approx(6 / 7)
    assert np.isnan(found.f1["glia"])
    with pytest.raises(ClassMapError, match=r"probability map.*annotation has 3"):
        evaluate(mask.astype(np.float32) / 3, Annotation.from_labels(truth, classes))


def test_a_probability_map_is_cut_at_the_threshold(labels: NDArray[np.uint8]) -> None:
    annotation = Annotation.from_labels(labels)
    probability = np.where(labels == 255, 0.75, 0.55).astype(np.float32)

    low = evaluate(probability, annotation)
    high = evaluate(probability, annotation, threshold=0.6)

    assert low.f1["membrane"] == 0
    assert high.f1["membrane"] == 1
    # Regions are scored at their own best threshold.
    assert (low.v_rand, low.threshold_rand) == (1, 0.6)


@pytest.mark.parametrize("wrong", [255.0, -0.5, np.inf])
def test_floats_that_are_no_probabilities_are_refused(
    labels: NDArray[np.uint8], wrong: float
) -> None:
    mask = np.full(labels.shape, 0.5, np.float32)
    mask[2, 1, 1] = wrong

    with pytest.raises(AnnotationError, match="no probabilities: convert labels to integers"):
        evaluate(mask, Annotation.from_labels(labels))


def test_a_mask_of_another_shape_is_refused(labels: NDArray[np.uint8]) -> None:
    with pytest.raises(AnnotationError, match=r"shape \(3, 4, 7\) and the annotation \(4, 4, 7\)"):
        evaluate(labels[:3], Annotation.from_labels(labels))


def test_values_that_no_class_names_are_refused(labels: NDArray[np.uint8]) -> None:
    annotation = Annotation.from_labels(labels)
    mask = labels.copy()
    mask[0, 0, :2] = (7, 9)
    with pytest.raises(ClassMapError, match=r"\(7, 9\) that the classes cell=255,membrane=0"):
        evaluate(mask, annotation)

    carried = ClassMap.of(cell=1, membrane=2)
    unfinished = np.where(labels == 255, 1, 2)
    unfinished[3] = 0
    with pytest.raises(AnnotationError, match="28 annotated pixels of the mask are 0"):
        evaluate(unfinished, annotation, mask_classes=carried)
    assert evaluate(unfinished, annotation, mask_classes=carried, slices=range(3)).accuracy == 1


def test_one_slice_and_lazy_stacks_are_read(labels: NDArray[np.uint8]) -> None:
    assert evaluate(labels[0], Annotation.from_labels(labels[0])).slices == (0,)

    read = []

    def load(block: NDArray[np.uint8], block_info: dict) -> NDArray[np.uint8]:
        read.append(block_info[0]["chunk-location"][0])
        return block

    lazy = dask.array.from_array(labels, chunks=(1, 4, 7)).map_blocks(load, dtype=np.uint8)
    found = evaluate(lazy, Annotation.from_labels(labels), slices=[1, 3])

    assert found.accuracy == 1
    assert set(read) == {1, 3}


def test_a_stop_ends_it(labels: NDArray[np.uint8]) -> None:
    control = RunControl()
    control.stop()

    with pytest.raises(Stopped):
        evaluate(labels, Annotation.from_labels(labels), raise_if_stopped=control.raise_if_stopped)


def test_the_dictionary_goes_through_json(labels: NDArray[np.uint8]) -> None:
    classes = ClassMap.of(glia=3, cell=255, membrane=0)
    found = evaluate(labels, Annotation.from_labels(labels, classes), slices=[1, 2])

    back = json.loads(json.dumps(found.as_dict(), allow_nan=False))

    assert back == {
        "f1": {"glia": None, "cell": 1.0, "membrane": 1.0},
        "f1_mean": 1.0,
        "accuracy": 1.0,
        "v_rand": None,
        "v_info": None,
        "threshold_rand": None,
        "threshold_info": None,
        "slices": [1, 2],
        "pixels": 56,
        "notes": [],
    }


def test_the_table_reads_line_by_line(labels: NDArray[np.uint8]) -> None:
    probability = np.where(labels == 255, 0.75, 0.35).astype(np.float32)
    found = evaluate(probability, Annotation.from_labels(labels), slices=range(1, 4))

    assert str(found).splitlines() == [
        "F1 cell      1.0000",
        "F1 membrane  1.0000",
        "accuracy     1.0000",
        "V_Rand       1.0000 (threshold 0.4)",
        "V_Info       1.0000 (threshold 0.4)",
        "slices       1:4 (84 labelled pixels)",
    ]


@pytest.mark.skipif(not ISBI_LABELS.is_file(), reason=f"{ISBI_LABELS.name} of ISBI 2012 not found")
def test_calling_everything_cell_on_isbi_scores_as_published() -> None:
    labels = tifffile.imread(ISBI_LABELS)

    found = evaluate(
        np.full_like(labels, 255),
        Annotation.from_labels(labels, CELL_MEMBRANE),
        slices=range(20, 30),
    )

    assert found.f1["cell"] == pytest.approx(0.888, abs=5e-4)
    assert found.f1["membrane"] == 0
    assert found.v_info == 0
    assert found.v_rand < 0.2
