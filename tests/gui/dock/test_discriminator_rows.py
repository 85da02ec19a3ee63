"""What the window tells of the adversary in a run, and images without annotation, by mouse and keys."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QComboBox, QLabel, QScrollArea, QWidget

from napari_advseg.app.messages.adversary_expectation import MUCH
from napari_advseg.app.state.model import RunState
from napari_advseg.core.runtime.errors import ImageError, Subject
from napari_advseg.core.runtime.events import (
    Alarm,
    AlarmChanged,
    Outcome,
    RunFinished,
    RunStarted,
    Step,
    Validated,
)
from napari_advseg.core.runtime.scores import (
    DiscriminatorScores,
    DiscriminatorStatistics,
    NetworkScores,
    Scores,
)
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.plots.training_plots import TrainingPlots
from napari_advseg.gui.window.viewer_session import session_of
from support.fake_engine import core_engine_with
from support.sections import open_section_of

SHAPE = (8, 64, 64)
LONG = 20_000
WEAK = Alarm("weak", 3, "The adversarial term hardly moves G/S since update 3.", until=7)
STRONG = Alarm("strong", 8, "The adversarial term moves G/S more than the annotation does.")
SATURATED = Alarm("saturated", 9, "D is saturated since update 9: its answers are beyond ±20.")
VERDICT = {
    "sentence": "Neither network is better by more than chance: F1 +0.001.",
    "advice": "Use either.",
}
HEALTH = DiscriminatorStatistics(
    real_mean=2.0, real_spread=0.5, fake_mean=-1.0, fake_spread=0.25, called_real=0.5, right=0.9,
    last_bias=0.01, last_weight=1.0, gradient_ratio=0.02,
)  # fmt: skip
NOTHING = DiscriminatorStatistics()


@pytest.fixture
def viewer(plain_viewer):
    return plain_viewer


class Run:
    """A validation, then what `events` holds, then it waits for Stop; refuses once if it is told to."""

    def __init__(self):
        self.events, self.given, self.refuses = [], [], None

    def __call__(
        self, settings, stack, annotation, folder, *, on_event, control, unannotated=None, **_
    ):
        from napari_advseg.core.runtime.control import Stopped

        self.given.append((settings, unannotated))
        if self.refuses is not None:
            refusal, self.refuses = self.refuses, None
            raise refusal
        names = settings.networks
        on_event(RunStarted(folder, names, 20, 5, 0, "cpu", "float32", 1, ("a", "b"), ((2, 0.0),)))
        live = DiscriminatorStatistics(fake_mean=-1.1, weight=0.05)
        has_d = "adversarial" in names
        on_event(Step(5, 20, 1.0, 1.0, {}, live if has_d else NOTHING))
        f1, on_d = NetworkScores(0.9), DiscriminatorScores(accuracy_val=0.7)
        scores = Scores(f1, f1, on_d)
        on_event(Validated(10, 1.0, 1.0, scores, 0.05, HEALTH if has_d else NOTHING))
        for alarm in self.events:
            on_event(AlarmChanged(alarm))
        pause = threading.Event()
        try:
            while True:
                control.raise_if_stopped()
                pause.wait(0.01)
        except Stopped:
            on_event(RunFinished(Outcome.STOPPED, 10, "Ended.", summary={"verdict": VERDICT}))


@pytest.fixture
def run():
    return Run()


@pytest.fixture
def dock(viewer, run, tmp_path, qtbot):
    grey = np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8)
    viewer.add_image(grey[:4], name="second", visible=False)
    viewer.add_image(grey, name="em")
    labels = np.full(SHAPE, 2, np.uint8)
    labels[:, :, :20], labels[5:] = 1, 0
    viewer.add_labels(labels, name="truth", metadata={"advseg_classes": "cell=1,membrane=2"})
    viewer.dims.set_current_step(0, 3)
    engine = core_engine_with(train=run, new_run_folder=lambda parent, name: tmp_path / "run")
    dock = AdversarialSegmentation(viewer, engine)
    viewer.window.add_dock_widget(dock, name="Adversarial Segmentation", area="right")
    session_of(viewer).controller.keep.set_runs_folder(tmp_path / "runs")
    model = dock.model
    qtbot.waitUntil(lambda: model.summary is not None and model.summary.split is not None)
    return dock


def part(dock, role, kind=QWidget):
    found = dock.findChild(kind, role)
    assert found is not None, role
    return found


def click(dock, role):
    widget = part(dock, role)
    open_section_of(widget)
    QApplication.processEvents()
    dock.findChild(QScrollArea).ensureWidgetVisible(widget)
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def key(widget, *keys):
    widget.window().activateWindow()
    widget.setFocus(Qt.FocusReason.TabFocusReason)
    for one in keys:
        QTest.keyClick(widget, one)


def told(dock, role):
    """The words that are shown there, if any."""
    label = part(dock, role, QLabel)
    return label.text().replace("\u200b", "") if label.isVisible() else ""


def start_and_stop(qtbot, dock, until):
    click(dock, "start")
    qtbot.waitUntil(until, timeout=LONG)
    click(dock, "stop")
    qtbot.waitUntil(lambda: dock.model.state is RunState.IDLE, timeout=LONG)


def test_a_run_tells_how_d_does_and_which_network_is_better(qtbot, viewer, dock, run):
    plots = viewer.window._qt_window.findChild(TrainingPlots)
    assert not plots.isVisible()  # folded until there is a run
    assert not plots.health.isHidden()
    assert told(dock, "discriminator_health") == told(dock, "alarm") == told(dock, "verdict") == ""
    start_and_stop(qtbot, dock, lambda: told(dock, "discriminator_health") == "D: healthy")
    assert [(update, health.fake_mean) for update, health in plots.health.live] == [(5, -1.1)]
    assert plots.health.history == dock.model.history

    numbers = part(dock, "discriminator_numbers", QLabel)
    assert not numbers.isVisible()
    open_section_of(numbers)
    key(part(dock, "discriminator_fold"), Qt.Key.Key_Space)
    assert numbers.isVisible()
    assert "logits on fake masks −1.10 ± 0.25" in numbers.text()

    verdict = part(dock, "verdict", QLabel)
    assert verdict.text() == f"{VERDICT['sentence']} {VERDICT['advice']}"
    dock.findChild(QScrollArea).ensureWidgetVisible(verdict)
    key(verdict, Qt.Key.Key_Home)
    QTest.keyClick(verdict, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert verdict.selectedText() == verdict.text()

    run.events = [WEAK, STRONG, SATURATED]
    start_and_stop(qtbot, dock, lambda: len(dock.model.alarms) == 3)
    assert told(dock, "alarm") == f"⚠ {SATURATED.text} And 1 more."
    assert told(dock, "discriminator_health") == ""
    assert told(dock, "past_alarms") == (
        "Since update 3 until 7: the adversarial term hardly moved G/S."
    )
    assert len(plots.health.alarms) == 3

    click(dock, "method_standard")
    run.events = []
    start_and_stop(qtbot, dock, lambda: len(dock.model.history) == 1 and not dock.model.alarms)
    assert not plots.health.isVisible()
    assert told(dock, "discriminator_health") == told(dock, "alarm") == ""
    assert not part(dock, "discriminator_fold").isVisible()


def test_what_to_expect_of_the_adversary_is_said_before_a_run(qtbot, dock, run):
    assert told(dock, "expectation") == MUCH  # five slices of eight are annotated
    click(dock, "method_standard")
    assert told(dock, "expectation") == ""
    click(dock, "method_paired")
    assert told(dock, "expectation") == MUCH
    said = []
    start_and_stop(
        qtbot, dock, lambda: said.append(told(dock, "expectation")) or bool(dock.model.history)
    )
    assert said[-1] == ""
    open_section_of(part(dock, "expectation"))
    assert told(dock, "expectation") == MUCH


def test_images_without_annotation_are_chosen_and_a_refusal_stands_beside_them(qtbot, dock, run):
    box = part(dock, "unannotated", QComboBox)
    words = [box.itemText(i) for i in range(box.count())]
    assert words == ["this stack's 3 slices", "none", "+ second"]
    assert box.currentIndex() == 0
    key(box, Qt.Key.Key_Down)
    assert dock.model.choices.unannotated == "none"
    key(box, Qt.Key.Key_Down)
    run.refuses = ImageError("The stack has 2 channels.", subject=Subject.UNANNOTATED)
    click(dock, "start")
    qtbot.waitUntil(lambda: told(dock, "unannotated_problem") != "", timeout=LONG)
    settings, second = run.given[-1]
    assert second.name == "second"
    assert settings.discriminator.regime == "auto"
    assert told(dock, "unannotated_problem") == "The stack has 2 channels."
    problem, row = part(dock, "unannotated_problem"), box.mapTo(dock, QPoint()).y()
    assert 0 < problem.mapTo(dock, QPoint()).y() - row < 40
    qtbot.waitUntil(lambda: dock.model.state is RunState.IDLE)
    key(box, Qt.Key.Key_Home)
    assert told(dock, "unannotated_problem") == ""
    click(dock, "method_standard")
    assert not box.isVisible()
    click(dock, "method_adversarial")
    assert box.isVisible()
    part(dock, "preset", QComboBox).setCurrentText("Seed2017")
    assert not box.isEnabled()
    assert box.currentText() == "None: in seed2017 D learns from true masks alone."
