"""Our own colours, by numbers: they can be read on both themes and told apart by colour-blind eyes."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from qtpy.QtCore import QRectF
from qtpy.QtGui import QColor, QImage, QPainter
from qtpy.QtWidgets import QLabel, QLineEdit, QWidget
from skimage.color import deltaE_ciede2000, rgb2lab

from napari_advseg.gui.dock.data.slice_cells import Role
from napari_advseg.gui.dock.data.slice_strip import PATTERNS, SliceStrip
from napari_advseg.gui.plots.health_series import HEALTH_SERIES
from napari_advseg.gui.plots.legend import LegendSwitch, paint_entry
from napari_advseg.gui.plots.series import ACCURACY_SERIES, F1_SERIES, series_pen
from napari_advseg.gui.plots.training_plots import TrainingPlots
from napari_advseg.gui.widgets.class_colours import MORE_CLASSES, TWO_CLASSES, more_colour
from napari_advseg.gui.widgets.section import ProblemLabel, Section, Sentence, style_sheet
from napari_advseg.gui.widgets.theme import (
    ADVERSARIAL,
    DISAGREEMENT,
    FAKE,
    STANDARD,
    contrast,
    theme_colours,
)

TEXT, LINES = 4.5, 3.0
"""What WCAG 2.1 asks of text (1.4.3) and of graphics (1.4.11)."""
ALONE, WITH_WORDS = 15.0, 9.0
"""Least distance (CIEDE2000) of colours that tell something by themselves, and of those of classes, which
have their name beside them. About 1 can just be seen side by side, about 10 at a glance."""
EYES = {
    "all colours": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
               [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
"""Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB."""
NINE = [more_colour(index) for index in range(9)]
NETWORKS = [STANDARD, ADVERSARIAL, DISAGREEMENT]


@pytest.fixture(params=["dark", "light"])
def theme(request):
    return request.param


def seen(colours, eyes):
    """CIELAB of ``#rrggbb`` as these eyes see them."""
    rgb = np.array([[int(one[i : i + 2], 16) / 255 for i in (1, 3, 5)] for one in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    mixed = np.clip(linear @ np.array(EYES[eyes]).T, 0, 1)
    coded = np.where(mixed <= 0.0031308, mixed * 12.92, 1.055 * mixed ** (1 / 2.4) - 0.055)
    return rgb2lab(coded[None])[0]


def nearest(ones, others, eyes):
    """The least distance between a colour of `ones` and another of `others`."""
    apart = deltaE_ciede2000(seen(ones, eyes)[:, None], seen(others, eyes)[None])
    same = np.array([[one == other for other in others] for one in ones])
    return apart[~same].min()


# ---- colour-blind eyes


@pytest.mark.parametrize("eyes", EYES)
def test_networks_and_disagreement_are_told_apart(eyes):
    assert nearest(NETWORKS, NETWORKS, eyes) > ALONE


@pytest.mark.parametrize("eyes", EYES)
def test_nine_classes_are_told_apart_and_are_no_network(eyes):
    assert len(MORE_CLASSES) == 9
    assert nearest(NINE, NINE, eyes) > WITH_WORDS
    assert nearest(NINE, NETWORKS, eyes) > WITH_WORDS
    assert nearest([one[:7] for one in TWO_CLASSES], NETWORKS, eyes) > WITH_WORDS


@pytest.mark.parametrize("eyes", EYES)
def test_fake_masks_are_no_network_and_no_real_ones(eyes, theme):
    colours = theme_colours(theme)
    others = [colours.standard, colours.adversarial, DISAGREEMENT, colours.text]
    assert nearest([FAKE, colours.fake], others, eyes) > ALONE


def test_networks_differ_in_grey():
    lightness = seen(NETWORKS, "all colours")[:, 0]
    assert min(abs(a - b) for a, b in combinations(lightness, 2)) > 8


@pytest.mark.parametrize("eyes", EYES)
def test_curves_are_told_apart_by_hue_or_by_dashes(eyes, theme):
    colours = theme_colours(theme)
    for series in (F1_SERIES, ACCURACY_SERIES, HEALTH_SERIES):
        pens = [series_pen(one, colours) for one in series]
        for one, other in combinations(pens, 2):
            hues = [one.color().name(), other.color().name()]
            assert one.style() != other.style() or nearest(hues, hues, eyes) > ALONE


def strip_in(qtbot, theme):
    from napari._qt.qt_resources import get_stylesheet

    strip = SliceStrip()
    qtbot.addWidget(strip)
    strip.setStyleSheet(get_stylesheet(theme))
    strip.ensurePolished()
    return strip


@pytest.mark.parametrize("eyes", EYES)
def test_uses_of_slices_are_told_apart_by_colour_or_by_pattern(qtbot, eyes, theme):
    colours = strip_in(qtbot, theme)._colours()
    roles = (Role.TRAIN, Role.VALIDATE, Role.UNUSED, Role.UNANNOTATED)
    for one, other in combinations(roles, 2):
        pair = [colours[one], colours[other]]
        assert PATTERNS.get(one) != PATTERNS.get(other) or nearest(pair, pair, eyes) > ALONE


# ---- contrast on napari's themes


def test_uses_of_slices_stand_out(qtbot, theme):
    colours = strip_in(qtbot, theme)._colours()
    background = theme_colours(theme).background
    for role in (Role.TRAIN, Role.VALIDATE, Role.UNUSED):
        assert contrast(colours[role], background) >= LINES
        assert contrast(colours[role], colours[Role.UNANNOTATED]) >= LINES


def test_words_of_the_dock_can_be_read(qtbot, theme):
    from napari._qt.qt_resources import get_stylesheet

    from napari_advseg.app.state.model import AppModel
    from napari_advseg.core.runtime.errors import Subject

    colours = theme_colours(theme)
    owner = QWidget()
    qtbot.addWidget(owner)
    section = Section("1 Data", owner)
    dim = Sentence(section)
    dim.setProperty("advseg", "dim")
    problem = ProblemLabel(AppModel(), Subject.IMAGE, section)
    words = [dim, problem, *section.findChildren(QLabel)]
    owner.setStyleSheet(get_stylesheet(theme) + style_sheet(theme))
    for label in words:
        label.ensurePolished()
        shown = label.palette().color(label.foregroundRole()).name()
        assert contrast(shown, colours.background) >= TEXT, label.objectName()
    # The row of the class that is painted, and the small buttons, have a background of their own.
    for background in (colours.current, colours.foreground, colours.primary):
        assert contrast(colours.text, background) >= TEXT
    field = QLineEdit(owner)
    field.ensurePolished()
    assert contrast(field.palette().text().color().name(), colours.foreground) >= TEXT


def test_lines_and_words_of_the_plots_can_be_read(qtbot, theme):
    colours = theme_colours(theme)
    plots = TrainingPlots(theme)
    qtbot.addWidget(plots)
    plots.set_marks(((10, 0.1),))
    for pane in (plots.f1, plots.accuracy, plots.health):
        lines = [series_pen(one, colours).color() for one in pane.series]
        lines += [pane.plot.getAxis(side).pen().color() for side in ("left", "bottom")]
        lines += [line.pen.color() for line in pane._lambda.lines] + [pane._cursor.pen.color()]
        for line in lines:
            assert contrast(line.name(), colours.background) >= LINES
        words = [pane.plot.getAxis("left").textPen().color(), pane._message.color]
        words += [pane.plot.getAxis("top").textPen().color()]
        for text in words:
            assert contrast(QColor(text).name(), colours.background) >= TEXT


@pytest.mark.parametrize("shown", [True, False])
def test_a_legend_entry_can_be_read_also_while_its_curve_is_hidden(qtbot, theme, shown):
    colours = theme_colours(theme)
    switch = LegendSwitch(F1_SERIES[1], colours)
    qtbot.addWidget(switch)
    size = switch.sizeHint()
    image = QImage(size, QImage.Format.Format_RGB32)
    image.fill(QColor(colours.background))
    painter = QPainter(image)
    paint_entry(painter, QRectF(image.rect()), F1_SERIES[1], colours, shown)
    painter.end()

    def best(first, last):
        return max(
            contrast(image.pixelColor(x, y).name(), colours.background)
            for x in range(first, last)
            for y in range(image.height())
        )

    assert best(0, 26) >= LINES
    assert best(30, image.width()) >= TEXT - 0.3  # thin letters are smoothed
