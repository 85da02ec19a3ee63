"""What a run found: how D does, alarms, the verdict of a paired run, and the best thresholds."""

from __future__ import annotations

import logging
from typing import Any

from napari_advseg.app.state.best_threshold import BestThreshold, best_thresholds
from napari_advseg.app.state.model import AppModel
from napari_advseg.core.runtime.events import Alarm, AlarmChanged, RunFinished, Step
from napari_advseg.core.runtime.scores import DiscriminatorStatistics

log = logging.getLogger(__name__)


class DiscriminatorController:
    """Takes the events of a run that are about D and its masks, and what a loaded run kept of them.

    Parameters
    ----------
    model : AppModel
        Its `alarms`, `health`, `verdict` and `best_thresholds` are written.
    """

    def __init__(self, model: AppModel) -> None:
        self._model = model

    def begin(self) -> None:
        """A run starts: nothing is known of it."""
        self._show((), "", ())

    def step(self, event: Step) -> None:
        """D's numbers of one update; an update in which D did nothing leaves those before."""
        self._model.health |= event.health

    def alarm(self, event: AlarmChanged) -> None:
        """An alarm begins, or is over."""
        alarm = event.alarm
        if alarm.until in (None, alarm.since):  # one that begins; a jump is over at once
            log.warning(alarm.text)
        others = (a for a in self._model.alarms if (a.kind, a.since) != (alarm.kind, alarm.since))
        self._model.alarms = (*others, alarm)

    def finished(self, event: RunFinished) -> None:
        """What the run says of its two networks."""
        self._model.verdict = _words(event.summary)
        self._model.best_thresholds = best_thresholds(event.summary)

    def load(self, summary: dict[str, Any]) -> None:
        """What a run kept; of one that never ended there is nothing."""
        self._show(_alarms(summary), _words(summary), best_thresholds(summary))

    def _show(
        self, alarms: tuple[Alarm, ...], verdict: str, thresholds: tuple[BestThreshold, ...]
    ) -> None:
        model = self._model
        model.best_thresholds = thresholds
        model.alarms, model.health, model.verdict = alarms, DiscriminatorStatistics(), verdict


def _words(summary: dict[str, Any]) -> str:
    verdict = summary.get("verdict")
    if not isinstance(verdict, dict):
        return ""
    return f"{verdict.get('sentence', '')} {verdict.get('advice', '')}".strip()


def _alarms(summary: dict[str, Any]) -> tuple[Alarm, ...]:
    found = []
    for one in summary.get("alarms") or ():
        try:
            found.append(Alarm(**one))
        except TypeError:  # of another version
            log.debug("An alarm of the run is not shown: %r", one)
    return tuple(found)
