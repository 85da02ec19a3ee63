"""What the command line shows of a run: a progress bar, and one line for each validation."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.runtime.events import (
    FEW_UPDATES,
    SHORT,
    Activity,
    AlarmChanged,
    Doing,
    Event,
    FinalScores,
    Notice,
    Planned,
    RunFinished,
    RunStarted,
    Step,
    Validated,
)
from napari_advseg.core.runtime.scores import Scores
from napari_advseg.core.storage.score_names import scores_as_text, scores_from_text

FEW_WARNING = "That is few: give more minutes, or expect poor masks."
SHOWN = ("S F1 val", "G/S F1 val", "D Accuracy val", "G/D Accuracy val")


class Report:
    """Takes the events of a run; validations go to stdout, the bar to stderr."""

    def __init__(self, settings: RunSettings, notes: Sequence[str] = ()) -> None:
        self._notes = notes
        self._out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task(settings.preset, total=settings.updates)
        self._said = {Activity.READING}  # what is refused then stands alone
        self._minutes = settings.minutes
        self._first_plan = True

    def __enter__(self) -> Report:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Doing):
            self._show_activity(event)
        elif isinstance(event, Planned):
            self._bar.update(self._task, total=event.updates)
            if self._first_plan:
                self._print(plan_line(event.updates))
                self._first_plan = False
        elif isinstance(event, FinalScores):
            self._print(f"{event.measured_on}: {scores_line(event.scores)}")
        elif isinstance(event, RunStarted):
            self._bar.update(self._task, total=event.updates, completed=event.first_update)
            updates = f"{event.updates} updates"
            if self._minutes is not None:
                updates = f"{self._minutes:g} minutes"
            self._print(
                f"{' and '.join(event.networks)}, {updates} on {event.device} "
                f"({event.precision}, {event.threads} threads)"
            )
            for note in self._notes:
                self._print(note)
        elif isinstance(event, Step):
            self._bar.update(self._task, completed=event.update)
        elif isinstance(event, Validated):
            self._print(validation_line(event))
        elif isinstance(event, Notice):
            self._print(event.text)
        elif isinstance(event, AlarmChanged) and event.alarm.until in (None, event.alarm.since):
            self._print(event.alarm.text)
        elif isinstance(event, RunFinished):
            self._print(event.sentence)
            for line in class_lines(event.summary.get("scores", {})):
                self._print(line)
            for name, scores in event.summary.get("boundaries", {}).items():
                if scores:
                    self._print(f"{name}: " + ", ".join(f"{k} {v:.4f}" for k, v in scores.items()))
            verdict = event.summary.get("verdict")
            if verdict:
                self._print(f"{verdict['sentence']} {verdict['advice']}")

    def _show_activity(self, event: Doing) -> None:
        """Beside the bar; without a terminal a line, once for each activity after reading."""
        if not self._bar.disable:
            self._bar.update(self._task, description=event.activity.value)
        elif event.activity not in self._said:
            self._print(f"{event.activity.value}. {event.note}".strip())
        self._said.add(event.activity)

    def _print(self, text: str) -> None:
        self._out.print(text)


def class_lines(scores: Mapping[str, float]) -> list[str]:
    """For each network the F1 of each class, from the scores of ``summary.json``."""
    found, lines = scores_from_text(scores), []
    for network in SHORT:
        by_class = found.of(network).f1_val_by_class
        if by_class:
            numbers = (f"{name} {f1:.4f}" for name, f1 in by_class.items())
            lines.append(f"{network}: F1 {', '.join(numbers)}")
    return lines


def validation_line(event: Validated) -> str:
    """One validation in words and numbers of three decimals, and what it was measured on."""
    part = f" (on {event.measured_on})" if event.measured_on else ""
    return f"update {event.update}, epoch {event.epoch:.1f}: {scores_line(event.scores)}{part}"


def scores_line(scores: Scores) -> str:
    """F1 and accuracies with three decimals."""
    found = scores_as_text(scores)
    return ", ".join(f"{name} {found[name]:.3f}" for name in SHOWN if name in found)


def plan_line(updates: int) -> str:
    """About how many updates a run in minutes makes, with a warning where they are few."""
    line = f"About {updates} updates fit into the minutes."
    return f"{line} {FEW_WARNING}" if updates < FEW_UPDATES else line
