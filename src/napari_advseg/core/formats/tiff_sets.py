"""OME-TIFF sets: one stack in several files, each of which names the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tifffile


@dataclass(frozen=True)
class SetOfFiles:
    """The files that an OME-TIFF names.

    Attributes
    ----------
    count : int
        Number of files of the set.
    present, missing : tuple of str
        Names of the other files.
    """

    count: int
    present: tuple[str, ...]
    missing: tuple[str, ...]


def set_of(tif: tifffile.TiffFile, path: Path) -> SetOfFiles | None:
    """Find the set that a file belongs to; None if it names no other file."""
    if not tif.is_ome:
        return None
    try:
        ome = tifffile.xml2dict(tif.ome_metadata or "")["OME"]
        named = dict(_named_files(ome))
    except (LookupError, AttributeError, TypeError, ValueError, SyntaxError):
        return None
    own = str(ome.get("UUID", ""))
    others = {name: uuid for name, uuid in named.items() if uuid != own and name != path.name}
    if not others:
        return None
    there = [name for name in others if (path.parent / Path(name).name).is_file()]
    gone = [name for name in others if name not in there]
    return SetOfFiles(len(named), tuple(there), tuple(gone))


def _named_files(ome: dict[str, Any]) -> list[tuple[str, str]]:
    """Each file that pixel data lie in, with its UUID."""
    found = []
    for image in _several(ome["Image"]):
        for piece in _several(image["Pixels"].get("TiffData", [])):
            uuid = piece.get("UUID") if isinstance(piece, dict) else None
            if isinstance(uuid, dict) and uuid.get("FileName"):
                found.append((str(uuid["FileName"]), str(uuid.get("value", ""))))
    return found


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
