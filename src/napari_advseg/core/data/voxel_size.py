"""Voxel sizes with their unit: parsing, conversion, and the names that files and viewers use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from napari_advseg.core.runtime.errors import ImageError

METRES = {
    "pm": 1e-12,
    "Å": 1e-10,
    "nm": 1e-9,
    "µm": 1e-6,
    "mm": 1e-3,
    "cm": 1e-2,
    "m": 1.0,
}
"""Length of each known unit in metres."""
NAMES = {
    "pm": "picometer",
    "Å": "angstrom",
    "nm": "nanometer",
    "µm": "micrometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
}
"""Name of each known unit in OME-NGFF, which napari also understands."""

_SPELLINGS = {
    **{unit.casefold(): unit for unit in METRES},
    **{name: unit for unit, name in NAMES.items()},
    **{name.replace("meter", "metre"): unit for unit, name in NAMES.items()},
    **{"a": "Å", "ang": "Å", "um": "µm", "micron": "µm"},
}
_UNKNOWN = 1.0


@dataclass(frozen=True)
class VoxelSize:
    """Size of a voxel along Z, Y, X.

    Attributes
    ----------
    steps : (float, float, float)
        Positive; 1 along an axis of unknown size.
    unit : str or None
        A key of `METRES`; None if the unit is unknown.
    """

    steps: tuple[float, float, float] = (_UNKNOWN, _UNKNOWN, _UNKNOWN)
    unit: str | None = None

    @classmethod
    def of(cls, steps: Sequence[Any], unit: str | None = None) -> VoxelSize:
        """Build from any numbers; what is not a positive size becomes unknown."""
        z, y, x = (usable(step) or _UNKNOWN for step in steps)
        return cls((z, y, x), unit)

    @classmethod
    def in_one_unit(cls, steps: Sequence[Any], units: Sequence[str | None]) -> VoxelSize:
        """Build from sizes whose units may differ; then all are in µm.

        An axis without a unit has that of the axes that have one.
        """
        sized = [unit for unit, step in zip(units, steps, strict=True) if usable(step)]
        known = [unit for unit in sized if unit]
        if not known:
            return cls.of(steps)
        if all(unit == known[0] for unit in sized):
            return cls.of(steps, known[0])
        lengths = [
            None if usable(step) is None else convert(float(step), unit or known[0], "µm")
            for step, unit in zip(steps, units, strict=True)
        ]
        return cls.of(lengths, "µm")

    def __str__(self) -> str:
        z, y, x = self.steps
        return f"{z:g}, {y:g}, {x:g}" + (f" {self.unit}" if self.unit else "")


UNKNOWN_VOXEL = VoxelSize()
"""Of an image whose file says nothing."""


def usable(step: Any) -> float | None:
    """Return a size as a positive float; None if it is not one."""
    try:
        size = abs(float(step))
    except (TypeError, ValueError, OverflowError):
        return None
    return size if isfinite(size) and size > 0 else None


def convert(length: float, unit: str, to: str) -> float:
    """Convert a length; both units are keys of `METRES`."""
    factor = METRES[unit] / METRES[to]
    return length * round(factor) if factor >= 1 else length / round(1 / factor)


def known_unit(text: Any) -> str | None:
    """Return the unit that a file or a user names: ``um``, ``micron``, ``nanometers``, ImageJ's escapes.

    Returns
    -------
    str or None
        A key of `METRES`; None for ``pixel``, an empty text and anything else.
    """
    word = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), str(text or ""))
    word = word.strip().replace("\u212b", "Å")
    if word == "Mm":  # a megametre is not a millimetre
        return None
    word = word.casefold()
    return _SPELLINGS.get(word) or _SPELLINGS.get(word[:-1] if len(word) > 3 else "")


def parse_voxel_size(text: str) -> VoxelSize:
    """Read ``Z,Y,X`` with a unit, such as ``50,4,4nm``, or one number for all axes.

    Raises
    ------
    ImageError
        If the text is not of that form.
    """
    found = re.fullmatch(r"\s*([0-9eE.,+\-\s]*[0-9.])\s*([^\W\d_]*)\s*", text)
    unit = known_unit(found[2]) if found else None
    steps = [usable(part) for part in found[1].split(",")] if found else []
    if len(steps) == 1:
        steps *= 3
    if len(steps) != 3 or None in steps or unit is None:
        raise ImageError(
            f"The voxel size {text!r} is not of the form Z,Y,X with a unit: write for example 50,4,4nm "
            f"(units: {', '.join(METRES)})."
        )
    return VoxelSize.of(steps, unit)
