"""The per-slice table with real mouse and key events: alone, and in the window beside a run."""

from __future__ import annotations

import csv
import io
import threading

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QComboBox, QLabel, QPushButton, QScrollArea, QWidget

from napari_advseg.app.state.model import RunState
from napari_advseg.core.evaluation.slice_scores import SliceScore, SliceTable
from napari_advseg.core.runtime.events import Outcome, RunFinished, RunStarted, SlicePredicted
from napari_advseg.gui.dock.compare.slice_table import ROWS, SliceTableView
from napari_advseg.gui.dock.compare.slice_table_model import DIFFERENCE, DISAGREEMENT, GS, SLICE, S
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.widgets import dialogs
from napari_advseg.gui.window.viewer_session import session_of
from support.fake_engine import core_engine_with

BOTH = ("standard", "adversarial")


@pytest.fixture
def viewer(plain_viewer):
    return plain_viewer


def score(z, s=None, gs=None, apart=0.0, use="validation"):
    f1 = {} if s is None else {"standard": (s, 0.5), "adversarial": (gs, 0.6)}
    return SliceScore(z, f1, apart, use if f1 else "")


ROWS_OF_TABLE = (
    score(2, 0.80, 0.85, 0.10),
    score(3, 0.90, 0.89, 0.02, "training"),
    score(7, 0.70, 0.70, 0.30),
    score(8, apart=0.2),
)
TABLE = SliceTable(BOTH, ("cell", "membrane"), ROWS_OF_TABLE, 0.5)


@pytest.fixture
def view(qtbot):
    found = SliceTableView()
    qtbot.addWidget(found)
    found.resize(300, 200)
    found.show_table(TABLE, 0, 0)
    found.show()
    found.activateWindow()
    qtbot.waitExposed(found)
    return found


def texts(view, column):
    model = view.model()
    return [model.index(row, column).data() for row in range(model.rowCount())]


def click_header(qtbot, view, column):
    header = view.horizontalHeader()
    place = QPoint(header.sectionViewportPosition(column) + 12, header.height() // 2)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=place)


def click_row(qtbot, view, row, column=S):
    index = view.model().index(row, column)
    view.scrollTo(index)
    place = view.visualRect(index).center()
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_it_shows_scores_difference_and_disagreement(view):
    assert texts(view, SLICE) == ["2", "T 3", "7", "8"]
    assert texts(view, S) == ["0.800", "0.900", "0.700", "–"]
    assert texts(view, GS) == ["0.850", "0.890", "0.700", "–"]
    assert texts(view, DIFFERENCE) == ["+0.050", "-0.010", "0.000", "–"]
    assert texts(view, DISAGREEMENT) == ["10.0 %", "2.0 %", "30.0 %", "20.0 %"]
    bold = [view.model().index(row, S).data(Qt.ItemDataRole.FontRole) for row in range(4)]
    assert [font is not None and font.bold() for font in bold] == [True, False, True, False]
    tooltip = view.model().index(1, S).data(Qt.ItemDataRole.ToolTipRole)
    assert "flatters" in tooltip


@pytest.mark.parametrize(
    ("column", "up"),
    [(SLICE, [2, 3, 7, 8]), (S, [7, 2, 3, 8]), (GS, [7, 2, 3, 8]), (DIFFERENCE, [3, 7, 2, 8]),
     (DISAGREEMENT, [3, 2, 8, 7])],
)  # fmt: skip
def test_a_click_on_a_header_sorts_and_another_turns_round(qtbot, view, column, up):
    def order():
        return [int(text.removeprefix("T ")) for text in texts(view, SLICE)]

    orders = []
    for _ in range(2):
        click_header(qtbot, view, column)
        orders.append(order())
    unknown = [8] if column in (S, GS, DIFFERENCE) else []
    known = [z for z in up if z not in unknown]
    assert sorted(orders) == sorted([up, known[::-1] + unknown])  # what is not known stays last


def test_a_click_on_a_row_goes_to_its_slice(qtbot, view):
    click_header(qtbot, view, DISAGREEMENT)
    for row in (2, 0):
        z = int(texts(view, SLICE)[row].removeprefix("T "))
        with qtbot.waitSignal(view.sliceChosen) as told:
            click_row(qtbot, view, row)
        assert told.args == [z]
        assert view.currentIndex().row() == row


def test_keys_go_through_the_slices(qtbot, view):
    view.set_current(2)
    went = []
    view.sliceChosen.connect(went.append)
    view.setFocus()
    for key in ("Key_Down", "Key_Down", "Key_Up", "Key_End", "Key_Home", "Key_Return"):
        qtbot.keyClick(view, getattr(Qt.Key, key))
    assert went == [3, 7, 3, 8, 2, 2]


def test_being_shown_things_and_tabbed_through_goes_nowhere(qtbot, view):
    with qtbot.assertNotEmitted(view.sliceChosen):
        view.set_current(7)
        assert view.currentIndex().row() == 2
        view.set_current(99)
        assert not view.currentIndex().isValid()
        assert not view.selectionModel().hasSelection()
        view.clearFocus()
        view.setFocus(Qt.FocusReason.TabFocusReason)
        view.show_table(TABLE.with_rows([score(1, 0.1, 0.2)], 0.5), 1, 3)
    assert texts(view, S) == ["0.500"] * 4 + ["–"]
    assert view.currentIndex().row() == 2


def test_the_row_of_the_slice_in_view_stays_selected_as_rows_move(qtbot, view):
    click_header(qtbot, view, S)
    view.set_current(7)
    with qtbot.assertNotEmitted(view.sliceChosen):
        view.show_table(TABLE.with_rows([score(7, 0.99, 0.99)], 0.5), 0, 7)
    row = view.currentIndex().row()
    assert texts(view, SLICE)[row] == "7"
    assert texts(view, S)[row] == "0.990"


def test_one_network_shows_its_f1_alone(view):
    rows = (SliceScore(4, {"standard": (0.8, 0.7)}, use="validation"),)
    view.show_table(SliceTable(("standard",), ("cell", "membrane"), rows, 0.5), 0, 4)
    assert [view.isColumnHidden(c) for c in range(5)] == [False, False, True, True, True]


def test_a_long_table_is_quick_and_keeps_its_place(qtbot, view):
    many = SliceTable(BOTH, ("a", "b"), tuple(score(z, z / 3000, 0.5) for z in range(2000)), 0.5)
    view.show_table(many, 0, 0)
    assert view.height() < 200
    bar = view.verticalScrollBar()
    bar.setValue(700)
    view.show_table(many.with_rows([score(5, 0.9, 0.9)], 0.5), 0, 0)
    assert bar.value() == 700


def test_the_row_of_the_slice_in_view_stays_in_sight_as_rows_come(view):
    few = SliceTable(BOTH, ("a", "b"), tuple(score(z, 0.5, 0.5) for z in range(90, 100)), 0.5)
    view.show_table(SliceTable(), 0, 92)
    view.show_table(few, 0, 92)
    for table in (few, few.with_rows([score(z, 0.4, 0.4) for z in range(90)], 0.5)):
        view.show_table(table, 0, 92)
        shown = view.visualRect(view.currentIndex())
        assert texts(view, SLICE)[view.currentIndex().row()] == "92"
        assert view.viewport().rect().contains(shown.center())


# ---- in the window

SHAPE = (8, 64, 64)
LONG = 20_000
"""Milliseconds; on a busy computer the tasks of a run take their time."""


def masks():
    """Masks of both networks on six of eight slices; slice 7 is not annotated."""
    rng = np.random.default_rng(1)
    return {
        (name, z): rng.random(SHAPE[1:]).astype(np.float16) for name in BOTH for z in range(2, 8)
    }


@pytest.fixture
def window(viewer, tmp_path, qtbot):
    """A dock after a run that predicted six slices."""
    viewer.add_image(np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8), name="em")
    labels = np.full(SHAPE, 2, np.uint8)
    labels[:, :, :20] = 1
    labels[7] = 0
    viewer.add_labels(labels, name="truth", metadata={"advseg_classes": "cell=1,membrane=2"})
    done = threading.Event()

    def run(settings, stack, annotation, folder, *, on_event, control, **_):
        on_event(RunStarted(folder, BOTH, 10, 5, 0, "cpu", "float32", 1, ("cell", "membrane"), ()))
        for (name, z), probability in masks().items():
            on_event(SlicePredicted(name, z, probability))
        on_event(RunFinished(Outcome.COMPLETED, 10, "Ended."))
        done.set()

    engine = core_engine_with(train=run, new_run_folder=lambda parent, name: tmp_path / "run")
    dock = AdversarialSegmentation(viewer, engine)
    viewer.window.add_dock_widget(dock, name="Adversarial Segmentation", area="right")
    session_of(viewer).controller.keep.set_runs_folder(tmp_path / "runs")
    qtbot.waitUntil(
        lambda: dock.model.summary is not None and dock.model.summary.split is not None,
        timeout=LONG,
    )
    session_of(viewer).controller.run.start()
    qtbot.waitUntil(lambda: len(dock.model.slice_table.rows) == 6 and done.is_set(), timeout=LONG)
    qtbot.waitUntil(lambda: dock.model.state is RunState.IDLE, timeout=LONG)
    return dock


def part(dock, role, kind=QWidget):
    found = dock.findChild(kind, role)
    assert found is not None, role
    dock.findChild(QScrollArea).ensureWidgetVisible(found)
    return found


def counted(threshold, classes=(0, 1)):
    """The table's numbers, counted from the masks here."""
    truth = np.ones(SHAPE[1:], int)
    truth[:, :20] = 0
    rows = {}
    for z in range(2, 8):
        found = {n: np.where(masks()[n, z] >= np.float16(threshold), 0, 1) for n in BOTH}
        f1 = {
            (n, c): 2 * ((found[n] == c) & (truth == c)).sum()
            / ((found[n] == c).sum() + (truth == c).sum())
            for n in BOTH for c in classes
        }  # fmt: skip
        rows[z] = f1, (found["standard"] != found["adversarial"]).mean()
    return rows


def shown_rows(view):
    return {
        int(texts(view, SLICE)[row].removeprefix("T ")): [texts(view, c)[row] for c in range(1, 5)]
        for row in range(view.model().rowCount())
    }


def expected_rows(threshold, index):
    rows = {}
    for z, (f1, apart) in counted(threshold).items():
        s, gs = f1["standard", index], f1["adversarial", index]
        numbers = [f"{s:.3f}", f"{gs:.3f}", f"{gs - s:+.3f}"] if z != 7 else ["–"] * 3
        rows[z] = [*numbers, f"{100 * apart:.1f} %"]
    return rows


def test_the_window_shows_the_numbers_of_the_masks(qtbot, window):
    view = part(window, "slice_table", SliceTableView)
    assert shown_rows(view) == expected_rows(0.5, 0)
    assert texts(view, SLICE)[:4] == ["T 2", "T 3", "T 4", "5"]
    box = part(window, "slice_table_class", QComboBox)
    assert [box.itemText(i) for i in range(box.count())] == ["cell", "membrane"]
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Down)
    assert shown_rows(view) == expected_rows(0.5, 1)
    words = part(window, "slice_table_words", QLabel).text()
    assert words == "Bold: validation. T: trained on, its F1 flatters. –: not annotated."


def test_the_threshold_moves_the_numbers(qtbot, window):
    view = part(window, "slice_table", SliceTableView)
    session_of_dock = window._session.controller
    for threshold in (0.6, 0.7, 0.3):
        session_of_dock.set_threshold(threshold)
    qtbot.waitUntil(lambda: shown_rows(view) == expected_rows(0.3, 0), timeout=LONG)


def test_clicks_and_keys_go_to_slices_and_the_slider_to_rows(qtbot, viewer, window):
    view = part(window, "slice_table", SliceTableView)
    qtbot.waitUntil(lambda: not view.visibleRegion().isEmpty())
    click_row(qtbot, view, 3)
    assert viewer.dims.current_step[0] == 5
    qtbot.keyClick(view, Qt.Key.Key_Up)
    assert viewer.dims.current_step[0] == 4
    viewer.dims.set_current_step(0, 6)
    assert texts(view, SLICE)[view.currentIndex().row()] == "6"
    viewer.dims.set_current_step(0, 0)  # which was not predicted
    assert not view.selectionModel().hasSelection()


def test_the_saved_csv_is_the_table(qtbot, monkeypatch, tmp_path, window):
    path = tmp_path / "out.csv"
    asked = []
    monkeypatch.setattr(
        dialogs, "ask_new_file", lambda parent, title, start, kinds: asked.append(start) or path
    )
    button = part(window, "slice_table_save", QPushButton)
    qtbot.waitUntil(lambda: not button.visibleRegion().isEmpty())
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(path.is_file)
    assert asked[0].name == "slices.csv"
    view = part(window, "slice_table", SliceTableView)
    kept = {int(row["slice"]): row for row in csv.DictReader(io.StringIO(path.read_text()))}
    for z, (s, gs, difference, apart) in shown_rows(view).items():
        written = [kept[z][name] for name in ("S F1 cell", "G/S F1 cell", "G/S minus S cell")]
        if z == 7:
            assert written == ["", "", ""]
        else:
            numbers = [float(text) for text in written]
            assert numbers == pytest.approx([float(s), float(gs), float(difference)], abs=6e-4)
        assert f"{100 * float(kept[z]['disagreement']):.1f} %" == apart
    assert [kept[z]["use"] for z in sorted(kept)] == ["training"] * 3 + ["validation"] * 2 + [""]
    qtbot.waitUntil(lambda: "out.csv" in window.model.status)


def test_copy_puts_the_table_on_the_clipboard(qtbot, window):
    from napari_advseg.gui.dock.compare.section import CompareSection

    panel = window.findChild(CompareSection).slices
    panel.menu.actions()[0].trigger()
    assert QApplication.clipboard().text() == window.model.slice_table.csv()


def test_taller_shows_more_rows(qtbot, window):
    view = part(window, "slice_table", SliceTableView)
    button = part(window, "slice_table_tall", QPushButton)
    before = view.height()
    qtbot.waitUntil(lambda: not button.visibleRegion().isEmpty())
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    row = view.verticalHeader().defaultSectionSize()
    assert view.height() == before + (6 - ROWS) * row
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert view.height() == before
