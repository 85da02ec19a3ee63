"""What the description of a TIFF that this program writes says besides its pixels.

A stack is written with an ImageJ description, so that Fiji shows it as one stack with its voxel
size. One more line of that description, which others skip, holds the class map as JSON:
``advseg_classes={"cell": [1], "membrane": [2]}``.
"""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path

import tifffile

from napari_advseg.core.config.classes import IGNORE, ClassMap, SegmentationClass
from napari_advseg.core.runtime.errors import AdvSegError, ClassMapError

_CLASSES_KEY = "advseg_classes"
_LARGEST_LABEL = 2**31 - 1
_LONGEST_SHOWN = 80
_GDAL_NODATA = 42113
"""Tag that names the value of pixels without data."""
_IMAGEJ_UNITS = {"µm": "micron", "Å": "angstrom"}
"""Names in ASCII, as TIFF demands, of the units that have none."""


def description(
    depth: int,
    classes: ClassMap | None,
    scale: tuple[float, ...] | None,
    channels: int = 1,
    unit: str | None = None,
) -> str:
    """ImageDescription of a stack as ImageJ writes it, with the class map as one more line."""
    several = [f"channels={channels}", "hyperstack=true"] if channels > 1 else []
    lines = ["ImageJ=1.54f", f"images={depth * channels}", *several]
    lines += [f"slices={depth}", "loop=false"]
    if scale is not None:
        lines.append(f"spacing={scale[0]!r}")
        lines += [f"unit={_IMAGEJ_UNITS.get(unit, unit)}"] if unit else []
    if classes is not None:
        values: dict[str, list[int | str]] = {
            c.name: [*c.values, *c.derived] for c in classes.classes
        }
        if classes.ignored:
            values[IGNORE] = list(classes.ignored)
        carried = json.dumps(values)  # ASCII, as TIFF demands
        lines.append(f"{_CLASSES_KEY}={carried}")
    return "\n".join(lines) + "\n"


def carried_classes(tif: tifffile.TiffFile, path: Path) -> ClassMap | None:
    """Class map in the description of the first page.

    Raises
    ------
    ClassMapError
        If there is one, and it is damaged.
    """
    for line in tif.pages.first.description.splitlines():
        key, _, value = line.partition("=")
        if key == _CLASSES_KEY:
            try:
                return _parsed(value)
            except (ValueError, TypeError, AttributeError, RecursionError, AdvSegError) as error:
                shown = value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + "…"
                raise ClassMapError(
                    f"The class map {shown!r} in {path} is damaged: "
                    "name the classes yourself, for example cell=255,membrane=0."
                ) from error
    return None


def _parsed(text: str) -> ClassMap:
    found = json.loads(text)
    for values in found.values():
        # pydantic would take "12" for 12, and 1.0 and true for 1
        if not isinstance(values, list) or not all(type(v) in (int, str) for v in values):
            raise TypeError("values of a class are integers, or words, in a list")
        if not all(abs(v) <= _LARGEST_LABEL for v in values if isinstance(v, int)):
            raise ValueError("a value is no label of an image")
    classes = [
        SegmentationClass(
            name=name,
            values=tuple(v for v in values if isinstance(v, int)),
            derived=tuple(v for v in values if isinstance(v, str)),
        )
        for name, values in found.items()
        if name != IGNORE
    ]
    return ClassMap(classes=tuple(classes), ignored=tuple(found.get(IGNORE, ())))


def nodata_of(page: tifffile.TiffPage) -> float | None:
    """The value that stands for no data, as GDAL writes it; None if the page names none."""
    tag = page.tags.get(_GDAL_NODATA)
    try:
        value = float(str(tag.value).strip("\0 "))
    except (AttributeError, ValueError):
        return None
    return value if isfinite(value) else None
