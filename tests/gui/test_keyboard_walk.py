"""The whole workbench by real key events: Tab reaches each control, it is seen there, and it works.

A window takes seconds to make, so what leaves it as it was is looked at in one; the tests are at the end.
"""

from __future__ import annotations

import threading
from itertools import pairwise

import numpy as np
import pytest
from napari._qt.utils import QImg2array
from qtpy.QtCore import QPoint, QRect, Qt, QTimer
from qtpy.QtGui import QContextMenuEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QApplication, QDockWidget, QMenu, QScrollArea, QWidget

from napari_advseg.app.state.model import RunState
from napari_advseg.core.runtime.events import (
    Outcome,
    RunFinished,
    RunStarted,
    SlicePredicted,
    Step,
    Validated,
)
from napari_advseg.core.runtime.run_estimate import RunEstimate
from napari_advseg.core.runtime.scores import DiscriminatorStatistics
from napari_advseg.core.storage.score_names import scores_from_text
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.plots.training_plots import TrainingPlots
from napari_advseg.gui.widgets import dialogs
from napari_advseg.gui.widgets.focus_ring import FocusRing
from napari_advseg.gui.widgets.section import Section
from napari_advseg.gui.window.shortcuts import takes_tab
from napari_advseg.gui.window.viewer_session import session_of
from support.fake_engine import core_engine_with

BOTH = ("standard", "adversarial")
SHAPE = (8, 64, 64)
LONG = 20_000
"""Milliseconds; on a busy computer the tasks of a run take their time."""
KEYS = Qt.Key
ALT, SUBJECT = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
# What Tab has to meet once there is a run, from top to bottom.
STOPS = (
    "section_data", "image_layer", "channels", "open_image", "voxel_size", "annotation_layer", "new_annotation",
    "open_annotation", "class_colour_0", "class_name_0", "class_colour_1", "class_name_1",
    "class_add", "class_more", "slices", "section_train", "method_paired", "preset", "budget", "budget_unit",
    "unannotated", "advanced", "advanced_validations", "start_from", "live_strokes", "all_cores",
    "discriminator_fold", "section_compare", "verdict", "threshold", "structure", "fill",
    "side_by_side", "accept_target", "rectangle", "accept_over", "accept_network", "accept",
    "slice_table_class", "slice_table", "slice_table_tall", "slice_table_save", "section_keep", "project",
    "save_project", "open_project", "run_folder", "change_folder", "show_folder", "save_masks",
    "load_run", "apply", "apply_files", "apply_folder", "start", "curves",
)  # fmt: skip


def scores(update):
    names = [
        f"{who} {what} {side}"
        for who, what in (("S", "F1"), ("G/S", "F1"), ("D", "Accuracy"), ("G/D", "Accuracy"))
        for side in ("train", "val")
    ]
    of_classes = [f"{who} F1 {name} val" for who in ("S", "G/S") for name in ("cell", "membrane")]
    found = dict.fromkeys([*names, *of_classes], 0.6 + update / 100)
    health = DiscriminatorStatistics(
        real_mean=1.0, real_spread=0.5, fake_mean=-1.0, fake_spread=0.5
    )
    return Validated(update, 1.0, 1.0, scores_from_text(found), 0.1, health)


class Run:
    """Two validations and masks of six slices; waits for Stop if it is told to."""

    def __init__(self):
        self.wait = False
        self.started = 0

    def __call__(self, settings, stack, annotation, folder, *, on_event, control, **_):
        from napari_advseg.core.runtime.control import Stopped

        self.started += 1
        draws = np.random.default_rng(1)
        classes = ("cell", "membrane")
        on_event(RunStarted(folder, BOTH, 10, 5, 0, "cpu", "float32", 1, classes, ((3, 0.1),)))
        for z in range(2, 8):
            for name in BOTH:
                on_event(SlicePredicted(name, z, draws.random(SHAPE[1:]).astype(np.float16)))
        for update in (5, 10):
            on_event(Step(update, 10, 1.0, 1.0))
            on_event(scores(update))
        outcome = Outcome.COMPLETED
        pause = threading.Event()
        try:
            while self.wait:
                control.raise_if_stopped()
                pause.wait(0.01)
        except Stopped:
            outcome = Outcome.STOPPED
        verdict = {"sentence": "Neither network is better.", "advice": "Use either."}
        on_event(RunFinished(outcome, 10, "Ended.", summary={"verdict": verdict}))


@pytest.fixture
def run():
    return Run()


@pytest.fixture
def dock(viewer, run, tmp_path, qtbot):
    """The dock after a run, with two images of one size, so that all controls are there."""
    grey = np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8)
    viewer.add_image(grey, name="em")
    viewer.add_image(grey, name="stain")
    labels = np.full(SHAPE, 2, np.uint8)
    labels[:, :, :20], labels[7] = 1, 0
    viewer.add_labels(labels, name="truth", metadata={"advseg_classes": "cell=1,membrane=2"})
    engine = core_engine_with(
        train=run,
        new_run_folder=lambda parent, name: tmp_path / "run",
        estimated_minutes=lambda settings: 1.0,
        estimate_run=lambda *question: RunEstimate(1.0, 240, 6.0, 20.0, 10.0),
    )
    dock = AdversarialSegmentation(viewer, engine)
    viewer.window.add_dock_widget(dock, name="Adversarial Segmentation", area="right")
    controller = session_of(viewer).controller
    controller.keep.set_runs_folder(tmp_path / "runs")
    model = dock.model
    qtbot.waitUntil(
        lambda: model.summary is not None and model.summary.split is not None, timeout=LONG
    )
    controller.run.start()
    qtbot.waitUntil(lambda: len(model.slice_table.rows) == 6, timeout=LONG)
    qtbot.waitUntil(lambda: model.state is RunState.IDLE, timeout=LONG)
    for section in dock.findChildren(Section):
        section.set_open(True)
    controller.classes.pick(0)
    viewer.window._qt_window.activateWindow()
    return dock


def part(owner, role):
    found = owner.findChild(QWidget, role)
    assert found is not None, role
    return found


def plots_of(viewer):
    return viewer.window._qt_window.findChild(TrainingPlots)


def press(key, modifier=Qt.KeyboardModifier.NoModifier):
    """Press a key where the keyboard is."""
    QTest.keyClick(QApplication.focusWidget(), key, modifier)
    QApplication.processEvents()


def start_at(qtbot, widget):
    widget.window().activateWindow()
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(lambda: QApplication.focusWidget() is widget)


def open_advanced(dock):
    if not part(dock, "advanced").isChecked():
        part(dock, "advanced").click()


def walk(part, key=KEYS.Key_Tab):
    """The widgets in `part` that Tab meets from the focused one on."""
    met = []
    ring = next(one for one in part.findChildren(FocusRing))
    while part.isAncestorOf(QApplication.focusWidget()) and QApplication.focusWidget() not in met:
        widget = QApplication.focusWidget()
        met.append(widget)
        place = QRect(widget.mapTo(ring.parentWidget(), QPoint()), widget.size())
        assert ring.isVisible()
        assert ring.geometry().contains(place)
        press(key)
    return met


def role(widget):
    """Its name, or that of the control that it is the inner part of."""
    while not widget.objectName():
        widget = widget.parentWidget()
    return widget.objectName()


def stops_in(part):
    """All that a person could operate there, but for method buttons, of which Tab meets the chosen one."""
    found = [one for one in part.findChildren(QWidget) if takes_tab(one)]
    return {
        one for one in found if not (one.objectName().startswith("method_") and not one.isChecked())
    }


# ---- Tab


def tab_meets_every_control_from_top_to_bottom_and_back(qtbot, dock):
    open_advanced(dock)
    start_at(qtbot, part(dock, "section_data"))
    met = walk(dock)
    assert {role(one) for one in stops_in(dock)} <= {role(one) for one in met}
    names = [role(one) for one in met]
    assert [name for name in names if name in STOPS] == list(STOPS)
    assert len(names) == len(set(names))
    tops = [one.mapTo(dock, QPoint()).y() for one in (part(dock, name) for name in STOPS)]
    assert all(below - above > -30 for above, below in pairwise(tops))
    start_at(qtbot, met[-1])
    assert [role(one) for one in walk(dock, KEYS.Key_Backtab)] == names[::-1]


def tab_meets_all_of_the_curves(qtbot, viewer, dock):
    plots = plots_of(viewer)
    start_at(qtbot, plots.f1.plot)
    met = walk(plots)
    assert set(met) == stops_in(plots)
    assert met[0] is plots.f1.plot
    switches = [one for pane in plots.panes() for one in pane.switches]
    assert [one for one in met if one in switches] == switches
    assert plots.health.plot in met


def looks(widget):
    """Grey values of what can be seen of a widget and close around it."""
    QApplication.processEvents()
    window = widget.window()
    around = widget.visibleRegion().boundingRect()
    assert not around.isEmpty(), role(widget)
    around.adjust(-4, -4, 4, 4)
    image = window.grab(around.translated(widget.mapTo(window, QPoint()))).toImage()
    return QImg2array(image)[..., :3].mean(axis=-1)


def ring_pixels(widget):
    """How many pixels in and close around a widget tell that it has the keyboard."""
    with_keyboard = looks(widget)
    widget.clearFocus()
    without = looks(widget)
    widget.setFocus(Qt.FocusReason.OtherFocusReason)
    assert with_keyboard.shape == without.shape
    return int((abs(with_keyboard - without) > 60).sum())


def scrolled_to(dock, widget):
    """Bring a control into sight, as Tab does, once its place is settled."""
    QApplication.processEvents()
    dock.findChild(QScrollArea).ensureWidgetVisible(widget)
    return not widget.visibleRegion().isEmpty()


def the_control_that_has_the_keyboard_can_be_seen(qtbot, viewer, dock):
    plots = plots_of(viewer)
    open_advanced(dock)
    one_of_each = {}
    for owner in (dock, plots):
        for widget in sorted(stops_in(owner), key=role):
            one_of_each.setdefault(type(widget), widget)
    assert len(one_of_each) >= 12
    unseen = []
    for theme in ("dark", "light"):
        viewer.theme = theme
        for widget in one_of_each.values():
            start_at(qtbot, widget)
            qtbot.waitUntil(lambda widget=widget: scrolled_to(dock, widget))
            if ring_pixels(widget) < 2 * widget.width():
                unseen.append((theme, role(widget)))
    assert unseen == []


def every_button_has_words_and_no_two_the_same_letter(viewer, dock):
    for owner in (dock, plots_of(viewer)):
        letters = []
        for button in owner.findChildren(QAbstractButton):
            if button.focusPolicy() & Qt.FocusPolicy.TabFocus:
                assert button.text().strip("+−⋯ ") or button.accessibleName(), button.objectName()
                assert button.toolTip() or button.text(), button.objectName()
            assert "&&" not in button.text()
            letters += [button.shortcut().toString()] if not button.shortcut().isEmpty() else []
        assert len(letters) == len(set(letters))


# ---- from part to part


def f6_goes_from_the_canvas_to_the_dock_to_the_curves_and_round(qtbot, viewer, dock):
    canvas = viewer.window._qt_viewer.canvas.native
    plots = plots_of(viewer)
    start_at(qtbot, canvas)
    press(KEYS.Key_F6)
    assert QApplication.focusWidget() is part(dock, "section_data")
    press(KEYS.Key_Tab)
    press(KEYS.Key_F6)
    assert QApplication.focusWidget() is plots.f1.plot
    press(KEYS.Key_F6)
    assert QApplication.focusWidget() is canvas
    press(KEYS.Key_F6, SHIFT)
    press(KEYS.Key_F6, SHIFT)
    assert QApplication.focusWidget() is part(dock, "image_layer")  # where the keyboard was last


def keys_of_the_window_work_in_the_dock_and_the_curves(qtbot, viewer, dock, run, floats):
    plots, layer = plots_of(viewer), viewer.layers["truth"]
    for owner in (dock, plots):
        holder = owner.parent()
        assert isinstance(holder, QDockWidget)
        holder.setFloating(floats)
    run.wait = True
    for owner in (dock, plots):
        started = run.started
        target = part(owner, "budget") if owner is dock else plots.f1.plot
        start_at(qtbot, target)
        for key, value in ((KEYS.Key_2, 2), (KEYS.Key_1, 1)):
            press(key, ALT)
            assert layer.selected_label == value
        press(KEYS.Key_Return, SUBJECT)
        qtbot.waitUntil(lambda: dock.model.state is RunState.RUNNING, timeout=LONG)
        press(KEYS.Key_Period, SUBJECT)
        qtbot.waitUntil(lambda: dock.model.state is RunState.IDLE, timeout=LONG)
        assert run.started == started + 1
    start_at(qtbot, part(dock, "preset"))
    press(KEYS.Key_F6)
    assert QApplication.focusWidget() is plots.f1.plot


def choose_in_menu(menu, *keys):
    """Press keys in a menu that a button is about to open, which waits for it as for a dialog."""

    def press_them():
        if not menu.isVisible():
            QTimer.singleShot(20, press_them)
            return
        for key in keys:
            QTest.keyClick(menu, key)

    QTimer.singleShot(0, press_them)


# ---- each kind of control does its work


def lists_boxes_and_numbers_are_chosen_by_keys(qtbot, dock):
    model = dock.model
    start_at(qtbot, part(dock, "method_paired"))
    press(KEYS.Key_Left)
    assert model.choices.method == "adversarial"
    press(KEYS.Key_Tab)
    press(KEYS.Key_Down)
    assert model.choices.preset == "balanced"
    press(KEYS.Key_Tab)
    press(KEYS.Key_Up)
    assert model.choices.budget.amount == 1
    start_at(qtbot, part(dock, "live_strokes"))
    press(KEYS.Key_Space)
    assert model.choices.live_strokes
    start_at(qtbot, part(dock, "accept_target"))
    press(KEYS.Key_Down)
    assert part(dock, "accept_target").currentText() == "inside the rectangle"
    start_at(qtbot, part(dock, "channels"))
    choose_in_menu(part(dock, "channels").menu(), KEYS.Key_Down, KEYS.Key_Return)
    press(KEYS.Key_Space)
    assert len(model.choices.channels) == 1
    start_at(qtbot, part(dock, "advanced"))
    press(KEYS.Key_Space)
    assert part(dock, "advanced_validations").isVisible()


def threshold_and_side_by_side_by_keys(qtbot, viewer, dock):
    start_at(qtbot, part(dock, "image_layer"))
    while role(QApplication.focusWidget()) != "threshold":
        press(KEYS.Key_Tab)
    press(KEYS.Key_Right)
    assert dock.model.threshold == pytest.approx(0.51)
    press(KEYS.Key_PageDown)
    assert dock.model.threshold == pytest.approx(0.41)
    press(KEYS.Key_Tab)
    other = 1 - dock.model.structure
    press(KEYS.Key_Down if other else KEYS.Key_Up)
    assert dock.model.structure == other
    press(KEYS.Key_Tab)
    press(KEYS.Key_Right)
    assert dock.model.fill == pytest.approx(0.45)
    press(KEYS.Key_Tab)
    press(KEYS.Key_Space)
    assert viewer.canvas.grid.enabled
    press(KEYS.Key_Space)
    assert not viewer.canvas.grid.enabled


def a_mask_is_accepted_by_keys(qtbot, viewer, dock):
    start_at(qtbot, part(dock, "accept_over"))
    viewer.dims.set_current_step(0, 3)
    before = viewer.layers["truth"].data.copy()
    press(KEYS.Key_Space)
    press(KEYS.Key_Tab)
    press(KEYS.Key_Tab)
    press(KEYS.Key_Space)
    changed = (viewer.layers["truth"].data != before).any(axis=(1, 2))
    assert list(np.flatnonzero(changed)) == [3]


def start_pause_and_stop_by_keys(qtbot, dock, run):
    run.wait = True
    start_at(qtbot, part(dock, "start"))
    press(KEYS.Key_Space)
    qtbot.waitUntil(lambda: dock.model.state is RunState.RUNNING, timeout=LONG)
    assert role(QApplication.focusWidget()) == "stop"  # start is off meanwhile, and pause was
    press(KEYS.Key_Backtab, SHIFT)
    assert role(QApplication.focusWidget()) == "pause"
    press(KEYS.Key_Space)
    assert dock.model.state is RunState.PAUSED
    press(KEYS.Key_Space)
    assert dock.model.state is RunState.RUNNING
    press(KEYS.Key_Tab)
    press(KEYS.Key_Space)
    qtbot.waitUntil(lambda: dock.model.state is RunState.IDLE, timeout=LONG)


def the_strip_by_keys(qtbot, viewer, dock):
    strip = part(dock, "slices")
    start_at(qtbot, strip)
    press(KEYS.Key_Home)
    assert viewer.dims.current_step[0] == 0
    press(KEYS.Key_Right)
    press(KEYS.Key_Right, SHIFT)
    press(KEYS.Key_V)
    assert {1, 2} <= set(strip.split()[1])
    for key in (KEYS.Key_Return, KEYS.Key_Space):
        press(key)
        qtbot.waitUntil(strip.menu.isVisible)
        qtbot.keyClick(strip.menu, KEYS.Key_Down)
        qtbot.keyClick(strip.menu, KEYS.Key_Return)
        assert 2 in strip.split()[0]
        assert not strip.menu.isVisible()


def the_class_list_by_keys(qtbot, viewer, dock, monkeypatch):
    layer = viewer.layers["truth"]
    start_at(qtbot, part(dock, "class_name_1"))
    press(KEYS.Key_Space)
    assert layer.selected_label == 2
    press(KEYS.Key_F2)
    QTest.keyClicks(QApplication.focusWidget(), "border")
    press(KEYS.Key_Return)
    assert [row.name for row in dock.model.class_list.rows] == ["cell", "border"]
    start_at(qtbot, part(dock, "class_more"))
    press(KEYS.Key_Space)
    menu = dock.findChild(QMenu, "class_menu")
    qtbot.waitUntil(menu.isVisible)
    qtbot.keyClick(menu, KEYS.Key_Up)
    qtbot.keyClick(menu, KEYS.Key_Escape)
    asked = []
    monkeypatch.setattr(dialogs, "ask_colour", lambda *words: asked.append(words[1]))
    start_at(qtbot, part(dock, "class_colour_0"))
    press(KEYS.Key_Return)
    assert asked == ["Colour of cell"]
    start_at(qtbot, part(dock, "class_add"))
    press(KEYS.Key_Space)
    assert role(QApplication.focusWidget()) == "class_name_2"
    press(KEYS.Key_Return)
    press(KEYS.Key_Backtab)
    assert role(QApplication.focusWidget()) == "class_colour_2"
    press(KEYS.Key_Backtab)
    assert role(QApplication.focusWidget()) == "class_name_1"


def the_table_by_keys(qtbot, viewer, dock):
    table = part(dock, "slice_table")
    start_at(qtbot, table)
    press(KEYS.Key_Home)
    assert viewer.dims.current_step[0] == 2
    press(KEYS.Key_Down)
    assert viewer.dims.current_step[0] == 3

    def shown(column):
        return [table.model().index(row, column).data() for row in range(6)]

    press(KEYS.Key_5)
    assert shown(4) == sorted(shown(4))
    press(KEYS.Key_5)
    assert shown(4) == sorted(shown(4), reverse=True)
    press(KEYS.Key_1)
    assert shown(0)[0].endswith("2")
    assert viewer.dims.current_step[0] == 3  # sorting goes nowhere


def the_curves_by_keys(qtbot, viewer, dock):
    plots = plots_of(viewer)
    plot = plots.f1.plot
    start_at(qtbot, plot)
    best = plots.readout.text()
    for key, update in (
        (KEYS.Key_Right, 5),
        (KEYS.Key_Right, 10),
        (KEYS.Key_Left, 5),
        (KEYS.Key_End, 10),
    ):
        press(key)
        assert plots.readout.text().startswith(f"update {update}:")
    press(KEYS.Key_Escape)
    assert plots.readout.text() == best
    span = np.diff(plot.getViewBox().viewRange()[0])
    press(KEYS.Key_Plus)
    assert np.diff(plot.getViewBox().viewRange()[0]) < span
    press(KEYS.Key_0)
    assert np.diff(plot.getViewBox().viewRange()[0]) == pytest.approx(span)
    for ask in (
        lambda: press(KEYS.Key_Return),
        lambda: QApplication.sendEvent(
            plot, QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(5, 5))
        ),
    ):
        ask()
        qtbot.waitUntil(plots.menu.isVisible)
        qtbot.keyClick(plots.menu, KEYS.Key_Escape)
    press(KEYS.Key_Tab)
    switch = plots.f1.switches[0]
    assert QApplication.focusWidget() is switch
    press(KEYS.Key_Space)
    assert not switch.isChecked()
    start_at(qtbot, plots.f1_choice)
    press(KEYS.Key_Down)
    assert plots.f1.of_class == "membrane"


def what_has_the_keyboard_is_scrolled_into_sight(qtbot, dock):
    start_at(qtbot, part(dock, "image_layer"))
    bar = dock.findChild(QScrollArea).verticalScrollBar()
    assert bar.maximum() > 0
    start_at(qtbot, part(dock, "load_run"))
    press(KEYS.Key_Tab)
    widget = QApplication.focusWidget()
    assert not widget.visibleRegion().isEmpty()
    assert widget.visibleRegion().boundingRect() == widget.rect()


# ---- the tests


def test_where_the_keyboard_goes(qtbot, viewer, dock):
    f6_goes_from_the_canvas_to_the_dock_to_the_curves_and_round(qtbot, viewer, dock)
    tab_meets_every_control_from_top_to_bottom_and_back(qtbot, dock)
    tab_meets_all_of_the_curves(qtbot, viewer, dock)
    what_has_the_keyboard_is_scrolled_into_sight(qtbot, dock)
    every_button_has_words_and_no_two_the_same_letter(viewer, dock)
    the_control_that_has_the_keyboard_can_be_seen(qtbot, viewer, dock)


def test_keys_of_the_window_work_in_docks_that_are_docked_and_that_float(qtbot, viewer, dock, run):
    for floats in (False, True):
        keys_of_the_window_work_in_the_dock_and_the_curves(qtbot, viewer, dock, run, floats)


def test_what_is_shown_of_a_run_is_read_by_keys(qtbot, viewer, dock):
    the_curves_by_keys(qtbot, viewer, dock)
    the_table_by_keys(qtbot, viewer, dock)
    threshold_and_side_by_side_by_keys(qtbot, viewer, dock)


def test_each_kind_of_control_does_its_work_by_keys(qtbot, viewer, dock, run, monkeypatch):
    start_pause_and_stop_by_keys(qtbot, dock, run)
    the_strip_by_keys(qtbot, viewer, dock)
    a_mask_is_accepted_by_keys(qtbot, viewer, dock)
    the_class_list_by_keys(qtbot, viewer, dock, monkeypatch)
    lists_boxes_and_numbers_are_chosen_by_keys(qtbot, dock)
