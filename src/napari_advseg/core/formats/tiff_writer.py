"""Writing a TIFF stack slice by slice: it need not fit in memory, and appears whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import tifffile
from numpy.typing import DTypeLike, NDArray

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.runtime.errors import AdvSegError, Subject, short_reason

from .tiff_tags import description

_CLASSIC_TIFF_BYTES = 3_900_000_000  # offsets of a classic TIFF have 32 bits


def open_mask_writer(
    path: str | Path,
    shape: tuple[int, int, int],
    dtype: DTypeLike,
    classes: ClassMap | None = None,
    scale: Sequence[float] | None = None,
    channels: int = 1,
    unit: str | None = None,
) -> StackWriter:
    """Write a TIFF stack that need not fit in memory; see `StackWriter`.

    Examples
    --------
    >>> with open_mask_writer("mask.tif", (2, 4, 4), "uint8") as writer:  # doctest: +SKIP
    ...     for mask in masks:
    ...         writer.write(mask)
    """
    return StackWriter(Path(path), shape, np.dtype(dtype), classes, scale, channels, unit)


class StackWriter:
    """Context manager that writes a compressed TIFF slice by slice, first to last.

    The pixels go to a hidden file beside `path`, which takes the name when the block ends. If the
    block raises, or fewer slices came than `shape` says, the hidden file is removed and what was at
    `path` before stays.

    Parameters
    ----------
    path : Path
        Where to; an existing file is replaced.
    shape : (int, int, int)
        Depth, height and width.
    dtype : dtype
        Of the pixels.
    classes : ClassMap, optional
        Written into the file.
    scale : sequence of float, optional
        Size of a voxel along Z, Y, X.
    channels : int
        More than one make axes ZCYX: each slice then comes as so many, one channel after the other.
    unit : str, optional
        Unit of `scale`, a key of `napari_advseg.core.data.voxel_size.METRES`.

    Raises
    ------
    AdvSegError
        If the file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, int, int],
        dtype: np.dtype[Any],
        classes: ClassMap | None = None,
        scale: Sequence[float] | None = None,
        channels: int = 1,
        unit: str | None = None,
    ) -> None:
        self.path, self.shape, self.dtype = path, shape, dtype
        self._pages = shape[0] * channels
        self._scale = None if scale is None else tuple(float(s) for s in scale)[-3:]
        self._description = description(shape[0], classes, self._scale, channels, unit)
        self._part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
        self._written = 0

    def __enter__(self) -> Self:
        """Open the hidden file."""
        pixel_bytes = self._pages * self.shape[1] * self.shape[2] * self.dtype.itemsize
        with self._mendable():
            self._tif = tifffile.TiffWriter(self._part, bigtiff=pixel_bytes > _CLASSIC_TIFF_BYTES)
        return self

    def write(self, mask: NDArray[Any]) -> None:
        """Write the next slice, shape (Y, X), of the writer's dtype.

        Raises
        ------
        ValueError
            If the slice has another shape or dtype, or is one too many.
        AdvSegError
            If it cannot be written, for example because the disk is full.
        """
        if mask.shape != self.shape[1:] or mask.dtype != self.dtype:
            raise ValueError(
                f"slice {self._written} is {mask.dtype} {mask.shape}, "
                f"expected {self.dtype} {self.shape[1:]}"
            )
        if self._written == self._pages:
            raise ValueError(f"all {self._pages} slices are written already")
        resolution = (
            (1.0, 1.0) if self._scale is None else (1 / self._scale[-1], 1 / self._scale[-2])
        )
        with self._mendable():
            self._tif.write(
                np.ascontiguousarray(mask),
                photometric="minisblack",
                compression="zlib",
                resolution=resolution,
                resolutionunit="NONE",
                description=self._description if self._written == 0 else None,
                metadata=None,
            )
        self._written += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the file its name, or remove it."""
        try:
            with self._mendable():
                self._tif.close()
                if kind is None and self._written == self._pages:
                    os.replace(self._part, self.path)
        finally:
            self._part.unlink(missing_ok=True)
        if kind is None and self._written < self._pages:
            raise ValueError(f"{self._written} of {self._pages} slices were written")

    @contextmanager
    def _mendable(self) -> Iterator[None]:
        """Word a refusal of the file system for a person."""
        try:
            yield
        except OSError as error:
            raise AdvSegError(
                f"The mask cannot be written to {self.path} ({short_reason(error)}): "
                "choose another folder or make room.",
                subject=Subject.MASKS,
            ) from error
