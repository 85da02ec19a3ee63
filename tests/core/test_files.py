"""Files that are there whole or not at all."""

from __future__ import annotations

import json
import stat
import sys

import pytest

from napari_advseg.core.files import replacing, write_json, write_text


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "metrics.csv"
    write_text(path, "old")
    with replacing(path) as partial:
        partial.write_text("new, λ")
        assert path.read_text() == "old"
        assert partial.parent == tmp_path  # a rename across file systems would not be atomic
        assert partial.suffix == ".csv"
    assert path.read_text() == "new, λ"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_earlier_file_and_nothing_else(tmp_path):
    path = tmp_path / "summary.json"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError), replacing(path) as partial:
        partial.write_text("half of it \ud800", encoding="utf-8")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_numbers_that_json_cannot_say_are_refused_and_nothing_is_written(tmp_path):
    path = tmp_path / "summary.json"
    with pytest.raises(ValueError):
        write_json(path, {"F1": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_json_is_readable_by_people_and_programs(tmp_path):
    path = tmp_path / "config.json"
    write_json(path, {"λ": [0, 0.1], "name": "Zelle"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"λ": [0, 0.1], "name": "Zelle"}
    assert "λ" in path.read_text(encoding="utf-8")
    assert path.read_text(encoding="utf-8").endswith("}\n")


@pytest.mark.skipif(sys.platform == "win32", reason="no such modes on Windows")
def test_others_may_read_it(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
