"""The training plots as files: PNG and SVG, and CSV with the columns of ``metrics.csv``."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from qtpy.QtCore import QBuffer, QByteArray, QIODevice, QRectF, QSize
from qtpy.QtGui import QImage, QPainter
from qtpy.QtSvg import QSvgGenerator

from napari_advseg.core.runtime.events import Validated
from napari_advseg.core.storage.score_names import (
    HEALTH,
    SCORES,
    score_columns,
    scores_as_text,
    statistic,
)
from napari_advseg.gui.widgets.theme import ThemeColours

from .figure import HEIGHT, WIDTH_OF_ONE, paint_figure
from .pane import PlotPane
from .series import classes_scored


def history_csv(history: Sequence[Validated]) -> str:
    """Write validations as CSV: the columns of ``metrics.csv``, then D's health if it is known.

    What was not measured is empty.
    """
    rows = [scores_as_text(validated.scores) for validated in history]
    known = {name for row in rows for name in row}
    columns = [
        one for one in score_columns(classes_scored(history)) if one in SCORES or one in known
    ]
    health = HEALTH if any(validated.health.known for validated in history) else ()
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["update", "epoch", "seconds", *columns, *health])
    for validated, row in zip(history, rows, strict=True):
        values = [row.get(name) for name in columns]
        values += [statistic(validated.health, name) for name in health]
        cells = ["" if v is None or math.isnan(v) else repr(float(v)) for v in values]
        writer.writerow([validated.update, validated.epoch, validated.seconds, *cells])
    return text.getvalue()


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
    Path(path).write_bytes(data.data())


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
    Path(path).write_bytes(data.data())
