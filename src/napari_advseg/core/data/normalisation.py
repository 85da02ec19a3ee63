"""Normalisation of grey values by the statistics of the stack."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf, isclose, isfinite, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.config.settings import NormalisationKind
from napari_advseg.core.runtime.errors import ImageError

from .grey_distribution import quantiles_of
from .padding import padding_of, without_data
from .stack import EMStack

_LARGEST = 1e30
"""Grey values from here on would leave float32 when they are normalised."""


_LEAST_DEVIATION = 1e-30
"""A smaller standard deviation has no room in float32."""


FENCE = 10.0
"""Grey values further from the middle 98 % than this many times their range are outliers: hot pixels."""
_SAMPLE = 30_000
"""Pixels of a stack from which the fence is found, about."""


@dataclass(frozen=True)
class Normalisation:
    """Grey values to zero mean and unit variance, by the stack's own statistics.

    What is no tissue (see `padding`) and outliers are left out of the statistics. Without any they are those of
    all pixels, to the bit.

    Attributes
    ----------
    mean, std : float
        Of the grey values of the tissue.
    low, high : float
        Grey values beyond are outliers and become these; infinite where the stack holds none.
    padding_share : float
        Share of the stack's pixels that are no tissue, 0 to 1; they become 0.
    nodata : float or None
        Value that the stack names as no data.
    quantiles : tuple of float
        Of normalised tissue; see `grey_distribution`.
    by_slice : bool
        Whether each slice has a mean and a standard deviation of its own; `mean` and `std` are then for
        slices without contrast.
    flat : bool
        Whether the image is made of plain areas, so that these are no padding.
    """

    mean: float
    std: float
    low: float = -inf
    high: float = inf
    padding_share: float = 0.0
    nodata: float | None = None
    flat: bool = False
    quantiles: tuple[float, ...] = ()
    by_slice: bool = False

    @classmethod
    def of(cls, stack: EMStack, *, by_slice: bool = False) -> Normalisation:
        """Measure a stack of one channel, one slice at a time, in float64.

        With `by_slice` each slice is then normalised by its own statistics.

        Raises
        ------
        ImageError
            If a slice holds infinite values, or all values are the same.
        """
        found = _Statistics(stack)
        found.measure()
        if not found.contrast:  # an image of plain areas: what looks like padding is all there is
            found = _Statistics(stack, flat=True)
            found.measure()
        fence = found.fence()
        if found.lowest < fence[0] or found.highest > fence[1]:
            found = _Statistics(stack, *fence, flat=found.flat)
            found.measure()
        return replace(found.normalisation(), by_slice=by_slice)

    def __call__(self, grey: NDArray[Any]) -> NDArray[np.float32]:
        """Normalise grey values, shape (Y, X): a whole slice, because padding is found by its shape."""
        padding = self.padding(grey)
        if isfinite(self.low) or isfinite(self.high):
            grey = np.clip(grey, self.low, self.high)
        mean, std = self._of_slice(grey, padding) if self.by_slice else (self.mean, self.std)
        normal = ((grey - mean) / std).astype(np.float32)
        if padding is not None:
            normal[padding] = 0.0
        return normal

    def _of_slice(
        self, grey: NDArray[Any], padding: NDArray[np.bool_] | None
    ) -> tuple[float, float]:
        tissue = grey if padding is None else grey[~padding]
        if not tissue.size or tissue.min() == tissue.max():
            return self.mean, self.std
        return float(tissue.mean(dtype=np.float64)), float(tissue.std(dtype=np.float64))

    @property
    def padded(self) -> bool:
        """Whether the stack holds pixels that are no tissue."""
        return self.padding_share > 0

    def padding(self, grey: NDArray[Any]) -> NDArray[np.bool_] | None:
        """Pixels of a slice that are no tissue; None if there are none."""
        if not self.padded:
            return None
        raw = np.asarray(grey, np.float32)
        return without_data(raw, self.nodata) if self.flat else padding_of(raw, self.nodata)

    def numbers(self) -> dict[str, Any]:
        """What `alike` compares, as plain values."""
        return {"mean": self.mean, "std": self.std}


class _Statistics:
    """Sums over the tissue of a stack, grey values beyond a fence left out."""

    def __init__(
        self, stack: EMStack, low: float = -inf, high: float = inf, *, flat: bool = False
    ) -> None:
        self.flat = flat
        self._stack, self._low, self._high = stack, low, high
        self._count, self._total, self._squares = 0, 0.0, 0.0
        self._offset: float | None = None
        self._padded = 0
        self._samples: list[NDArray[np.float32]] = []
        self.lowest, self.highest = inf, -inf
        self._step = max(1, prod(stack.shape) // _SAMPLE)

    def measure(self) -> None:
        for z in range(self._stack.shape[0]):
            raw = self._stack.slice(z)
            self._check(z, raw)
            padding = (
                without_data(raw, self._stack.nodata)
                if self.flat
                else padding_of(raw, self._stack.nodata)
            )
            if padding is not None:
                self._padded += int(padding.sum())
                raw = raw[~padding]
            self._add(raw)

    def _check(self, z: int, raw: NDArray[np.float32]) -> None:
        with np.errstate(invalid="ignore"):
            low, high = float(raw.min()), float(raw.max())  # NaN if there is one
        if low == low and high == high and low > -_LARGEST and high < _LARGEST:
            return
        strange = np.isinf(raw) | (np.abs(raw) >= _LARGEST)
        if strange.any():
            raise ImageError(_not_finite_sentence(self._stack, z, raw))

    def _add(self, raw: NDArray[np.float32]) -> None:
        if not raw.size:
            return
        self._samples.append(raw.ravel()[:: self._step].copy())
        self.lowest = min(self.lowest, float(raw.min()))
        self.highest = max(self.highest, float(raw.max()))
        if isfinite(self._low) or isfinite(self._high):
            raw = raw[(raw >= self._low) & (raw <= self._high)]
            if not raw.size:
                return
        if self._offset is None:  # taken off first, it keeps the sum of squares well conditioned
            self._offset = float(raw.mean(dtype=np.float64))
        grey = raw.astype(np.float64)
        grey -= self._offset
        self._count += grey.size
        self._total += float(grey.sum())
        self._squares += float(np.square(grey).sum())

    @property
    def contrast(self) -> bool:
        """Whether there are different grey values."""
        return self.lowest < self.highest

    def fence(self) -> tuple[float, float]:
        """Grey values beyond which there are outliers only."""
        if not self._samples:
            return -inf, inf
        first, last = np.quantile(np.concatenate(self._samples), (0.01, 0.99))
        width = float(last - first)
        if not width:
            return -inf, inf
        return float(first) - FENCE * width, float(last) + FENCE * width

    def normalisation(self) -> Normalisation:
        """Mean and standard deviation, if there is contrast."""
        if self._offset is None or not self._count:
            raise ImageError("No pixel of the image holds data: choose another image.")
        if self.lowest == self.highest:
            raise ImageError(
                f"Every pixel of the image is {self.lowest:g}: choose an image with contrast."
            )
        variance = self._squares / self._count - (self._total / self._count) ** 2
        if variance < _LEAST_DEVIATION**2:
            raise ImageError(
                f"The grey values of the image, {self.lowest:g} to {self.highest:g}, hardly differ: "
                "choose an image with contrast."
            )
        mean, std = self._offset + self._total / self._count, float(np.sqrt(variance))
        sample = np.concatenate(self._samples)
        inside = sample[(sample >= self._low) & (sample <= self._high)]
        return Normalisation(
            mean,
            std,
            self._low if self.lowest < self._low else -inf,
            self._high if self.highest > self._high else inf,
            self._padded / prod(self._stack.shape),
            self._stack.nodata,
            self.flat,
            quantiles_of((inside - mean) / std) if inside.size else (),
        )


@dataclass(frozen=True)
class ChannelNormalisation:
    """`Normalisation` of each channel by its own statistics."""

    each: tuple[Normalisation, ...]

    @classmethod
    def of(cls, stack: EMStack, *, by_slice: bool = False) -> ChannelNormalisation:
        """Measure every channel.

        Raises
        ------
        ImageError
            As `Normalisation.of` does, with the number of the channel.
        """
        found = []
        for number, data in enumerate((stack.data, *stack.further), start=1):
            try:
                one = replace(stack, data=data, further=())
                found.append(Normalisation.of(one, by_slice=by_slice))
            except ImageError as error:
                raise ImageError(f"Channel {number}: {error}") from error
        return cls(tuple(found))

    def __call__(self, planes: NDArray[Any]) -> NDArray[np.float32]:
        """Normalise (C, Y, X)."""
        return np.stack([one(plane) for one, plane in zip(self.each, planes, strict=True)])

    def padding(self, planes: NDArray[Any]) -> NDArray[np.bool_] | None:
        """Pixels of a slice (C, Y, X) that are no tissue in any channel, shape (Y, X); None without any."""
        found = [one.padding(plane) for one, plane in zip(self.each, planes, strict=True)]
        known = [one for one in found if one is not None]
        return np.logical_and.reduce(known) if len(known) == len(found) else None

    @property
    def padding_share(self) -> float:
        """The least share of a channel that is no tissue."""
        return min(one.padding_share for one in self.each)

    @property
    def padded(self) -> bool:
        """Whether every channel holds pixels that are no tissue."""
        return all(one.padded for one in self.each)

    def numbers(self) -> dict[str, Any]:
        """What `alike` compares, as plain values: a list with an entry for each channel."""
        return {name: [one.numbers()[name] for one in self.each] for name in ("mean", "std")}


AnyNormalisation = Normalisation | ChannelNormalisation


def normalisation_of(stack: EMStack, kind: NormalisationKind = "stack") -> AnyNormalisation:
    """Measure a stack of one or several channels, for `RunSettings.normalisation`.

    Raises
    ------
    ImageError
        As `Normalisation.of` does.
    """
    by_slice = kind == "slice"
    if stack.channels == 1:
        return Normalisation.of(stack, by_slice=by_slice)
    return ChannelNormalisation.of(stack, by_slice=by_slice)


def quantiles_by_channel(normalisation: AnyNormalisation) -> list[tuple[float, ...]]:
    """Quantiles of the normalised tissue of each channel."""
    each = (
        normalisation.each if isinstance(normalisation, ChannelNormalisation) else (normalisation,)
    )
    return [one.quantiles for one in each]


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
    bad = int((np.abs(raw) >= _LARGEST).sum())
    strange = int(np.isinf(np.asarray(stack.data[z])).sum())
    number, kind = (strange, "infinite") if strange else (bad, f"huge (beyond {_LARGEST:g})")
    values, them = ("value", "it") if number == 1 else ("values", "them")
    return f"Slice {z} holds {number} {kind} {values}: replace {them} before training."


def padding_sentence(name: str, normalisation: AnyNormalisation) -> str:
    """What to say of a stack that partly shows no tissue; empty if all of it does."""
    share = normalisation.padding_share
    if not share:
        return ""
    much = f"{100 * share:.0f} %" if share >= 0.01 else "Less than 1 %"
    return f"{much} of {name} shows no tissue (frames, empty slices, no data) and is left out."
