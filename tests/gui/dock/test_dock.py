"""The dock in a real window: a person's clicks and keys, and what they see for them."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QLabel,
    QProgressBar,
    QScrollArea,
    QWidget,
)

from napari_advseg.app.state.model import RunState
from napari_advseg.core.runtime.errors import RunFolderError
from napari_advseg.core.runtime.events import (
    Outcome,
    RunFinished,
    RunStarted,
    SlicePredicted,
    Step,
    Validated,
)
from napari_advseg.core.runtime.run_estimate import RunEstimate
from napari_advseg.core.runtime.scores import DiscriminatorScores, NetworkScores, Scores
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.widgets import dialogs
from napari_advseg.gui.window.plots_dock import PLOTS_NAME
from napari_advseg.gui.window.viewer_session import ViewerSession
from support.clicking import click
from support.fake_engine import core_engine_with, with_functions
from support.new_annotation import click_new

NAME = "Adversarial Segmentation"
SHAPE = (6, 64, 64)
ROLES = (
    "image_layer", "annotation_layer", "new_annotation", "classes", "slices", "method", "preset",
    "budget", "advanced", "start_from", "live_strokes", "all_cores", "start", "pause", "stop", "progress",
    "status", "threshold", "side_by_side", "run_folder", "save_masks", "load_run", "apply",
)  # fmt: skip


@pytest.fixture
def viewer(request):
    """A viewer in a plain window, or in napari's where a test needs its canvas, its docks or its look."""
    return request.getfixturevalue(getattr(request, "param", "plain_viewer"))


in_napari = pytest.mark.parametrize("viewer", ["napari_viewer"], indirect=True)


class Trainer:
    """A run that goes on until it is stopped, or ends by itself after so many updates."""

    def __init__(self, updates=10_000_000):
        self.updates, self.controls, self.threads = updates, [], []
        self.reached = 0
        self.kept = []

    def __call__(self, settings, stack, annotation, folder, *, on_event, control, **_):
        from napari_advseg.core.runtime.control import Stopped

        self.controls.append(control)
        self.threads.append(threading.current_thread())
        total = min(self.updates, 1000)
        on_event(
            RunStarted(folder, settings.networks, total, 10, 0, "cpu", "float32", 1, ("a", "b"), ())
        )
        outcome = Outcome.COMPLETED
        pause = threading.Event()
        try:
            for update in range(1, self.updates + 1):
                control.raise_if_stopped()
                self.reached = update
                pause.wait(0.01)
                if update % 10 == 1:
                    self._validate(on_event, settings, stack, update, total)
        except Stopped:
            outcome = Outcome.STOPPED
        self.kept.append(folder)
        on_event(RunFinished(outcome, self.reached, "Ended."))

    def _validate(self, on_event, settings, stack, update, total):
        on_event(Step(update % total, total, update / 10, 60.0))
        for network in settings.networks:
            on_event(SlicePredicted(network, 2, np.full(stack.shape[1:], 0.6, np.float16)))
        on_d = DiscriminatorScores(accuracy_val=0.7)
        scores = Scores(NetworkScores(0.9), NetworkScores(0.91), on_d)
        on_event(Validated(update, 1.0, 1.0, scores))


@pytest.fixture
def training():
    return Trainer()


@pytest.fixture
def make_dock(viewer, training, tmp_path, qtbot):
    def make(**functions):
        viewer.window.resize(1280, 800)
        engine = core_engine_with(
            train=training, new_run_folder=lambda parent, name: parent / "run", **functions
        )
        widget = AdversarialSegmentation(viewer, engine)
        viewer.window.add_dock_widget(widget, name=NAME, area="right")
        session = viewer.window._qt_window.findChild(ViewerSession)
        session.controller.keep.set_runs_folder(tmp_path / "runs")
        qtbot.waitUntil(widget.isVisible)
        return widget

    return make


def add_data(viewer):
    viewer.add_image(np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8), name="em")
    labels = np.full(SHAPE, 255, np.uint8)
    labels[:, :8] = 0
    return viewer.add_labels(labels, name="truth")


@pytest.fixture
def dock(viewer, make_dock, qtbot):
    add_data(viewer)
    widget = make_dock()
    qtbot.waitUntil(lambda: widget.model.summary is not None)
    return widget


def part(dock, role, kind=QWidget):
    found = dock.findChild(kind, role)
    assert found is not None, role
    return found


def start(qtbot, dock):
    click(qtbot, dock, "start")
    qtbot.waitUntil(lambda: bool(dock.model.history))


def stop(qtbot, dock):
    click(qtbot, dock, "stop")
    qtbot.waitUntil(lambda: dock.model.state is RunState.IDLE)


def our_threads():
    return [t for t in threading.enumerate() if t.name.startswith("napari-advseg")]


# ---- what there is


def test_every_role_is_there_once_and_explained(dock):
    for role in ROLES:
        found = dock.findChildren(QWidget, role)
        assert len(found) == 1, role
        assert len(found[0].toolTip()) > 15, role


@in_napari
def test_tab_order_follows_the_sections(qtbot, viewer, dock):
    viewer.window._qt_window.activateWindow()
    order = ["image_layer", "annotation_layer", "new_annotation", "class_name_0", "preset",
             "budget", "advanced", "start"]  # fmt: skip
    widget = part(dock, "image_layer")
    met = []
    for _ in range(400):
        met.append(widget.objectName())
        widget = widget.nextInFocusChain()
    places = [met.index(name) for name in order]
    assert places == sorted(places)


@in_napari
@pytest.mark.parametrize("empty_at_first", [False, True])
def test_nothing_is_clipped_at_the_side(qtbot, viewer, make_dock, empty_at_first):
    if empty_at_first:
        dock = make_dock()
        add_data(viewer)
    else:
        add_data(viewer)
        dock = make_dock()
    qtbot.waitUntil(lambda: dock.model.summary is not None)
    click(qtbot, dock, "advanced")
    qtbot.waitUntil(lambda: part(dock, "advanced_seed").isVisible())
    viewport = dock.findChild(QScrollArea).viewport()

    def clipped():
        return [
            child.objectName() or type(child).__name__
            for child in viewport.findChildren(QWidget)
            if child.isVisible()
            and child.mapTo(viewport, child.rect().topRight()).x() > viewport.width()
        ]

    qtbot.waitUntil(lambda: not clipped())
    assert part(dock, "stop").width() >= part(dock, "stop").minimumSizeHint().width()


@in_napari
def test_curves_are_docked_at_the_bottom(viewer, dock):
    plots = viewer.window.dock_widgets[PLOTS_NAME]
    main = viewer.window._qt_window
    assert main.dockWidgetArea(plots.parent()) == Qt.DockWidgetArea.BottomDockWidgetArea


# ---- data


def test_empty_window_offers_the_sample(qtbot, viewer, make_dock):
    from napari_advseg.core.data.synthetic import synthetic_stack

    dock = make_dock(synthetic_stack=lambda: synthetic_stack(0, (2, 64, 64)))
    assert part(dock, "open_sample").isVisible()
    assert not part(dock, "start").isEnabled()
    click(qtbot, dock, "open_sample")
    qtbot.waitUntil(lambda: dock.model.summary is not None)
    assert not part(dock, "open_sample").isVisible()
    assert part(dock, "annotation_layer", QComboBox).currentText() == "annotation"
    assert dock.model.summary.classes.names == ("cell", "membrane")
    assert part(dock, "start").isEnabled()


def test_open_a_stack_from_disk(qtbot, viewer, make_dock, tmp_path, monkeypatch):
    import tifffile

    tifffile.imwrite(tmp_path / "vnc.tif", np.zeros((5, 32, 32), np.uint8))
    monkeypatch.setattr(dialogs, "ask_file", lambda parent, title: tmp_path / "vnc.tif")
    dock = make_dock()
    click(qtbot, dock, "open_stack")
    qtbot.waitUntil(lambda: dock.model.image is not None)
    assert viewer.layers[0].data.shape == (5, 32, 32)
    assert part(dock, "image_layer", QComboBox).currentText() == viewer.layers[0].name


def test_pickers_follow_the_layer_list(qtbot, viewer, dock):
    box = part(dock, "annotation_layer", QComboBox)
    assert box.currentText() == "truth"
    viewer.layers["truth"].name = "expert"
    assert box.currentText() == "expert"
    viewer.layers["em"].name = "stack"
    assert part(dock, "image_layer", QComboBox).currentText() == "stack"
    del viewer.layers["expert"]
    assert box.currentIndex() == -1
    assert "annotation" in _waiting(dock, "start")
    assert not part(dock, "start").isEnabled()


def _waiting(dock, role):
    section = part(dock, role)
    while not hasattr(section, "waits_for"):
        section = section.parent()
    return section.waits_for


def test_new_annotation_is_chosen_and_painting_is_noticed(qtbot, viewer, make_dock):
    viewer.add_image(np.zeros(SHAPE, np.uint8), name="em")
    dock = make_dock()
    click_new(qtbot, dock)
    qtbot.waitUntil(lambda: dock.model.summary is not None)
    assert "strokes of cell and membrane" in _waiting(dock, "start")
    layer = viewer.layers["annotation"]
    for z in range(3):
        for value, row in ((1, 10), (2, 40)):
            layer.brush_size = 6
            layer.paint((z, row, 20), value)
    qtbot.waitUntil(lambda: part(dock, "start").isEnabled())
    assert part(dock, "split", QLabel).text() == "2 train, 1 validation"


def test_what_is_inferred_is_said_and_merging_mends_unknown_labels(qtbot, viewer, dock):
    assert "255 is cell" in part(dock, "classes_note", QLabel).text()
    layer = viewer.layers["truth"]
    layer.data_setitem((np.array([0, 0]), np.array([20, 21]), np.array([3, 3])), 32)
    problem = part(dock, "classes_problem", QLabel)
    qtbot.waitUntil(lambda: "32" in problem.text())
    assert problem.isVisible()
    assert not part(dock, "start").isEnabled()
    for row, values in ((0, "255"), (1, "0+32")):
        field = part(dock, f"class_values_{row}")
        field.selectAll()
        qtbot.keyClicks(field, values)
        qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: part(dock, "start").isEnabled())
    assert not problem.isVisible()
    assert str(dock.model.summary.classes) == "cell=255,membrane=0+32"


def test_the_strip_shows_the_split_and_goes_to_a_slice(qtbot, viewer, dock):
    part(dock, "slices").sliceClicked.emit(5)
    assert viewer.dims.current_step[0] == 5
    assert dock.model.slice_in_view == 5
    part(dock, "slices").splitChanged.emit((0, 1), (2, 3, 4))
    qtbot.waitUntil(
        lambda: part(dock, "split", QLabel).text().startswith("2 train, 3 validation, 1 left out")
    )


@in_napari
def test_a_long_class_map_in_a_problem_is_not_clipped(qtbot, viewer, dock):
    viewer.layers["truth"].data_setitem((np.array([0]), np.array([20]), np.array([3])), 7)
    field = part(dock, "class_values_0")
    field.selectAll()
    qtbot.keyClicks(field, "+".join(map(str, range(200, 256))))
    qtbot.keyClick(field, Qt.Key.Key_Return)
    problem = part(dock, "classes_problem", QLabel)
    qtbot.waitUntil(lambda: "200" in problem.text())
    words = problem.fontMetrics()
    room = problem.contentsRect().width()
    pieces = problem.text().replace("\u200b", " ").split()
    assert max(words.horizontalAdvance(piece) for piece in pieces) < room


# ---- training


@in_napari
def test_start_pause_resume_stop_by_mouse(qtbot, viewer, dock, training):
    assert not part(dock, "stop").isEnabled()
    start(qtbot, dock)
    assert not part(dock, "start").isEnabled()
    assert "F1 S 0.900  G/S 0.910, D 0.700" in part(dock, "status", QLabel).text()
    assert "left" in part(dock, "progress", QProgressBar).format()
    click(qtbot, dock, "pause")
    assert part(dock, "pause", QAbstractButton).text() == "Resume"
    qtbot.waitUntil(lambda: part(dock, "progress", QProgressBar).format() == "paused")
    paused_at = training.reached
    click(qtbot, dock, "pause")
    qtbot.waitUntil(lambda: training.reached > paused_at + 5)
    stop(qtbot, dock)
    assert training.kept
    assert {"standard mask", "adversarial mask"} <= {layer.name for layer in viewer.layers}
    assert part(dock, "start").isEnabled()
    assert part(dock, "status", QLabel).text().startswith("Stopped at update")


@in_napari
@pytest.mark.parametrize("where", ["canvas", "dock"])
def test_start_and_stop_by_keyboard(qtbot, viewer, dock, where):
    window = viewer.window._qt_window
    window.activateWindow()
    if where == "canvas":
        target = window._qt_viewer.canvas.native
    else:
        target = part(dock, "budget")
    target.setFocus()
    qtbot.keyClick(target, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: bool(dock.model.history))
    qtbot.keyClick(target, Qt.Key.Key_Period, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: dock.model.state is RunState.IDLE)


def test_method_preset_budget_and_advanced_reach_the_run(qtbot, dock, training):
    seen = []
    training_call = Trainer.__call__

    def spy(self, settings, *args, **kwargs):
        seen.append(settings)
        training_call(self, settings, *args, **kwargs)

    with_functions(
        dock._session.controller.context.engine,
        train=lambda *a, **k: spy(training, *a, **k),
        new_run_folder=lambda parent, name: parent,
        estimate_run=lambda *question: RunEstimate(2.5, 240, 6.0, 20.0, 10.0),
    )
    click(qtbot, dock, "method_standard")
    budget = part(dock, "budget")
    budget.setFocus()
    budget.selectAll()
    qtbot.keyClicks(budget, "2.5")
    qtbot.keyClick(budget, Qt.Key.Key_Return)
    click(qtbot, dock, "advanced")
    part(dock, "advanced_patch").setValue(32)
    part(dock, "advanced_network_width").setValue(8)
    for name in ("advanced_scale", "advanced_keep"):
        box = part(dock, name, QComboBox)
        box.setFocus()
        qtbot.keyClick(box, Qt.Key.Key_Down)
    start(qtbot, dock)
    stop(qtbot, dock)
    qtbot.waitUntil(lambda: part(dock, "time_plan").text().startswith("About 240 updates."))
    (settings,) = seen
    assert settings.method == "standard"
    assert settings.minutes == 2.5
    assert (settings.patch, settings.network.width) == (32, 8)
    assert (settings.scale, settings.keep) == (1, "last")


def test_choosing_a_preset_fills_the_advanced_form(qtbot, dock):
    box = part(dock, "preset", QComboBox)
    with_functions(dock._session.controller.context.engine, estimated_minutes=lambda settings: 90.0)
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Down)
    assert box.currentText() == "Balanced"
    assert part(dock, "advanced_patch").value() == 256
    words = part(dock, "preset_words", QLabel)
    qtbot.waitUntil(lambda: "About 2 h on this computer." in words.text())


def test_a_failure_stands_beside_its_control_and_goes_when_mended(
    qtbot, viewer, dock, tmp_path, monkeypatch
):
    def refuse(parent, name):
        raise RunFolderError("The folder cannot be written: choose another.")

    with_functions(dock._session.controller.context.engine, new_run_folder=refuse)
    click(qtbot, dock, "start")
    problem = part(dock, "run_folder_problem", QLabel)
    qtbot.waitUntil(lambda: dock.model.state is RunState.IDLE and bool(problem.text()))
    assert problem.isVisible()
    monkeypatch.setattr(dialogs, "ask_folder", lambda parent, title, start: tmp_path / "elsewhere")
    click(qtbot, dock, "change_folder")
    assert not problem.isVisible()


def test_masks_are_not_offered_as_annotation(qtbot, viewer, dock):
    start(qtbot, dock)
    box = part(dock, "annotation_layer", QComboBox)
    assert [box.itemText(i) for i in range(box.count())] == ["truth"]
    assert box.currentText() == "truth"
    stop(qtbot, dock)


@in_napari
def test_layers_deleted_renamed_or_painted_do_not_stop_a_run(qtbot, viewer, dock, training):
    start(qtbot, dock)
    viewer.layers["truth"].data[:] = 0
    viewer.layers["em"].name = "renamed"
    del viewer.layers["standard mask"]
    del viewer.layers["truth"]
    before = len(dock.model.history)
    qtbot.waitUntil(lambda: len(dock.model.history) > before + 3)
    assert "standard mask" not in viewer.layers
    stop(qtbot, dock)
    assert len(training.kept) == 1


def test_threshold_moves_the_masks_and_is_shown(qtbot, viewer, dock):
    assert not part(dock, "threshold").isEnabled()
    start(qtbot, dock)
    stop(qtbot, dock)
    mask = viewer.layers["standard mask"]
    shown = next(v for v, c in mask.colormap.color_dict.items() if v and c[3] > 0)  # the membrane
    assert not (mask.data[2] == shown).any()  # 0.6 is cell at a threshold of 0.5, not at 0.7
    part(dock, "threshold").setValue(0.7)
    qtbot.waitUntil(lambda: (mask.data[2] == shown).all())
    assert dock.model.threshold == pytest.approx(0.7)


@in_napari
def test_side_by_side_is_the_grid_and_is_put_back(qtbot, viewer, dock):
    start(qtbot, dock)
    stop(qtbot, dock)
    before = [layer.name for layer in viewer.layers]
    click(qtbot, dock, "side_by_side")
    assert viewer.canvas.grid.enabled
    click(qtbot, dock, "side_by_side")
    assert not viewer.canvas.grid.enabled
    assert [layer.name for layer in viewer.layers] == before


def test_save_masks_writes_both_beside_the_run(qtbot, viewer, dock, tmp_path, monkeypatch):
    import tifffile

    start(qtbot, dock)
    stop(qtbot, dock)
    monkeypatch.setattr(dialogs, "ask_folder", lambda parent, title, start: tmp_path / "out")
    click(qtbot, dock, "save_masks")
    offer = part(dock, "save_offer", QLabel)
    qtbot.waitUntil(offer.isVisible)
    assert f"of {SHAPE[0]} slices are predicted" in offer.text()
    assert not list(tmp_path.glob("out/*.tif"))  # nothing is written as background unasked
    click(qtbot, dock, "save_predicted")
    qtbot.waitUntil(lambda: "saved in" in part(dock, "status", QLabel).text())
    assert not offer.isVisible()
    for name in ("standard", "adversarial"):
        (path,) = (tmp_path / "out").glob(f"{name}_mask_*slices*.tif")
        mask = tifffile.imread(path)
        assert mask.shape[-2:] == SHAPE[1:]
        assert 255 in np.unique(mask)


# ---- the window


@in_napari
def test_hiding_the_dock_stops_nothing(qtbot, viewer, dock, training):
    start(qtbot, dock)
    dock.parent().title.hide_button.click()
    assert not dock.isVisible()
    before = len(dock.model.history)
    qtbot.waitUntil(lambda: len(dock.model.history) > before + 2)
    dock.parent().show()
    stop(qtbot, dock)


@in_napari
def test_closing_the_dock_stops_nothing_and_a_new_one_shows_the_run(qtbot, viewer, dock, training):
    start(qtbot, dock)
    with qtbot.waitSignal(dock.destroyed):
        dock.parent().title.close_button.click()
    again = AdversarialSegmentation(viewer)
    viewer.window.add_dock_widget(again, name=NAME, area="right")
    assert again.model.state is RunState.RUNNING
    assert part(again, "stop").isEnabled()
    assert part(again, "annotation_layer", QComboBox).currentText() == "truth"
    stop(qtbot, again)
    assert len(training.kept) == 1


@in_napari
@pytest.mark.parametrize("paused", [False, True])
def test_closing_the_window_stops_the_run_and_leaves_no_thread(
    qtbot, viewer, dock, training, paused
):
    start(qtbot, dock)
    if paused:
        click(qtbot, dock, "pause")
    assert our_threads()
    viewer.close()
    assert our_threads() == []
    assert len(training.kept) == 1


@in_napari
def test_closing_the_window_by_its_button_stops_the_run(qtbot, viewer, dock, training):
    from napari.settings import get_settings

    get_settings().application.confirm_close_window = False
    start(qtbot, dock)
    viewer.window._qt_window.close()
    assert our_threads() == []
    assert len(training.kept) == 1
    del viewer.window._qt_window  # it is gone: napari's fixture must not close it once more


@in_napari
def test_keys_are_given_back_when_the_window_closes(viewer, dock):
    bound = {str(key) for key in viewer.keymap}
    assert {"Ctrl+Enter", "Ctrl+."} <= bound
    dock._session.close()
    assert not {"Ctrl+Enter", "Ctrl+."} & {str(key) for key in viewer.keymap}


@in_napari
def test_the_dock_follows_the_theme(viewer, dock):
    viewer.theme = "dark"
    dark = dock.styleSheet()
    viewer.theme = "light"
    assert dock.styleSheet() != dark


def test_default_runs_folder_is_shown(viewer, dock):
    shown = part(dock, "run_folder").text()
    assert Path(shown) == dock.model.choices.runs_folder
