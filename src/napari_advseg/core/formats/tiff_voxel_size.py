"""The voxel size that a TIFF declares: ImageJ, OME, FEI, Zeiss, MetaMorph, plain resolution tags.

What is not known stays unknown: dots per inch of a printer or a drawing program are no voxel size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tifffile

from napari_advseg.core.data.voxel_size import VoxelSize, convert, known_unit, usable

_DPI = {72, 75, 90, 96, 100, 120, 144, 150, 200, 220, 240, 300, 350, 360, 400, 600, 720, 1200, 2400}
"""Dots per inch that programs write without having measured anything."""
_COARSEST_METRES = 1e-5
"""Pixels of more than 10 µm were not made by an electron microscope, but by a scanner or for print."""
_INCH, _CENTIMETRE = 2, 3  # values of ResolutionUnit

_MOST_ANISOTROPIC = 50
"""ImageJ leaves out a thickness of 1; it was not measured if it is so many times the pixel."""

Steps = tuple[float | None, float | None, float | None]
Found = tuple[VoxelSize, tuple[str, ...]]


def voxel_size(tif: tifffile.TiffFile, depth: int) -> Found:
    """Read the voxel size.

    Parameters
    ----------
    tif : TiffFile
    depth : int
        Number of slices: of one slice the thickness need not be known.

    Returns
    -------
    voxel : VoxelSize
    notes : tuple of str
        What the file says that is not enough for a voxel size.
    """
    if tif.is_ome:
        return _checked(*_ome(tif.ome_metadata or ""), depth)
    if tif.is_imagej:
        return _checked(*_imagej(tif), depth)
    for read in (_fei, _zeiss, _metamorph):
        found = _safely(read, tif)
        if found is not None:
            return _in_plane(*found, depth, "The microscope's tag says")
    side = _plain(tif.pages.first)
    return (
        (VoxelSize(), ()) if side is None else _in_plane(None, *side, "nm", depth, "The file says")
    )


def _checked(steps: Steps, units: tuple[str | None, ...], depth: int) -> Found:
    """Sizes with their units; a unit for Y and X is of no use without the thickness of the slices."""
    z, y, x = steps
    unit = units[2] or units[1]
    if (y is None) != (x is None) or (x is None and unit is not None):
        return VoxelSize(), ()
    if unit is not None and z is None:
        sized = VoxelSize.in_one_unit((y, y, x), (units[1], units[1], units[2]))
        return _in_plane(None, *sized.steps[1:], sized.unit or unit, depth, "The file says")
    return VoxelSize.in_one_unit(steps, units), ()


def _in_plane(
    z: float | None, y: float | None, x: float | None, unit: str, depth: int, who: str
) -> Found:
    """A voxel size of which the thickness of the slices may be missing."""
    if y is None or x is None:
        return VoxelSize(), ()
    if z is not None or depth == 1:
        return VoxelSize.of((y if z is None else z, y, x), unit), ()
    return VoxelSize(), (
        f"{who} {y:g} × {x:g} {unit} for a pixel and nothing of the thickness of a slice, so the voxel size "
        f"is unknown: set it, for example 50,{y:g},{x:g}{unit}.",
    )


def _safely(
    read: Callable[[tifffile.TiffFile], Any], tif: tifffile.TiffFile
) -> tuple[float | None, float | None, float | None, str] | None:
    """What a reader finds; None if its tag is not there or makes no sense: the pixels are good without."""
    try:
        found: tuple[float | None, float | None, float | None, str] | None = read(tif)
    except (LookupError, AttributeError, TypeError, ValueError, ArithmeticError):
        return None
    return found


# ---- ImageJ


def _imagej(tif: tifffile.TiffFile) -> tuple[Steps, tuple[str | None, ...]]:
    metadata, page = tif.imagej_metadata or {}, tif.pages.first
    across = known_unit(metadata.get("unit"))
    along_y, along_z = (known_unit(metadata.get(key)) or across for key in ("yunit", "zunit"))
    units = (along_z, along_y, across)
    tag = page.tags.get("ResolutionUnit")
    per = 1 if tag is None else int(tag.value)
    y, x = (_step(page, name) for name in ("YResolution", "XResolution"))
    if across is None and per in (_INCH, _CENTIMETRE):  # print resolution next to no unit
        y = x = None
    elif per == _INCH and {_pixels_per(y), _pixels_per(x)} <= _DPI:
        y = x = None  # written by a program that keeps ImageJ's description
    elif per == _CENTIMETRE and across is not None:  # as Bio-Formats writes it
        y, x = (None if s is None else convert(s, "cm", across) for s in (y, x))
        units = (along_z, across, across)
    z = usable(metadata.get("spacing"))
    if z is None and across is not None and x is not None and x * _MOST_ANISOTROPIC >= 1:
        z = 1.0
    return (z, y, x), units


def _pixels_per(step: float | None) -> float | None:
    return None if step is None else round(1 / step, 3)


def _step(page: Any, name: str) -> float | None:
    """Size of a pixel from a resolution tag, which counts pixels per unit."""
    tag = page.tags.get(name)
    try:
        pixels, units = tag.value
        return usable(units / pixels)
    except (AttributeError, TypeError, ValueError, ZeroDivisionError):  # no such tag, or no ratio
        return None


# ---- OME


def _ome(xml: str) -> tuple[Steps, tuple[str | None, ...]]:
    """``PhysicalSize`` of the first image; what cannot be understood is left out."""
    try:
        found = tifffile.xml2dict(xml)["OME"]["Image"]
        pixels = (found[0] if isinstance(found, list) else found)["Pixels"]
        z, y, x = (_positive(pixels.get(f"PhysicalSize{axis}")) for axis in "ZYX")
        units = tuple(known_unit(pixels.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "ZYX")
    except (LookupError, AttributeError, TypeError, ValueError, SyntaxError):
        return (None, None, None), (None, None, None)
    return (z, y, x), units


def _positive(text: Any) -> float | None:
    size = usable(text)
    return None if size is None or float(text) < 0 else size


# ---- microscopes


def _fei(tif: tifffile.TiffFile) -> tuple[float | None, float | None, float | None, str] | None:
    found = tif.fei_metadata
    if not found:
        return None
    scan = found.get("Scan") or found.get("EScan") or found["IScan"]
    y, x = (_nanometres(scan[name]) for name in ("PixelHeight", "PixelWidth"))
    return None, y, x, "nm"


def _zeiss(tif: tifffile.TiffFile) -> tuple[float | None, float | None, float | None, str] | None:
    found = tif.sem_metadata
    if not found:
        return None
    _, size, unit = (
        found["ap_image_pixel_size"] if "ap_image_pixel_size" in found else found["ap_pixel_size"]
    )
    named = known_unit(unit)
    side = None if named is None else usable(convert(float(size), named, "nm"))
    return None, side, side, "nm"


def _metamorph(
    tif: tifffile.TiffFile,
) -> tuple[float | None, float | None, float | None, str] | None:
    found = tif.stk_metadata
    if not found:
        return None
    unit = known_unit(found.get("CalibrationUnits"))
    if unit is None or not found.get("SpatialCalibration", True):
        return None
    distances = found.get("ZDistance")
    z = usable(distances[0]) if distances is not None and len(distances) else None
    return z, usable(found["YCalibration"]), usable(found["XCalibration"]), unit


def _plain(page: Any) -> tuple[float, float] | None:
    """Height and width of a pixel in nm from resolution tags in pixels per cm; None if they are not."""
    tag = page.tags.get("ResolutionUnit")
    y, x = (_step(page, name) for name in ("YResolution", "XResolution"))
    if tag is None or tag.value != _CENTIMETRE or y is None or x is None:
        return None
    if max(y, x) * 1e-2 > _COARSEST_METRES:
        return None
    return convert(y, "cm", "nm"), convert(x, "cm", "nm")


def _nanometres(metres: Any) -> float | None:
    size = usable(metres)
    return None if size is None else usable(float(f"{size * 1e9:.9g}"))
