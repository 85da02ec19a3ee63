"""Annotations that save themselves: whole or not at all, whatever ends the program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import tifffile

from napari_advseg.core.config.classes import NEW_ANNOTATION
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.formats.io import read_labels, read_stack
from napari_advseg.core.runtime.errors import ProjectError
from napari_advseg.core.storage import project_folder
from napari_advseg.core.storage.project_file import (
    Placement,
    Project,
    ProjectAnnotation,
    ProjectImage,
    read_project,
)
from napari_advseg.core.storage.project_folder import (
    ImageToWrite,
    LabelsToWrite,
    ProjectFolder,
    ProjectHeld,
    dismiss,
    find_unsaved,
    offered,
    prune,
    unnamed_project,
)

SAVED = datetime(2026, 11, 23, 4, 12, tzinfo=UTC)
FILE = "annotation-a.tif"


def project(folder: ProjectFolder, *, image: str = "vnc", saved: datetime = SAVED) -> Project:
    place = Placement(elsewhere="/data/vnc.tif")
    return Project(
        saved=saved,
        images=(ProjectImage(name=image, shape=(3, 8, 9), place=place),),
        annotations=(
            ProjectAnnotation(name="a", shape=(3, 8, 9), file=folder.relative(FILE)),
        ),
        image=0,
        annotation=0,
    )  # fmt: skip


def strokes(value: int = 2) -> np.ndarray:
    labels = np.zeros((3, 8, 9), np.uint8)
    labels[1, 2:5, 3:6] = value
    return labels


def save(folder: ProjectFolder, labels: np.ndarray, **changes) -> None:
    one = LabelsToWrite(FILE, labels, NEW_ANNOTATION, (50.0, 4.0, 4.0))
    folder.save(project(folder, **changes), [one])


def test_saved_strokes_come_back_with_their_classes(tmp_path):
    folder = ProjectFolder(tmp_path / "vnc.advseg.json")
    save(folder, strokes())
    labels, classes = read_labels(tmp_path / "vnc.advseg" / FILE)
    np.testing.assert_array_equal(labels, strokes())
    assert classes == NEW_ANNOTATION
    assert read_project(folder.path) == project(folder)
    folder.release()
    assert sorted(p.name for p in folder.files.iterdir()) == [FILE]


def test_an_image_without_a_file_is_kept_with_its_grey_values(tmp_path):
    folder = ProjectFolder(tmp_path / "vnc.advseg.json")
    grey = np.random.default_rng(0).normal(size=(3, 8, 9)).astype(">f4")
    stack = EMStack.from_array(grey, name="em", scale=(50, 4, 4))
    folder.save(project(folder), images=[ImageToWrite("image-em.tif", stack)])
    back = read_stack(folder.files / "image-em.tif")
    np.testing.assert_array_equal(np.asarray(back.data), grey.astype("=f4"))
    assert back.scale == pytest.approx((50, 4, 4), rel=1e-6)
    folder.release()


def test_one_window_holds_a_project(tmp_path):
    first, second = (ProjectFolder(tmp_path / "vnc.advseg.json") for _ in range(2))
    save(first, strokes())
    with pytest.raises(ProjectHeld, match="open in another window"):
        save(second, strokes(1))
    np.testing.assert_array_equal(read_labels(first.files / FILE)[0], strokes())
    first.release()
    save(first, strokes(1))  # one that is late: a newer one has the project
    np.testing.assert_array_equal(read_labels(first.files / FILE)[0], strokes())
    save(second, strokes(1))
    np.testing.assert_array_equal(read_labels(first.files / FILE)[0], strokes(1))
    second.release()


@pytest.mark.parametrize("when", ["fsync", "replace"])
def test_a_full_disk_leaves_what_was_saved(tmp_path, monkeypatch, when):
    folder = ProjectFolder(tmp_path / "vnc.advseg.json")
    save(folder, strokes())

    def full(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(f"os.{when}", full)
        with pytest.raises(ProjectError) as told:
            save(folder, strokes(1))
    assert str(told.value) == (
        f"The annotation cannot be saved in {tmp_path} (No space left on device): make room there, or "
        "press Save as… and choose another folder."
    )
    np.testing.assert_array_equal(read_labels(folder.files / FILE)[0], strokes())
    save(folder, strokes(1))
    np.testing.assert_array_equal(read_labels(folder.files / FILE)[0], strokes(1))
    folder.release()
    assert sorted(p.name for p in folder.files.iterdir()) == [FILE]


CHILD = """
import os, sys
import numpy as np
from pathlib import Path
from datetime import datetime, timezone
from napari_advseg.core.storage.project_folder import LabelsToWrite, ProjectFolder
from napari_advseg.core.storage.project_file import Project, ProjectAnnotation

def wait(*args):
    print("in the middle", flush=True)
    sys.stdin.read()

folder = ProjectFolder(Path(sys.argv[1]))
for value in range(1, 200):
    labels = np.full((4, 64, 64), value, np.uint8)
    entry = ProjectAnnotation(name="a", shape=labels.shape, file=folder.relative("annotation-a.tif"))
    if value == 2 and sys.argv[2] != "anywhere":
        setattr(os, sys.argv[2], wait)
    folder.save(
        Project(saved=datetime.now(timezone.utc), annotations=(entry,)),
        [LabelsToWrite("annotation-a.tif", labels)],
    )
    print(value, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("where", ["fsync", "replace", "anywhere"])
def test_a_kill_in_the_middle_of_a_save_leaves_a_whole_file(tmp_path, where):
    path = tmp_path / "x" / "session.advseg.json"
    command = [sys.executable, "-c", CHILD, str(path), where]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        lines = [child.stdout.readline().strip() for _ in range(2)]
        while where == "anywhere" and lines[-1] != "7":
            lines.append(child.stdout.readline().strip())
        os.kill(child.pid, signal.SIGKILL)
    assert lines[0] == "1"
    if where != "anywhere":
        assert lines[1] == "in the middle"
    labels = tifffile.imread(tmp_path / "x" / "session.advseg" / FILE)
    assert len(np.unique(labels)) == 1
    assert labels[0, 0, 0] == 1 if where != "anywhere" else labels[0, 0, 0] >= 7
    (found,) = find_unsaved(tmp_path)  # the killed one holds nothing up
    again = ProjectFolder(found.path)
    again.hold()
    assert sorted(p.name for p in again.files.iterdir()) == [FILE, "lock"]
    again.release()


def leave(parent, image: str, hours: int) -> ProjectFolder:
    """A project that a window left, saved so many hours after the first."""
    folder = unnamed_project(parent, image)
    save(folder, strokes(), image=image, saved=SAVED + timedelta(hours=hours))
    folder.release()
    return folder


def test_the_latest_unsaved_one_is_offered_until_it_is_dismissed(tmp_path):
    older, newer = leave(tmp_path, "vnc", 0), leave(tmp_path, "vnc", 1)
    held = unnamed_project(tmp_path, "vnc")
    save(held, strokes(), saved=SAVED + timedelta(hours=9))
    found = find_unsaved(tmp_path)
    assert [one.path for one in found] == [newer.path, older.path]
    assert offered(found).image == "vnc"
    dismiss(found)
    again = find_unsaved(tmp_path)
    assert offered(again) is None
    assert [one.path for one in again] == [newer.path, older.path]  # kept all the same
    latest = leave(tmp_path, "vnc", 2)
    assert offered(find_unsaved(tmp_path)).path == latest.path
    held.release()


def test_a_damaged_one_hides_no_other(tmp_path):
    good, bad = leave(tmp_path, "vnc", 0), leave(tmp_path, "vnc", 1)
    bad.path.write_text("{")
    assert [one.path for one in find_unsaved(tmp_path)] == [good.path]
    assert find_unsaved(tmp_path / "nowhere") == ()


def test_only_the_latest_few_of_an_image_are_kept(tmp_path):
    left = [leave(tmp_path, "vnc", hour) for hour in range(7)]
    other = leave(tmp_path, "isbi", -5)
    mine = left[0].files / "mine.txt"  # nothing that this program did not write is deleted
    mine.write_text("note")
    prune(tmp_path)
    kept = {one.path for one in find_unsaved(tmp_path)}
    assert kept == {one.path for one in (*left[-project_folder.KEPT :], other)}
    assert mine.read_text() == "note"
    assert not left[1].path.parent.exists()
    assert left[0].path.parent.exists()


def test_names_are_new_and_only_own_files_are_written_again(tmp_path):
    folder = ProjectFolder(tmp_path / "vnc.advseg.json")
    assert folder.new_name("annotation", "a", []) == "annotation-a.tif"
    assert folder.new_name("annotation", "a", ["annotation-a.tif"]) == "annotation-a-2.tif"
    assert folder.new_name("annotation", "../ä λ", []) == "annotation-layer.tif"
    save(folder, strokes())
    assert folder.new_name("annotation", "a", []) == "annotation-a-2.tif"
    assert folder.own_name(f"vnc.advseg/{FILE}") == FILE
    for foreign in (
        "vnc.advseg.json",
        "truth.tif",
        "vnc.advseg/image-a.tif",
        f"x/vnc.advseg/{FILE}",
    ):
        assert folder.own_name(foreign) is None
    folder.release()


def test_a_link_does_not_lead_the_files_elsewhere(tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "vnc.advseg").symlink_to(tmp_path / "secret", target_is_directory=True)
    with pytest.raises(ProjectError, match="outside of its folder"):
        save(ProjectFolder(tmp_path / "home" / "vnc.advseg.json"), strokes())
    assert not list((tmp_path / "secret").iterdir())


def test_a_folder_that_cannot_be_locked_is_said_with_the_reason_alone(tmp_path):
    folder = ProjectFolder(tmp_path / "session.advseg.json")
    (folder.files / "lock").mkdir(parents=True)
    with pytest.raises(ProjectError) as raised:
        folder.hold()
    assert str(raised.value) == (
        f"The annotation cannot be saved in {tmp_path} (Is a directory): make room there, or press "
        "Save as… and choose another folder."
    )
