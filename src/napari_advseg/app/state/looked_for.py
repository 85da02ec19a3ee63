"""What the user looks for: the names of the classes of the next annotation, offered and remembered."""

from __future__ import annotations

import json
from pathlib import Path

from napari_advseg.app.ports.viewer import default_runs_folder
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.runtime.errors import AdvSegError, ClassMapError
from napari_advseg.core.runtime.filesystem import write_json

Names = tuple[str, ...]
"""Names of classes, the first one positive."""

MEMBRANES: Names = ("cell", "membrane")
MITOCHONDRIA: Names = ("mitochondrion", "background")
TEMPLATES = (("Membranes", MEMBRANES), ("Mitochondria", MITOCHONDRIA))
"""Titles and names that are always offered."""
UNKNOWN: Names = ("object", "background")
"""Names until the user has said what they look for."""
SEPARATORS = "/,;"


def first_two(names: Names) -> Names:
    """The first two names, or `UNKNOWN` if there are none."""
    return names[:2] if len(names) >= 2 else UNKNOWN


def class_map_of(names: Names) -> ClassMap:
    """Class map of an annotation to be painted: 0 is unlabelled, then 1, 2, ... in the order of the names.

    Raises
    ------
    ClassMapError
        If there are fewer than two names, one occurs twice or cannot be a name.
    """
    return ClassMap.of(**{name: index + 1 for index, name in enumerate(names)})


def parse_names(text: str) -> Names:
    """Names that the user typed, separated by commas or slashes.

    Raises
    ------
    ClassMapError
        If there are fewer than two, one occurs twice or cannot be a name.
    """
    for separator in SEPARATORS:
        text = text.replace(separator, ",")
    names = tuple(filter(None, (name.strip() for name in text.split(","))))
    if len(names) < 2:
        raise ClassMapError("At least two classes are needed, for example vesicle, background.")
    if len(set(names)) < len(names):
        raise ClassMapError("A name occurs twice: give each class a name of its own.")
    class_map_of(names)
    return names


def names_as_text(names: Names) -> str:
    """``mitochondrion / background``."""
    return " / ".join(names)


def further_names(remembered: Names, of_run: Names) -> tuple[tuple[str, Names], ...]:
    """Titles and names that are offered in addition to `TEMPLATES`."""
    known = [names for _, names in TEMPLATES]
    found = []
    for title, names in (("As in this run", of_run), ("As last time", remembered)):
        if len(names) >= 2 and names not in known:
            found.append((title, names))
            known.append(names)
    return tuple(found)


def _path() -> Path:
    return default_runs_folder().with_name("looked-for.json")


def remembered_names() -> Names:
    """Names of the last new annotation; empty if there is none or the file cannot be read."""
    try:
        found = json.loads(_path().read_text(encoding="utf-8"))["names"]
        return parse_names(",".join(found))
    except (OSError, ValueError, KeyError, TypeError, AdvSegError):
        return ()


def remember_names(names: Names) -> None:
    """Remember the names of a new annotation; a folder that cannot be written is no obstacle."""
    path = _path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"names": list(names)})
    except (OSError, AdvSegError):
        return
