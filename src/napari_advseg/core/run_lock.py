"""One writer for a run folder: two programs that train into it would mix their files.

The operating system gives the lock back when its holder ends, however it ends, so the file of a killed
run holds nothing up.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import RunFolderError

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
    """Hold a run folder, which is there, for the length of the block.

    A file system without locks, as some shared ones are, goes unguarded.

    Raises
    ------
    RunFolderError
        If another run writes into the folder, or nobody can.
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
            ) from None
        try:
            _hold(handle)
        except (BlockingIOError, PermissionError):
            os.close(handle)
            raise RunFolderError(
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
