"""Whatever is set, painted and shown: a clear error, or a good short run.

The strategies are built from the settings' own fields and limits, so that a new setting is drawn without
a word here. ``ADVSEG_EXAMPLES`` is their number; up to 60 are the same each time, more are random.
"""

from __future__ import annotations

import csv
import math
import os
import tempfile
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Literal, get_args, get_origin

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.parsing import run_settings
from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.formats.io import read_labels
from napari_advseg.core.inference.predict_stack import predict_to_file
from napari_advseg.core.runtime.errors import AdvSegError
from napari_advseg.core.runtime.events import Outcome, RunFinished, SlicePredicted, Step
from napari_advseg.core.storage.run_folder import load_run
from napari_advseg.core.storage.score_names import scores_as_text
from napari_advseg.core.training.engine import train

EXAMPLES = int(os.environ.get("ADVSEG_EXAMPLES", "20"))
SMALL = {
    "updates": 3, "validate_every": 2, "patch": 8, "batch": 2, "tile": 32, "fixed_patches": 3,
    "samples": 2, "device": "cpu", "precision": "float32", "threads": 1,
    "network": {"width": 2, "depth": 1}, "discriminator": {"width": 2, "depth": 1},
}  # fmt: skip
CHEAP = 6
"""Numbers that decide how long a run takes are drawn up to so many above their least."""
SPECIAL = {
    "preset": st.sampled_from(["quick", "mine", ""]),
    "device": st.sampled_from(["cpu", "auto", "cuda:7", "cpu:1", "gpu", ""]),
    "threads": st.sampled_from([None, 1, 2, 0, -1]),
    "patch": st.sampled_from([8, 10, 12, 16, 17, 32, 64, 0]),
    "tile": st.sampled_from([16, 17, 24, 33, 64, 512, 8, 0]),
    "minutes": st.sampled_from([None, 1e-9, 1e-4, 0.0, -1.0, math.inf]),
    "train": st.none() | st.lists(st.integers(-1, 4), max_size=4).map(tuple),
    "val": st.none() | st.lists(st.integers(-1, 4), max_size=3).map(tuple),
    "unannotated": st.none() | st.lists(st.integers(-1, 4), max_size=3).map(tuple),
    "plan": st.none(),  # made by a run in minutes
    "classes": st.none(),  # drawn with the labels
    "betas": st.tuples(*[st.sampled_from([0.0, 0.5, 0.9, 0.999, 1.0, -0.1])] * 2),
    "steps": st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.5, 1.0, 3.0, -1.0]), st.sampled_from([0.0, 0.1, 1000.0, -1.0])
        ),
        max_size=3,
    ).map(tuple),
}
WRONG = st.sampled_from([-1, 0, math.nan, math.inf, "nonsense", None, [], 10**30, {}])


# ---- values of a setting


def limits_of(metadata):
    names = ("ge", "gt", "le", "lt")
    return {n: getattr(m, n) for m in metadata for n in names if getattr(m, n, None) is not None}


def values_of(annotation, metadata=()):
    """Values that a field of this type may be given: within its limits, and at them."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return values_of(inner, [m for one in more for m in getattr(one, "metadata", [one])])
    if origin is Literal:
        return st.sampled_from(get_args(annotation))
    if origin is UnionType:
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
        return st.one_of(st.none(), *(values_of(kind, metadata) for kind in kinds))
    limits = limits_of(metadata)
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        least = limits.get("ge", limits.get("gt", -1) + 1)
        return st.integers(least, least + CHEAP)
    if annotation is float:
        return st.sampled_from(_floats(limits))
    raise NotImplementedError(f"say in SPECIAL what {annotation} may be")


def _floats(limits):
    least = limits.get("ge", limits.get("gt", -1.0) + 1e-6)
    most = limits.get("le", limits.get("lt", 10.0) - 1e-6)
    return [least, least + (most - least) / 1000, least + (most - least) / 3, most]


def fields_of(model, path=()):
    """Each setting by its path, with its values."""
    for name, info in model.model_fields.items():
        here = (*path, name)
        if name in SPECIAL:
            yield here, SPECIAL[name]
        elif isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from fields_of(info.annotation, here)
        else:
            yield here, values_of(info.annotation, info.metadata)


FIELDS = dict(fields_of(RunSettings))


def small_values():
    """Plain settings of the small run; large numbers that it does not name are made small."""
    values = RunSettings().model_dump(exclude_none=True) | {"updates": 1}

    def shrink(group, changes):
        for name, value in group.items():
            if isinstance(value, dict):
                shrink(value, changes.get(name, {}))
            elif name in changes:
                group[name] = changes[name]
            elif isinstance(value, int) and value > CHEAP:
                group[name] = 2

    shrink(values, SMALL)
    return values | {name: SMALL[name] for name in SMALL if not isinstance(SMALL[name], dict)}


@st.composite
def settings_values(draw):
    """The small run with some settings drawn, mostly such as can be used."""
    values = small_values()
    if draw(st.booleans()):  # blocks have settings that ask for them
        values["alternation"]["kind"] = "block"
    for path in draw(st.lists(st.sampled_from(list(FIELDS)), max_size=8, unique=True)):
        *groups, leaf = path
        group = values
        for name in groups:
            group = group[name]
        wrong = draw(st.integers(0, 39)) == 39
        group[leaf] = draw(WRONG if wrong else FIELDS[path])
    return values


# ---- images and labels


@st.composite
def stacks(draw):
    depth = draw(st.sampled_from([2, 3, 4, 1]))
    height, width = (draw(st.sampled_from([33, 32, 64, 17, 16, 40, 50, 7])) for _ in "yx")
    grey = np.random.default_rng(draw(st.integers(0, 9))).normal(100, 30, (depth, height, width))
    dtype = draw(st.sampled_from(["uint8", "uint16", "int16", "float32", ">u2"]))
    image = np.clip(grey, 0, 255).astype(dtype)
    flaw = draw(st.sampled_from([*[None] * 12, "constant", "NaN", "2D"]))
    if flaw == "constant":
        image[:] = 7
    if flaw == "NaN" and dtype == "float32":
        image[-1, 0, 0] = np.nan
    return image[0] if flaw == "2D" else image


@st.composite
def labels_for(draw, shape):
    """Labels of a stack of this shape, and the class map that goes with them."""
    shape = (1, *shape)[-3:]
    random = np.random.default_rng(draw(st.integers(0, 9)))
    number = draw(st.integers(2, 3))
    blobs = random.integers(0, number, tuple(-(-n // 4) for n in shape[1:]))
    dense = np.stack([np.kron(np.roll(blobs, z), np.ones((4, 4), int)) for z in range(shape[0])])
    dense = dense[:, : shape[1], : shape[2]] + 1
    layout = draw(st.sampled_from(LAYOUTS))
    labels = np.zeros(shape, np.int64)
    if layout == "dense":
        labels[:] = dense
    elif layout == "dense, its values 0 and 255":
        return np.where(dense == 1, 255, 0).astype(np.uint8), None
    elif layout == "strokes":
        for z in range(0, shape[0], draw(st.integers(1, 2))):
            top = draw(st.integers(0, shape[1] - 1))
            labels[z, top : top + 3] = dense[z, top : top + 3]
    elif layout == "half":
        labels[..., : shape[2] // 2] = dense[..., : shape[2] // 2]
    elif layout == "one class":
        labels[:] = 1
    elif layout == "a pixel of each":
        labels.flat[:number] = np.arange(1, number + 1)
    elif layout == "a class that is not named":
        labels[:] = dense
        labels[0, 0, 0] = 9
    return labels, ClassMap.of(**{"abc"[i]: i + 1 for i in range(number)})


LAYOUTS = (
    *["dense"] * 6, *["strokes"] * 4, *["half"] * 2, "dense, its values 0 and 255", "one class", "empty",
    "a pixel of each", "a class that is not named",
)  # fmt: skip


# ---- what may come of it


def assert_clear(sentence):
    """One sentence that is not about an error which nobody foresaw."""
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert len(sentence) > 20
    assert not sentence.startswith(
        ("Preparing the run failed", "Predicting the whole stack failed")
    )


def assert_good(result, stack, folder, events):
    """All numbers are numbers, all that is kept can be read, and masks hold the annotation's values."""
    resolved = result.training.settings
    assert result.history[-1].update == resolved.updates
    for step in (e for e in events if isinstance(e, Step)):
        assert all(math.isfinite(loss) for loss in step.losses.values())
    for validated in result.history:
        scores = scores_as_text(validated.scores).values()
        assert scores
        assert all(0 <= score <= 1 or math.isnan(score) for score in scores)
    for learner in result.training.optimizers.values():
        assert all(torch.isfinite(w).all() for w in learner.network.state_dict().values())
    last = {(e.network, e.z): e.prediction for e in events if isinstance(e, SlicePredicted)}
    assert set(last) == {(n, z) for n in resolved.networks for z in range(stack.shape[0])}
    number = len(result.training.data.annotation.classes)
    for prediction in last.values():  # a probability, or the index of one of three classes
        assert prediction.shape == stack.shape[1:]
        assert ((prediction >= 0) & (prediction <= max(1, number - 1))).all()
    rows = list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))
    assert [int(row["update"]) for row in rows] == [v.update for v in result.history]
    run = load_run(folder)
    predict_to_file(run, stack, folder / "mask.tif", network=run.networks[0], device="cpu")
    mask, _ = read_labels(folder / "mask.tif")
    assert mask.shape == stack.shape
    assert set(np.unique(mask)) <= set(run.classes.mask_values)


def assert_error_or_run(values, image, labels, classes, folder):
    events = []
    try:
        chosen = run_settings(values)
        stack = EMStack.from_array(image)
        annotation = Annotation.from_labels(labels, classes)
        result = train(chosen, stack, annotation, folder, on_event=events.append, whole_stack=True)
    except AdvSegError as error:
        event(f"refused: {type(error).__name__}")
        assert_clear(str(error))
        assert not folder.exists()
        return
    assert [e for e in events if isinstance(e, RunFinished)] == events[-1:]
    if result.outcome is Outcome.FAILED:  # an extreme learning rate is seen while training alone
        event("no longer a number")
        assert_clear(result.error)
        assert "choose a lower learning rate" in result.error, result.error
    else:
        event("run")
        assert_good(result, stack, folder, events)


@pytest.mark.training
@settings(
    deadline=None,
    derandomize=EXAMPLES <= 60,
    max_examples=EXAMPLES,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(values=settings_values(), image=stacks(), data=st.data())
def test_any_settings_give_a_clear_error_or_a_good_short_run(values, image, data):
    labels, classes = data.draw(labels_for(image.shape))
    base = small_values()
    for name, value in values.items():
        if isinstance(value, dict):
            note(f"{name}: { {k: v for k, v in value.items() if base[name].get(k) != v} }")
        elif base.get(name) != value:
            note(f"{name}: {value!r}")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        assert_error_or_run(values, image, labels, classes, Path(folder) / "run")


def test_every_setting_is_drawn():
    names = {".".join(path) for path in FIELDS}
    assert {"seed", "network.width", "optimizer.rate", "discriminator_optimizer.betas"} <= names
    flat = {name for name, _ in _leaves(RunSettings().model_dump())}
    assert names == flat


def _leaves(values, before=""):
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value
