"""Image files in and out: grey stacks lazily, annotations and masks with the classes they carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.voxel_size import VoxelSize
from napari_advseg.core.runtime.errors import AnnotationError, ImageError

from .grey_stack import grey_stack
from .label_values import label_values
from .registry import carried_class_map, open_image
from .tiff_writer import StackWriter, open_mask_writer

__all__ = [
    "ISBI2012_VOXEL_NM",
    "LabelFile",
    "StackWriter",
    "open_mask_writer",
    "read_annotation",
    "read_class_map",
    "read_isbi2012",
    "read_label_file",
    "read_labels",
    "read_mask",
    "read_stack",
    "write_labels",
]

ISBI2012_VOXEL_NM = (50.0, 4.0, 4.0)
"""Size of a voxel of the ISBI 2012 challenge along Z, Y, X in nanometres."""


def read_stack(
    path: str | Path, *, channel_axis: int | None = None, voxel_size: VoxelSize | None = None
) -> EMStack:
    """Open an image file of any supported format as a stack.

    Pixels stay in the file where the format allows it. Axes of length 1 are dropped; what is left
    besides Y and X is taken as Z, be it called Z, T or anything but colour.

    Parameters
    ----------
    path : str or Path
        A 2D or 3D grey image of uint8, uint16, int16 or float, of either byte order; with channels, 3D or
        4D. The dataset of a file that holds several follows its name: ``stack.h5/volumes/raw``.
    channel_axis : int, optional
        Axis that counts the channels, among the file's axes with or without those of length 1:
        0 is the first, -1 the last. None for a grey file.
    voxel_size : VoxelSize, optional
        In place of the one that the file declares.

    Returns
    -------
    EMStack
        Axes ZYX, with the voxel size and unit of the file, or else 1 without a unit.

    Raises
    ------
    ImageError
        If there is no such file, it cannot be read, or it holds no grey stack.
    """
    path = Path(path)
    opened = open_image(path, "image", ImageError)
    try:
        stack = grey_stack(opened, path, channel_axis)
    except ImageError as error:
        if str(path) in str(error):
            raise
        raise ImageError(f"{path}: {error}") from error
    return stack if voxel_size is None else stack.with_voxel_size(voxel_size)


@dataclass(frozen=True)
class LabelFile:
    """A file of labels.

    Attributes
    ----------
    labels : ndarray of integers, shape (Z, Y, X)
        Annotation values; a bool file yields uint8 0 and 1, a colour 0xRRGGBB.
    classes : ClassMap or None
        The class map that the file carries.
    voxel_size : VoxelSize
    notes : tuple of str
        What was decided about the file, a sentence each.
    """

    labels: NDArray[Any]
    classes: ClassMap | None
    voxel_size: VoxelSize
    notes: tuple[str, ...]


def read_label_file(path: str | Path) -> LabelFile:
    """Load a file of labels of any supported format.

    Raises
    ------
    AnnotationError
        If there is no such file, it cannot be read, or it holds no stack of whole numbers.
    ClassMapError
        If the class map that the file carries is damaged.
    """
    path = Path(path)
    opened = open_image(path, "labels", AnnotationError)
    labels, notes = label_values(opened, path)
    return LabelFile(labels, opened.classes, opened.voxel, notes)


def read_labels(path: str | Path) -> tuple[NDArray[Any], ClassMap | None]:
    """Load the labels of a file and the class map that it carries; see `read_label_file`."""
    found = read_label_file(path)
    return found.labels, found.classes


def read_mask(path: str | Path) -> Any:
    """Open a mask: label values of any kind of file of labels, or a probability map.

    Returns
    -------
    array-like, shape (Z, Y, X)
        Integers; or floats, which may be lazy, unless they are whole numbers of which one is above 1.

    Raises
    ------
    AdvSegError
        If there is no such file, or it holds neither.
    """
    path = Path(path)
    if np.dtype(open_image(path, "labels", AnnotationError).data.dtype).kind == "f":
        data = read_stack(path).data
        slices = [np.asarray(data[z]) for z in range(len(data))]
        if not any((one > 1).any() for one in slices) or any(
            np.mod(one, 1).any() for one in slices
        ):
            return data
    return read_label_file(path).labels


def read_annotation(
    path: str | Path, classes: ClassMap | None = None, *, zero_slices: bool = False
) -> Annotation:
    """Load a file of labels as an annotation.

    Parameters
    ----------
    path : str or Path
        A file of labels.
    classes : ClassMap, optional
        What the labels mean; without it the map that the file carries decides, and without that
        `Annotation.from_labels` infers it.
    zero_slices : bool
        As for `Annotation.from_labels`.

    Raises
    ------
    AnnotationError, ClassMapError
        As `read_labels` and `Annotation.from_labels` do.
    """
    found = read_label_file(path)
    told = classes if classes is not None else found.classes
    annotation = Annotation.from_labels(found.labels, told, zero_slices=zero_slices)
    return replace(annotation, notes=(*found.notes, *annotation.notes))


def read_class_map(path: str | Path) -> ClassMap | None:
    """Class map that a file carries, or None; reads no pixels.

    Raises
    ------
    AnnotationError
        If there is no such file or it cannot be read.
    ClassMapError
        If the class map is damaged.
    """
    return carried_class_map(Path(path))


def read_isbi2012(folder: str | Path) -> tuple[EMStack, NDArray[Any] | None]:
    """Open the ISBI 2012 challenge's own files.

    Parameters
    ----------
    folder : str or Path
        Holds ``train-volume.tif`` and, with it, ``train-labels.tif``; or else ``test-volume.tif``.

    Returns
    -------
    stack : EMStack
        The training volume if it is there, otherwise the test volume; voxels of 50 × 4 × 4 nm.
    labels : ndarray of integers, shape (Z, Y, X), or None
        255 cell, 0 membrane; None if the labels are not there.

    Raises
    ------
    ImageError
        If neither volume is in the folder.
    AnnotationError
        If the labels do not fit the volume.
    """
    folder = Path(folder)
    train, test = folder / "train-volume.tif", folder / "test-volume.tif"
    if not train.is_file() and not test.is_file():
        raise ImageError(
            f"The folder {folder} holds no train-volume.tif: choose the folder with the "
            "challenge's own train-volume.tif and train-labels.tif."
        )
    stack = read_stack(train if train.is_file() else test)
    name = f"ISBI 2012 {stack.name}"
    stack = EMStack(stack.data, name, stack.source, ISBI2012_VOXEL_NM, unit="nm")
    found = folder / "train-labels.tif"
    if not train.is_file() or not found.is_file():
        return stack, None
    labels, _ = read_labels(found)
    if labels.shape != stack.shape:
        raise AnnotationError(
            f"The labels {found} have shape {labels.shape} and the volume {stack.shape}: "
            "choose a folder whose two files belong together."
        )
    return stack, labels


def write_labels(
    path: str | Path,
    labels: NDArray[Any],
    classes: ClassMap | None,
    *,
    scale: Sequence[float] | None = None,
    unit: str | None = None,
) -> None:
    """Write annotation values as a compressed TIFF that carries its class map.

    The file appears under its name only when it is whole.

    Parameters
    ----------
    path : str or Path
        Where to; an existing file is replaced.
    labels : ndarray of integers or bool, shape (Z, Y, X) or (Y, X)
        Written as uint8 where the values fit, else in the narrowest type that holds them.
    classes : ClassMap or None
        What the labels mean; None if nothing says it.
    scale : (float, float, float), optional
        Size of a voxel along Z, Y, X.
    unit : str, optional
        Unit of `scale`, a key of `napari_advseg.core.data.voxel_size.METRES`.

    Raises
    ------
    AnnotationError
        If the array is no stack of integers.
    AdvSegError
        If the file cannot be written.
    """
    labels = np.asarray(labels)
    if labels.ndim not in (2, 3) or labels.dtype.kind not in "uib" or not labels.size:
        raise AnnotationError(
            f"The labels are {labels.dtype} of shape {labels.shape}: "
            "give integers of shape (Z, Y, X) or (Y, X)."
        )
    stack = labels[np.newaxis] if labels.ndim == 2 else labels
    dtype = _narrowest(int(stack.min()), int(stack.max()))
    shape = (stack.shape[0], stack.shape[1], stack.shape[2])
    with open_mask_writer(path, shape, dtype, classes=classes, scale=scale, unit=unit) as writer:
        for one in stack:
            writer.write(one.astype(dtype))


def _narrowest(least: int, most: int) -> np.dtype[Any]:
    """Smallest integer type that holds both values, unsigned ones first."""
    for kind in (np.uint8, np.uint16, np.int16, np.uint32, np.int32, np.uint64):
        if np.iinfo(kind).min <= least and most <= np.iinfo(kind).max:
            return np.dtype(kind)
    return np.dtype(np.int64)
