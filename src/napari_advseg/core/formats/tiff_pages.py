"""Which pages of a TIFF are its stack, and along which axes they lie.

A description that disagrees with the pages is left behind by programs that changed one of the two: the
pages count then, and a note says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import tifffile

from napari_advseg.core.runtime.errors import AdvSegError

from .tiff_checks import imagej_axes
from .tiff_sets import SetOfFiles, set_of

_SELF_DESCRIBED = ("ome", "shaped")
"""Kinds of series whose axes the writer declared: two of them are two images, not slices of one."""


@dataclass(frozen=True)
class StackPages:
    """The pages of one stack.

    Attributes
    ----------
    pages : tuple of TiffPage or TiffFrame
    shape : tuple of int
        With axes of length 1, as the file declares them.
    axes : str
        A letter for each.
    series : TiffPageSeries or None
        The series whose pages these are; None if they are pages of several, or of none.
    notes : tuple of str
    """

    pages: tuple[Any, ...]
    shape: tuple[int, ...]
    axes: str
    series: tifffile.TiffPageSeries | None = None
    notes: tuple[str, ...] = ()

    @property
    def page_axes(self) -> int:
        """Number of axes of a page, which are the last ones."""
        pixels, count, product = prod(self.pages[0].keyframe.shape), 0, 1
        while product < pixels:
            count += 1
            product *= self.shape[-count]
        return count

    @property
    def depth(self) -> int:
        """Number of slices."""
        return prod(n for axis, n in zip(self.axes, self.shape, strict=True) if axis not in "YXSC")


def stack_pages(tif: tifffile.TiffFile, path: Path, refusal: type[AdvSegError]) -> StackPages:
    """Find the stack of a file; thumbnails and transparency masks are left out.

    Raises
    ------
    AdvSegError
        A `refusal`, if the file holds several images, or files of its set are missing.
    """
    every = list(tif.pages)
    own = [page for page in every if not _aside(page)] or every
    found = set_of(tif, path)
    if found is not None and found.missing:
        return _without_siblings(tif, own, found, path, refusal)
    series = [one for one in tif.series if not _aside(one)] or list(tif.series)
    if len(series) > 1:
        return _pages_alike(series, own, path, refusal)
    if tif.is_imagej and series[0].kind != "imagej":  # tifffile gave its description up
        return _as_slices(own, _disagreement(imagej_axes(tif), own, path, refusal), path, refusal)
    return _one_series(series[0], own, found is not None, path, refusal)


def _aside(page: Any) -> bool:
    key = page.keyframe
    return bool(key.is_reduced or key.is_mask)


def _one_series(
    series: tifffile.TiffPageSeries,
    own: Sequence[Any],
    other_files: bool,
    path: Path,
    refusal: type[AdvSegError],
) -> StackPages:
    shape, axes = series.get_shape(squeeze=False), series.get_axes(squeeze=False)
    key = series.keyframe
    declared = prod(shape) // max(prod(key.shape), 1)
    in_one_piece = len(own) == 1 and _follow_unlisted(series, own[0])
    if declared == len(own) or other_files or in_one_piece:
        pages = tuple(series.pages) if other_files else tuple(own)
        return StackPages(pages, shape, axes, series)
    leading = [n for axis, n in zip(axes, shape, strict=True) if axis not in "YXS"]
    return _as_slices(own, _disagreement(leading, own, path, refusal), path, refusal)


def _disagreement(
    declared: Sequence[int], own: Sequence[Any], path: Path, refusal: type[AdvSegError]
) -> tuple[str, ...]:
    """The note on a description of other slices than there are.

    Raises
    ------
    AdvSegError
        A `refusal`, if it declares several axes: nothing says then which of them is wrong.
    """
    count = prod(declared)
    if count == len(own):
        return ()
    if sum(n > 1 for n in declared) > 1:
        axes = " × ".join(str(n) for n in declared if n > 1)
        raise refusal(
            f"The description of {path} declares {count} slices ({axes}) and the file holds {len(own)}: "
            "save the stack anew."
        )
    what = f"{count} {'slice' if count == 1 else 'slices'}"
    read = "all are" if len(own) > 1 else "it is"
    return (f"The description declares {what} and the file holds {len(own)}: {read} read.",)


def _follow_unlisted(series: tifffile.TiffPageSeries, page: Any) -> bool:
    """Whether slices without a directory of their own follow the only page, as ImageJ writes them."""
    if series.dataoffset is None or not page.is_final:
        return False
    declared = prod(series.shape) * series.dtype.itemsize
    return bool(series.dataoffset + declared <= page.parent.filehandle.size)


def _pages_alike(
    series: Sequence[tifffile.TiffPageSeries],
    own: Sequence[Any],
    path: Path,
    refusal: type[AdvSegError],
) -> StackPages:
    """Take series as slices of one stack, as page-wise writers and re-saved pages leave them."""
    first = series[0]
    strange = next(
        (
            one
            for one in series[1:]
            if one.keyframe.shape != first.keyframe.shape or one.dtype != first.dtype
        ),
        None,
    )
    several = [one for one in series if one.kind in _SELF_DESCRIBED and len(one.shape) > 2]
    if strange is None and not several:
        return _as_slices(own, (), path, refusal)
    other = strange if strange is not None else series[1]
    raise refusal(
        f"The file {path} holds {len(series)} images ({_kind(first)}, {_kind(other)}), "
        "which are no slices of one stack: save the stack as a file of its own."
    )


def _as_slices(
    pages: Sequence[Any], notes: tuple[str, ...], path: Path, refusal: type[AdvSegError]
) -> StackPages:
    key = pages[0].keyframe
    for page in pages:
        if page.keyframe.shape != key.shape or page.keyframe.dtype != key.dtype:
            raise refusal(
                f"The file {path} holds slices of different kinds ({_page_kind(key)}, "
                f"{_page_kind(page.keyframe)}), which are no slices of one stack: save the stack as a "
                "file of its own."
            )
    return StackPages(tuple(pages), (len(pages), *key.shape), "Z" + key.axes, None, notes)


def _without_siblings(
    tif: tifffile.TiffFile,
    own: Sequence[Any],
    found: SetOfFiles,
    path: Path,
    refusal: type[AdvSegError],
) -> StackPages:
    """Read only the file's own slices where all others of its set are missing."""
    if found.present:
        raise refusal(
            f"The file {path} is one of a set of {found.count}, of which {found.missing[0]} is missing: "
            "copy all files of the set into one folder."
        )
    slices = "slice is" if len(own) == 1 else f"{len(own)} slices are"
    note = (
        f"The file is one of a set of {found.count} whose other files are not next to it "
        f"({found.missing[0]}, …): only its own {slices} read."
    )
    return _as_slices(own, (note,), path, refusal)


def _kind(series: tifffile.TiffPageSeries) -> str:
    return f"{' × '.join(map(str, series.shape))} {series.dtype}"


def _page_kind(page: Any) -> str:
    return f"{' × '.join(map(str, page.shape))} {page.dtype}"
