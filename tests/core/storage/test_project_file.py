"""The project file: what it keeps, and what it refuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.runtime.errors import ProjectError, Subject
from napari_advseg.core.storage.project_file import (
    Placement,
    Project,
    ProjectAnnotation,
    ProjectImage,
    inside,
    project_name,
    read_project,
    with_suffix,
    write_project,
)

SAVED = datetime(2026, 11, 23, 4, 12, tzinfo=UTC)


def full(tmp_path: Path) -> Project:
    return Project(
        saved=SAVED,
        images=(
            ProjectImage(name="vnc", shape=(20, 64, 48), place=Placement(elsewhere="/data/vnc.tif")),
            ProjectImage(
                name="λ 2", shape=(64, 48), place=Placement(inside="vnc.advseg/image-2.tif"),
                scale=(50.0, 4.0, 4.0),
            ),
        ),
        annotations=(
            ProjectAnnotation(
                name="annotation", shape=(20, 64, 48), file="vnc.advseg/annotation-a.tif",
                scale=(50.0, 4.0, 4.0), translate=(0.0, 1.5, 2.0), classes=ClassMap.of(cell=1, membrane=(2, 3)),
                colours={1: "#2f9e6e59", 2: "#f2f2f2"},
            ),
        ),
        image=1, annotation=0, channels=(0,), train=(0, 1, 5), val=(7,), method="standard",
        preset="balanced", budget=12.5, unit="minutes", threshold=0.35,
        advanced={"seed": 3, "network.width": 8, "device": "cpu", "optimizer.rate": 0.01},
        run=Placement.of(tmp_path / "runs" / "first", tmp_path),
    )  # fmt: skip


def test_round_trip_keeps_every_value(tmp_path):
    path = tmp_path / "vnc.advseg.json"
    project = full(tmp_path)
    write_project(path, project)
    assert read_project(path) == project
    assert list(tmp_path.iterdir()) == [path]
    plain = json.loads(path.read_text(encoding="utf-8"))
    assert plain["format"] == 1
    assert plain["run"] == {"inside": "runs/first"}
    assert plain["annotations"][0]["classes"] == "cell=1,membrane=2+3"


def test_what_lies_inside_is_named_relative_and_moves_along(tmp_path):
    home, other = tmp_path / "home", tmp_path / "other"
    (home / "data").mkdir(parents=True)
    (home / "data" / "a.tif").touch()
    place = Placement.of(home / "data" / "a.tif", home)
    assert place == Placement(inside="data/a.tif")
    home.rename(other)
    assert place.path(other) == (other / "data" / "a.tif").resolve()
    assert Placement.of(tmp_path / "b.tif", other) == Placement(
        elsewhere=str((tmp_path / "b.tif").resolve())
    )


ESCAPES = [
    "../secret.tif", "a/../../secret.tif", "/etc/passwd", "C:/x.tif", "C:x.tif", r"..\secret.tif",
    r"\\server\share\x.tif", "//server/share/x.tif", "", "a\0b", "a\nb", ".", "x" * 2000,
]  # fmt: skip


@pytest.mark.parametrize("text", ESCAPES)
def test_paths_out_of_the_folder_are_refused(tmp_path, text):
    path = tmp_path / "p.advseg.json"
    write_project(path, full(tmp_path))
    plain = json.loads(path.read_text(encoding="utf-8"))
    for change in (
        lambda p: p["annotations"][0].update(file=text),
        lambda p: p["images"][1].update(place={"inside": text}),
        lambda p: p.update(run={"inside": text}),
    ):
        changed = json.loads(json.dumps(plain))
        change(changed)
        path.write_text(json.dumps(changed), encoding="utf-8")
        with pytest.raises(ProjectError, match="outside of its folder"):
            read_project(path)


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    home, secret = tmp_path / "home", tmp_path / "secret"
    home.mkdir()
    secret.mkdir()
    (secret / "a.tif").touch()
    (home / "files").symlink_to(secret, target_is_directory=True)
    with pytest.raises(ProjectError, match=r"files/a.tif.*outside"):
        inside(home, "files/a.tif")
    with pytest.raises(ProjectError, match="outside"):
        Placement(inside="files/a.tif").path(home)
    (home / "real").mkdir()
    (home / "alias").symlink_to(home / "real", target_is_directory=True)
    assert inside(home, "alias/a.tif") == (home / "real" / "a.tif").resolve()


@pytest.mark.parametrize("text", [r"\\server\share\vnc.tif", "//server/vnc.tif", "vnc.tif", "/a\0"])
def test_a_network_share_or_half_a_path_is_opened_for_nobody(tmp_path, text):
    assert Placement(elsewhere=text).path(tmp_path) is None


DAMAGED = {
    "no json": ("{", "no whole JSON"),
    "a list": ("[1]", "no project"),
    "text": ('"format"', "no project"),
    "no format": ("{}", "no project"),
    "format 0": ('{"format": 0, "saved": "2026-01-01"}', "format"),
    "no date": ('{"format": 1}', "saved: field required"),
    "nan": ('{"format": 1, "saved": "2026-01-01", "threshold": NaN}', "threshold"),
    "threshold": ('{"format": 1, "saved": "2026-01-01", "threshold": 7}', "threshold"),
    "image": ('{"format": 1, "saved": "2026-01-01", "image": 3}', "image 3 is chosen of 0"),
    "method": ('{"format": 1, "saved": "2026-01-01", "method": "x"}', "method"),
    "slices": ('{"format": 1, "saved": "2026-01-01", "train": [-1]}', "train.0"),
    "deep": ("[" * 100_000, "nested too deeply"),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_file_is_told_in_one_sentence(tmp_path, what):
    text, words = DAMAGED[what]
    path = tmp_path / "p.advseg.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProjectError, match=words) as told:
        read_project(path)
    sentence = str(told.value)
    assert sentence.startswith(f"The project {path} is damaged (")
    assert "\n" not in sentence
    assert sentence.endswith("save the project anew.")
    assert told.value.subject is Subject.PROJECT


def test_classes_and_colours_that_are_none_are_damage(tmp_path):
    path = tmp_path / "p.advseg.json"
    for change, words in (
        ({"classes": "cell:1"}, "The class 'cell"),
        ({"colours": {"1": "url(x)"}}, "no colour"),
        ({"colours": {"one": "#ffffff"}}, "colours"),
    ):
        write_project(path, full(tmp_path))
        plain = json.loads(path.read_text(encoding="utf-8"))
        plain["annotations"][0].update(change)
        path.write_text(json.dumps(plain), encoding="utf-8")
        with pytest.raises(ProjectError, match=words):
            read_project(path)


def test_a_newer_format_a_missing_and_a_binary_file(tmp_path):
    path = tmp_path / "p.advseg.json"
    with pytest.raises(ProjectError, match="There is no project"):
        read_project(path)
    path.write_text('{"format": 2}', encoding="utf-8")
    with pytest.raises(ProjectError, match=r"format 2, .* up to 1: update napari-advseg"):
        read_project(path)
    path.write_bytes(bytes(range(256)))
    with pytest.raises(ProjectError, match="it is no text"):
        read_project(path)


def test_a_later_versions_further_values_are_passed_over(tmp_path):
    path = tmp_path / "p.advseg.json"
    write_project(path, full(tmp_path))
    plain = json.loads(path.read_text(encoding="utf-8"))
    plain["weather"] = plain["images"][0]["lens"] = "fine"
    path.write_text(json.dumps(plain), encoding="utf-8")
    assert read_project(path) == full(tmp_path)


def test_names_of_project_files():
    assert with_suffix(Path("a/vnc")) == Path("a/vnc.advseg.json")
    assert with_suffix(Path("a/vnc.json")) == Path("a/vnc.advseg.json")
    assert with_suffix(Path("a/vnc.advseg.json")) == Path("a/vnc.advseg.json")
    assert project_name(Path("a/vnc.2.advseg.json")) == "vnc.2"
