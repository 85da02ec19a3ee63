"""What the tags of a TIFF say besides its pixels: the class map and the voxel size.

A stack is written with an ImageJ description, so that Fiji shows it as one stack with its voxel
size. One more line of that description, which others skip, holds the class map as JSON:
``advseg_classes={"cell": [1], "membrane": [2]}``.
"""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path
from typing import Any

import tifffile

from napari_advseg.core.config.classes import ClassMap, SegmentationClass
from napari_advseg.core.runtime.errors import AdvSegError, ClassMapError

_CLASSES_KEY = "advseg_classes"
_LARGEST_LABEL = 2**31 - 1
_LONGEST_SHOWN = 80
_MICROMETRES = {"pm": 1e-6, "nm": 1e-3, "µm": 1.0, "um": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6}


def description(
    depth: int, classes: ClassMap | None, scale: tuple[float, ...] | None, channels: int = 1
) -> str:
    """ImageDescription of a stack as ImageJ writes it, with the class map as one more line."""
    several = [f"channels={channels}", "hyperstack=true"] if channels > 1 else []
    lines = ["ImageJ=1.54f", f"images={depth * channels}", *several]
    lines += [f"slices={depth}", "loop=false"]
    if scale is not None:
        lines.append(f"spacing={scale[0]!r}")
    if classes is not None:
        values = {c.name: [*c.values, *c.derived] for c in classes.classes}
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
    ]
    return ClassMap(classes=tuple(classes))


def voxel_size(tif: tifffile.TiffFile) -> tuple[float, float, float]:
    """Voxel size along Z, Y, X in the file's own unit; 1 where ImageJ and OME say nothing usable."""
    if tif.is_imagej:
        spacing = (tif.imagej_metadata or {}).get("spacing", 1.0)
        z = abs(float(spacing)) if isinstance(spacing, int | float) else 1.0
        y, x = (_step(tif.pages.first, tag) for tag in ("YResolution", "XResolution"))
        return _usable(z), y, x
    if tif.is_ome:
        return _ome_voxel_size(tif.ome_metadata or "")
    return 1.0, 1.0, 1.0


def _usable(size: float) -> float:
    return size if isfinite(size) and size > 0 else 1.0


def _step(page: Any, name: str) -> float:
    """Size of a pixel from a resolution tag, which counts pixels per unit."""
    tag = page.tags.get(name)
    try:
        pixels, units = tag.value
        return _usable(float(units / pixels))
    except (AttributeError, TypeError, ValueError, ZeroDivisionError):  # no such tag, or no ratio
        return 1.0


def _ome_voxel_size(xml: str) -> tuple[float, float, float]:
    """``PhysicalSize`` of the first image: in its own unit, or in µm if the axes' units differ.

    What cannot be understood is left out: the pixels are good without it.
    """
    try:
        found = tifffile.xml2dict(xml)["OME"]["Image"]
        pixels = (found[0] if isinstance(found, list) else found)["Pixels"]
        sizes = [float(pixels.get(f"PhysicalSize{axis}", 0)) for axis in "ZYX"]
    except (LookupError, AttributeError, TypeError, ValueError, SyntaxError):
        return 1.0, 1.0, 1.0
    units = [str(pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "ZYX"]
    if len({unit for unit, size in zip(units, sizes, strict=True) if size}) > 1:
        sizes = [s * _MICROMETRES.get(unit, 1.0) for s, unit in zip(sizes, units, strict=True)]
    z, y, x = map(_usable, sizes)
    return z, y, x
