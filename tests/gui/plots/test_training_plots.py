"""The training plots as a person meets them: real mouse, files read back with other programs' eyes."""

from __future__ import annotations

import csv
import io
import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import QEvent, QPoint, QPointF, QRectF, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QApplication, QFileDialog, QWidget

from support.paths import SHARED_DATA

import pyqtgraph as pg  # isort: skip, after Qt

from napari_advseg.core.runtime.events import Validated
from napari_advseg.core.runtime.scores import DiscriminatorScores, NetworkScores, Scores
from napari_advseg.core.storage.score_names import SCORES, score_columns, scores_from_text
from napari_advseg.gui.plots.frame import clip_segment
from napari_advseg.gui.plots.training_plots import TrainingPlots
from napari_advseg.gui.widgets.theme import ADVERSARIAL, STANDARD, contrast, theme_colours

SEED2017 = SHARED_DATA / "seed2017-metrics.csv"
EIGHT = tuple(
    f"{who} {what} {side}"
    for what, whos in (("F1", ("S", "G/S")), ("Accuracy", ("D", "G/D")))
    for who in whos
    for side in ("train", "val")
)


def validation(update: int, **scores: float) -> Validated:
    """All eight scores; `S_val=0.9` and the like replace one."""
    full = {key: 0.6 + 0.04 * i + update / 10_000 for i, key in enumerate(EIGHT)}
    names = {"S_train": EIGHT[0], "S_val": EIGHT[1], "GS_train": EIGHT[2], "GS_val": EIGHT[3]}
    full.update({names[name]: value for name, value in scores.items()})
    return Validated(update, update / 100, update / 10, scores_from_text(full))


@pytest.fixture
def plots(qtbot):
    widget = TrainingPlots("dark")
    qtbot.addWidget(widget)
    widget.resize(780, 220)  # the virtual screen is 800 wide, and the pointer cannot leave it
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def place_of(pane, update: float, value: float) -> QPoint:
    """Pixel of the plot's viewport at which a value is drawn."""
    QApplication.processEvents()  # pyqtgraph moves its curves with the next paint
    view = pane.plot.getViewBox()
    return pane.plot.mapFromScene(view.mapViewToScene(QPointF(update, value)))


def colour_near(pane, place: QPoint, colour: str) -> bool:
    """Whether a person sees `colour` within a pixel of a place; of hues, smoothed shades count too."""
    # Through the window and not the viewport, so that nothing but what a person sees is looked at.
    image = pane.window().grab().toImage()
    at = pane.plot.viewport().mapTo(pane.window(), place)
    wanted = QColor(colour)
    pixels = [image.pixelColor(at.x() + dx, at.y() + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
    if wanted.saturation() > 100:
        return any(abs(one.hue() - wanted.hue()) <= 8 and one.saturation() > 100 for one in pixels)
    differences = np.array([one.getRgb()[:3] for one in pixels]) - wanted.getRgb()[:3]
    return bool((np.abs(differences).max(axis=1) <= 12).any())  # screens of 16 bits round


def hex_of(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def hover(qtbot, pane, update: float, value: float = 0.75) -> None:
    qtbot.mouseMove(pane.plot.viewport(), place_of(pane, update, value))


def test_curves_are_the_history(plots):
    history = [validation(100 * i) for i in range(1, 8)]
    plots.set_history(history[:-1])
    plots.add(history[-1])
    for pane, keys in ((plots.f1, EIGHT[:4]), (plots.accuracy, EIGHT[4:])):
        for key in keys:
            x, y = pane.curve(key).getOriginalDataset()
            np.testing.assert_array_equal(x, [one.update for one in history])
            np.testing.assert_array_equal(y, [SCORES[key].value(one.scores) for one in history])


def test_hue_tells_the_network_and_line_style_the_side(plots):
    plots.set_history([validation(100), validation(200)])
    pens = {
        key: pane.curve(key).opts["pen"]
        for pane, keys in ((plots.f1, EIGHT[:4]), (plots.accuracy, EIGHT[4:]))
        for key in keys
    }
    for key, pen in pens.items():
        assert (pen.style() == Qt.PenStyle.SolidLine) == key.endswith("val")
    hues = {key: pen.color().name() for key, pen in pens.items()}
    assert hues["S F1 train"] == hues["S F1 val"] == STANDARD
    assert hues["G/S F1 train"] == hues["G/S F1 val"] == ADVERSARIAL == hues["G/D Accuracy val"]
    assert hues["D Accuracy val"] not in (STANDARD, ADVERSARIAL)


def test_a_curve_is_painted_where_its_value_is(plots, qtbot):
    flat = {"S_val": 0.9, "GS_val": 0.7, "S_train": 0.55, "GS_train": 0.55}
    plots.set_history([validation(100, **flat), validation(200, **flat)])
    QApplication.processEvents()
    assert colour_near(plots.f1, place_of(plots.f1, 150, 0.9), STANDARD)
    assert colour_near(plots.f1, place_of(plots.f1, 150, 0.7), ADVERSARIAL)


def test_one_validation_and_a_lone_value_between_gaps_are_visible(plots):
    plots.set_history([validation(100, S_val=0.9)])
    QApplication.processEvents()
    assert colour_near(plots.f1, place_of(plots.f1, 100, 0.9), STANDARD)
    values = [0.9 if i % 2 else math.nan for i in range(301)]
    values[150] = 0.95  # not the best dot's place
    plots.set_history([validation(i + 1, S_val=v, GS_val=0.7) for i, v in enumerate(values)])
    QApplication.processEvents()
    assert colour_near(plots.f1, place_of(plots.f1, 202, 0.9), STANDARD)


def test_empty_plots_say_when_curves_appear(plots):
    def texts(pane):
        items = pane.plot.scene().items()
        return [i.toPlainText() for i in items if hasattr(i, "toPlainText") and i.isVisible()]

    assert "curves appear at the first validation" in texts(plots.f1)
    assert "curves appear at the first validation" in texts(plots.accuracy)
    nothing = DiscriminatorScores(accuracy_val=math.nan)
    standard_only = Validated(100, 1, 10, Scores(NetworkScores(0.8, 0.9), discriminator=nothing))
    plots.add(standard_only)
    assert not any("curves appear" in text for text in texts(plots.f1))
    assert "no discriminator in this run" in texts(plots.accuracy)
    shown = [switch.text() for switch in plots.f1.switches if switch.isVisible()]
    assert shown == ["S train", "S val"]


def test_hover_reads_the_nearest_validation_in_both_plots(plots, qtbot):
    plots.set_history([validation(100, S_val=0.8768), validation(200, S_val=0.4321)])
    at_rest = plots.readout.text()
    assert "S 0.877 at update 100" in at_rest
    hover(qtbot, plots.accuracy, 190)
    qtbot.waitUntil(lambda: plots.readout.text().startswith("update 200: "))
    text = plots.readout.text()
    assert "S 0.620 train, 0.432 val" in text
    assert "G/D 0.860 train, 0.900 val" in text
    plots.add(validation(300))  # the pointer still rests on 190
    assert plots.readout.text().startswith("update 200: ")
    plots.set_history(plots.history()[:2])
    QApplication.sendEvent(plots.accuracy.plot, QEvent(QEvent.Type.Leave))
    assert plots.readout.text() == at_rest


def test_legend_switches_a_curve_by_mouse_and_by_key(plots, qtbot):
    flat = {"S_val": 0.9, "GS_val": 0.7, "S_train": 0.55, "GS_train": 0.55}
    plots.set_history([validation(100, **flat), validation(200, **flat)])
    switch = plots.f1.switches[1]
    assert switch.text() == "S val"
    qtbot.mouseClick(switch, Qt.MouseButton.LeftButton)
    QApplication.processEvents()
    assert not colour_near(plots.f1, place_of(plots.f1, 150, 0.9), STANDARD)
    qtbot.keyClick(switch, Qt.Key.Key_Space)
    QApplication.processEvents()
    assert colour_near(plots.f1, place_of(plots.f1, 150, 0.9), STANDARD)


def span(pane) -> tuple[float, float]:
    low, high = pane.plot.viewRange()[1]
    return low, high


def test_range_is_half_to_one_and_widens_for_low_values(plots):
    plots.set_history([validation(100, S_val=0.8), validation(200, S_val=0.9)])
    low, high = span(plots.f1)
    assert 0.45 < low <= 0.5
    assert 1.0 <= high < 1.05
    plots.add(validation(300, S_val=0.23))
    assert 0.15 < span(plots.f1)[0] <= 0.2
    plots.set_history([validation(100 * i, S_val=0.1 if i == 1 else 0.9) for i in range(1, 10)])
    QApplication.processEvents()
    assert span(plots.f1)[0] > 0.45
    # The early value under the axis leaves a triangle at the foot of the plot, in its curve's colour.
    assert colour_near(plots.f1, place_of(plots.f1, 100, 0.5), STANDARD)


def test_fit_spans_the_curves_and_zooming_is_kept_until_asked(plots, qtbot):
    scores = {"S_train": 0.93, "GS_train": 0.92, "GS_val": 0.91}
    plots.set_history([validation(100 * i, S_val=0.9 + i / 1000, **scores) for i in range(1, 9)])
    plots.set_fit(True)
    low, high = span(plots.f1)
    assert 0.89 < low < 0.901
    assert 0.93 < high < 0.94
    view = plots.f1.plot.getViewBox()
    view.setXRange(200, 400, padding=0)
    view.sigRangeChangedManually.emit([True, True])
    plots.add(validation(900, **scores))
    assert plots.f1.plot.viewRange()[0] == pytest.approx([200, 400])
    place = place_of(plots.f1, 300, sum(span(plots.f1)) / 2)
    viewport = plots.f1.plot.viewport()
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(viewport, Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: plots.f1.plot.viewRange()[0][1] > 900)
    plots.set_fit(False)
    assert span(plots.f1)[0] <= 0.5


def test_lambda_marks_stand_at_their_updates_in_both_plots(plots):
    plots.set_history([validation(100), validation(1000)])
    plots.set_marks(((50, 0.0), (200, 0.1), (600, 1.0)))
    for pane in (plots.f1, plots.accuracy):
        lines = [
            item
            for item in pane.plot.getPlotItem().items
            if isinstance(item, pg.InfiniteLine) and item.isVisible()
        ]
        assert [line.value() for line in lines] == [50, 200, 600]
        labels = pane._lambda.labels
        assert [update for update, _ in labels] == [50, 200, 600]
        assert [words.replace(" ", "")[:2] for _, words in labels] in (
            ["λr", "λ0", "λ1"], ["λ↑", "λ0", "λ1"]
        )  # fmt: skip
        top = pane.plot.getAxis("top")  # above the plot, where no curve is
        assert (
            top.sceneBoundingRect().bottom() <= pane.plot.getViewBox().sceneBoundingRect().top() + 9
        )
    plots.set_marks(())
    assert not plots.f1.marks


def test_best_validation_has_a_dot_in_its_colour(plots):
    values = [0.7, 0.95, 0.8]
    plots.set_history(
        [
            validation(100 * (i + 1), S_val=v, GS_val=0.6, S_train=0.55, GS_train=0.55)
            for i, v in enumerate(values)
        ]
    )
    QApplication.processEvents()
    centre = place_of(plots.f1, 200, 0.95)
    assert colour_near(plots.f1, centre, STANDARD)
    rim = theme_colours("dark").text
    assert any(colour_near(plots.f1, centre + QPoint(0, dy), rim) for dy in (4, 5, 6))
    assert "S 0.950 at update 200" in plots.readout.text()


def test_both_plots_are_found_by_their_role_and_explained(plots):
    for role in ("f1_plot", "accuracy_plot"):
        (found,) = plots.findChildren(QWidget, role)
        assert len(found.toolTip()) > 15


def test_csv_reads_back_as_the_history(plots, tmp_path):
    history = [validation(100), validation(200, S_val=math.nan)]
    scores = history[0].scores
    by_class = replace(scores.standard, f1_val_by_class={"cell": 0.123456789})
    history[0] = replace(history[0], scores=replace(scores, standard=by_class))
    plots.set_history(history)
    plots.save_csv(tmp_path / "plots.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "plots.csv").read_text("utf-8"))))
    assert tuple(rows[0]) == ("update", "epoch", "seconds", *EIGHT, "S F1 cell val")
    assert [int(row["update"]) for row in rows] == [100, 200]
    for key in EIGHT:
        assert float(rows[0][key]) == SCORES[key].value(history[0].scores)
    assert rows[1]["S F1 val"] == ""
    assert float(rows[0]["S F1 cell val"]) == 0.123456789


def test_csv_has_the_columns_of_metrics_csv(plots, tmp_path):
    # A validation measures one network after the other: its scores come in another order.
    scores = dict.fromkeys(sorted(score_columns(("cell", "wall")), reverse=True), 0.5)
    plots.set_history([Validated(1, 0.1, 1.0, scores_from_text(scores))])
    plots.save_csv(tmp_path / "plots.csv")
    header = (tmp_path / "plots.csv").read_text("utf-8").splitlines()[0]
    assert header.split(",") in (
        ["update", "epoch", "seconds", *score_columns(classes)]
        for classes in (("cell", "wall"), ("wall", "cell"))
    )


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_png_shows_both_networks_colours(plots, tmp_path, theme):
    plots.set_theme(theme)
    plots.set_history([validation(100), validation(200)])
    plots.save_png(tmp_path / "plots.png")
    with Image.open(tmp_path / "plots.png") as image:
        assert image.size == (2400, 800)
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    seen = {hex_of(tuple(colour)) for colour in np.unique(pixels, axis=0)}
    colours = theme_colours(theme)
    assert {colours.background, colours.standard, colours.adversarial, colours.text} <= seen


def test_svg_is_xml_with_text_and_lines_inside_the_axes(plots, tmp_path):
    early = [validation(100 * i, S_val=0.1 if i == 1 else 0.9) for i in range(1, 10)]
    plots.set_history(early)
    plots.set_marks(((300, 0.1),))
    plots.save_svg(tmp_path / "plots.svg")
    root = ET.parse(tmp_path / "plots.svg").getroot()
    tag = "{http://www.w3.org/2000/svg}"
    words = {element.text.strip() for element in root.iter(f"{tag}text")}
    assert {"S train", "G/S val", "D val", "G/D train", "update", "F1", "λ 0.1", "0.5"} <= words
    lines = [*root.iter(f"{tag}path"), *root.iter(f"{tag}polyline")]
    assert len(lines) >= 8
    assert not list(root.iter(f"{tag}image"))  # vectors throughout


def test_figure_lines_are_cut_at_the_axes():
    rect = QRectF(0, 0, 10, 10)
    inside = clip_segment(QPointF(5, 5), QPointF(5, 25), rect)
    assert inside == (QPointF(5, 5), QPointF(5, 10))
    assert clip_segment(QPointF(-5, -5), QPointF(15, 15), rect) == (QPointF(0, 0), QPointF(10, 10))
    assert clip_segment(QPointF(-5, 2), QPointF(-1, 8), rect) is None
    assert clip_segment(QPointF(-4, 8), QPointF(4, 16), rect) is None


def test_right_click_opens_the_menu_and_saves(plots, qtbot, tmp_path, monkeypatch):
    plots.set_history([validation(100)])
    target = tmp_path / "mine"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    place = place_of(plots.f1, 50, 0.75)
    qtbot.mouseClick(plots.f1.plot.viewport(), Qt.MouseButton.RightButton, pos=place)
    qtbot.waitUntil(plots.menu.isVisible)
    action = next(one for one in plots.menu.actions() if "CSV" in one.text())
    qtbot.mouseClick(
        plots.menu, Qt.MouseButton.LeftButton, pos=plots.menu.actionGeometry(action).center()
    )
    assert (tmp_path / "mine.csv").read_text("utf-8").startswith("update,epoch,seconds,S F1 train")


def test_a_file_that_cannot_be_written_is_told_in_the_line(plots, tmp_path, monkeypatch):
    target = tmp_path / "no folder" / "plots.png"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    next(one for one in plots.menu.actions() if "PNG" in one.text()).trigger()
    assert str(target) in plots.readout.text()
    assert "not saved" in plots.readout.text()
    with pytest.raises(OSError):
        plots.save_svg(tmp_path / "no folder" / "plots.svg")


def test_themes_change_the_plots_and_keep_lines_readable(plots):
    plots.set_history([validation(100), validation(200)])
    for theme in ("light", "dark"):
        colours = theme_colours(theme)
        plots.set_theme(theme)
        QApplication.processEvents()
        assert colour_near(plots.f1, QPoint(2, 2), colours.background)
        for colour in (colours.standard, colours.adversarial):
            assert contrast(colour, colours.background) >= 3
    assert theme_colours("dark").standard == STANDARD


def test_plots_follow_the_viewers_theme_until_deleted(qtbot):
    from napari.components import ViewerModel

    from napari_advseg.gui.widgets.theme import follow_theme

    viewer = ViewerModel()
    widget = TrainingPlots()
    seen: list[str] = []
    follow_theme(viewer, seen.append, widget)
    viewer.theme = "light"
    assert seen == ["dark", "light"]
    with qtbot.waitSignal(widget.destroyed):
        widget.deleteLater()
    viewer.theme = "dark"
    assert seen == ["dark", "light"]


def test_closing_and_showing_again_keeps_the_plots_working(plots):
    plots.close()  # what napari's hide button does
    plots.add(validation(100))
    plots.show()
    assert list(plots.f1.curve("S F1 val").getOriginalDataset()[0]) == [100]


def test_clear_forgets_everything(plots):
    plots.set_history([validation(100)])
    plots.set_marks(((50, 0.1),))
    plots.clear()
    assert plots.history() == ()
    assert plots.readout.text() == ""
    assert plots.f1.curve("S F1 val").getOriginalDataset()[0] is None or not len(
        plots.f1.curve("S F1 val").getOriginalDataset()[0]
    )


@pytest.mark.skipif(not SEED2017.exists(), reason="../shared/data/seed2017-metrics.csv is absent")
def test_the_2017_run_is_read_as_its_file_says(plots, qtbot):
    rows = list(csv.DictReader(SEED2017.read_text("utf-8").splitlines()))
    plots.set_history(
        [
            Validated(
                500 * (i + 1),
                i + 1.0,
                0.0,
                scores_from_text({key: float(row[key]) for key in EIGHT}),
            )
            for i, row in enumerate(rows)
        ]
    )
    best = max(range(len(rows)), key=lambda i: float(rows[i]["S F1 val"]))
    assert (
        f"S {float(rows[best]['S F1 val']):.3f} at update {500 * (best + 1)}"
        in plots.readout.text()
    )
    hover(qtbot, plots.f1, 2490)
    qtbot.waitUntil(lambda: plots.readout.text().startswith("update 2500: "))
    assert f"{float(rows[4]['G/D Accuracy val']):.3f} val" in plots.readout.text()
