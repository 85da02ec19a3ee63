"""The figure of validation samples in the 2017 experiment's four columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.runtime.events import NetworkName
from napari_advseg.core.runtime.filesystem import replacing

GAP, TITLE = 4, 16  # pixels between panels, and above them


def draw_samples(
    path: Path,
    images: NDArray[np.float32],
    targets: NDArray[np.uint8],
    masks: dict[NetworkName, NDArray[np.uint8]],
    classes: int,
) -> None:
    """Write a PNG with a row for each sample: image, true mask, adversarial mask, standard mask.

    Parameters
    ----------
    path : Path
        Written at once, or not at all.
    images : ndarray of float32, shape (N, H, W)
        Normalised grey values.
    targets : ndarray of uint8, shape (N, H, W)
        Class indices; the first class is white, the last black, unlabelled mid-blue.
    masks : dict of ndarray of uint8, shape (N, H, W)
        Class indices by network; a network that was not trained has no column.
    classes : int
        Number of classes.
    """
    columns = {"image": _grey(images), "true mask": _paint(targets, classes)}
    for name in ("adversarial", "standard"):
        if name in masks:
            columns[f"{name} mask"] = _paint(masks[name], classes)
    number, height, width = images.shape
    sheet = Image.new(
        "RGB", (len(columns) * (width + GAP) + GAP, number * (height + GAP) + GAP + TITLE), "white"
    )
    draw = ImageDraw.Draw(sheet)
    for column, (title, panels) in enumerate(columns.items()):
        left = GAP + column * (width + GAP)
        draw.text((left, 2), title, fill="black")
        for row, panel in enumerate(panels):
            sheet.paste(Image.fromarray(panel), (left, TITLE + GAP + row * (height + GAP)))
    with replacing(path) as partial:
        sheet.save(partial, format="PNG")


def _grey(images: NDArray[np.float32]) -> NDArray[np.uint8]:
    shown = np.clip((images + 2.5) / 5 * 255, 0, 255).astype(np.uint8)  # ± 2.5 standard deviations
    return np.repeat(shown[..., None], 3, axis=-1)


def _paint(indices: NDArray[np.uint8], classes: int) -> NDArray[np.uint8]:
    table = np.zeros((256, 3), np.uint8)
    table[:classes] = np.linspace(255, 0, classes).astype(np.uint8)[:, None]
    table[UNLABELLED] = (70, 90, 140)
    return np.asarray(table[indices])
