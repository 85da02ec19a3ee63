"""Which folders are Zarr stores. Light to import."""

from __future__ import annotations

from pathlib import Path

_FILES = (".zarray", ".zgroup", "zarr.json")


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr array or group."""
    try:
        return any((path / name).is_file() for name in _FILES)
    except OSError:
        return False
