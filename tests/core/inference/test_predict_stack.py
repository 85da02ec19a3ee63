"""A trained run applied to a stack: the mask has the annotation's values and the run's quality."""

import tracemalloc
import weakref

import numpy as np
import pytest
import tifffile

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.evaluation.evaluate import evaluate
from napari_advseg.core.formats.io import read_labels
from napari_advseg.core.inference.predict_stack import predict_stack, predict_to_file
from napari_advseg.core.runtime.control import RunControl, Stopped
from napari_advseg.core.runtime.errors import AdvSegError, RunFolderError
from napari_advseg.core.storage.run_folder import load_run
from napari_advseg.core.training.engine import train

pytestmark = pytest.mark.training

CPU = {"device": "cpu", "threads": 1}


@pytest.fixture
def folder(small, stack, annotation, tmp_path):
    train(small(), stack, annotation, tmp_path / "run")
    return tmp_path / "run"


def probabilities(run, stack, **options):
    found = {}
    predict_stack(run, stack, on_slice=lambda n, z, p: found.update({(n, z): p}), **CPU, **options)
    return found


def test_a_mask_has_the_annotations_values_and_classes(folder, stack, annotation, tmp_path):
    done = []
    predict_to_file(
        folder, stack, tmp_path / "m.tif", network="standard", on_slice=done.append, **CPU
    )
    mask, classes = read_labels(tmp_path / "m.tif")
    assert (mask.shape, mask.dtype) == (stack.shape, np.uint8)
    assert set(np.unique(mask)) == {0, 255}
    assert classes == annotation.classes
    assert done == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("network", ["standard", "adversarial"])
def test_the_mask_scores_what_the_run_logged(folder, stack, annotation, tmp_path, network):
    predict_to_file(folder, stack, tmp_path / "m.tif", network=network, **CPU)
    mask, classes = read_labels(tmp_path / "m.tif")
    scores = evaluate(mask, annotation, mask_classes=classes, slices=(4, 5))
    logged = load_run(folder).history[-1].scores.of(network)
    for name in annotation.classes.names:
        assert scores.f1[name] == pytest.approx(logged.f1_val_by_class[name], abs=1e-12)


def test_the_best_weights_score_what_the_best_validation_logged(
    folder, stack, annotation, tmp_path
):
    predict_to_file(folder, stack, tmp_path / "m.tif", network="standard", best=True, **CPU)
    mask, classes = read_labels(tmp_path / "m.tif")
    scores = evaluate(mask, annotation, mask_classes=classes, slices=(4, 5))
    logged = [v.scores.standard.f1_val for v in load_run(folder).history]
    assert scores.f1["cell"] == pytest.approx(max(logged), abs=1e-12)
    assert max(logged) > min(logged)


def test_probabilities_are_those_of_the_first_class(folder, stack, tmp_path):
    predict_to_file(
        folder, stack, tmp_path / "p.tif", network="adversarial", probability=True, **CPU
    )
    written = tifffile.imread(tmp_path / "p.tif")
    assert (written.dtype, written.shape) == (np.float32, stack.shape)
    found = probabilities(folder, stack, networks=("adversarial",))
    np.testing.assert_array_equal(written, [found["adversarial", z][0] for z in range(6)])
    predict_to_file(folder, stack, tmp_path / "m.tif", network="adversarial", threshold=0.6, **CPU)
    mask = tifffile.imread(tmp_path / "m.tif")
    np.testing.assert_array_equal(mask, np.where(written >= 0.6, 255, 0))


def test_merged_and_high_values_are_written_as_the_first_of_each_class(
    small, stack, cells, tmp_path
):
    labels = np.where(cells[1] > 0, 700, 32).astype(np.uint16)
    labels[0, :5] = 64
    classes = ClassMap.of(cell=700, membrane=(32, 64), rest=9)
    labels[:, :20, :20] = 9
    annotation = Annotation.from_labels(labels, classes)
    train(small(method="standard"), stack, annotation, tmp_path / "run")
    predict_to_file(tmp_path / "run", stack, tmp_path / "m.tif", **CPU)
    mask, carried = read_labels(tmp_path / "m.tif")
    assert set(np.unique(mask)) <= {700, 32, 9}
    assert carried == classes


def test_which_network_must_be_said_if_there_are_two(folder, stack, tmp_path):
    with pytest.raises(RunFolderError, match="--network standard or --network adversarial"):
        predict_to_file(folder, stack, tmp_path / "m.tif", **CPU)
    assert not (tmp_path / "m.tif").exists()


def test_a_network_that_was_not_trained_is_refused(small, stack, annotation, tmp_path):
    train(small(method="standard"), stack, annotation, tmp_path / "run")
    predict_to_file(tmp_path / "run", stack, tmp_path / "m.tif", **CPU)
    with pytest.raises(RunFolderError, match="no adversarial network: it holds standard"):
        predict_to_file(tmp_path / "run", stack, tmp_path / "n.tif", network="adversarial", **CPU)


def test_an_image_is_normalised_by_its_own_statistics(folder, stack):
    other = EMStack.from_array(stack.data.astype(np.uint16) * 3 + 100)
    plain, scaled = probabilities(folder, stack), probabilities(folder, other)
    for key, found in plain.items():
        np.testing.assert_allclose(scaled[key], found, atol=1e-4)


def test_a_slice_alone_and_another_depth_can_be_predicted(folder, stack, tmp_path):
    predict_to_file(
        folder, EMStack.from_array(stack.data[0]), tmp_path / "m.tif", network="standard", **CPU
    )
    assert read_labels(tmp_path / "m.tif")[0].shape == (1, 64, 64)


def test_odd_sizes_are_predicted_whole(folder, stack):
    odd = EMStack.from_array(stack.data[:2, :61, :37])
    found = probabilities(folder, odd, networks=("standard",))
    assert [p.shape for p in found.values()] == [(1, 61, 37)] * 2


def test_tiles_are_blended_to_nearly_what_the_whole_slice_gives(small, stack, annotation, tmp_path):
    whole = train(small(tile=64), stack, annotation, tmp_path / "whole")
    tiled = train(small(tile=32), stack, annotation, tmp_path / "tiled")
    assert whole.training.settings.tile != tiled.training.settings.tile
    one, other = (probabilities(tmp_path / name, stack) for name in ("whole", "tiled"))
    for key, found in one.items():
        assert (
            np.abs(other[key] - found).mean() < 0.02
        )  # tiles far smaller than the receptive field


def test_the_slice_in_view_comes_first_and_both_networks_at_each(folder, stack):
    order = list(probabilities(folder, stack, first=3))
    expected = [3, 0, 1, 2, 4, 5]
    assert order == [(n, z) for z in expected for n in ("standard", "adversarial")]


def test_a_stop_leaves_no_half_mask(folder, stack, tmp_path):
    control = RunControl()
    path = tmp_path / "m.tif"
    path.write_bytes(b"before")
    before = sorted(p.name for p in tmp_path.iterdir())
    with pytest.raises(Stopped):
        predict_to_file(
            folder, stack, path, network="standard", control=control,
            on_slice=lambda done: control.stop(), **CPU,
        )  # fmt: skip
    assert path.read_bytes() == b"before"
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_a_mask_that_cannot_be_written_is_said_at_once(folder, stack, tmp_path):
    done = []
    with pytest.raises(AdvSegError, match="cannot be written"):
        predict_to_file(
            folder, stack, tmp_path / "no" / "m.tif", network="standard",
            on_slice=done.append, **CPU,
        )  # fmt: skip
    assert done == []


class OnDisk:
    """A stack that is made slice by slice and knows how many slices are held at once."""

    shape, dtype, ndim = (24, 160, 160), np.dtype(np.float32), 3

    def __init__(self):
        self.alive, self.most = 0, 0

    def __getitem__(self, z):
        assert isinstance(z, int)
        self.alive += 1
        self.most = max(self.most, self.alive)
        grey = np.random.default_rng(z).standard_normal(self.shape[1:], np.float32)
        weakref.finalize(grey, self._gone)
        return grey

    def _gone(self):
        self.alive -= 1


def test_a_stack_larger_than_memory_is_held_one_slice_at_a_time(folder, tmp_path):
    data = OnDisk()
    tracemalloc.start()
    try:
        predict_to_file(
            folder, EMStack.from_array(data), tmp_path / "p.tif",
            network="standard", probability=True, **CPU,
        )  # fmt: skip
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    stack_bytes = int(np.prod(data.shape)) * 4
    assert data.most == 1
    assert most < stack_bytes / 2
    assert tifffile.imread(tmp_path / "p.tif").shape == data.shape


def test_a_run_that_is_stopped_can_be_applied(small, stack, annotation, tmp_path, stop_at):
    train(small(), stack, annotation, tmp_path / "run", control=stop_at(2))
    assert len(probabilities(tmp_path / "run", stack)) == 12
