"""What is read as curves: a run folder, a metrics.csv, the CSV of 2017; damage is named."""

import csv
import json
import math

import numpy as np
import pytest

from napari_advseg.core.plots.curves import CURVES, Curves, read_curves, read_runs
from napari_advseg.core.runtime.errors import RunFolderError, SettingsError
from napari_advseg.core.runtime.events import Validated
from napari_advseg.core.runtime.scores import NetworkScores, Scores
from napari_advseg.core.storage.history import metrics_csv
from napari_advseg.core.storage.score_names import scores_from_text
from support.paths import SHARED_DATA

SEED2017 = SHARED_DATA / "seed2017-metrics.csv"
HISTORY = tuple(
    Validated(
        update=10 * i,
        epoch=2.5 * i,
        seconds=30.0 * i,
        scores=scores_from_text({key: 0.1 * i + 0.01 * k for k, key in enumerate(CURVES)}),
    )
    for i in (1, 2, 3, 4)
)


def make_run(folder, history=HISTORY, marks=((20, 0.0), (25, 0.1), (50, 1.0))):
    """A run folder as far as curves need one."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"format": 1, "lambda_marks": marks}))
    if history is not None:
        (folder / "metrics.csv").write_text(metrics_csv(history, ("cell", "membrane")))
    return folder


def test_a_run_folder_gives_its_rows(tmp_path):
    run = read_curves(make_run(tmp_path / "my run"))
    assert run.name == "my run"
    assert set(run.scores) == set(CURVES)
    for k, key in enumerate(CURVES):
        assert run.scores[key] == pytest.approx([0.1 * i + 0.01 * k for i in (1, 2, 3, 4)])
    assert run.x("update") == (10, 20, 30, 40)
    assert run.x() == (2.5, 5.0, 7.5, 10.0)
    assert run.x("minutes") == (0.5, 1.0, 1.5, 2.0)


def test_lambda_marks_lie_between_validations_and_those_to_come_are_left_out(tmp_path):
    run = read_curves(make_run(tmp_path / "run", marks=((5, 0.0), (25, 0.1), (50, 1.0))))
    assert run.marks("update") == ((5, 0.0), (25, 0.1))
    np.testing.assert_allclose(run.marks("epoch"), [(1.25, 0.0), (6.25, 0.1)])
    np.testing.assert_allclose(run.marks("minutes"), [(0.25, 0.0), (1.25, 0.1)])


def test_a_bare_metrics_csv_is_called_after_its_folder(tmp_path):
    folder = make_run(tmp_path / "run")
    bare = read_curves(folder / "metrics.csv")
    assert bare.name == "run"
    assert bare.marks() == ()
    assert bare.scores == read_curves(folder).scores


def test_the_csv_of_2017():
    if not SEED2017.is_file():
        pytest.skip(f"{SEED2017} is absent")
    run = read_curves(SEED2017)
    assert run.name == "seed2017-metrics"
    assert run.x() == tuple(range(1, 21))
    with SEED2017.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for key in CURVES:
        assert run.scores[key] == tuple(float(row[key]) for row in rows)
    # REGIME's facts: the best values, and the epoch (from 0) of D's jump.
    assert run.scores["S F1 val"][run.best("S F1 val")] == pytest.approx(0.9492, abs=5e-5)
    assert run.scores["G/S F1 val"][run.best("G/S F1 val")] == pytest.approx(0.9459, abs=5e-5)
    assert run.scores["D Accuracy val"][7] == 0.5
    with pytest.raises(SettingsError, match="seed2017-metrics has no updates: choose epoch"):
        run.x("update")
    with pytest.raises(SettingsError, match="has no times"):
        run.x("minutes")


def test_what_was_not_measured_is_a_gap_and_a_curve_without_any_value_is_left_out(tmp_path):
    history = tuple(
        Validated(i, float(i), 1.0, Scores(NetworkScores(0.7 if i != 2 else None, 0.5)))
        for i in (1, 2, 3)
    )
    run = read_curves(make_run(tmp_path / "standard", history, marks=()))
    assert set(run.scores) == {"S F1 train", "S F1 val"}
    gap = run.scores["S F1 val"]
    assert (gap[0], gap[2]) == (0.7, 0.7)
    assert math.isnan(gap[1])
    assert run.best("S F1 val") == 0  # the first of two equal ones
    assert run.best("G/S F1 val") is None


def test_other_columns_other_order_byte_order_mark_and_nan(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("\ufeffG/S F1 val,note,S F1 val\n0.5,x,nan\n0.6,y,0.25\n", encoding="utf-8")
    run = read_curves(path)
    assert run.scores["G/S F1 val"] == (0.5, 0.6)
    assert math.isnan(run.scores["S F1 val"][0])
    assert run.scores["S F1 val"][1] == 0.25


def test_runs_of_one_name_are_told_apart(tmp_path):
    a, b = make_run(tmp_path / "a" / "run"), make_run(tmp_path / "b" / "run")
    other = make_run(tmp_path / "c" / "other")
    assert [run.name for run in read_runs([a, b, other])] == ["a/run", "b/run", "other"]
    assert [run.name for run in read_runs([a, b / "metrics.csv"])] == ["a/run", "b/run"]
    deep = [make_run(tmp_path / side / "x" / "run") for side in ("left", "right")]
    assert [run.name for run in read_runs(deep)] == ["left/x/run", "right/x/run"]


@pytest.mark.parametrize("way", [".", "../run"])
def test_a_run_given_twice_is_refused(tmp_path, way):
    run = make_run(tmp_path / "run")
    with pytest.raises(RunFolderError, match="is given twice"):
        read_runs([run, run / way])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "none of the columns S F1 train"),
        ("a,b\n1,2\n", "none of the columns"),
        ("S F1 val\n", "no validation yet"),
        ("update,S F1 val\n10,\n", "no validation yet"),
        ("S F1 val,D Accuracy val\n0.5,0.5\n0.6\n", "row 3 has 1 of 2 cells"),
        ("S F1 val\nabc\n", "row 2: S F1 val cannot be 'abc'"),
        ("S F1 val\n1.5\n", "S F1 val cannot be '1.5'"),
        ("S F1 val\n-0.1\n", "S F1 val cannot be '-0.1'"),
        ("S F1 val\ninf\n", "S F1 val cannot be 'inf'"),
        ("update,S F1 val\n,0.5\n", "update cannot be ''"),
        ("update,S F1 val\n20,0.5\n10,0.5\n", "row 3: update cannot be '10'"),
        ('S F1 val\n"0.5\n', "is no CSV"),
    ],
)
def test_a_damaged_csv_is_named(tmp_path, text, words):
    path = tmp_path / "metrics.csv"
    path.write_text(text)
    with pytest.raises(RunFolderError) as refused:
        read_curves(path)
    assert str(path) in str(refused.value)
    assert words in str(refused.value)


def test_binary_is_no_csv(tmp_path):
    path = tmp_path / "image.tif"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(RunFolderError, match="is no CSV"):
        read_curves(path)


def test_a_folder_that_is_missing_no_run_without_validation_or_damaged(tmp_path):
    with pytest.raises(RunFolderError, match=r"There is no .*nothing"):
        read_curves(tmp_path / "nothing")
    with pytest.raises(RunFolderError, match="holds no run"):
        read_curves(tmp_path)
    for history in (None, ()):
        run = make_run(tmp_path / f"new-{history is None}", history)
        with pytest.raises(RunFolderError, match=f"{run.name}.* has no validation yet"):
            read_curves(run)
    run = make_run(tmp_path / "damaged", marks=None)
    with pytest.raises(RunFolderError, match=r"config\.json is damaged"):
        read_curves(run)


def test_an_unknown_axis_is_named():
    with pytest.raises(SettingsError, match="no axis 'hours': choose epoch"):
        Curves("run", {"S F1 val": (0.5,)}, (1.0,)).x("hours")
