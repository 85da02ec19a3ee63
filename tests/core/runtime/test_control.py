"""Pause and stop from another thread."""

from __future__ import annotations

import threading

import pytest

from napari_advseg.core.runtime.control import RunControl, Stopped


def test_a_run_goes_on_until_it_is_stopped():
    control = RunControl()
    control.raise_if_stopped()
    assert not control.paused
    control.stop()
    assert control.stopping
    with pytest.raises(Stopped):
        control.raise_if_stopped()


@pytest.mark.parametrize("ending", ["resume", "stop"])
def test_a_paused_run_waits_until_it_is_told(ending):
    control = RunControl()
    control.pause()
    assert control.paused
    ended, reached = [], threading.Event()

    def work():
        reached.set()
        try:
            control.raise_if_stopped()
            ended.append("resume")
        except Stopped:
            ended.append("stop")

    thread = threading.Thread(target=work)
    thread.start()
    assert reached.wait(5)
    thread.join(0.05)
    assert thread.is_alive()
    assert ended == []
    getattr(control, ending)()
    thread.join(5)
    assert ended == [ending]
    assert not control.paused


def test_a_stop_cannot_be_taken_back():
    control = RunControl()
    control.stop()
    control.pause()
    control.resume()
    with pytest.raises(Stopped):
        control.raise_if_stopped()


def test_without_a_window_no_slice_is_in_view():
    assert RunControl().slice_in_view() is None
    assert RunControl(lambda: 7).slice_in_view() == 7
