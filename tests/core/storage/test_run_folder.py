"""What a run leaves on disk: complete, readable, and enough to do it again."""

import csv
import errno
import json
import os
from importlib.metadata import version

import numpy as np
import pytest

from napari_advseg.core.config.parsing import run_settings
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.runtime.errors import RunFolderError
from napari_advseg.core.runtime.events import Notice, Outcome, Validated
from napari_advseg.core.runtime.scores import NetworkScores, Scores
from napari_advseg.core.storage import run_folder
from napari_advseg.core.storage.history import metrics_csv
from napari_advseg.core.storage.run_folder import load_run, new_run_folder
from napari_advseg.core.storage.score_names import scores_as_text
from napari_advseg.core.training.engine import resume, train

HEADER = (
    "update,epoch,seconds,S F1 train,S F1 val,G/S F1 train,G/S F1 val,"
    "D Accuracy train,D Accuracy val,G/D Accuracy train,G/D Accuracy val,"
    "S F1 cell val,G/S F1 cell val,S F1 membrane val,G/S F1 membrane val"
)
FILES = {
    "config.json", "summary.json", "metrics.csv", "discriminator.csv", "annotation.tif",
    "samples", "slices.csv",
    "checkpoint.safetensors", "standard.safetensors", "standard-best.safetensors",
    "adversarial.safetensors", "adversarial-best.safetensors", "discriminator.safetensors",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs" / "one"


def test_a_run_folder_holds_what_it_should_and_nothing_else(small, stack, annotation, folder):
    train(small(), stack, annotation, folder)
    assert {path.name for path in folder.iterdir()} == FILES
    assert [path.name for path in sorted((folder / "samples").iterdir())] == [
        "update-000004.png", "update-000008.png", "update-000012.png",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "there"),
    [
        ("paired", {"S", "G/S", "D", "G/D"}),
        ("standard", {"S"}),
        ("adversarial", {"G/S", "D", "G/D"}),
    ],
)
def test_metrics_have_a_row_a_validation_and_empty_cells_for_what_a_method_lacks(
    small, stack, annotation, folder, method, there
):
    result = train(small(method=method), stack, annotation, folder)
    text = (folder / "metrics.csv").read_text()
    assert text.splitlines()[0] == HEADER
    rows = list(csv.DictReader(text.splitlines()))
    assert [int(row["update"]) for row in rows] == [4, 8, 12]
    for row, validated in zip(rows, result.history, strict=True):
        scores = scores_as_text(validated.scores)
        for column in HEADER.split(",")[3:]:
            if column.split(" ")[0] in there:
                assert float(row[column]) == pytest.approx(scores[column], abs=1e-6)
            else:
                assert row[column] == ""
    seconds = [float(row["seconds"]) for row in rows]
    assert seconds == sorted(seconds)


def test_an_epoch_shows_every_labelled_pixel_once_on_average(small, stack, annotation, folder):
    result = train(small(), stack, annotation, folder)
    pixels_an_update = 2 * 16**2
    epoch = 4 * 64 * 64 / pixels_an_update  # four training slices
    assert result.training.settings.epoch == epoch
    assert [v.epoch for v in result.history] == [4 / epoch, 8 / epoch, 12 / epoch]


def test_a_score_that_is_not_a_number_is_an_empty_cell():
    validated = Validated(1, 1.0, 1.0, Scores(NetworkScores(f1_val=float("nan"), f1_train=0.5)))
    row = metrics_csv((validated,), ("cell", "membrane")).splitlines()[1].split(",")
    assert row[3:5] == ["0.500000", ""]


def test_config_says_what_the_run_was_and_repeats_it(
    small, stack, annotation, folder, same_run, tmp_path
):
    result = train(small(validate_every=None), stack, annotation, folder)
    config = json.loads((folder / "config.json").read_text())
    settings = config["settings"]
    assert (settings["updates"], settings["seed"], settings["threads"]) == (12, 0, 1)
    assert (settings["device"], settings["precision"]) == ("cpu", "float32")
    assert config["software"]["torch"] == version("torch")
    assert config["software"]["napari-advseg"] == version("napari-advseg")
    assert [c["name"] for c in config["classes"]["classes"]] == ["cell", "membrane"]
    assert (config["split"]["train"], config["split"]["val"]) == ("0:4", "4:6")
    again = train(run_settings(settings), stack, annotation, tmp_path / "again")
    assert same_run(result, again)
    other = json.loads((tmp_path / "again" / "config.json").read_text())
    assert other["settings"] == settings


def test_summary_names_the_best_validation(small, stack, annotation, folder):
    result = train(small(), stack, annotation, folder)
    summary = json.loads((folder / "summary.json").read_text())
    assert summary == result.summary
    for name in ("standard", "adversarial"):
        scores = {v.update: v.scores.of(name).f1_val for v in result.history}
        best = summary["best"][name]
        assert best["F1 val"] == max(scores.values()) == scores[best["update"]]


def test_a_run_is_read_back_as_it_was(small, stack, annotation, folder):
    result = train(small(), stack, annotation, folder)
    run = load_run(folder)
    assert run.history == result.history
    assert run.settings == result.training.settings
    assert run.classes == annotation.classes
    assert run.networks == ("standard", "adversarial")


def test_the_image_is_found_from_another_working_directory(
    small, cells, annotation, tmp_path, monkeypatch, stop_at
):
    import tifffile

    from napari_advseg.core.formats.io import read_stack

    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("image.tif", cells[0])
    train(small(), read_stack("image.tif"), annotation, "run", control=stop_at(5))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert resume("../run").outcome is Outcome.COMPLETED


# ---- a disk that fails


def limit_file_size(size):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_does_not_end_the_training(
    small, stack, annotation, folder, whole_run, same_run
):
    """As of the first validation the system refuses files of more than 200 bytes, for a while."""
    events, restore = [], []

    def on_event(event):
        events.append(event)
        if isinstance(event, Validated) and event.update == 4:
            restore.append(limit_file_size(200))
        if isinstance(event, Validated) and event.update == 12:
            restore.pop()()

    try:
        result = train(small(), stack, annotation, folder, on_event=on_event)
    finally:
        for one in restore:
            one()
    assert result.outcome is Outcome.COMPLETED
    notices = [e.text for e in events if isinstance(e, Notice)][1:]
    assert len(notices) == 2
    assert "cannot be written (File too large" in notices[0]
    assert "training goes on" in notices[0]
    assert notices[1] == "The run folder can be written again."
    assert {path.name for path in folder.iterdir()} <= FILES
    assert load_run(folder).history == result.history
    assert same_run(result, whole_run)


def test_a_disk_that_stays_full_is_said_at_the_end_and_the_last_checkpoint_is_whole(
    small, stack, annotation, folder, same_run, monkeypatch
):
    replace, full = os.replace, []

    def os_replace(source, target):
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    events = []

    def on_event(event):
        events.append(event)
        if isinstance(event, Validated) and event.update == 8:
            full.append(True)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", os_replace)
        result = train(small(), stack, annotation, folder, on_event=on_event)
    assert result.outcome is Outcome.COMPLETED
    assert f"The end of it could not be written to {folder}." in events[-1].sentence
    assert {path.name for path in folder.iterdir()} <= FILES
    assert [v.update for v in load_run(folder).history] == [4, 8]
    assert same_run(resume(folder, stack), result)


def test_an_interrupted_writing_leaves_the_earlier_file(tmp_path):
    from napari_advseg.core.runtime.filesystem import replacing

    path = tmp_path / "a.txt"
    path.write_text("before")

    def write():
        with replacing(path) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


# ---- what is refused


def test_a_folder_that_holds_a_run_is_not_written_over(small, stack, annotation, folder):
    train(small(updates=1), stack, annotation, folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with pytest.raises(RunFolderError, match="already holds a run"):
        train(small(updates=1), stack, annotation, folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("config.json", "{", "damaged"),
        ("config.json", '{"format": 99}', "update napari-advseg"),
        ("config.json", '{"format": 1}', "damaged"),
        ("checkpoint.safetensors", "no", "damaged"),
    ],
)
def test_a_damaged_run_is_refused_in_one_sentence(
    small, stack, annotation, folder, name, content, words
):
    train(small(updates=1), stack, annotation, folder)
    (folder / name).write_text(content)
    with pytest.raises(RunFolderError, match=words) as error:
        load_run(folder)
    assert "\n" not in str(error.value)


def test_a_new_folder_has_a_name_that_is_free(tmp_path):
    first = new_run_folder(tmp_path, "stack: a/b")
    assert "/" not in first.name
    assert "stack" in first.name
    first.mkdir()
    names = {new_run_folder(tmp_path, "stack: a/b").name for _ in range(2)}
    assert first.name not in names


def test_writing_into_a_file_is_refused(small, stack, annotation, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunFolderError, match="is a file"):
        train(small(updates=1), stack, annotation, tmp_path / "file")
    with pytest.raises(RunFolderError, match="cannot be written"):
        train(small(updates=1), stack, annotation, tmp_path / "file" / "run")
    assert (tmp_path / "file").read_text() == "mine"


def test_an_image_without_a_file_has_no_source(small, annotation, cells, folder):
    train(small(updates=1), EMStack.from_array(np.array(cells[0])), annotation, folder)
    assert run_folder.read_config(folder)["image"]["source"] is None
    assert load_run(folder).config["image"]["source"] is None
