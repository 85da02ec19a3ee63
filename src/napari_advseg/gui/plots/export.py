"""The training plots as files: PNG and SVG, and CSV with the columns of ``metrics.csv``."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path

from qtpy.QtCore import QBuffer, QByteArray, QIODevice, QRectF, QSize
from qtpy.QtGui import QImage, QPainter
from qtpy.QtSvg import QSvgGenerator

from napari_advseg.core.runtime.events import Validated
from napari_advseg.core.storage.score_names import HEALTH
from napari_advseg.gui.widgets.theme import ThemeColours

from .figure import HEIGHT, WIDTH_OF_ONE, paint_figure
from .pane import PlotPane
from .series import ACCURACY_SERIES, F1_SERIES

COLUMNS = ("update", "epoch", "seconds", *(one.key for one in (*F1_SERIES, *ACCURACY_SERIES)))


def history_csv(history: Sequence[Validated]) -> str:
    """Write validations as CSV: `COLUMNS`, then any further scores, then D's health if it is known.

    What was not measured is empty.
    """
    further = dict.fromkeys(
        key for validated in history for key in validated.scores if key not in COLUMNS
    )
    columns = [*COLUMNS, *_class_by_class(further)]
    health = HEALTH if any(validated.health for validated in history) else ()
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*columns, *health])
    for validated in history:
        values = [validated.scores.get(key, math.nan) for key in columns[3:]]
        values += [validated.health.get(key, math.nan) for key in health]
        cells = ["" if math.isnan(value) else repr(float(value)) for value in values]
        writer.writerow([validated.update, validated.epoch, validated.seconds, *cells])
    return text.getvalue()


def _class_by_class(keys: Iterable[str]) -> list[str]:
    """Order scores as ``metrics.csv`` does: for each class S, then G/S."""
    classes = list(dict.fromkeys(key.removeprefix("G/") for key in keys))
    return sorted(keys, key=lambda key: (classes.index(key.removeprefix("G/")), key[:2] == "G/"))


def write_png(path: str | PathLike[str], panes: Sequence[PlotPane], theme: ThemeColours) -> None:
    """Write the figure of `plot_figure`, two file pixels to one of its own.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    image = QImage(2 * WIDTH_OF_ONE * len(panes), 2 * HEIGHT, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    painter.scale(2, 2)
    paint_figure(painter, panes, theme)
    painter.end()
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not image.save(buffer, "PNG"):
        raise OSError("the plots could not be turned into a PNG")
    Path(path).write_bytes(bytes(data))


def write_svg(path: str | PathLike[str], panes: Sequence[PlotPane], theme: ThemeColours) -> None:
    """Write the figure of `plot_figure` as vectors.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    width = WIDTH_OF_ONE * len(panes)
    generator.setSize(QSize(width, HEIGHT))
    generator.setViewBox(QRectF(0, 0, width, HEIGHT))
    generator.setResolution(96)
    generator.setTitle("Training curves")
    painter = QPainter(generator)
    paint_figure(painter, panes, theme)
    painter.end()
    Path(path).write_bytes(bytes(data))
