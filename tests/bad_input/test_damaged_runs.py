"""A run folder whose files are cut, flipped or nonsense: it works, or one sentence says why not."""

import json
import random
import shutil
from pathlib import Path

import pytest

from napari_advseg.core.formats.io import read_stack
from napari_advseg.core.inference.predict_stack import predict_to_file
from napari_advseg.core.runtime.errors import AdvSegError, RunFolderError
from napari_advseg.core.runtime.events import Outcome
from napari_advseg.core.storage.run_folder import load_run
from napari_advseg.core.training.engine import resume

NAMES = ("config.json", "annotation.tif", "checkpoint.safetensors", "standard.safetensors")
NONSENSE = (
    None, [], {}, "x", "", -1, 0, 2.5, 1e308, float("nan"), True, [[[1]]], {"a": {"b": [1]}}, "\0",
)  # fmt: skip


def use(stack):
    """Load, apply and resume the run; return how many of the three were refused in one sentence."""
    refused = 0
    for attempt in (
        lambda: load_run(Path("run")),
        lambda: predict_to_file("run", stack, "mask.tif", network="standard"),
        lambda: resume("run", stack),
    ):
        try:
            result = attempt()
        except AdvSegError as error:
            refused += 1
            said = str(error)
            assert "\n" not in said
            assert said.endswith(".")
            assert ": " in said
            assert len(said) < 250
        else:
            assert getattr(result, "outcome", Outcome.COMPLETED) is Outcome.COMPLETED
    return refused


def restored(originals):
    shutil.rmtree("run", ignore_errors=True)
    shutil.copytree(originals / "run", "run")


@pytest.mark.parametrize("name", NAMES)
def test_cut_and_flipped_files(name, originals, files):
    draws, stack = random.Random(name), read_stack("image.tif")
    whole = (originals / "run" / name).read_bytes()
    outcomes = []
    for number in range(5):
        restored(originals)
        content = bytearray(whole)
        if number % 2 == 0:
            content = content[: draws.randrange(len(content))]
        else:
            content[draws.randrange(len(content))] ^= 1 << draws.randrange(8)
        Path("run", name).write_bytes(content)
        outcomes.append(use(stack))
    assert max(outcomes) > 0  # a cut file is never taken for a whole one


def test_nonsense_anywhere_in_the_config(originals, files):
    draws, stack = random.Random(1), read_stack("image.tif")
    config = (originals / "run" / "config.json").read_text()
    places = [path for path in paths(json.loads(config)) if path]
    refused = 0
    for _ in range(12):
        restored(originals)
        values = inner = json.loads(config)
        *groups, last = draws.choice(places)
        for group in groups:
            inner = inner[group]
        inner[last] = draws.choice(NONSENSE)
        Path("run/config.json").write_text(json.dumps(values))
        refused += use(stack)
    assert refused > 0


def paths(values, before=()):
    yield before
    if isinstance(values, list):
        values = dict(enumerate(values))
    for key, value in values.items() if isinstance(values, dict) else ():
        yield from paths(value, (*before, key))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[" * 100_000, "it is nested too deeply"),
        (b"\xff\xfe\0", "it is no text"),
        (b"", "it is no whole JSON"),
        (b"[1]", "is damaged"),
        (b"{}", "format is missing"),
        (b'{"format": "new"}', "its format is 'new'"),
        (b'{"format": 1, "settings": []}', "is damaged"),
    ],
)
def test_what_is_no_config_at_all(content, said, files):
    Path("run/config.json").write_bytes(content)
    with pytest.raises(RunFolderError, match=said):
        load_run(Path("run"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"turn": None}, "turn is None"),
        ({"update": -1}, "update is -1"),
        ({"history": 5}, "tuple"),
        ({"history": [{"update": 1}]}, "epoch"),
        ({"seconds": "long"}, "long"),
    ],
)
def test_a_checkpoint_with_nonsense_that_has_its_checksum(changes, said, originals, files):
    from napari_advseg.core.storage.checkpoint import _load, _save

    path = Path("run/checkpoint.safetensors")
    tensors, texts = _load(path)
    texts["progress"] = json.dumps(json.loads(texts["progress"]) | changes)
    _save(path, tensors, texts)
    with pytest.raises(RunFolderError, match=rf"checkpoint\.safetensors is damaged.*{said}"):
        load_run(Path("run"))


def test_optimizer_states_of_other_shapes_are_found_before_an_update(files):
    from napari_advseg.core.storage.checkpoint import _load, _save

    path = Path("run/checkpoint.safetensors")
    tensors, texts = _load(path)
    key = next(k for k in tensors if "/optimizer/" in k and tensors[k].ndim == 4)
    tensors[key] = tensors[key][:1, :1].contiguous()
    _save(path, tensors, texts)
    with pytest.raises(RunFolderError, match="it is of other networks"):
        resume("run", read_stack("image.tif"))


def test_weights_without_a_checksum_are_taken_as_they_are(files):
    """Files that another program has written."""
    from safetensors.torch import load_file, save_file

    path = Path("run/standard.safetensors")
    save_file(load_file(path), path)
    predict_to_file("run", read_stack("image.tif"), "mask.tif", network="standard")
    assert Path("mask.tif").exists()


def test_a_run_with_the_annotation_of_another_is_refused(files):
    from napari_advseg.core.config.classes import ClassMap
    from napari_advseg.core.formats.io import read_labels, write_labels

    labels, _ = read_labels("run/annotation.tif")
    write_labels("run/annotation.tif", labels, ClassMap.of(axon=1, dendrite=2))
    with pytest.raises(RunFolderError, match="its classes are axon, dendrite"):
        resume("run", read_stack("image.tif"))
