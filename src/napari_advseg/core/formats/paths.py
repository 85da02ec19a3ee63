"""Paths of images: a file, a folder, or a dataset inside one. Light to import."""

from __future__ import annotations

from pathlib import Path

from .suffixes import IMAGE_SUFFIXES
from .zarr_folders import is_zarr


def file_of(path: Path) -> Path | None:
    """The path itself if it is there, else the Zarr store or the file that it leads into."""
    if path.exists():
        store = next((p for p in path.parents if is_zarr(p) and not is_zarr(p.parent)), None)
        return store if store is not None and is_zarr(path.parent) else path
    for parent in path.parents:
        if parent.is_file() or is_zarr(parent):
            return parent
        if parent.is_dir():
            return None
    return None


def is_there(path: Path) -> bool:
    """Whether a file that was opened once is still there; a dataset inside it is not looked for."""
    return file_of(path) is not None


def may_be_image(path: Path) -> bool:
    """Whether a path leads to what an image can be opened from, by its name: nothing is read of it."""
    existing = file_of(path)
    if existing is None:
        return False
    return existing.is_dir() or existing.suffix.lower() in IMAGE_SUFFIXES
