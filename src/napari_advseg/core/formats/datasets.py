"""Choosing a dataset of a file that holds several, and naming its axes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_advseg.core.runtime.errors import AdvSegError, several_datasets

from .opened_image import Purpose

_IMAGE_DTYPES = ("uint8", "uint16", "int16", "int8", "float16", "float32", "float64", "uint32")
_LABEL_WORDS = re.compile(
    r"label|annot|seg|mask|truth|\bgt\b|ids?\b|cleft|class|predict", re.IGNORECASE
)
_MOST_SHOWN = 8
_FEW_CHANNELS = 4
_DEFAULT_AXES = {2: "YX", 3: "ZYX", 5: "TZYXC"}


@dataclass(frozen=True)
class Dataset:
    """A dataset of a file, without its pixels."""

    name: str
    shape: tuple[int, ...]
    dtype: Any

    @property
    def is_image(self) -> bool:
        """Whether it could be shown: at least two axes of more than a pixel, numbers."""
        return np.dtype(self.dtype).kind in "uifb" and sum(n > 1 for n in self.shape) >= 2


def chosen(
    found: Sequence[Dataset], purpose: Purpose, path: Path, refusal: type[AdvSegError]
) -> Dataset:
    """The one dataset that fits.

    Raises
    ------
    AdvSegError
        A `refusal`, if there is none; a `SeveralDatasets` if there are several.
    """
    images = [one for one in found if one.is_image]
    if not images:
        raise refusal(f"The file {path} holds no image: choose another file.")
    if len(images) == 1:
        return images[0]
    fitting = [one for one in images if _fits(one, purpose)]
    named = [one for one in fitting if bool(_LABEL_WORDS.search(one.name)) == (purpose == "labels")]
    for some in (fitting, named):
        if len(some) == 1:
            return some[0]
    shown = ", ".join(one.name for one in (fitting or images)[:_MOST_SHOWN])
    more = ", …" if len(fitting or images) > _MOST_SHOWN else ""
    names = tuple(one.name for one in images)
    raise several_datasets(
        refusal,
        f"The file {path} holds several datasets ({shown}{more}): add the name to the path, "
        f"for example {path}/{(fitting or images)[0].name}.",
        names,
    )


def _fits(dataset: Dataset, purpose: Purpose) -> bool:
    dtype = np.dtype(dataset.dtype)
    return dtype.kind in "uib" if purpose == "labels" else dtype.name in _IMAGE_DTYPES


def guessed_axes(shape: Sequence[int]) -> str:
    """Axes of a dataset that names none: ZYX, with channels where an outer axis is short."""
    if len(shape) == 4:
        if shape[-1] <= _FEW_CHANNELS:
            return "ZYXC"
        return "CZYX" if shape[0] <= _FEW_CHANNELS else "TZYX"
    return _DEFAULT_AXES.get(len(shape), "ABDEFGHIJKLMNOP"[: max(len(shape) - 3, 0)] + "ZYX")


def letters(names: Sequence[Any], ndim: int) -> str | None:
    """Axes from the names that a file gives them; None if they are not one for each, or not distinct."""
    found = "".join(str(name or "?")[:1].upper() for name in names)
    usable = len(found) == ndim and "?" not in found and len(set(found)) == ndim
    return found if usable and "X" in found and "Y" in found else None
