"""Arrays that are read piece by piece: pages of a file, and other arrays with their axes rearranged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from math import prod
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

HELD_BYTES = 256 * 2**20
"""Pixels that have to be decoded are read at once up to this size, slice by slice beyond it."""


class LazyArray:
    """What an array has that is indexed with integers and slices; see the classes below.

    Attributes
    ----------
    shape : tuple of int
    dtype : dtype
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        found = self[()]
        return found if dtype is None else found.astype(dtype, copy=False)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Read a part; each entry of `key` is an integer, a slice or an ellipsis."""
        ranges, taken = _split(key, self.shape)
        return np.asarray(self._read(ranges)[taken])

    def _read(self, ranges: Sequence[range]) -> NDArray[Any]:
        """Read rising ranges of each axis."""
        raise NotImplementedError


class PagedArray(LazyArray):
    """Pages of a file, decoded when they are asked for; safe to read from several threads.

    Parameters
    ----------
    shape : tuple of int
        Of all pages together, the axes of a page last.
    dtype : dtype
    page_axes : int
        Number of axes of a page.
    read_page : callable
        Returns page `i`, counted in C order over the leading axes.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: DTypeLike,
        page_axes: int,
        read_page: Callable[[int], NDArray[Any]],
    ) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self._leading = len(shape) - page_axes
        self._read_page = read_page
        self._lock = Lock()

    def _read(self, ranges: Sequence[range]) -> NDArray[Any]:
        leading = ranges[: self._leading]
        inside = tuple(_as_slice(one) for one in ranges[self._leading :])
        found = np.empty([len(one) for one in ranges], self.dtype)
        places = product(*(range(len(one)) for one in leading))
        for place, index in zip(places, product(*leading), strict=True):
            number = 0
            for entry, length in zip(index, self.shape, strict=False):
                number = number * length + entry
            with self._lock:
                page = self._read_page(number)
            found[place] = page.reshape(self.shape[self._leading :])[inside]
        return found


class ArrangedArray(LazyArray):
    """An array with its axes in another order, some of them at one index, and its pixels converted.

    Parameters
    ----------
    base : array-like
        Indexed with integers and slices: numpy, h5py, zarr, `PagedArray`.
    order : sequence of int
        Axes of `base` in the new order.
    fixed : mapping of int to int, optional
        The other axes of `base`, each with the index at which it is read.
    flipped : sequence of int, optional
        New axes that run backwards.
    convert : callable, optional
        Maps read pixels to new ones of `dtype`, each by itself.
    dtype : dtype, optional
        Of the new pixels, that of `base` if not given.
    """

    def __init__(
        self,
        base: Any,
        order: Sequence[int],
        fixed: Mapping[int, int] | None = None,
        flipped: Sequence[int] = (),
        convert: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self._base, self._order = base, tuple(order)
        self._fixed = dict(fixed or {})
        self._flipped, self._convert = tuple(flipped), convert
        self.shape = tuple(int(base.shape[axis]) for axis in order)
        self.dtype = np.dtype(base.dtype if dtype is None else dtype)

    def _read(self, ranges: Sequence[range]) -> NDArray[Any]:
        where: list[Any] = [self._fixed.get(axis, 0) for axis in range(len(self._base.shape))]
        for new, (axis, asked) in enumerate(zip(self._order, ranges, strict=True)):
            where[axis] = _as_slice(self._backwards(asked, new) if new in self._flipped else asked)
        found = np.asarray(self._base[tuple(where)])
        kept = sorted(self._order)
        found = found.transpose([kept.index(axis) for axis in self._order])
        turned = tuple(slice(None, None, -1 if i in self._flipped else 1) for i in range(self.ndim))
        found = found[turned]
        return found if self._convert is None else self._convert(found)

    def _backwards(self, asked: range, axis: int) -> range:
        """Return the rising range of the base that, turned round, is `asked`."""
        if not len(asked):
            return asked
        last = self.shape[axis] - 1
        return range(last - asked[-1], last - asked[0] + 1, asked.step)


def arranged(
    base: Any,
    order: Sequence[int],
    fixed: Mapping[int, int] | None = None,
    flipped: Sequence[int] = (),
) -> Any:
    """Rearrange an array: a view of a numpy array, an `ArrangedArray` of any other."""
    fixed = fixed or {}
    if isinstance(base, np.ndarray):
        where = tuple(fixed.get(axis, slice(None)) for axis in range(base.ndim))
        kept = sorted(order)
        view = base[where].transpose([kept.index(axis) for axis in order])
        if not flipped:
            return view
        return view[tuple(slice(None, None, -1 if i in flipped else 1) for i in range(view.ndim))]
    same = not fixed and not flipped and list(order) == list(range(len(base.shape)))
    return base if same else ArrangedArray(base, order, fixed, flipped)


def converted(
    base: Any, convert: Callable[[NDArray[Any]], NDArray[Any]], dtype: DTypeLike
) -> LazyArray:
    """Convert the pixels of an array when they are read."""
    return ArrangedArray(base, range(len(base.shape)), convert=convert, dtype=dtype)


def held(data: Any) -> Any:
    """Read a lazy array at once if it is small; large ones stay lazy."""
    if isinstance(data, np.ndarray):
        return data
    nbytes = prod(data.shape) * np.dtype(data.dtype).itemsize
    return np.asarray(data[(slice(None),) * len(data.shape)]) if nbytes <= HELD_BYTES else data


def _as_slice(asked: range) -> slice:
    return slice(asked.start, asked.stop, asked.step)


def _split(key: Any, shape: tuple[int, ...]) -> tuple[list[range], tuple[Any, ...]]:
    """Rising ranges to read of each axis, and how to index what was read.

    Raises
    ------
    IndexError
        If the key has too many entries, an integer is out of range, or an entry is neither
        integer nor slice.
    """
    entries = list(key) if isinstance(key, tuple) else [key]
    if any(one is Ellipsis for one in entries):
        at = next(i for i, one in enumerate(entries) if one is Ellipsis)
        missing = len(shape) - len(entries) + 1
        entries[at : at + 1] = [slice(None)] * missing
    if len(entries) > len(shape):
        raise IndexError(f"too many indices: {len(entries)} for {len(shape)} axes")
    entries += [slice(None)] * (len(shape) - len(entries))
    ranges: list[range] = []
    taken: list[Any] = []
    for one, length in zip(entries, shape, strict=True):
        if isinstance(one, slice):
            asked = range(*one.indices(length))
            turned = asked.step < 0
            ranges.append(asked[::-1] if turned else asked)
            taken.append(slice(None, None, -1) if turned else slice(None))
        elif isinstance(one, int | np.integer):
            index = int(one) + (length if one < 0 else 0)
            if not 0 <= index < length:
                raise IndexError(f"index {one} is out of range for {length} entries")
            ranges.append(range(index, index + 1))
            taken.append(0)
        else:
            raise IndexError("only integers, slices and an ellipsis are supported")
    return ranges, tuple(taken)
