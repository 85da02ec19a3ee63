"""Which class's F1 is plotted: chosen by mouse and keys; readout, best dot and files follow."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from qtpy.QtCore import QPointF, Qt
from qtpy.QtWidgets import QApplication

from napari_advseg.core.runtime.events import Validated
from napari_advseg.core.runtime.scores import NetworkScores, Scores
from napari_advseg.gui.plots.series import classes_scored
from napari_advseg.gui.plots.training_plots import TrainingPlots

FIVE = ("membrane", "glia", "mitochondria", "synapse", "intracellular")
TWO = ("cell", "membrane")


def history(classes, validations=3):
    """F1 that tells network, class and validation: S of class i at validation v is 0.5 + i/20 + v/100."""
    found = []
    for v in range(1, validations + 1):
        s = {name: 0.5 + i / 20 + v / 100 for i, name in enumerate(classes)}
        g = {name: 0.51 + i / 20 - v / 100 for i, name in enumerate(classes)}
        scores = Scores(
            NetworkScores(0.8 + v / 100, 0.9, s), NetworkScores(0.81 + v / 100, None, g)
        )
        found.append(Validated(100 * v, v, 1.0, scores))
    return found


@pytest.fixture
def plots(qtbot):
    widget = TrainingPlots("dark")
    qtbot.addWidget(widget)
    widget.resize(780, 220)
    widget.show()
    qtbot.waitExposed(widget)
    return widget


def choose(qtbot, plots, row):
    """Open the list with the mouse and take an entry by keys."""
    box = plots.f1_choice
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=box.rect().center())
    view = box.view()
    qtbot.waitUntil(view.isVisible)
    # Just after it has opened, Qt takes no click for a choice, lest a double click be one.
    for key in (Qt.Key.Key_Home, *[Qt.Key.Key_Down] * row, Qt.Key.Key_Return):
        qtbot.keyClick(view, key)
    qtbot.waitUntil(lambda: not view.isVisible())


def drawn(plots, key):
    return plots.f1.curve(key).getOriginalDataset()[1]


def entries(plots):
    return [plots.f1_choice.itemText(i) for i in range(plots.f1_choice.count())]


def test_nothing_to_choose_before_a_validation(plots):
    assert plots.f1_choice.isHidden()
    plots.set_history(history(FIVE))
    assert plots.f1_choice.isVisible()
    plots.clear()
    assert plots.f1_choice.isHidden()


def test_the_mean_first_and_then_each_class(qtbot, plots):
    plots.set_history(history(FIVE))
    assert entries(plots) == ["F1 mean", *(f"F1 {name}" for name in FIVE)]
    np.testing.assert_allclose(drawn(plots, "S F1 val"), [0.81, 0.82, 0.83])
    choose(qtbot, plots, 4)
    assert plots.f1_choice.currentText() == "F1 synapse"
    np.testing.assert_allclose(drawn(plots, "S F1 val"), [0.66, 0.67, 0.68])
    np.testing.assert_allclose(drawn(plots, "G/S F1 val"), [0.65, 0.64, 0.63])
    names = {switch.text(): switch.isVisible() for switch in plots.f1.switches}
    assert names["S val"]
    assert not names["S train"]  # of classes there is no F1 on training patches
    choose(qtbot, plots, 0)
    np.testing.assert_allclose(drawn(plots, "S F1 val"), [0.81, 0.82, 0.83])


def test_of_two_classes_the_first_is_plotted_and_the_second_can_be(qtbot, plots):
    plots.set_history(history(TWO))
    assert entries(plots) == ["F1 cell", "F1 membrane"]
    np.testing.assert_allclose(drawn(plots, "S F1 val"), [0.81, 0.82, 0.83])
    plots.f1_choice.setFocus()
    qtbot.keyClick(plots.f1_choice, Qt.Key.Key_Down)
    np.testing.assert_allclose(drawn(plots, "S F1 val"), [0.56, 0.57, 0.58])


def test_the_line_of_text_says_whose_f1_it_reads(qtbot, plots):
    plots.set_history(history(FIVE))
    choose(qtbot, plots, 3)
    assert plots.readout.text() == (
        "best F1 mitochondria val: S 0.630 at update 300 · G/S 0.600 at update 100"
    )
    QApplication.processEvents()
    view = plots.f1.plot.getViewBox()
    place = plots.f1.plot.mapFromScene(view.mapViewToScene(QPointF(200, 0.7)))
    qtbot.mouseMove(plots.f1.plot.viewport(), place)
    qtbot.waitUntil(lambda: plots.readout.text().startswith("update 200, F1 mitochondria: S 0.620"))


def test_the_choice_outlives_a_validation_and_a_run_of_the_same_classes(qtbot, plots):
    plots.set_history(history(FIVE))
    choose(qtbot, plots, 2)
    plots.add(history(FIVE, 4)[-1])
    np.testing.assert_allclose(drawn(plots, "S F1 val"), [0.56, 0.57, 0.58, 0.59])
    plots.clear()
    plots.set_history(history(FIVE))
    assert plots.f1_choice.currentText() == "F1 glia"
    plots.set_history(history(TWO))
    assert plots.f1_choice.currentText() == "F1 cell"
    np.testing.assert_allclose(drawn(plots, "S F1 val"), [0.81, 0.82, 0.83])


def test_files_show_the_chosen_class_and_hold_all(qtbot, plots, tmp_path):
    plots.set_history(history(FIVE))
    plots.save_svg(tmp_path / "mean.svg")
    choose(qtbot, plots, 1)
    plots.save_svg(tmp_path / "class.svg")
    assert "F1 membrane" in (tmp_path / "class.svg").read_text()
    assert "F1 membrane" not in (tmp_path / "mean.svg").read_text()
    plots.save_csv(tmp_path / "all.csv")
    with (tmp_path / "all.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    assert float(last["S F1 val"]) == pytest.approx(0.83)
    assert float(last["G/S F1 synapse val"]) == pytest.approx(0.63)


def test_an_adversarial_run_alone_names_its_classes_and_gaps_stay_gaps(plots):
    by_class = {"a": math.nan, "val": 0.7, "b": 0.5}
    scores = Scores(adversarial=NetworkScores(0.5, f1_val_by_class=by_class))
    found = [Validated(10, 1, 1.0, scores)]
    assert classes_scored(found) == ("a", "val", "b")
    plots.set_history(found)
    plots.f1_choice.setCurrentIndex(2)
    np.testing.assert_allclose(drawn(plots, "G/S F1 val"), [0.7])
