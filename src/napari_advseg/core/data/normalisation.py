"""Normalisation of grey values by the statistics of the stack."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isclose
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.runtime.errors import ImageError

from .stack import EMStack

_LARGEST = 1e30
"""Grey values from here on would leave float32 when they are normalised."""


_LEAST_DEVIATION = 1e-30
"""A smaller standard deviation has no room in float32."""


@dataclass(frozen=True)
class Normalisation:
    """Grey values to zero mean and unit variance, by the stack's own statistics.

    Attributes
    ----------
    mean, std : float
        Of all grey values of the stack.
    """

    mean: float
    std: float

    @classmethod
    def of(cls, stack: EMStack) -> Normalisation:
        """Measure a stack of one channel, one slice at a time, in float64.

        Raises
        ------
        ImageError
            If a slice holds NaN or infinite values, or all values are the same.
        """
        count, total, squares = 0, 0.0, 0.0
        offset, lowest, highest = 0.0, np.inf, -np.inf
        for z in range(stack.shape[0]):
            raw = stack.slice(z)
            with np.errstate(invalid="ignore"):
                low, high = float(raw.min()), float(raw.max())  # NaN if there is one
            if not (low > -_LARGEST and high < _LARGEST):  # also if NaN
                raise ImageError(_not_finite_sentence(stack, z, raw))
            lowest, highest = min(lowest, low), max(highest, high)
            if z == 0:  # taken off first, it keeps the sum of squares well conditioned
                offset = float(raw.mean(dtype=np.float64))
            grey = raw.astype(np.float64)
            grey -= offset
            count += grey.size
            total += float(grey.sum())
            squares += float(np.square(grey).sum())
        if lowest == highest:
            raise ImageError(
                f"Every pixel of the image is {lowest:g}: choose an image with contrast."
            )
        variance = squares / count - (total / count) ** 2
        if variance < _LEAST_DEVIATION**2:
            raise ImageError(
                f"The grey values of the image, {lowest:g} to {highest:g}, hardly differ: "
                "choose an image with contrast."
            )
        return cls(offset + total / count, float(np.sqrt(variance)))

    def __call__(self, grey: NDArray[Any]) -> NDArray[np.float32]:
        """Normalise grey values of any shape."""
        return ((grey - self.mean) / self.std).astype(np.float32)

    def numbers(self) -> dict[str, Any]:
        """What `alike` compares, as plain values."""
        return {"mean": self.mean, "std": self.std}


@dataclass(frozen=True)
class ChannelNormalisation:
    """`Normalisation` of each channel by its own statistics."""

    each: tuple[Normalisation, ...]

    @classmethod
    def of(cls, stack: EMStack) -> ChannelNormalisation:
        """Measure every channel.

        Raises
        ------
        ImageError
            As `Normalisation.of` does, with the number of the channel.
        """
        found = []
        for number, data in enumerate((stack.data, *stack.further), start=1):
            try:
                found.append(Normalisation.of(replace(stack, data=data, further=())))
            except ImageError as error:
                raise ImageError(f"Channel {number}: {error}") from error
        return cls(tuple(found))

    def __call__(self, planes: NDArray[Any]) -> NDArray[np.float32]:
        """Normalise (C, Y, X)."""
        return np.stack([one(plane) for one, plane in zip(self.each, planes, strict=True)])

    def numbers(self) -> dict[str, Any]:
        """What `alike` compares, as plain values: a list with an entry for each channel."""
        return {name: [one.numbers()[name] for one in self.each] for name in ("mean", "std")}


AnyNormalisation = Normalisation | ChannelNormalisation


def normalisation_of(stack: EMStack) -> AnyNormalisation:
    """Measure a stack of one or several channels.

    Raises
    ------
    ImageError
        As `Normalisation.of` does.
    """
    return Normalisation.of(stack) if stack.channels == 1 else ChannelNormalisation.of(stack)


def alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two normalisations are those of the same image."""
    found, kept = (
        [float(v) for name in ("mean", "std") for v in _listed(numbers[name])]
        for numbers in (one, other)
    )
    return len(found) == len(kept) and all(map(isclose, found, kept))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _not_finite_sentence(stack: EMStack, z: int, raw: NDArray[np.float32]) -> str:
    """How many values of slice `z` no network can take, and why."""
    bad = int(raw.size - (np.abs(raw) < _LARGEST).sum())
    strange = int(raw.size - np.isfinite(np.asarray(stack.data[z])).sum())
    what = f"{strange} NaN or infinite" if strange else f"{bad} huge (beyond {_LARGEST:g})"
    return f"Slice {z} holds {what} values: replace them before training."
