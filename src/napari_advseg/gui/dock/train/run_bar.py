"""Start, Pause, Stop, progress and status: below the sections, always in sight."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_advseg.app.controller import Controller
from napari_advseg.app.messages.discriminator_messages import alarm_line, health_line
from napari_advseg.app.messages.prerequisites import train_waits_for
from napari_advseg.app.state.model import RunState
from napari_advseg.gui.widgets.qt_types import combined
from napari_advseg.gui.widgets.section import Sentence, describe, follow

ALARM_TIP = "The discriminator D, which teaches G/S: whether something is wrong, and what to try."


class RunBar(QFrame):
    """The buttons of a run, how far it is, and what it says.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("run_bar")
        self._controller, self._model = controller, controller.model
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(3, 2, 3, 4)
        self._layout.setSpacing(3)
        self._add_buttons()
        self._add_progress()
        self._add_words()
        self._connect()

    def add_button(self, button: QWidget) -> None:
        """Add a small button next to the progress bar."""
        self._beside_progress.addWidget(button)

    @property
    def waits_for(self) -> str:
        """What Start waits for; empty if it can be pressed."""
        return self._waits.text()

    # ---- building

    def _add_buttons(self) -> None:
        self._waits = Sentence()
        self._waits.setObjectName("start_waits")
        self._waits.setProperty("advseg", "dim")
        self._layout.addWidget(self._waits)
        self._start, self._pause, self._stop = (QPushButton(w) for w in ("Start", "Pause", "Stop"))
        describe(self._start, "start", "Train with what is chosen, as a new run (Ctrl+Return).")
        describe(self._pause, "pause", "Pause the run after the current update, or resume it.")
        describe(
            self._stop,
            "stop",
            "End the run after the current update; networks and masks are kept (Ctrl+.).",
        )
        run, line = self._controller.run, QHBoxLayout()
        line.setSpacing(4)
        for button, act in (
            (self._start, run.start),
            (self._pause, run.pause),
            (self._stop, run.stop),
        ):
            button.clicked.connect(act)
            line.addWidget(button, 1)
        self._layout.addLayout(line)

    def _add_progress(self) -> None:
        self._progress = QProgressBar()
        describe(self._progress, "progress", "How far the run is, and the time left.")
        self._progress.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._beside_progress = QHBoxLayout()
        self._beside_progress.setSpacing(4)
        self._beside_progress.addWidget(self._progress, 1)
        self._layout.addLayout(self._beside_progress)

    def _add_words(self) -> None:
        self._status = QLabel()
        describe(
            self._status,
            "status",
            "F1 of S and G/S on the validation slices, accuracy of D, and the best so far.",
        )
        self._status.setWordWrap(True)
        self._status.setTextFormat(Qt.TextFormat.PlainText)
        # Room for two lines, so that nothing above it moves when the words change.
        self._status.setMinimumHeight(2 * self._status.fontMetrics().lineSpacing() + 2)
        self._status.setAlignment(combined(Qt.AlignmentFlag.AlignTop, Qt.AlignmentFlag.AlignLeft))
        self._layout.addWidget(self._status)
        self._alarm = Sentence()
        self._alarm.setObjectName("alarm")
        self._alarm.setProperty("advseg", "alarm")
        self._healthy = Sentence()
        self._healthy.setObjectName("discriminator_health")
        for words in (self._alarm, self._healthy):
            words.setToolTip(ALARM_TIP)
            self._layout.addWidget(words)

    def _connect(self) -> None:
        events = self._model.events
        for signal in (events.layers, events.choices, events.summary, events.problems):
            follow(self, signal, self._show_waiting)
        follow(self, events.state, self._show_state)
        follow(self, events.progress, self._show_progress)
        follow(self, events.status, self._show_status)
        for signal in (
            events.health, events.alarms, events.history, events.run, events.lambda_marks,
            events.choices, events.state,
        ):  # fmt: skip
            follow(self, signal, self._show_health)

    # ---- showing

    def _show_waiting(self) -> None:
        waits = "" if self._model.busy else train_waits_for(self._model)
        self._waits.say(waits)
        self._start.setEnabled(not waits and not self._model.busy)

    def _show_state(self) -> None:
        state = self._model.state
        self._pause.setEnabled(state in (RunState.RUNNING, RunState.PAUSED))
        self._pause.setText("Resume" if state is RunState.PAUSED else "Pause")
        self._stop.setEnabled(state not in (RunState.IDLE, RunState.STOPPING))
        self._show_waiting()  # last: the keyboard goes from a disabled Start to the next button

    def _show_progress(self) -> None:
        progress = self._model.progress
        self._progress.setRange(0, progress.total)
        self._progress.setValue(progress.done)
        self._progress.setFormat(progress.text)
        self._progress.setTextVisible(bool(progress.text))

    def _show_status(self) -> None:
        self._status.setText(self._model.status)

    def _show_health(self) -> None:
        self._alarm.say(alarm_line(self._model.alarms))
        self._healthy.say(health_line(self._model))
