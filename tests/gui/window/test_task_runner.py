"""Background tasks: order, one completion, a window that stays alive."""

from __future__ import annotations

import threading
from itertools import pairwise
from time import perf_counter

import pytest
from qtpy.QtCore import QObject, QTimer

from napari_advseg.app.ports.viewer import TaskHandle, TaskRunner
from napari_advseg.gui.window.task_runner import MOST_WAITING, QtTaskRunner
from support.signatures import differences


class Ears:
    """Notes what a task said, and in which thread it was heard."""

    def __init__(self):
        self.heard, self.threads = [], set()

    def _note(self, *what):
        self.heard.append(what)
        self.threads.add(threading.current_thread())

    def listen(self):
        return {
            "on_event": lambda event: self._note("event", event),
            "on_done": lambda result: self._note("done", result),
            "on_error": lambda error: self._note("error", error),
        }

    def ended(self):
        return bool(self.heard) and self.heard[-1][0] in ("done", "error")


@pytest.fixture
def runner(qtbot):
    parent = QObject()
    runner = QtTaskRunner(parent)
    yield runner
    assert runner.wait(5)


def test_it_has_the_signatures_of_the_port(qtbot, runner):
    assert differences(runner, TaskRunner) == []
    ears = Ears()
    assert differences(runner.start(lambda emit: None, **ears.listen()), TaskHandle) == []
    qtbot.waitUntil(ears.ended)


def test_events_arrive_in_order_on_the_gui_thread_and_then_the_result(qtbot, runner):
    ears, ran_in = Ears(), []

    def task(emit):
        ran_in.append(threading.current_thread())
        for number in range(200):
            emit(number)
        return "result"

    runner.start(task, **ears.listen())
    qtbot.waitUntil(ears.ended)
    assert ears.heard == [("event", n) for n in range(200)] + [("done", "result")]
    assert ears.threads == {threading.current_thread()}
    assert ran_in[0] is not threading.current_thread()


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), KeyError("x"), SystemExit(1)])
def test_an_exception_becomes_one_call_of_on_error(qtbot, runner, error):
    ears = Ears()

    def task(emit):
        emit("before")
        raise error

    runner.start(task, **ears.listen())
    qtbot.waitUntil(ears.ended)
    assert ears.heard == [("event", "before"), ("error", error)]


def test_a_listener_that_raises_stops_neither_later_events_nor_the_completion(qtbot, runner):
    ears = Ears()
    calls = ears.listen()
    note = calls["on_event"]

    def raise_at_first(event):
        note(event)
        if event == 0:
            raise ValueError("a bug in a listener")

    with qtbot.capture_exceptions() as raised:
        runner.start(
            lambda emit: [emit(n) for n in range(3)] and 7, **{**calls, "on_event": raise_at_first}
        )
        qtbot.waitUntil(ears.ended)
    assert len(raised) == 1
    assert ears.heard == [("event", 0), ("event", 1), ("event", 2), ("done", 7)]


def test_a_completion_that_raises_is_not_repeated(qtbot, runner):
    calls = []

    def done(result):
        calls.append(result)
        raise ValueError("a bug in a listener")

    ears = Ears()
    with qtbot.capture_exceptions() as raised:
        runner.start(lambda emit: 1, **{**ears.listen(), "on_done": done})
        qtbot.waitUntil(lambda: bool(raised))
        runner.start(lambda emit: 2, **ears.listen())
        qtbot.waitUntil(ears.ended)
    assert calls == [1]


def test_a_flood_of_events_leaves_the_event_loop_alive(qtbot, runner):
    """Handling takes 2 ms each; a timer of 5 ms must still get its turn every few tens of ms."""
    ears, ticks = Ears(), []
    clock = QTimer()
    clock.setInterval(5)
    clock.timeout.connect(lambda: ticks.append(perf_counter()))
    clock.start()
    calls = ears.listen()

    def slow(event):
        calls["on_event"](event)
        end = perf_counter() + 0.002
        while perf_counter() < end:
            pass

    runner.start(lambda emit: [emit(n) for n in range(300)], **{**calls, "on_event": slow})
    qtbot.waitUntil(ears.ended, timeout=20_000)
    clock.stop()
    gaps = sorted(later - earlier for earlier, later in pairwise(ticks))
    assert len(ears.heard) == 301
    assert gaps[int(0.9 * len(gaps))] < 0.05


def test_waiting_ends_with_the_task_and_nothing_is_delivered_any_more(qtbot, runner):
    ears, go = Ears(), threading.Event()

    def task(emit):
        emit("late")
        go.wait(10)

    handle = runner.start(task, **ears.listen())
    assert not runner.wait(0.05)
    assert handle.running
    go.set()
    handle.thread.join(5)
    assert not handle.running
    assert ears.heard == []


def test_a_task_that_emits_faster_than_it_is_heard_waits_for_room(qtbot, runner):
    ears, sent = Ears(), []

    def flood(emit):
        for number in range(10 * MOST_WAITING):
            emit(number)
            sent.append(number)

    handle = runner.start(flood, **ears.listen())
    handle.thread.join(0.5)  # nothing is delivered meanwhile: this is the GUI thread
    assert len(sent) == MOST_WAITING
    qtbot.waitUntil(ears.ended)
    assert [number for _, number in ears.heard[:-1]] == list(range(10 * MOST_WAITING))


def test_a_task_that_waits_for_room_ends_when_nobody_listens_any_more(qtbot, runner):
    ears = Ears()
    handle = runner.start(lambda emit: [emit(n) for n in range(10 * MOST_WAITING)], **ears.listen())
    handle.thread.join(0.2)
    assert handle.running
    assert runner.wait(5)


def test_two_tasks_run_beside_each_other(qtbot, runner):
    first, second, go = Ears(), Ears(), threading.Event()
    runner.start(lambda emit: go.wait(10), **first.listen())
    runner.start(lambda emit: go.set(), **second.listen())
    qtbot.waitUntil(lambda: first.ended() and second.ended())
    assert first.heard == [("done", True)]


def test_what_waits_is_heard_soon_although_the_window_paints_slowly(qtbot, runner):
    """Masks in 3D without a graphics card: each frame takes longer than many events."""
    ears, frames = Ears(), []

    def busy(seconds):
        end = perf_counter() + seconds
        while perf_counter() < end:
            pass

    def frame():
        frames.append(None)
        busy(0.2)

    heard = ears.listen()
    heard["on_event"] = lambda event: busy(0.005)
    painting = QTimer()
    painting.setInterval(1)
    painting.timeout.connect(frame)
    runner.start(lambda emit: [emit(n) for n in range(100)], **heard)
    painting.start()
    qtbot.waitUntil(ears.ended, timeout=30_000)
    painting.stop()
    # half a second of events, of which 12 ms would take 3 between two frames
    assert len(frames) < 30
