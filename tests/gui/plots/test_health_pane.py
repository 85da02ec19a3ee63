"""The plot of D's health, by real mouse and keys, and as files."""

from __future__ import annotations

import csv
import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QApplication

from napari_advseg.core.runtime.events import Alarm, Validated
from napari_advseg.core.runtime.scores import (
    DiscriminatorScores,
    DiscriminatorStatistics,
    NetworkScores,
    Scores,
)
from napari_advseg.core.storage.score_names import HEALTH
from napari_advseg.gui.plots.training_plots import TrainingPlots
from napari_advseg.gui.widgets.theme import theme_colours

WEAK = Alarm("weak", 100, "The adversarial term hardly moves G/S since update 100.", until=150)
STRONG = Alarm("strong", 250, "The adversarial term moves G/S more than the annotation does.")


def validation(update, real=2.0, fake=-1.0, **more):
    health = DiscriminatorStatistics(
        real_mean=real, real_spread=0.5, fake_mean=fake, fake_spread=0.25, called_real=0.5,
        gradient_ratio=0.0123, **more,
    )  # fmt: skip
    scores = Scores(
        adversarial=NetworkScores(0.9), discriminator=DiscriminatorScores(accuracy_val=0.7)
    )
    return Validated(update, 1.0, 1.0, scores, 0.1, health)


@pytest.fixture
def plots(qtbot):
    widget = TrainingPlots("dark")
    qtbot.addWidget(widget)
    widget.show_health(True)
    widget.resize(780, 220)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


@pytest.fixture
def healthy(plots):
    plots.set_history([validation(100), validation(200, 2.5, -1.5), validation(300)])
    QApplication.processEvents()
    return plots


def place_of(pane, update, value) -> QPoint:
    view = pane.plot.getViewBox()
    return pane.plot.mapFromScene(view.mapViewToScene(QPointF(update, value)))


def colours_at(pane, place):
    image = pane.window().grab().toImage()
    at = pane.plot.viewport().mapTo(pane.window(), place)
    near = range(-1, 2)
    return [QColor(image.pixelColor(at.x() + dx, at.y() + dy)) for dx in near for dy in near]


def read(qtbot, plots, pane, update, start, value=0.0):
    """Point at an update until the line of text begins with `start`.

    The pointer goes on: of moves within 10 ms pyqtgraph takes one.
    """

    def told():
        for by in (0, 2):
            viewport = pane.plot.viewport()
            qtbot.mouseMove(viewport, place_of(pane, update, value) + QPoint(by, 0))
        return plots.readout.text().startswith(start)

    qtbot.waitUntil(told)


def test_curves_and_bands_are_the_history(healthy):
    pane = healthy.health
    x, y = pane.curve("fake mean").getOriginalDataset()
    np.testing.assert_array_equal(x, [100, 200, 300])
    np.testing.assert_array_equal(y, [-1.0, -1.5, -1.0])
    real, background = pane.series[0], QColor(theme_colours("dark").background)
    inside = colours_at(pane, place_of(pane, 150, 1.95))  # half a spread under the mean
    outside = colours_at(pane, place_of(pane, 150, 0.7))
    assert real.name == "real"
    assert max(one.lightness() for one in inside) > background.lightness() + 15
    assert min(one.lightness() for one in outside) < background.lightness() + 8


def test_real_and_fake_differ_in_dash_and_point(healthy):
    real, fake = (healthy.health.curve(key).opts["pen"] for key in ("real mean", "fake mean"))
    assert real.style() == Qt.PenStyle.SolidLine != fake.style()
    assert [one.symbol for one in healthy.health.series] == ["o", "s"]


def test_the_pointer_reads_ds_numbers_and_the_sentence_of_an_alarm(healthy, qtbot):
    healthy.set_alarms((WEAK, STRONG))
    read(qtbot, healthy, healthy.health, 205, "update 200: D's")
    assert healthy.readout.text() == (
        "update 200: D's logits real +2.50 ± 0.50 · fake −1.50 ± 0.25 · 50 % called real · "
        "gradients 0.012 · λ 0.1"
    )
    read(qtbot, healthy, healthy.health, 125, f"⚠ {WEAK.text}")
    assert healthy.health.plot.toolTip() == f"⚠ {WEAK.text}"
    read(qtbot, healthy, healthy.f1, 125, "update 100: G/S 0.900 val", value=0.75)


def test_arrow_keys_read_it_too(healthy, qtbot):
    healthy.set_alarms((STRONG,))
    plot = healthy.health.plot
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    assert healthy.readout.text().startswith("update 100: D's logits")
    qtbot.keyClick(plot, Qt.Key.Key_End)
    assert healthy.readout.text().startswith(f"⚠ {STRONG.text}")
    qtbot.keyClick(plot, Qt.Key.Key_Escape)
    assert healthy.readout.text().startswith("best F1")


def test_an_alarm_that_lasts_is_shaded_to_the_end(healthy):
    healthy.set_alarms((WEAK, STRONG))
    regions = healthy.health._spans.regions
    assert [one.getRegion() for one in regions] == [(100, 150), (250, 300)]
    healthy.add(validation(400))
    assert regions[1].getRegion() == (250, 400)
    healthy.set_alarms(())
    assert healthy.health._spans.regions == []


def test_a_switch_hides_a_curve_with_its_band(healthy, qtbot):
    pane, (_, fake) = healthy.health, healthy.health.switches
    assert fake.text() == "fake"
    qtbot.mouseClick(fake, Qt.MouseButton.LeftButton)
    assert not len(pane.curve("fake mean").getOriginalDataset()[0] or ())
    healthy.show_whole_run()
    low, _ = pane.plot.viewRange()[1]
    assert low > -0.5  # 0 stays in sight, -1 is hidden


def test_saturation_is_drawn_where_it_is_in_range(healthy):
    levels = healthy.health._levels
    assert not any(line.isVisible() for line in levels)
    healthy.add(validation(400, 10.0, -30.0))
    assert [line.isVisible() for line in levels] == [True, False]
    assert levels[0].value() == -20
    assert levels[0].label.toPlainText() == "saturated"


def test_live_points_come_between_validations_and_go_with_the_next_run(plots):
    pane = plots.health
    first = DiscriminatorStatistics(real_mean=3.0, fake_mean=-4.0, weight=0.0)
    plots.add_live(7, first)
    assert pane.live == [(7, first)]
    for key, value in (("real mean", 3.0), ("fake mean", -4.0)):
        (live,) = (item for one, item in pane._live.items() if one.key == key)
        assert [list(values) for values in live.getData()] == [[7], [value]]
    low, high = pane.plot.viewRange()[1]
    assert low < -3.9
    assert high > 2.9
    assert pane.plot.viewRange()[0][1] >= 7
    plots.add_live(8, DiscriminatorStatistics(gradient_ratio=0.1))  # D did not learn in this one
    assert len(pane.live) == 1
    for update in range(9, 3000):
        pane.add_live(update, first)
    assert len(pane.live) <= 1000
    plots.add_live(0, DiscriminatorStatistics())
    assert pane.live == []


def test_all_plots_show_the_same_updates(healthy, qtbot):
    qtbot.keyClick(healthy.health.plot, Qt.Key.Key_Plus)
    spans = [pane.plot.viewRange()[0] for pane in healthy.panes()]
    assert spans[0] == spans[1] == spans[2]
    assert spans[0][1] - spans[0][0] < 300


def test_a_run_without_d_has_no_such_plot(healthy, tmp_path):
    healthy.show_health(False)
    assert not healthy.health.isVisible()
    healthy.save_png(tmp_path / "two.png")
    with Image.open(tmp_path / "two.png") as image:
        assert image.size == (2400, 800)


def test_a_run_that_kept_no_health_says_so(plots):
    plots.set_history(
        [Validated(100, 1, 1, Scores(discriminator=DiscriminatorScores(accuracy_val=0.7)))]
    )
    words = plots.health._message
    assert words.isVisible()
    assert words.toPlainText() == "D's logits were not kept"


def test_files_hold_it(healthy, tmp_path):
    healthy.set_alarms((STRONG,))
    healthy.save_png(tmp_path / "plots.png")
    with Image.open(tmp_path / "plots.png") as image:
        assert image.size == (3600, 800)
        right = np.asarray(image.convert("RGB"))[:, 2400:].reshape(-1, 3)
    red = QColor(theme_colours("dark").fake).getRgb()[:3]
    assert (right == red).all(axis=1).any()
    healthy.save_svg(tmp_path / "plots.svg")
    root = ET.parse(tmp_path / "plots.svg").getroot()
    words = {one.text.strip() for one in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"real", "fake", "D's logits", "⚠"} <= words
    healthy.save_csv(tmp_path / "plots.csv")
    rows = list(csv.DictReader((tmp_path / "plots.csv").read_text("utf-8").splitlines()))
    assert tuple(rows[0])[-len(HEALTH) :] == HEALTH
    assert float(rows[1]["fake mean"]) == -1.5
    assert rows[1]["last bias"] == ""
    assert math.isclose(float(rows[0]["gradient ratio"]), 0.0123)
