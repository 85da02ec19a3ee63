"""A task runner that runs its tasks when a test says so.

mypy checks the fakes against the ports, and `tests/app/test_fakes.py` compares their signatures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from napari_advseg.app.ports.viewer import Emit, TaskHandle, TaskRunner

Result = TypeVar("Result")


@dataclass
class FakeTask:
    """A task of a `FakeRunner`."""

    running: bool = True


@dataclass
class FakeRunner:
    """Runs what was started when `flush` is called, events and all."""

    pending: list[Callable[[], None]] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def start(
        self,
        task: Callable[[Emit], Result],
        *,
        on_event: Callable[[Any], None],
        on_done: Callable[[Result], None],
        on_error: Callable[[BaseException], None],
    ) -> FakeTask:
        started = FakeTask()

        def run() -> None:
            try:
                result = task(on_event)
            except Exception as error:  # noqa: BLE001 -- as a runner does
                on_error(error)
            else:
                on_done(result)

        self.pending.append(run)
        return started

    def flush(self) -> None:
        while self.pending:
            self.pending.pop(0)()

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return True


def _fits_the_ports(runner: FakeRunner, task: FakeTask) -> tuple[TaskRunner, TaskHandle]:
    return runner, task
