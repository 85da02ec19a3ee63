"""Files that are there whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any


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


def write_text(path: Path, text: str) -> None:
    """Write a text file at once."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, values: Any) -> None:
    """Write plain values as readable JSON at once."""
    write_text(path, json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
