"""Images and annotations of unusual form that are good: their pixels come out right, and what is learned."""

from __future__ import annotations

import json
import sys
from time import perf_counter

import numpy as np
import pytest
import tifffile
import torch

from napari_advseg.cli.main import main
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.normalisation import Normalisation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.evaluation.evaluate import evaluate
from napari_advseg.core.formats import io
from napari_advseg.core.inference.predict_stack import predict_stack, predict_to_file
from napari_advseg.core.models.unet import build_unet
from napari_advseg.core.runtime.seeded_random import Purpose, torch_generator
from napari_advseg.core.storage.checkpoint import load_weights
from napari_advseg.core.storage.run_folder import load_run
from napari_advseg.core.training.engine import train

CPU = {"device": "cpu", "threads": 1}


@pytest.fixture
def learned(small, tmp_path):
    """Train two updates of S on a stack; give the run folder and its probabilities."""

    def learn(stack, annotation, **changes):
        folder = tmp_path / f"run {len(list(tmp_path.glob('run *')))}"
        two = {"updates": 2, "validate_every": 2, "method": "standard", **changes}
        result = train(small(**two), stack, annotation, folder)
        assert np.isfinite(result.history[-1].scores.standard.f1_val)
        return folder, probabilities(folder, stack)

    return learn


def probabilities(folder, stack):
    """Probability of the first class by S, shape (Z, Y, X)."""
    found = np.zeros(stack.shape, np.float32)

    def keep(network, z, probability):
        found[z] = probability[0]

    predict_stack(folder, stack, networks=("standard",), on_slice=keep, **CPU)
    return found


def by_hand(folder, grey):
    """The same for one slice that one tile holds: reflect it to whole poolings, and ask the network."""
    run = load_run(folder)
    network = build_unet(run.settings.network, 2, torch_generator(0, Purpose.WEIGHTS)).eval()
    load_weights(folder / "standard.safetensors", network)
    multiple = 2**run.settings.network.depth
    padded = np.pad(grey, [(0, -n % multiple) for n in grey.shape], mode="reflect")
    with torch.inference_mode():
        logits = network(torch.from_numpy(padded)[None, None])[0, 0]
    return torch.sigmoid(logits)[: grey.shape[0], : grey.shape[1]].numpy()


def write(path, data, **how):
    tifffile.imwrite(path, data, photometric="minisblack", **how)
    return path


# ---- the same picture in other numbers

FORMS = {
    "uint16 with 12 bits used": (lambda g: g.astype(np.uint16) * 16, {}),
    "big-endian uint16": (lambda g: (g.astype(np.uint16) * 257).astype(">u2"), {"byteorder": ">"}),
    "big-endian float": (lambda g: (g / 255).astype(">f4"), {"byteorder": ">"}),
    "big-endian deflate": (lambda g: g.astype(">i2"), {"byteorder": ">", "compression": "zlib"}),
    "negative floats": (lambda g: (g / 2 - 300).astype(np.float32), {}),
    "int16 around zero": (lambda g: g.astype(np.int16) - 128, {}),
    "float64 of a tiny unit": (lambda g: g * 1e-12, {}),
    "int64": (lambda g: g.astype(np.int64) * 1000, {}),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_same_picture_in_other_numbers_teaches_the_same(
    tmp_path, cells, annotation, learned, form
):
    grey = cells[0]
    convert, how = FORMS[form]
    stack = io.read_stack(write(tmp_path / "a.tif", convert(grey), **how))
    np.testing.assert_array_equal(np.asarray(stack.data), convert(grey))
    _, expected = learned(EMStack.from_array(grey), annotation)
    _, found = learned(stack, annotation)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_labels_in_int64_mean_what_they_mean_in_uint8(tmp_path, cells):
    path = write(tmp_path / "a.tif", cells[1].astype(np.int64))
    labels, _ = io.read_labels(path)
    assert labels.dtype == np.int64
    annotation = io.read_annotation(path)
    np.testing.assert_array_equal(annotation.targets, Annotation.from_labels(cells[1]).targets)


def test_int64_labels_train_and_score(tmp_path, cells, stack, learned):
    path = write(tmp_path / "a.tif", cells[1].astype(np.int64))
    folder, _ = learned(stack, io.read_annotation(path))
    predict_to_file(folder, stack, tmp_path / "m.tif", **CPU)
    mask, classes = io.read_labels(tmp_path / "m.tif")
    scores = evaluate(mask, io.read_annotation(path), mask_classes=classes, slices=(4, 5))
    logged = load_run(folder).history[-1].scores
    assert scores.f1["cell"] == pytest.approx(logged.standard.f1_val, abs=1e-12)


# ---- shapes


def cut(cells, shape):
    """A corner of the cells, image and labels."""
    part = tuple(slice(n) for n in shape)
    return cells[0][part], cells[1][part]


@pytest.mark.parametrize(
    "shape",
    [(6, 45, 61), (6, 64, 33), (6, 33, 64), (2, 47, 47), (6, 20, 64)],
    ids=lambda shape: "x".join(map(str, shape)),
)
def test_odd_sized_slices_smaller_than_a_tile(tmp_path, cells, learned, shape):
    grey, labels = cut(cells, shape)
    stack = io.read_stack(write(tmp_path / "a.tif", grey, compression="zlib"))
    folder, found = learned(stack, Annotation.from_labels(labels), tile=64)
    assert found.shape == shape
    normal = Normalisation.of(EMStack.from_array(grey))
    for z in (0, shape[0] - 1):
        np.testing.assert_allclose(found[z], by_hand(folder, normal(grey[z])), atol=1e-5)


def test_odd_sized_slices_larger_than_a_tile(cells, learned):
    grey, labels = cut(cells, (6, 61, 45))
    shallow = {"network": {"depth": 1}, "tile": 32}
    folder, found = learned(EMStack.from_array(grey), Annotation.from_labels(labels), **shallow)
    whole = by_hand(folder, Normalisation.of(EMStack.from_array(grey))(grey[3]))
    # A corner tile sees 32 pixels, decides on the outer 19 at least, and the network sees 10 around each.
    outer = np.ix_(np.r_[:16, 45:61], np.r_[:16, 29:45])
    np.testing.assert_allclose(found[3][outer], whole[outer], atol=1e-5)
    assert np.corrcoef(found[3].ravel(), whole.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("saved_shape", [(64, 64), (1, 64, 64)])
def test_one_slice_trains_on_one_side_and_validates_on_the_other(
    tmp_path, cells, learned, saved_shape
):
    stack = io.read_stack(write(tmp_path / "a.tif", cells[0][0].reshape(saved_shape)))
    labels = write(tmp_path / "l.tif", cells[1][0].reshape(saved_shape))
    annotation = io.read_annotation(labels, ClassMap.of(cell=255, membrane=0))
    assert stack.shape == annotation.targets.shape == (1, 64, 64)
    folder, found = learned(stack, annotation)
    normal = Normalisation.of(stack)(cells[0][0])
    np.testing.assert_allclose(found[0], by_hand(folder, normal), atol=1e-5)
    split = load_run(folder).config["split"]
    assert split["train_columns"][1] <= split["val_columns"][0]


@pytest.mark.parametrize("axes", ["TYX", "ZYX", "TZCYX"])
def test_an_imagej_hyperstack_with_z_in_the_t_axis(tmp_path, cells, annotation, learned, axes):
    grey = cells[0] if len(axes) == 3 else cells[0][:, None, None]
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, grey, imagej=True, metadata={"axes": axes, "spacing": 50.0})
    with tifffile.TiffFile(path) as tif:
        assert tif.imagej_metadata.get("frames", 1) == (1 if axes == "ZYX" else 6)
    stack = io.read_stack(path)
    np.testing.assert_array_equal(np.asarray(stack.data), cells[0])
    _, expected = learned(EMStack.from_array(cells[0]), annotation)
    _, found = learned(stack, annotation)
    np.testing.assert_array_equal(found, expected)


# ---- many slices


def _page_by_page(path, data, **how):
    with tifffile.TiffWriter(path) as writer:
        for one in data:
            writer.write(one, contiguous=False, photometric="minisblack", **how)


MANY = {
    "contiguous": lambda path, data: write(path, data),
    "ImageJ": lambda path, data: tifffile.imwrite(path, data, imagej=True),
    # as ImageJ writes stacks of more than 4 GB: one directory for all slices
    "ImageJ, one directory": lambda path, data: write(path, data, imagej=True, truncate=True),
    "page by page": lambda path, data: _page_by_page(path, data, metadata=None),
    "deflate, page by page": lambda path, data: _page_by_page(
        path, data, metadata=None, compression="zlib"
    ),
    "pages with shapes": lambda path, data: _page_by_page(path, data, metadata={}),
    "OME": lambda path, data: tifffile.imwrite(path, data, ome=True, metadata={"axes": "ZYX"}),
}


@pytest.mark.parametrize("kind", MANY)
def test_two_thousand_slices_open_at_once(tmp_path, kind):
    data = np.random.default_rng(0).integers(0, 255, (2000, 20, 24)).astype(np.uint8)
    path = tmp_path / ("a.ome.tif" if kind == "OME" else "a.tif")
    MANY[kind](path, data)
    started = perf_counter()
    stack = io.read_stack(path)
    took = perf_counter() - started
    # Measured 0.01 to 0.5 s; were each page looked up from the first, it would be minutes.
    assert took < 8
    np.testing.assert_array_equal(np.asarray(stack.data), data)


def test_two_annotated_slices_of_two_thousand_are_learned_from(tmp_path, cells, small):
    grey = np.random.default_rng(0).integers(0, 255, (2000, 64, 64)).astype(np.uint8)
    labels = np.zeros(grey.shape, np.uint8)
    for z, known in ((7, 0), (1990, 1)):
        grey[z], labels[z] = cells[0][known], cells[1][known]
    stack = io.read_stack(write(tmp_path / "a.tif", grey))
    annotation = io.read_annotation(write(tmp_path / "l.tif", labels, compression="zlib"))
    assert annotation.annotated_slices == (7, 1990)
    updates = {"updates": 2, "validate_every": 2, "method": "standard"}
    train(small(**updates), stack, annotation, tmp_path / "run")
    split = load_run(tmp_path / "run").config["split"]
    assert {split["train"], split["val"]} == {"7", "1990"}


# ---- paths


def test_a_path_with_spaces_and_umlauts_from_training_to_scores(
    tmp_path, cells, small, monkeypatch, capfd
):
    def advseg(*words):
        monkeypatch.setattr(sys, "argv", ["advseg", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        assert (ended.value.code or 0, err) == (0, "")
        return out

    folder = tmp_path / "Größe 50 nm, 日本 (2)"
    folder.mkdir()
    image = write(folder / "Säule A.tif", cells[0])
    labels = write(folder / "Säule A – Labels.tif", cells[1])
    run, mask = folder / "Lauf für Ü", folder / "Maske Ö.tif"
    settings = small(updates=2, validate_every=2).model_dump(mode="json", exclude={"minutes"})
    (folder / "Einstellungen ä.json").write_text(json.dumps(settings), encoding="utf-8")
    advseg("train", image, labels, "-o", run, "--settings", folder / "Einstellungen ä.json")
    assert load_run(run).config["image"]["source"] == str(image)
    advseg("predict", run, image, "-o", mask, "--network", "adversarial", "--device", "cpu")
    assert str(np.unique(tifffile.imread(mask)).tolist()) in ("[0, 255]", "[0]", "[255]")
    scores = json.loads(advseg("evaluate", mask, labels, "--slices", "4:6", "--json"))
    logged = load_run(run).history[-1].scores.adversarial.f1_val
    assert scores["f1"]["cell"] == pytest.approx(logged, abs=1e-6)
    assert {path.name for path in folder.iterdir()} == {
        image.name, labels.name, run.name, mask.name, "Einstellungen ä.json",
    }  # fmt: skip
