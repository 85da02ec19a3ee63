"""Predictions of a run as files of its folder, so that masks can be shown again without predicting."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_advseg.core.runtime.events import NetworkName, Prediction
from napari_advseg.core.runtime.filesystem import file_stem, replacing

log = logging.getLogger(__name__)

ABOUT = "about.json"
PATTERN = "masks-*.zip"
_COMPRESSION = 1
"""Of zlib: the predictions of 30 × 512² take 0.5 s, higher levels save little."""


@dataclass(frozen=True)
class MaskedImage:
    """The image that predictions are of.

    Attributes
    ----------
    name : str
    source : str
        Its file; empty if it has none.
    shape : tuple of int
        (Z, Y, X).
    """

    name: str
    source: str
    shape: tuple[int, ...]

    def is_same(self, other: MaskedImage) -> bool:
        """Whether both have one shape and come from one file, or have one name where a file is unknown."""
        if tuple(self.shape) != tuple(other.shape):
            return False
        if self.source and other.source:
            return Path(self.source).name == Path(other.source).name
        return self.name == other.name


@dataclass(frozen=True)
class KeptPrediction:
    """What a network predicted for one slice."""

    network: NetworkName
    z: int
    prediction: Prediction


def write_masks(folder: Path, image: MaskedImage, predictions: Iterable[KeptPrediction]) -> Path:
    """Write predictions into a run folder, in place of earlier ones of the same image.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    path = folder / PATTERN.replace("*", file_stem(image.name))
    about = {"name": image.name, "source": image.source, "shape": list(image.shape)}
    with (
        replacing(path) as part,
        zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION) as archive,
    ):
        archive.writestr(ABOUT, json.dumps(about))
        for one in predictions:
            data = io.BytesIO()
            np.save(data, one.prediction, allow_pickle=False)
            archive.writestr(f"{one.network}/{one.z}.npy", data.getvalue())
    return path


def read_masks(folder: Path, image: MaskedImage) -> tuple[KeptPrediction, ...]:
    """Read the predictions of an image from a run folder; empty if it keeps none that can be read."""
    for path in sorted(folder.glob(PATTERN)):
        try:
            with zipfile.ZipFile(path) as archive:
                about = json.loads(archive.read(ABOUT))
                kept = MaskedImage(str(about["name"]), str(about["source"]), tuple(about["shape"]))
                if kept.is_same(image):
                    return tuple(_predictions(archive, image.shape[-2:]))
        except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
            log.warning("The masks in %s cannot be read: %s", path, error)
    return ()


def _predictions(archive: zipfile.ZipFile, plane: tuple[int, ...]) -> Iterator[KeptPrediction]:
    names: dict[str, NetworkName] = {"standard": "standard", "adversarial": "adversarial"}
    for entry in archive.namelist():
        folder, _, file = entry.partition("/")
        if folder not in names:
            continue
        found = np.load(io.BytesIO(archive.read(entry)), allow_pickle=False)
        if found.shape != tuple(plane) or found.dtype not in (np.float16, np.uint8):
            raise ValueError(f"{entry} has shape {found.shape} and type {found.dtype}")
        yield KeptPrediction(names[folder], int(file.removesuffix(".npy")), found)
