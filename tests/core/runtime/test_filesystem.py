"""Files that are there whole or not at all."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys

import pytest

from napari_advseg.core.runtime.control import RunControl
from napari_advseg.core.runtime.errors import FolderInUse, RunFolderError
from napari_advseg.core.runtime.events import RunStarted
from napari_advseg.core.runtime.filesystem import (
    LOCK,
    only_writer,
    replacing,
    write_json,
    write_text,
)
from napari_advseg.core.training.engine import resume, train


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


HOLDER = (
    "import sys\n"
    "from pathlib import Path\n"
    "from napari_advseg.core.runtime.filesystem import only_writer\n"
    "with only_writer(Path(sys.argv[1])):\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


@pytest.fixture
def other_program(tmp_path):
    """Another program that holds the folder until its input ends or it is killed."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held" + os.linesep.encode()
        yield process
        process.kill()


def test_the_folder_is_held_and_given_back(tmp_path):
    for _ in range(2):
        with only_writer(tmp_path):
            with (
                pytest.raises(FolderInUse, match="Another run writes into"),
                only_writer(tmp_path),
            ):
                pytest.fail("two hold it")
            assert [path.name for path in tmp_path.iterdir()] == [LOCK]
        assert not list(tmp_path.iterdir())


def test_it_is_given_back_when_the_block_fails(tmp_path):
    with pytest.raises(KeyboardInterrupt), only_writer(tmp_path):
        raise KeyboardInterrupt
    with only_writer(tmp_path):
        pass


def test_another_program_is_waited_for(tmp_path, other_program):
    with pytest.raises(FolderInUse, match="wait until it has ended"), only_writer(tmp_path):
        pytest.fail("two hold it")
    other_program.stdin.close()
    assert other_program.wait(30) == 0
    with only_writer(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_killed_program_holds_nothing_up(tmp_path, other_program):
    other_program.kill()
    other_program.wait(30)
    assert (tmp_path / LOCK).exists()
    with only_writer(tmp_path):
        pass
    assert not (tmp_path / LOCK).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed on Windows")
def test_a_folder_that_was_deleted_meanwhile_may_be_held_anew(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with only_writer(folder):
        (folder / LOCK).unlink()
        folder.rmdir()
        folder.mkdir()
        with only_writer(folder):
            pass
        (folder / LOCK).write_text("of somebody else")
    assert (folder / LOCK).read_text() == "of somebody else"


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    with (
        pytest.raises(RunFolderError, match="gone cannot be written"),
        only_writer(tmp_path / "gone"),
    ):
        pytest.fail("there is nothing to hold")


def test_a_file_system_without_locks_goes_unguarded(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def no_locks(handle, operation):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with only_writer(tmp_path), only_writer(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_run_under_way_is_neither_resumed_nor_written_over(small, stack, annotation, tmp_path):
    folder, refused = tmp_path / "run", []

    def meanwhile(event):
        if not refused and isinstance(event, RunStarted):
            for other in (
                lambda: resume(folder, stack),
                lambda: train(small(updates=1), stack, annotation, folder),
            ):
                with pytest.raises(RunFolderError) as caught:
                    other()
                refused.append(str(caught.value))

    train(small(updates=4), stack, annotation, folder, on_event=meanwhile)
    assert "Another run writes into" in refused[0]
    assert "already holds a run" in refused[1]
    assert not (folder / LOCK).exists()


def test_of_two_runs_that_begin_at_once_the_second_is_refused(
    small, stack, annotation, tmp_path, monkeypatch
):
    """The second finds no run yet, and one by the time it would write."""
    folder, settings = tmp_path / "run", small(updates=1)
    from napari_advseg.core.training import engine

    really = engine.resolve_settings

    def slow(*arguments):
        monkeypatch.setattr(engine, "resolve_settings", really)
        train(settings, stack, annotation, folder)
        return really(*arguments)

    monkeypatch.setattr(engine, "resolve_settings", slow)
    with pytest.raises(RunFolderError, match="already holds a run"):
        train(settings, stack, annotation, folder)
    assert resume_finds_it_complete(folder, stack)


def resume_finds_it_complete(folder, stack):
    with pytest.raises(RunFolderError, match="has made all its 1 updates"):
        resume(folder, stack)
    return True


def test_a_run_that_is_stopped_before_its_first_update_leaves_nothing(
    small, stack, annotation, tmp_path
):
    from napari_advseg.core.runtime.control import Stopped

    control = RunControl()
    control.stop()
    with pytest.raises(Stopped):
        train(small(), stack, annotation, tmp_path / "new" / "run", control=control)
    assert not list(tmp_path.iterdir())
