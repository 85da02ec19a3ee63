"""What the tags of a TIFF say besides its pixels: the class map and the voxel size.

A stack is written with an ImageJ description, so that Fiji shows it as one stack with its voxel
size. One more line of that description, which others skip, holds the class map as JSON:
``advseg_classes={"cell": [1], "membrane": [2]}``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tifffile

from .classes import ClassMap, SegmentationClass
from .errors import ClassMapError

_CLASSES_KEY = "advseg_classes"
_MICROMETRES = {"pm": 1e-6, "nm": 1e-3, "µm": 1.0, "um": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6}


def description(depth: int, classes: ClassMap | None, scale: tuple[float, ...] | None) -> str:
    """ImageDescription of a stack as ImageJ writes it, with the class map as one more line."""
    lines = ["ImageJ=1.54f", f"images={depth}", f"slices={depth}", "loop=false"]
    if scale is not None:
        lines.append(f"spacing={scale[0]!r}")
    if classes is not None:
        carried = json.dumps({c.name: c.values for c in classes.classes})  # ASCII, as TIFF demands
        lines.append(f"{_CLASSES_KEY}={carried}")
    return "\n".join(lines) + "\n"


def carried_classes(tif: tifffile.TiffFile, path: Path) -> ClassMap | None:
    """Class map in the description of the first page."""
    for line in tif.pages.first.description.splitlines():
        key, _, value = line.partition("=")
        if key == _CLASSES_KEY:
            try:
                return ClassMap(
                    classes=tuple(
                        SegmentationClass(name=name, values=tuple(values))
                        for name, values in json.loads(value).items()
                    )
                )
            except (ValueError, TypeError, AttributeError) as error:
                raise ClassMapError(
                    f"The class map {value!r} in {path} is damaged: "
                    "name the classes yourself, for example cell=255,membrane=0."
                ) from error
    return None


def voxel_size(tif: tifffile.TiffFile) -> tuple[float, float, float]:
    """Voxel size along Z, Y, X in the file's own unit; 1 where ImageJ and OME say nothing."""
    if tif.is_imagej:
        spacing = (tif.imagej_metadata or {}).get("spacing", 1.0)
        z = abs(float(spacing)) if isinstance(spacing, int | float) else 1.0
        y, x = (_step(tif.pages.first, tag) for tag in ("YResolution", "XResolution"))
        return z or 1.0, y, x
    if tif.is_ome:
        return _ome_voxel_size(tif.ome_metadata or "")
    return 1.0, 1.0, 1.0


def _step(page: Any, name: str) -> float:
    """Size of a pixel from a resolution tag, which counts pixels per unit."""
    tag = page.tags.get(name)
    if tag is None or not all(tag.value):
        return 1.0
    pixels, units = tag.value
    return float(units / pixels)


def _ome_voxel_size(xml: str) -> tuple[float, float, float]:
    """``PhysicalSize`` of the first image: in its own unit, or in µm if the axes' units differ."""
    found = tifffile.xml2dict(xml).get("OME", {}).get("Image", {})
    pixels = (found[0] if isinstance(found, list) else found).get("Pixels", {})
    sizes = [float(pixels.get(f"PhysicalSize{axis}", 0)) for axis in "ZYX"]
    units = [str(pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "ZYX"]
    if len({unit for unit, size in zip(units, sizes, strict=True) if size}) > 1:
        sizes = [s * _MICROMETRES.get(unit, 1.0) for s, unit in zip(sizes, units, strict=True)]
    z, y, x = (size if size > 0 else 1.0 for size in sizes)
    return z, y, x
