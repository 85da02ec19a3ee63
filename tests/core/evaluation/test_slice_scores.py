"""Scores of single slices: against counts made pixel by pixel, and as CSV."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_advseg.core.config.classes import NEW_ANNOTATION, UNLABELLED
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.split import Split
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.evaluation.evaluate import evaluate
from napari_advseg.core.evaluation.slice_scores import (
    BLOCK_PIXELS,
    SliceScore,
    SliceTable,
    SliceTruth,
    score_slice,
    slice_f1,
)
from napari_advseg.core.evaluation.slice_truth import kept_slices, truth_of_run
from napari_advseg.core.runtime.errors import RunFolderError
from napari_advseg.core.runtime.events import SlicePredicted
from napari_advseg.core.training.engine import train

BOTH = ("standard", "adversarial")


def f1_by_counting(mask, truth, index):
    """F1 of one class from sets of pixels, without the package's own counting."""
    labelled = {p for p in np.ndindex(truth.shape) if truth[p] != UNLABELLED}
    found = {p for p in labelled if mask[p] == index}
    true = {p for p in labelled if truth[p] == index}
    if not true:
        return math.nan
    precision = len(found & true) / len(found) if found else 0.0
    recall = len(found & true) / len(true)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5))
def test_scores_are_those_of_counting_pixels(seed, classes):
    rng = np.random.default_rng(seed)
    truth = rng.choice([*range(classes), UNLABELLED], (2, 9, 7)).astype(np.uint8)
    s, gs = rng.integers(0, classes, (2, 9, 7), np.uint8)
    got = score_slice(
        1, {"standard": s, "adversarial": gs}, classes, SliceTruth(truth, Split((0,), (1,)))
    )
    for name, mask in (("standard", s), ("adversarial", gs)):
        expected = [f1_by_counting(mask, truth[1], c) for c in range(classes)]
        assert got.f1[name] == pytest.approx(expected, nan_ok=True)
        assert got.score(name, None) == pytest.approx(np.nanmean(expected))
    assert got.difference(1) == pytest.approx(
        f1_by_counting(gs, truth[1], 1) - f1_by_counting(s, truth[1], 1), nan_ok=True
    )
    apart = sum(s[p] != gs[p] for p in np.ndindex(s.shape))
    assert got.disagreement == pytest.approx(apart / s.size)
    assert got.use == "validation"


def test_a_large_slice_is_counted_in_parts_that_add_up():
    rng = np.random.default_rng(3)
    shape = (BLOCK_PIXELS // 100 * 2 + 37, 100)
    mask, truth = rng.integers(0, 2, (2, *shape), np.uint8)
    hits = np.count_nonzero((mask == 0) & (truth == 0))
    f1 = 2 * hits / (np.count_nonzero(mask == 0) + np.count_nonzero(truth == 0))
    assert slice_f1(mask, truth, 2)[0] == pytest.approx(f1)


def test_a_slice_without_truth_shows_disagreement_alone():
    truth = np.full((3, 4, 4), UNLABELLED, np.uint8)
    truth[0] = np.eye(4)
    masks = {"standard": np.zeros((4, 4), np.uint8), "adversarial": np.eye(4, dtype=np.uint8)}
    for given_truth in (None, SliceTruth(truth, Split((0,), (0,)))):
        score = score_slice(2, masks, 2, given_truth)
        assert score.f1 == {}
        assert math.isnan(score.score("standard"))
        assert score.disagreement == 0.25
        assert score.use == ""


def test_uses_follow_the_split_and_one_network_has_no_disagreement():
    truth = np.zeros((4, 2, 2), np.uint8)
    truth[3] = UNLABELLED
    known = SliceTruth(truth, Split((0,), (1,)))
    mask = {"standard": np.zeros((2, 2), np.uint8)}
    scores = [score_slice(z, mask, 2, known) for z in range(4)]
    assert [s.use for s in scores] == ["training", "validation", "left out", ""]
    assert all(math.isnan(s.disagreement) for s in scores)
    assert all(math.isnan(s.difference()) for s in scores)


def test_a_divided_slice_is_scored_where_it_validates():
    truth = np.zeros((1, 2, 9), np.uint8)
    mask = np.ones((2, 9), np.uint8)
    mask[:, 6:] = 0  # right where it validates, wrong where it trained
    divided = SliceTruth(truth, Split((0,), (0,), (0, 4), (6, 9)))
    assert score_slice(0, {"standard": mask}, 2, divided).score("standard") == 1.0


def table():
    rows = (
        SliceScore(0, {"standard": (0.9, 0.7), "adversarial": (0.95, math.nan)}, 0.125, "training"),
        SliceScore(7, {}, 0.5),
    )
    return SliceTable(BOTH, ("cell", 'a "b"'), rows, 0.4)


def test_csv_holds_the_table_and_reads_back():
    found = list(csv.DictReader(io.StringIO(table().csv())))
    assert found[0] == {
        "slice": "0", "use": "training", "threshold": "0.4",
        "S F1 cell": "0.900000", "G/S F1 cell": "0.950000",
        'S F1 a "b"': "0.700000", 'G/S F1 a "b"': "",
        "G/S minus S cell": "0.050000", 'G/S minus S a "b"': "", "disagreement": "0.125000",
    }  # fmt: skip
    assert found[1]["slice"] == "7"
    assert found[1]["S F1 cell"] == found[1]["use"] == ""
    assert found[1]["disagreement"] == "0.500000"
    again = SliceTable.from_csv(table().csv())
    assert (again.networks, again.classes, again.threshold) == (BOTH, ("cell", 'a "b"'), 0.4)
    assert again.csv() == table().csv()


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "slice,use,S F1 cell\n1,validation,0.5\n",
             "slice,use,threshold,S F1 cell,disagreement\none,validation,0.5,0.5,\n"],
)  # fmt: skip
def test_a_strange_csv_is_refused(text):
    with pytest.raises(RunFolderError, match="table of slices"):
        SliceTable.from_csv(text)


def test_rows_replace_those_of_the_same_slices():
    new = table().with_rows([SliceScore(7, {}, 0.25), SliceScore(3)], 0.6)
    assert [row.z for row in new.rows] == [0, 3, 7]
    assert new.rows[2].disagreement == 0.25
    assert new.threshold == 0.6


# ---- what a run writes


def stack_and_truth(depth=6, side=48):
    rng = np.random.default_rng(0)
    targets = (rng.random((depth, side, side)) < 0.4).astype(np.uint8)
    targets[-1] = UNLABELLED
    grey = np.where(targets == 1, 60, 180) + rng.integers(-20, 20, targets.shape)
    return EMStack.from_array(grey.astype(np.uint8)), Annotation(targets, NEW_ANNOTATION)


def run(folder, whole_stack, listen_to=lambda: None, **changes):
    stack, annotation = stack_and_truth()
    chosen = from_preset(
        "quick", updates=4, patch=32, tile=48, batch=2, threads=1, validations=2,
        network={"width": 4, "depth": 2}, threshold=0.5, **changes,
    )  # fmt: skip
    masks = {}

    def listen(event):
        if isinstance(event, SlicePredicted):
            masks[event.network, event.z] = (event.prediction < 0.5).astype(np.uint8)

    result = train(
        chosen, stack, annotation, folder, on_event=listen, whole_stack=whole_stack,
        annotation_updates=listen_to,
    )  # fmt: skip
    return result, masks, annotation


@pytest.mark.parametrize("whole_stack", [False, True])
def test_a_run_keeps_the_scores_of_the_masks_that_it_showed(tmp_path, whole_stack):
    result, masks, annotation = run(tmp_path / "run", whole_stack)
    kept = kept_slices(tmp_path / "run")
    assert kept.classes == annotation.classes.names
    assert [row.z for row in kept.rows] == (list(range(6)) if whole_stack else [3, 4])
    for row in kept.rows:
        truth = annotation.targets[row.z]
        s, gs = (masks[name, row.z] for name in BOTH)
        assert row.disagreement == pytest.approx(np.mean(s != gs), abs=1e-6)
        if (truth == UNLABELLED).all():
            assert row.f1 == {}
        else:
            expected = [f1_by_counting(s, truth, c) for c in (0, 1)]
            assert row.f1["standard"] == pytest.approx(expected, abs=1e-6)
    uses = {row.z: row.use for row in kept.rows}
    assert uses[3] == uses[4] == "validation"
    if whole_stack:
        assert uses[0] == "training"
        assert uses[5] == ""
    pooled = result.history[-1].scores.standard.f1_val
    scores = [row.score("standard") for row in kept.rows if row.use == "validation"]
    assert min(scores) - 1e-6 <= pooled <= max(scores) + 1e-6


def test_the_truth_of_a_run_belongs_to_its_own_image(tmp_path):
    run(tmp_path / "run", whole_stack=False)
    stack, annotation = stack_and_truth()
    found = truth_of_run(tmp_path / "run", stack)
    np.testing.assert_array_equal(found.targets, annotation.targets)
    assert found.use(0) == "training"
    assert found.use(4) == "validation"
    other = EMStack.from_array(255 - stack.data, name=stack.name)
    assert truth_of_run(tmp_path / "run", other) is None
    assert truth_of_run(tmp_path / "run", EMStack.from_array(stack.data[:3])) is None
    assert truth_of_run(tmp_path / "no run", stack) is None
    (tmp_path / "run" / "annotation.tif").write_bytes(b"no TIFF")
    assert truth_of_run(tmp_path / "run", stack) is None


def test_slices_painted_while_a_run_learned_count_as_trained(tmp_path):
    stack, before = stack_and_truth()
    after = before.targets.copy()
    after[5, :24] = before.targets[0, :24]
    strokes = [Annotation(after, NEW_ANNOTATION)]
    run(tmp_path / "run", False, listen_to=lambda: strokes.pop() if strokes else None)
    found = truth_of_run(tmp_path / "run", stack)
    assert found.use(5) == "training"
    assert found.use(4) == "validation"
    np.testing.assert_array_equal(found.targets, after)


def test_a_damaged_table_is_named(tmp_path):
    assert kept_slices(tmp_path) == SliceTable()
    (tmp_path / "slices.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RunFolderError, match=r"slices\.csv is damaged"):
        kept_slices(tmp_path)


def test_evaluate_gives_each_slice_by_itself():
    stack, annotation = stack_and_truth()
    mask = (stack.data < 120).astype(np.uint8) + 1
    mask[2] = 3 - mask[2]
    found = evaluate(mask, annotation)
    assert found.slices == (0, 1, 2, 3, 4)
    assert len(found.slice_f1) == 5
    for z, scores in zip(found.slices, found.slice_f1, strict=True):
        expected = [f1_by_counting(mask[z] - 1, annotation.targets[z], c) for c in (0, 1)]
        assert scores == pytest.approx(expected)
    assert found.slice_f1[2][0] < 0.5 < found.slice_f1[1][0]
    listed = found.per_slice_as_list()
    assert [one["slice"] for one in listed] == list(found.slices)
    assert listed[1]["f1"] == dict(zip(annotation.classes.names, found.slice_f1[1], strict=True))
    lines = found.per_slice().splitlines()
    assert lines[0].split() == ["slice", "F1", "cell", "F1", "membrane"]
    assert lines[3].split()[0] == "2"
    assert lines[3].split()[1] == f"{found.slice_f1[2][0]:.4f}"
