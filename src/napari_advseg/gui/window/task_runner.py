"""Background tasks for a Qt application: the only module that knows threads.

A task is a plain function in a plain thread. What it emits crosses to the GUI thread through a queue
that a timer drains about ten times a second, for a bounded time at once, so that the window stays alive
however fast the events come.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import monotonic, perf_counter
from typing import Any

from qtpy.QtCore import QObject, QTimer

log = logging.getLogger(__name__)

INTERVAL_MS = 100
BACKLOG_INTERVAL_MS = 25
"""Between two drains while events are left over: short, but long enough to paint."""
SLICE_SECONDS = 0.012
"""Time that one drain may take; the event that is being handled then is finished."""
MOST_SLICE_SECONDS = 0.1
"""The same while the window is slow to paint, as masks in 3D are: a drain may then take half as long as
the window took since the last, or what was emitted before Stop would take minutes to be heard."""
MOST_WAITING = 200
"""Events that may wait to be delivered; a task that emits more waits until there is room, so that
neither memory nor the delay between Stop and what is seen of it can grow without bound."""


@dataclass(frozen=True)
class _Returned:
    """The last thing in a task's queue."""

    result: Any = None
    error: BaseException | None = None


@dataclass(eq=False)
class Task:
    """One function that runs in a thread of its own, and who listens to it."""

    function: Callable[[Callable[[Any], None]], Any]
    on_event: Callable[[Any], None]
    on_done: Callable[[Any], None]
    on_error: Callable[[BaseException], None]
    queue: SimpleQueue[Any] = field(default_factory=SimpleQueue)
    room: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MOST_WAITING))
    deserted: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether the function has not returned yet."""
        return self.thread is not None and self.thread.is_alive()

    def begin(self) -> None:
        # A daemon, so that a task that does not end in time cannot keep the program from ending.
        self.thread = threading.Thread(target=self._run, name="napari-advseg task", daemon=True)
        self.thread.start()

    def desert(self) -> None:
        """Let what is still emitted go nowhere, without waiting."""
        self.deserted.set()
        self.room.release()

    def _emit(self, event: Any) -> None:
        self.room.acquire()
        if self.deserted.is_set():
            self.room.release()
        else:
            self.queue.put(event)

    def _run(self) -> None:
        try:
            returned = _Returned(self.function(self._emit))
        except BaseException as error:  # noqa: BLE001 -- handed to on_error, whatever it is
            returned = _Returned(error=error)
        self.queue.put(returned)


class QtTaskRunner(QObject):
    """Runs functions in threads and brings their events to the GUI thread.

    Parameters
    ----------
    parent : QObject, optional
        The runner, with its timer, dies with it.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._tasks: list[Task] = []
        self._closed = False
        self._drained = perf_counter()
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._drain)

    def start(
        self,
        task: Callable[[Callable[[Any], None]], Any],
        *,
        on_event: Callable[[Any], None],
        on_done: Callable[[Any], None],
        on_error: Callable[[BaseException], None],
    ) -> Task:
        """Call ``task(emit)`` in a thread; see `napari_advseg.app.ports.viewer.TaskRunner`."""
        started = Task(task, on_event, on_done, on_error)
        self._tasks.append(started)
        started.begin()
        self._timer.start()
        return started

    def wait(self, seconds: float) -> bool:
        """Wait for all tasks and deliver nothing any more; return whether all have returned."""
        self._closed = True
        self._timer.stop()
        tasks, self._tasks = self._tasks, []
        end = monotonic() + seconds
        for task in tasks:
            task.desert()
        for task in tasks:
            if task.thread is not None:
                task.thread.join(max(0.0, end - monotonic()))
        left = sum(task.running for task in tasks)
        if left:
            log.warning("%d tasks have not ended within %.0f s.", left, seconds)
        return not left

    def _drain(self) -> None:
        """Deliver what has come, as long as the time slice lasts; the tasks take turns."""
        end = perf_counter() + self._slice_seconds()
        waiting = list(self._tasks)
        while waiting and perf_counter() < end and not self._closed:
            task = waiting.pop(0)
            try:
                event = task.queue.get_nowait()
            except Empty:
                continue
            waiting.append(task)
            if isinstance(event, _Returned):
                waiting.remove(task)
                self._finish(task, event)
            else:
                task.room.release()
                task.on_event(event)
        self._timer.setInterval(BACKLOG_INTERVAL_MS if waiting else INTERVAL_MS)
        if not self._tasks:
            self._timer.stop()
        self._drained = perf_counter()

    def _slice_seconds(self) -> float:
        """How long the drain that begins now may take."""
        late = perf_counter() - self._drained - self._timer.interval() / 1000
        return min(MOST_SLICE_SECONDS, max(SLICE_SECONDS, late / 2))

    def _finish(self, task: Task, returned: _Returned) -> None:
        # Taken from the list first: a listener that raises cannot make it be called twice.
        self._tasks.remove(task)
        if task.thread is not None:
            task.thread.join()  # its last act was to put what is handled here
        if returned.error is None:
            task.on_done(returned.result)
        else:
            task.on_error(returned.error)
