"""Strokes painted while a run goes on, and a run that starts from the one that is shown."""

from __future__ import annotations

import threading
from types import MappingProxyType

import numpy as np
import pytest

from napari_advseg.app.controllers.live_annotation import StrokeCopy
from napari_advseg.app.state.class_text import parse_rows
from napari_advseg.app.state.model import RunState
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.runtime.errors import ClassMapError, RunFolderError, Subject

CLASSES = ClassMap.of(cell=255, membrane=0)


def look(app):
    """Look as the window does after a pause, until nothing is left."""
    app.controller.run.live.painted()
    while app.controller.run.live.look():
        pass


class Asking:
    """At each validation of a run: do the next thing, then ask for new strokes as the engine does."""

    def __init__(self, app, *actions):
        self.app, self.actions, self.found = app, list(actions), []
        app.training.during = self

    def __call__(self, control):
        if self.actions:
            self.actions.pop(0)()
        try:
            self.found.append(self.app.training.calls[-1].annotation_updates())
        except ClassMapError as error:
            self.found.append(error)


@pytest.fixture
def ready(app):
    return app.with_data()


def run(app):
    app.controller.run.start()
    app.runner.flush()
    assert app.model.state is RunState.IDLE


def paint(app, z, value=255, name="truth"):
    """Over half of the membrane, which is the upper four rows."""
    app.viewer.layers[name][z, :2] = value


def test_a_run_takes_no_new_strokes_unless_asked(ready):
    def painted():
        paint(ready, 2)
        look(ready)

    asking = Asking(ready, painted)
    run(ready)
    assert asking.found == [None, None, None]


def test_new_strokes_reach_the_run_once_each_time(ready):
    ready.controller.run.use_new_strokes(True)

    def painted(z):
        def act():
            paint(ready, z)
            assert ready.controller.run.live.follows("key of truth")
            look(ready)

        return act

    asking = Asking(ready, lambda: None, painted(2), painted(4))
    run(ready)
    before = ready.training.calls[0].annotation.targets
    assert asking.found[0] is None
    first, second = asking.found[1:]
    assert [z for z in range(6) if (first.targets[z] != before[z]).any()] == [2]
    assert [z for z in range(6) if (second.targets[z] != before[z]).any()] == [2, 4]
    assert (first.targets[2, :2] == 0).all()  # of the first class, cell


def test_a_stroke_counts_once_the_brush_rests(ready):
    ready.controller.run.use_new_strokes(True)
    asking = Asking(ready, lambda: paint(ready, 2), lambda: look(ready), lambda: look(ready))
    run(ready)
    assert asking.found[0] is None
    assert asking.found[1] is not None
    assert asking.found[2] is None  # nothing was painted since


def test_switched_on_during_a_run_it_takes_what_was_painted_since_start(ready):
    def painted():
        paint(ready, 1)
        look(ready)

    asking = Asking(
        ready, painted, lambda: ready.controller.run.use_new_strokes(True),
        lambda: (ready.controller.run.use_new_strokes(False), paint(ready, 2), look(ready)),
    )  # fmt: skip
    run(ready)
    assert asking.found[0] is None
    assert (asking.found[1].targets[1, :2] == 0).all()
    assert asking.found[2] is None


def test_the_layer_of_the_run_is_followed_whatever_its_name_or_the_choice(ready):
    ready.controller.run.use_new_strokes(True)
    live = ready.controller.run.live

    def other_chosen():
        ready.viewer.add("other", np.zeros((6, 32, 32), np.uint8), labels=True)
        ready.controller.data.pick_annotation("key of other")
        assert not live.follows("key of other")
        assert live.follows("key of truth")
        paint(ready, 3)
        look(ready)

    def gone():
        del ready.viewer.layers["truth"]
        ready.viewer.tell()
        look(ready)

    asking = Asking(ready, other_chosen, gone)
    run(ready)
    assert (asking.found[0].targets[3, :2] == 0).all()
    assert asking.found[1:] == [None, None]
    assert not live.follows("key of truth")  # the run has ended


def test_labels_that_nothing_names_are_told_to_the_run(ready):
    ready.controller.run.use_new_strokes(True)

    def painted(value):
        def act():
            paint(ready, 2, value)
            look(ready)

        return act

    asking = Asking(ready, painted(7), lambda: None, painted(255))
    run(ready)
    assert isinstance(asking.found[0], ClassMapError)
    assert asking.found[1] is None  # said once
    assert (asking.found[2].targets[2, :2] == 0).all()


def test_a_layer_of_another_size_or_type_is_taken_whole(ready):
    ready.controller.run.use_new_strokes(True)

    def wider():
        ready.viewer.layers["truth"] = ready.viewer.layers["truth"].astype(np.int32)
        paint(ready, 0)
        look(ready)

    def other_size():
        ready.viewer.layers["truth"] = ready.viewer.layers["truth"][:4]
        look(ready)

    asking = Asking(ready, wider, other_size)
    run(ready)
    assert (asking.found[0].targets[0, :2] == 0).all()
    assert asking.found[1].targets.shape == (4, 32, 32)


def test_the_copy_never_waits_for_the_run_and_never_changes_what_it_took():
    taking, may_go = threading.Event(), threading.Event()
    taken = []

    class Slow(np.ndarray):
        """Labels that take their time to be copied, as large ones do."""

        def copy(self, order="C"):
            taking.set()
            assert may_go.wait(10)
            return np.array(self)

    labels = np.zeros((2, 4, 4), np.uint8).view(Slow)
    labels[:, 0] = 255
    copy = StrokeCopy(lambda found: Annotation.from_labels(found, CLASSES))
    copy.hold(labels, changed=True)
    thread = threading.Thread(target=lambda: taken.append(copy.take()))
    thread.start()
    assert taking.wait(10)
    painted = np.full((4, 4), 255, np.uint8)
    assert not copy.put(1, painted)  # the run is at it: later
    assert copy.put(0, np.array(labels[0]))  # nothing changed: nothing to wait for
    may_go.set()
    thread.join()
    assert copy.put(1, painted)
    assert (taken[0].targets[1, 1:] == 1).all()
    assert (copy.take().targets[1] == 0).all()
    assert copy.take() is None


# ---- the networks of the run that is shown


def test_a_run_starts_from_new_networks_unless_asked(ready):
    run(ready)
    run(ready)
    assert [call.start_from for call in ready.training.calls] == [None, None]


def test_the_next_run_goes_on_from_the_one_that_is_shown(ready):
    ready.controller.data.choose(start_from_run=True)
    run(ready)  # no run is shown yet
    run(ready)
    assert [call.start_from for call in ready.training.calls] == [
        None, ready.training.calls[0].folder,
    ]  # fmt: skip
    assert len(ready.model.history) == 3  # of the new run alone


def test_a_loaded_run_can_be_gone_on_from(ready, tmp_path):
    ready.controller.keep.load_run(tmp_path / "kept")
    ready.runner.flush()
    ready.controller.data.choose(start_from_run=True)
    run(ready)
    assert ready.training.calls[0].start_from == tmp_path / "kept"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"advanced": MappingProxyType({"network.width": 4})},
            "The run that is shown has networks of width 16 and 4 is chosen: choose 16, or start "
            "from new networks.",
        ),
        (
            {"class_rows": MappingProxyType({"key of truth": parse_rows("soma=255,membrane=0")})},
            "The run that is shown tells cell, membrane apart and the annotation soma, membrane: "
            "start from new networks.",
        ),
    ],
    ids=["width", "classes"],
)
def test_start_waits_while_the_networks_do_not_fit(ready, change, says):
    from napari_advseg.app.messages.prerequisites import train_waits_for
    from napari_advseg.app.state.start_from import continue_waits_for, why_not_continue

    run(ready)
    ready.controller.data.choose(start_from_run=True, **change)
    ready.runner.flush()
    assert continue_waits_for(ready.model) == says
    assert train_waits_for(ready.model) == "Fix the highlighted problems first."
    ready.controller.run.start()
    assert not ready.runner.pending
    ready.controller.data.choose(start_from_run=False)
    assert why_not_continue(ready.model) == says
    assert train_waits_for(ready.model) == ""


def test_what_the_engine_says_of_the_networks_stands_beside_the_choice(ready):
    run(ready)
    ready.controller.data.choose(start_from_run=True)
    ready.training.fails_with = RunFolderError("It is gone.", subject=Subject.START_FROM)
    run(ready)
    assert ready.model.problems[Subject.START_FROM] == "It is gone."
    ready.training.fails_with = None
    run(ready)
    assert Subject.START_FROM not in ready.model.problems
