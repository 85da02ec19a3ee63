"""Atomic file writes, and the lock that keeps the folder of a run or a project to one writer.

The operating system releases the lock when its holder ends, however it ends, so the lock file of a killed
run blocks nothing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

from .errors import FolderInUse, RunFolderError

LOCK = "lock"

if sys.platform == "win32":
    import msvcrt

    def _hold(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _hold(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold the lock of an existing folder, of a run or a project, for the length of the block.

    A file system without locks, as some shared ones are, goes unguarded.

    Raises
    ------
    FolderInUse
        If another program holds the lock.
    RunFolderError
        If the folder cannot be written.
    """
    path = folder / LOCK
    handle = _locked(path)
    try:
        yield
    finally:
        _remove(path, handle)


def _locked(path: Path) -> int:
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise RunFolderError(
                f"The run folder {path.parent} cannot be written ({error.strerror}): "
                "mend that, or copy it to another place."
            ) from error
        try:
            _hold(handle)
        except (BlockingIOError, PermissionError):
            os.close(handle)
            raise FolderInUse(
                f"Another run writes into {path.parent}: wait until it has ended, or stop it."
            ) from None
        except OSError:  # no locks here
            return handle
        if _is(path, handle):
            return handle
        os.close(handle)  # the last holder removed it in between


def _is(path: Path, handle: int) -> bool:
    """Whether `path` is still the open file; on Windows an open file cannot be removed."""
    if sys.platform == "win32":
        return True
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False


def _remove(path: Path, handle: int) -> None:
    with suppress(OSError):
        if sys.platform == "win32":
            os.close(handle)
            path.unlink()
        elif _is(path, handle):  # else the folder is no longer this run's
            path.unlink()
    if sys.platform != "win32":
        os.close(handle)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it takes the place of `path` once it is complete.

    Whatever goes wrong, an earlier `path` stays as it was and nothing else is left behind.
    """
    partial = path.with_name(f".{path.stem}-{token_hex(4)}{path.suffix}")
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())  # else a power cut could leave the new name on an empty file
        os.replace(partial, path)
    finally:
        with suppress(OSError):  # what went wrong first is what is told
            partial.unlink()


def file_stem(name: str) -> str:
    """A name of a person's as part of a file name: letters, digits, - and _, 40 at most."""
    plain = "".join(c if c.isalnum() or c in "-_" else "-" for c in name).strip("-")
    return plain[:40] or "image"


def dated_folder(parent: Path, name: str) -> Path:
    """A folder inside `parent` that does not exist yet, named by date, time and `name`; it is not made."""
    stem = f"{datetime.now():%Y-%m-%d-%H%M%S}-{file_stem(name)}"
    folder, number = parent / stem, 2
    while folder.exists():
        folder, number = parent / f"{stem}-{number}", number + 1
    return folder


def write_text(path: Path, text: str) -> None:
    """Write a text file at once."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, values: Any) -> None:
    """Write plain values as readable JSON at once."""
    write_text(path, json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
