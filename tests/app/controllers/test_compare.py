"""The per-slice table of the application: what it measures, when, and what it is of."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg.app.controllers.compare import SLICES_AT_ONCE
from napari_advseg.app.messages.slice_table_messages import table_words
from napari_advseg.app.state.model import RunInfo
from napari_advseg.core.config.classes import NEW_ANNOTATION, ClassMap
from napari_advseg.core.data.split import Split
from napari_advseg.core.evaluation.slice_scores import SliceScore, SliceTable, SliceTruth
from napari_advseg.core.runtime.errors import Subject

BOTH = ("standard", "adversarial")


def rising(depth=6):
    """Probabilities that rise from left to right, of G/S four columns ahead."""
    ramp = np.tile(np.linspace(0, 1, 33, dtype=np.float16)[:32], (32, 1))
    return {"standard": ramp, "adversarial": np.roll(ramp, -4, axis=1)}


def truth(depth=6):
    targets = np.full((depth, 32, 32), 255, np.uint8)
    targets[:4] = 1
    targets[:4, :, 16:] = 0
    return SliceTruth(targets, Split((0, 1), (2, 3)))


@pytest.fixture
def compared(app):
    app.controller.compare.begin(RunInfo(None, BOTH, NEW_ANNOTATION), truth())
    return app


def predict(app, slices, networks=BOTH):
    for z in slices:
        for name in networks:
            app.viewer.kept[name, z] = rising()[name]
            app.controller.compare.predicted(z)


def f1_at(name, threshold):
    mask = rising()[name] >= np.float16(threshold)
    cell = truth().targets[0] == 0
    return 2 * (mask & cell).sum() / (mask.sum() + cell.sum())


def test_each_slice_is_measured_as_its_masks_come(compared):
    predict(compared, [2, 5])
    compared.runner.flush()
    rows = {row.z: row for row in compared.model.slice_table.rows}
    assert set(rows) == {2, 5}
    assert rows[2].score("standard") == pytest.approx(f1_at("standard", 0.5))
    assert rows[2].score("adversarial") == pytest.approx(f1_at("adversarial", 0.5))
    apart = (rising()["standard"] >= 0.5) != (rising()["adversarial"] >= 0.5)
    assert rows[2].disagreement == rows[5].disagreement == pytest.approx(apart.mean())
    assert rows[5].f1 == {}
    assert (rows[2].use, rows[5].use) == ("validation", "")
    assert compared.model.slice_table.classes == ("cell", "membrane")


def test_a_slice_waits_for_both_networks(compared):
    predict(compared, range(SLICES_AT_ONCE + 3), ["standard"])
    compared.runner.flush()
    assert compared.model.slice_table.rows == ()
    predict(compared, [4], ["adversarial"])
    compared.runner.flush()
    assert [row.z for row in compared.model.slice_table.rows] == [4]


def test_nothing_is_measured_on_the_callers_thread(compared):
    predict(compared, [1])
    assert compared.model.slice_table.rows == ()
    assert len(compared.runner.pending) == 1
    predict(compared, [2, 3])
    assert len(compared.runner.pending) == 1  # another follows when it is done


def test_the_threshold_moves_all_slices_and_the_last_one_stays(compared):
    predict(compared, range(4))
    compared.runner.flush()
    for threshold in (0.1, 0.3, 0.8):
        compared.controller.set_threshold(threshold)
        assert len(compared.runner.pending) == 1
    compared.runner.flush()
    table = compared.model.slice_table
    assert table.threshold == 0.8
    assert [row.score("standard") for row in table.rows] == pytest.approx(
        [f1_at("standard", 0.8)] * 4
    )


def test_a_long_table_comes_in_parts_with_the_slice_in_view_first(app):
    depth = 3 * SLICES_AT_ONCE
    app.controller.compare.begin(RunInfo(None, BOTH, NEW_ANNOTATION), truth(depth))
    app.controller.set_slice_in_view(depth - 1)
    for z in range(depth):
        for name in BOTH:
            app.viewer.kept[name, z] = rising()[name]
    app.model.slice_table = app.model.slice_table.with_rows(
        [SliceScore(z) for z in range(depth)], 0.5
    )
    app.controller.set_threshold(0.4)
    app.runner.pending.pop(0)()
    done = [row.z for row in app.model.slice_table.rows if row.disagreement == row.disagreement]
    assert depth - 1 in done
    assert len(done) <= SLICES_AT_ONCE
    app.runner.flush()
    assert all(row.disagreement > 0 for row in app.model.slice_table.rows)


def test_a_new_run_starts_an_empty_table_and_late_results_are_dropped(compared):
    predict(compared, [1])
    compared.controller.compare.begin(RunInfo(None, ("standard",), NEW_ANNOTATION), None)
    compared.runner.flush()
    assert compared.model.slice_table == SliceTable(("standard",), ("cell", "membrane"))
    predict(compared, [1], ["standard"])
    compared.runner.flush()
    assert compared.model.slice_table.rows[0].f1 == {}
    assert np.isnan(compared.model.slice_table.rows[0].disagreement)


def test_more_classes_hold_class_indices_and_no_threshold(app):
    classes = ClassMap.of(cell=1, membrane=2, glia=3)
    targets = np.zeros((2, 3, 3), np.uint8)
    targets[0, 1], targets[0, 2] = 1, 2
    app.controller.compare.begin(
        RunInfo(None, BOTH, classes), SliceTruth(targets, Split((1,), (0,)))
    )
    for name, mask in (("standard", targets[0]), ("adversarial", np.zeros((3, 3), np.uint8))):
        app.viewer.kept[name, 0] = mask
        app.controller.compare.predicted(0)
    app.runner.flush()
    row = app.model.slice_table.rows[0]
    assert row.f1["standard"] == (1.0, 1.0, 1.0)
    assert row.score("adversarial", 0) == pytest.approx(0.5)
    assert row.disagreement == pytest.approx(6 / 9)
    assert app.model.slice_table.threshold is None
    app.controller.set_threshold(0.9)
    assert not app.runner.pending


def test_a_live_run_is_measured_by_its_annotation_at_start(app):
    app.with_data().controller.run.start()
    app.viewer.layers["truth"][:] = 0  # painted over after Start
    app.training.during = lambda control: app.viewer.kept.update(
        {("adversarial", 3): np.full((32, 32), 0.4, np.float16)}
    )
    app.runner.flush()
    [row] = app.model.slice_table.rows
    assert row.z == 3
    cell = 32 * 28
    assert row.score("standard") == pytest.approx(2 * cell / (32 * 32 + cell))
    assert row.score("adversarial") == 0
    assert row.disagreement == 1
    assert row.use == "training"


def test_a_loaded_run_shows_what_it_kept(app, tmp_path):
    kept = SliceTable(BOTH, ("cell", "membrane"), (SliceScore(3, {}, 0.25),), 0.5)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "slices.csv").write_text(kept.csv())
    app.controller.keep.load_run(tmp_path / "kept")
    app.runner.flush()
    assert app.model.slice_table.csv() == kept.csv()
    app.controller.set_threshold(0.7)
    app.runner.flush()
    assert app.model.slice_table.csv() == kept.csv()


def test_a_damaged_table_of_a_loaded_run_is_named(app, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "slices.csv").write_text("no table")
    app.controller.keep.load_run(tmp_path / "kept")
    app.runner.flush()
    assert app.model.slice_table == SliceTable()
    assert "slices.csv is damaged" in app.model.problems[Subject.SLICE_TABLE]


def test_the_table_is_saved_as_csv(compared, tmp_path):
    predict(compared, [2, 3])
    compared.runner.flush()
    compared.controller.compare.save(tmp_path / "my.csv")
    compared.runner.flush()
    assert (tmp_path / "my.csv").read_text() == compared.model.slice_table.csv()
    assert "my.csv" in compared.model.status
    compared.controller.compare.save(tmp_path / "nowhere" / "my.csv")
    compared.runner.flush()
    assert "choose another place" in compared.model.problems[Subject.SLICE_TABLE]


def test_words_name_the_marks_that_are_there():
    def words(*uses, kept=False):
        rows = tuple(SliceScore(z, use=use) for z, use in enumerate(uses))
        return table_words(SliceTable(BOTH, ("a", "b"), rows, 0.5), kept)

    assert words() == ""
    assert words("validation") == "Bold: validation."
    assert words("", "") == "None of these slices is annotated, so no F1."
    assert words("training", "validation", "") == (
        "Bold: validation. T: trained on, its F1 flatters. –: not annotated."
    )
    assert words("validation", kept=True).startswith(
        "As kept at the end of the run, at threshold 0.5: apply it"
    )


def test_another_stack_is_scored_as_soon_as_labels_for_it_are_chosen(app):
    app.with_data()
    classes = app.model.summary.classes
    app.model.masks_of = RunInfo(None, BOTH, classes)
    app.model.masks_over = app.model.choices.image
    app.controller.data.pick_annotation(None)
    app.controller.compare.begin(app.model.masks_of, None)
    predict(app, range(6))
    app.runner.flush()
    assert all(np.isnan(row.score("standard", 0)) for row in app.model.slice_table.rows)
    app.controller.data.pick_annotation("key of truth")
    app.runner.flush()
    rows = app.model.slice_table.rows
    assert not any(np.isnan(row.score("standard", 0)) for row in rows)
    assert {row.use for row in rows} == {"validation"}  # none of them was trained on


def test_the_split_follows_at_once_while_labels_are_read_again(app):
    app.with_data()
    app.controller.data.set_split((0, 1), (4,))
    assert (app.model.summary.split.train, app.model.summary.split.val) == ((0, 1), (4,))
    app.runner.flush()
    assert (app.model.summary.split.train, app.model.summary.split.val) == ((0, 1), (4,))
