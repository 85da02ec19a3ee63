"""More than two classes, from labels to scores and files; each number is computed anew by other means."""

import csv
import json

import numpy as np
import pytest
import tifffile
import torch
from typer.testing import CliRunner

from napari_advseg.cli.main import app
from napari_advseg.cli.report import class_lines
from napari_advseg.core.config.classes import UNLABELLED, ClassMap
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.evaluation.batch_scores import batch_f1
from napari_advseg.core.evaluation.evaluate import evaluate
from napari_advseg.core.evaluation.metrics import confusion, f1_scores, mean_f1, overall_f1
from napari_advseg.core.formats.io import read_labels
from napari_advseg.core.inference.predict_stack import predict_stack, predict_to_file
from napari_advseg.core.inference.predictions import (
    class_indices,
    kept_prediction,
    predicted_indices,
)
from napari_advseg.core.runtime.events import SHORT, SlicePredicted
from napari_advseg.core.training.engine import resume, train

CPU = {"device": "cpu", "threads": 1}
SMALL = {
    **CPU,
    "updates": 12,
    "validate_every": 4,
    "patch": 16,
    "batch": 2,
    "tile": 64,
    "fixed_patches": 5,
    "samples": 3,
    "precision": "float32",
    "network": {"width": 2, "depth": 2},
    "discriminator": {"width": 2, "depth": 2},
}
FIVE = ClassMap.parse("membrane=0+32+64,glia=159,mitochondria=191,synapse=223,cell=255")


def f1_of(predicted, targets, index):
    """2 TP / (2 TP + FP + FN) over the labelled pixels, NaN of nothing."""
    labelled = targets != UNLABELLED
    found, true = (predicted == index)[labelled], (targets == index)[labelled]
    hits, pixels = np.sum(found & true), found.sum() + true.sum()
    return 2 * hits / pixels if pixels else np.nan


def macro(predicted, targets):
    """Mean F1 of the classes that truly occur."""
    true = np.unique(targets[targets != UNLABELLED])
    return np.mean([f1_of(predicted, targets, index) for index in true])


@pytest.fixture(scope="module")
def five(cells):
    """Five classes, the fourth on training slices alone, and a corner that nobody labelled."""
    labels = np.where(cells[1] > 0, 255, 32).astype(np.uint8)
    labels[:, 40:56, 4:20] = 159
    labels[:, 40:56, 30:46] = 191
    labels[:4, 6:14, 6:14] = 223
    labels[:, :4] = 64
    targets = FIVE.encode(labels)
    targets[:, -6:, -6:] = UNLABELLED
    return Annotation(targets, FIVE)


@pytest.fixture(scope="module")
def run(cells, five, tmp_path_factory):
    """Folder, result and events of a paired run of five classes; not to be changed."""
    folder = tmp_path_factory.mktemp("five") / "run"
    events = []
    result = train(
        from_preset("quick", **SMALL, keep="last"), EMStack.from_array(cells[0]), five, folder,
        on_event=events.append, whole_stack=True,
    )  # fmt: skip
    return folder, result, events


@pytest.fixture(scope="module")
def likeliest(run, cells):
    """Class indices of every slice by network, from the probabilities of the run folder."""
    maps = {name: [None] * len(cells[0]) for name in SHORT}

    def keep(name, z, found):
        np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
        maps[name][z] = found.argmax(axis=0)

    predict_stack(run[0], EMStack.from_array(cells[0]), on_slice=keep, **CPU)
    return {name: np.stack(slices) for name, slices in maps.items()}


def test_f1_val_is_the_mean_over_the_classes_of_the_validation_slices(run, likeliest, five):
    val = [4, 5]
    for name in SHORT:
        scores = run[1].history[-1].scores.of(name)
        mask, truth = likeliest[name][val], five.targets[val]
        expected = macro(mask, truth)
        assert scores.f1_val == pytest.approx(expected, abs=1e-12)
        for index, one in enumerate(FIVE.names):
            single = f1_of(mask, truth, index)
            assert scores.f1_val_by_class[one] == pytest.approx(single, abs=1e-12, nan_ok=True)


def test_f1_train_is_the_mean_over_the_classes_of_the_fixed_patches(run):
    training = run[1].training
    images, targets = training.data.fixed_train
    with torch.no_grad():
        found = training.networks["standard"].eval()(images).argmax(dim=1).numpy()
    expected = macro(found, targets.numpy())
    assert run[1].history[-1].scores.standard.f1_train == pytest.approx(expected, abs=1e-6)


def test_the_best_validation_is_the_one_of_the_highest_mean(run):
    for name in SHORT:
        means = [v.scores.of(name).f1_val for v in run[1].history]
        best = run[1].summary["best"][name]
        assert best["F1 val"] == max(means)
        assert best["update"] == run[1].history[int(np.argmax(means))].update


def test_slices_are_handed_out_as_class_indices(run, likeliest):
    shown = {(e.network, e.z): e.prediction for e in run[2] if isinstance(e, SlicePredicted)}
    assert len(shown) == 12
    for (name, z), prediction in shown.items():
        assert prediction.dtype == np.uint8
        np.testing.assert_array_equal(prediction, likeliest[name][z])


def test_regions_are_scored_with_two_classes_alone(run):
    assert run[1].summary["boundaries"] == {"standard": {}, "adversarial": {}}


def test_each_class_has_its_columns_in_metrics(run):
    with (run[0] / "metrics.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    for one in FIVE.names:
        for network, short in SHORT.items():
            logged = run[1].history[-1].scores.of(network).f1_val_by_class[one]
            assert float(last[f"{short} F1 {one} val"] or "nan") == pytest.approx(
                logged, abs=1e-6, nan_ok=True
            )


def test_a_mask_holds_the_first_value_of_each_likeliest_class(run, likeliest, stack, tmp_path):
    predict_to_file(run[0], stack, tmp_path / "m.tif", network="adversarial", threshold=0.1, **CPU)
    mask, classes = read_labels(tmp_path / "m.tif")
    assert classes == FIVE
    values = np.array([0, 159, 191, 223, 255])
    np.testing.assert_array_equal(mask, values[likeliest["adversarial"]])


def test_probabilities_are_written_as_one_channel_for_each_class(run, likeliest, stack, tmp_path):
    path = tmp_path / "p.tif"
    predict_to_file(run[0], stack, path, network="standard", probability=True, **CPU)
    with tifffile.TiffFile(path) as tif:
        assert tif.series[0].axes == "ZCYX"
    found = tifffile.imread(path)
    assert (found.dtype, found.shape) == (np.float32, (6, 5, 64, 64))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(found.argmax(axis=1), likeliest["standard"])


def test_evaluate_gives_the_mean_and_no_regions(run, likeliest, five, tmp_path):
    mask = FIVE.decode(likeliest["standard"].astype(np.uint8))
    found = evaluate(mask, five, mask_classes=FIVE, slices=(4, 5))
    assert found.f1_mean == pytest.approx(run[1].history[-1].scores.standard.f1_val, abs=1e-12)
    assert "F1 mean" in str(found)
    assert "V_Rand" not in str(found)
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert plain["v_rand"] is None
    assert plain["f1"]["synapse"] in (None, 0.0)  # not in these slices' truth


def test_a_resumed_run_of_three_classes_is_the_whole_run(
    small, stack, cells, same_run, stop_at, tmp_path
):
    labels = np.where(cells[1] > 0, 1, 2).astype(np.uint8)
    labels[:, :20, :20] = 7
    three = Annotation.from_labels(labels, ClassMap.of(cell=1, membrane=2, nucleus=7))
    whole = train(small(), stack, three)
    train(small(), stack, three, tmp_path / "run", control=stop_at(20))
    again = resume(tmp_path / "run", stack)
    assert same_run(whole, again)


@pytest.mark.parametrize("classes", [3, 5])
def test_the_mean_leaves_out_what_is_not_there_and_no_more(classes):
    draws = np.random.default_rng(classes)
    targets = draws.integers(0, classes - 1, (3, 20, 20)).astype(np.uint8)  # the last never occurs
    predicted = draws.integers(0, classes, targets.shape).astype(np.uint8)  # and is predicted
    targets[:, :5] = UNLABELLED
    counts = confusion(predicted, targets, classes)
    each = [f1_of(predicted, targets, index) for index in range(classes)]
    np.testing.assert_allclose(f1_scores(counts), each)
    assert each[-1] == 0
    assert mean_f1(counts) == pytest.approx(np.mean(each[:-1]))
    assert overall_f1(counts) == mean_f1(counts)


def test_of_two_classes_the_first_ones_f1_is_the_one_number():
    counts = np.array([[30, 10], [5, 55]])
    assert overall_f1(counts) == pytest.approx(60 / 75)
    assert mean_f1(counts) == pytest.approx((60 / 75 + 110 / 125) / 2)
    assert np.isnan(mean_f1(np.zeros((3, 3), np.int64)))


def test_the_f1_of_a_batch_is_the_mean_over_the_classes_that_it_holds():
    draws = np.random.default_rng(0)
    logits = draws.normal(size=(2, 4, 8, 8)).astype(np.float32)
    targets = draws.choice([0, 1, 3, UNLABELLED], (2, 8, 8)).astype(np.uint8)
    expected = macro(logits.argmax(axis=1), targets)
    found = batch_f1(torch.from_numpy(logits), torch.from_numpy(targets))
    assert float(found) == pytest.approx(expected, abs=1e-6)
    nothing = torch.full((2, 8, 8), UNLABELLED, dtype=torch.uint8)
    assert np.isnan(float(batch_f1(torch.from_numpy(logits), nothing)))


def test_batches_score_the_mean_in_f1_val(small, stack, five):
    result = train(small(scores="batches"), stack, five)
    training = result.training
    images, targets = training.data.fixed_val
    with torch.no_grad():
        found = training.networks["standard"].eval()(images).argmax(dim=1).numpy()
    batches = [slice(i, i + 2) for i in range(0, len(found), 2)]
    expected = np.mean([macro(found[b], targets.numpy()[b]) for b in batches])
    assert result.history[-1].scores.standard.f1_val == pytest.approx(expected, abs=1e-6)


def test_what_is_kept_of_a_slice():
    draws = np.random.default_rng(0)
    one, four = draws.random((1, 5, 6)), draws.random((4, 5, 6))
    assert kept_prediction(one).dtype == np.float16
    np.testing.assert_array_equal(
        predicted_indices(kept_prediction(one), 0.7), class_indices(one.astype(np.float16), 0.7)
    )
    assert kept_prediction(four).dtype == np.uint8
    np.testing.assert_array_equal(predicted_indices(kept_prediction(four), 0.7), four.argmax(0))
    np.testing.assert_array_equal(class_indices(np.ones((3, 2, 2))), 0)  # the first of equals


def test_the_command_line_trains_three_classes_and_names_them(cells, tmp_path, monkeypatch):
    labels = np.where(cells[1] > 0, 1, 2).astype(np.uint8)
    labels[:, :20, :20] = 7
    tifffile.imwrite(tmp_path / "em.tif", cells[0])
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    (tmp_path / "small.json").write_text(
        json.dumps({name: value for name, value in SMALL.items() if name != "updates"})
    )
    monkeypatch.chdir(tmp_path)
    asked = "train em.tif labels.tif -o run --updates 4 --settings small.json"
    told = ["--classes", "cell=1,membrane=2,nucleus=7"]
    done = CliRunner().invoke(app, [*asked.split(), *told], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    scores = json.loads((tmp_path / "run" / "summary.json").read_text())["scores"]
    each = [f"{name} {scores[f'S F1 {name} val']:.4f}" for name in ("cell", "membrane", "nucleus")]
    assert f"standard: F1 {', '.join(each)}" in done.output.replace("\n", " ")


def test_lines_of_the_classes_keep_the_networks_apart():
    scores = {"S F1 val": 0.5, "S F1 a val": 0.25, "G/S F1 a val": 0.75, "S F1 b val": 1.0}
    assert class_lines(scores) == ["standard: F1 a 0.2500, b 1.0000", "adversarial: F1 a 0.7500"]
