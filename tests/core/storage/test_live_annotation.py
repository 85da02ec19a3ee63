"""Strokes that are painted while a run goes on."""

import json
from functools import cache

import numpy as np
import pytest
import torch

from napari_advseg.core.config.classes import UNLABELLED, ClassMap
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.formats.io import read_annotation
from napari_advseg.core.runtime.control import RunControl
from napari_advseg.core.runtime.errors import ClassMapError
from napari_advseg.core.runtime.events import Notice, Outcome, Validated
from napari_advseg.core.storage import live_annotation
from napari_advseg.core.storage.live_annotation import LiveAnnotation, write_annotation
from napari_advseg.core.training.engine import resume, train

pytestmark = pytest.mark.training

BLOCK = {"alternation": {"kind": "block", "generator_updates": 3, "discriminator_updates": 4}}
BATCHES = {"scores": "batches", "updates": 6, **BLOCK}
CLASSES = ClassMap.of(cell=2, membrane=1)


@pytest.fixture(scope="module")
def truth(cells):
    """All labels: 2 cell, 1 membrane."""
    return (cells[1] // 255 + 1).astype(np.uint8)


@pytest.fixture(scope="module")
def strokes(truth):
    """Annotation with a band of rows painted on some slices: two train, the last validates."""

    def painted(bands):
        labels = np.zeros_like(truth)
        for z, rows in bands.items():
            labels[z, rows] = truth[z, rows]
        return Annotation.from_labels(labels, CLASSES)

    return painted


FIRST = {0: slice(0, 20), 2: slice(20, 40), 5: slice(0, 64)}
MORE = {**FIRST, 0: slice(0, 50), 3: slice(10, 60)}
TRAINS_0_2 = {"train": (0, 2), "val": (5,)}


@pytest.fixture(scope="module")
def whole(cells, strokes):
    """Trains the run of given settings, with new strokes from the first validation on or without, once."""

    @cache
    def run(settings, more=False):
        painter = Painter(strokes(MORE)) if more else Painter()
        stack = EMStack.from_array(cells[0])
        return train(settings, stack, strokes(FIRST), annotation_updates=painter)

    return run


class Painter:
    """Gives what was painted, in order, then nothing new; counts how often it is asked."""

    def __init__(self, *painted):
        self.painted, self.asked = list(painted), 0

    def __call__(self):
        self.asked += 1
        found = self.painted.pop(0) if self.painted else None
        if isinstance(found, Exception):
            raise found
        return found


def notices(events):
    return [event.text for event in events if isinstance(event, Notice)]


def weights(result, name="standard"):
    return result.training.optimizers[name].network.state_dict()


def equal(one, other):
    return all(torch.equal(tensor, other[key]) for key, tensor in one.items())


# ---- what is learned


@pytest.mark.parametrize("changes", [{}, BATCHES], ids=["step", "block, batches"])
def test_without_new_strokes_nothing_differs(small, stack, strokes, same_run, tmp_path, changes):
    painter = Painter()
    asked = train(
        small(**changes), stack, strokes(FIRST), tmp_path / "run", annotation_updates=painter
    )
    assert same_run(asked, train(small(**changes), stack, strokes(FIRST)))
    assert painter.asked == len(asked.history) - 1  # after the last there is nothing to learn
    assert "annotation_updates" not in asked.summary
    assert "annotation_updates" not in json.loads((tmp_path / "run" / "config.json").read_text())


@pytest.mark.parametrize("changes", [{}, BATCHES], ids=["step", "block, batches"])
def test_new_strokes_count_from_the_next_validation_on(
    small, stack, strokes, stop_at, tmp_path, same_run, changes
):
    settings = small(**changes, **TRAINS_0_2)
    painted, events = {**FIRST, 0: slice(0, 50)}, []
    live = train(
        settings, stack, strokes(FIRST), tmp_path / "live",
        annotation_updates=Painter(strokes(painted)), on_event=events.append,
    )  # fmt: skip
    first = live.history[0].update
    # the same by hand: a run that ends with the first validation goes on with another annotation
    control = RunControl()
    folder = tmp_path / "by hand"
    train(
        settings, stack, strokes(FIRST), folder, control=control,
        on_event=lambda event: isinstance(event, Validated) and control.stop(),
    )  # fmt: skip
    write_annotation(folder / "annotation.tif", strokes(painted), stack)
    by_hand = resume(folder, stack)
    assert same_run(live, by_hand)
    unpainted = train(settings, stack, strokes(FIRST))
    assert unpainted.history[0].scores == live.history[0].scores
    assert not equal(weights(unpainted), weights(live))
    assert notices(events) == [f"New strokes on slice 0 are used from update {first} on."]


def test_a_newly_annotated_slice_joins_what_trains(small, stack, strokes, truth, tmp_path):
    folder, events = tmp_path / "run", []
    live = train(
        small(**TRAINS_0_2), stack, strokes(FIRST), folder,
        annotation_updates=Painter(None, strokes(MORE)), on_event=events.append,
    )  # fmt: skip
    assert live.training.data.split.train == (0, 2, 3)
    assert live.training.data.split.val == (5,)
    assert notices(events) == ["New strokes on slices 0, 3 are used from update 8 on."]
    assert live.summary["annotation_updates"] == [8]
    config = json.loads((folder / "config.json").read_text())
    assert config["annotation_updates"] == [8]
    assert config["split"]["train"] == "0,2:4"
    assert config["settings"]["train"] == [0, 2]
    kept = read_annotation(folder / "annotation.tif").targets
    np.testing.assert_array_equal(kept, strokes(MORE).targets)
    # the new slice is drawn as often as its share of what is painted
    rows = live.training.data.sampler.draw(np.random.default_rng(0), 300)[:, 0]
    share = np.bincount(rows, minlength=3) / 300
    labelled = (strokes(MORE).targets[[0, 2, 3]] != UNLABELLED).sum(axis=(1, 2))
    np.testing.assert_allclose(share, labelled / labelled.sum(), atol=0.08)


def test_a_slice_beside_a_validation_slice_is_pointed_out(small, stack, strokes):
    events = []
    train(
        small(), stack, strokes(FIRST), on_event=events.append,
        annotation_updates=Painter(strokes({**FIRST, 4: slice(0, 20), 3: slice(0, 9)})),
    )  # fmt: skip
    assert notices(events) == [
        "New strokes on slices 3, 4 are used from update 4 on. Slice 4 lies beside a validation slice."
    ]


def test_validation_keeps_its_slices_and_its_truth(
    small, stack, strokes, whole, same_run, tmp_path
):
    events = []
    wrong = strokes(FIRST)
    targets = wrong.targets.copy()
    targets[5] = 1 - targets[5]  # on the validation slice, cell and membrane are exchanged
    painted = Annotation(targets, wrong.classes)
    live = train(
        small(), stack, strokes(FIRST), tmp_path / "run", on_event=events.append,
        annotation_updates=Painter(painted, painted),
    )  # fmt: skip
    assert same_run(live, whole(small()))
    assert notices(events) == [
        "Strokes on validation slice 5 count from the next run on: F1 goes on with the truth that it "
        "began with."
    ]
    assert "annotation_updates" not in live.summary
    np.testing.assert_array_equal(
        read_annotation(tmp_path / "run" / "annotation.tif").targets, strokes(FIRST).targets
    )


def test_a_slice_that_was_left_out_stays_out(small, stack, strokes, same_run):
    events, settings = [], small(train=(0,), val=(5,))
    live = train(
        settings, stack, strokes(FIRST), on_event=events.append,
        annotation_updates=Painter(strokes({**FIRST, 2: slice(0, 64)})),
    )  # fmt: skip
    assert same_run(live, train(settings, stack, strokes(FIRST)))
    assert notices(events) == ["Slice 2 is left out: strokes there are not used."]


def test_strokes_may_be_taken_away_again(small, stack, strokes):
    without = {z: rows for z, rows in FIRST.items() if z != 2}
    live = train(
        small(), stack, strokes(FIRST),
        annotation_updates=Painter(strokes(without), strokes(FIRST)),
    )  # fmt: skip
    assert live.summary["annotation_updates"] == [4, 8]
    assert live.training.data.split.train == (0, 2)
    np.testing.assert_array_equal(live.training.data.annotation.targets, strokes(FIRST).targets)


# ---- a slice that trains and validates


def test_others_join_a_divided_slice_with_all_their_columns(
    small, stack, strokes, truth, stop_at, same_run, tmp_path
):
    alone = strokes({1: slice(0, 64)})
    more = strokes({1: slice(0, 64), 2: slice(5, 30)})
    settings = small(patch=16)
    live = train(settings, stack, alone, annotation_updates=Painter(more))
    data = live.training.data
    assert (data.split.train, data.split.val) == ((1, 2), (1,))
    end, start = data.split.train_columns[1], data.split.val_columns[0]
    assert start - end == 16
    # nothing that validates is labelled in what trains, and no patch of that slice reaches beyond
    assert (data.train.targets[0, :, end:] == UNLABELLED).all()
    row, _, left = data.sampler.draw(np.random.default_rng(0), 500).T
    assert set(row) == {0, 1}
    assert left[row == 0].max() <= end - 16
    assert left[row == 1].max() > end
    np.testing.assert_array_equal(data.train.targets[1].numpy(), more.targets[2])
    train(
        settings, stack, alone, tmp_path / "run",
        control=stop_at(9), annotation_updates=Painter(more),
    )  # fmt: skip
    assert same_run(resume(tmp_path / "run", stack), live)


# ---- what cannot be used


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (ClassMapError("A label is unknown."), "A label is unknown."),
        (OSError("The disk\nis gone"), "The disk"),
        ("emptied", "What trains (slices 0,2) holds no membrane: annotate it there too, or choose "
                    "other slices."),
        ("other shape", "The annotation has shape (5, 64, 64) now and had (6, 64, 64)."),
        ("other classes", "The classes are cell, membrane, glia now, this run learns cell, membrane: "
                          "start a new run for them."),
    ],
    ids=["unknown label", "read error", "emptied", "shape", "classes"],
)  # fmt: skip
def test_an_annotation_that_cannot_be_used_is_told_and_the_run_goes_on(
    small, stack, strokes, whole, same_run, broken, why
):
    events, first = [], strokes(FIRST)
    targets = first.targets.copy()
    targets[[0, 2]] = np.where(targets[[0, 2]] == 1, UNLABELLED, targets[[0, 2]])
    broken = {
        "emptied": Annotation(targets, CLASSES),
        "other shape": Annotation(first.targets[:5], CLASSES),
        "other classes": Annotation(first.targets, ClassMap.of(cell=2, membrane=1, glia=3)),
    }.get(broken, broken)
    live = train(small(), stack, first, on_event=events.append, annotation_updates=Painter(broken))
    assert live.outcome is Outcome.COMPLETED
    assert notices(events) == [f"The new strokes are not used yet: {why}"]
    assert same_run(live, whole(small()))


def test_mended_strokes_are_used(small, stack, strokes, same_run):
    broken = ClassMapError("A label is unknown.")
    live = train(small(), stack, strokes(FIRST), annotation_updates=Painter(broken, strokes(MORE)))
    assert live.summary["annotation_updates"] == [8]
    assert same_run(
        live, train(small(), stack, strokes(FIRST), annotation_updates=Painter(None, strokes(MORE)))
    )


# ---- resume


@pytest.mark.parametrize("changes", [{}, BATCHES], ids=["step", "block, batches"])
@pytest.mark.parametrize("looks", [2, 8, 15])
def test_a_stopped_run_goes_on_with_the_strokes_that_it_had(
    small, stack, strokes, whole, same_run, stop_at, tmp_path, changes, looks
):
    settings = small(**changes, **TRAINS_0_2)
    control = stop_at(looks)
    folder = tmp_path / "run"
    stopped = train(
        settings, stack, strokes(FIRST), folder, control=control,
        annotation_updates=Painter(strokes(MORE)),
    )  # fmt: skip
    used = "annotation_updates" in stopped.summary
    resumed = resume(folder, stack)
    assert same_run(resumed, whole(settings, more=used))
    assert resumed.summary.get("annotation_updates") == stopped.summary.get("annotation_updates")
    assert resumed.training.data.split == stopped.training.data.split


def test_a_resumed_run_takes_new_strokes_too(small, stack, strokes, same_run, stop_at, tmp_path):
    newest = {**MORE, 1: slice(0, 30)}
    train(
        small(), stack, strokes(FIRST), tmp_path / "run", control=stop_at(8),
        annotation_updates=Painter(strokes(MORE)),
    )  # fmt: skip
    resumed = resume(tmp_path / "run", stack, annotation_updates=Painter(strokes(newest)))
    assert resumed.summary["annotation_updates"] == [4, 8]
    whole = train(
        small(), stack, strokes(FIRST), annotation_updates=Painter(strokes(MORE), strokes(newest))
    )
    assert same_run(resumed, whole)


@pytest.mark.parametrize("killed", ["before the checkpoint", "after the checkpoint"])
def test_a_kill_between_annotation_and_checkpoint_leaves_a_pair_that_fits(
    small, stack, strokes, whole, same_run, tmp_path, monkeypatch, killed
):
    """A checkpoint and its annotation are two files; the program may die between them."""
    folder = tmp_path / "run"

    class Killed(BaseException):
        """Nothing that a run would catch."""

    def commit(self, folder):
        if self._unwritten is not None:
            raise Killed

    if killed == "after the checkpoint":
        monkeypatch.setattr(LiveAnnotation, "commit", commit)
    else:
        from napari_advseg.core.training import run_writer

        save = run_writer.save_checkpoint

        def save_first(folder, *rest):
            if (folder / "annotation-next.tif").exists():
                raise Killed
            save(folder, *rest)

        monkeypatch.setattr(run_writer, "save_checkpoint", save_first)
    with pytest.raises(Killed):
        train(small(), stack, strokes(FIRST), folder, annotation_updates=Painter(strokes(MORE)))
    monkeypatch.undo()
    assert (folder / "annotation-next.tif").exists()
    resumed = resume(folder, stack)
    assert same_run(resumed, whole(small(), more=killed == "after the checkpoint"))
    kept = read_annotation(folder / "annotation.tif").targets
    np.testing.assert_array_equal(kept, resumed.training.data.annotation.targets)


def test_a_run_folder_that_is_made_anew_holds_the_newest_annotation(
    small, stack, strokes, tmp_path
):
    from shutil import rmtree

    folder = tmp_path / "run"

    def on_event(event):
        if isinstance(event, Notice) and event.text.startswith("New strokes"):
            rmtree(folder)

    train(
        small(), stack, strokes(FIRST), folder, on_event=on_event,
        annotation_updates=Painter(strokes(MORE)),
    )  # fmt: skip
    np.testing.assert_array_equal(
        read_annotation(folder / "annotation.tif").targets, strokes(MORE).targets
    )
    assert json.loads((folder / "config.json").read_text())["annotation_updates"] == [4]


# ---- the parts


def test_slices_that_are_on_the_device_are_not_read_again(small, stack, strokes, monkeypatch):
    data = TrainingData.prepare(small(), stack, strokes(FIRST), torch.device("cpu"))
    live = LiveAnnotation(Painter(strokes(MORE)))
    read = []
    slice_of = type(stack).slice
    monkeypatch.setattr(type(stack), "slice", lambda self, z: read.append(z) or slice_of(self, z))
    grown, _ = live.poll(small(), stack, data, 4)
    assert read == [3]
    whole = TrainingData.prepare(
        small(train=(0, 2, 3), val=(5,)), stack, strokes(MORE), torch.device("cpu")
    )
    assert torch.equal(grown.train.images, whole.train.images)
    assert torch.equal(grown.train.targets, whole.train.targets)
    assert torch.equal(grown.fixed_val[1], whole.fixed_val[1])


def test_many_slices_are_counted(strokes):
    assert live_annotation._words(list(range(7))) == "7 slices"
    assert live_annotation._words([3, 7]) == "slices 3, 7"
