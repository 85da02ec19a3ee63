"""The logged numbers mean what their names say: each is computed anew by other means."""

import numpy as np
import pytest
import torch
from skimage.transform import resize

from napari_advseg.core.config.classes import UNLABELLED, ClassMap
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.evaluation.boundary_scores import rand_and_info
from napari_advseg.core.inference.predict_stack import predict_stack
from napari_advseg.core.runtime.control import Stopped
from napari_advseg.core.runtime.events import Outcome
from napari_advseg.core.runtime.seeded_random import Purpose, numpy_generator
from napari_advseg.core.training.engine import train


def f1_of(predicted, targets, index):
    """2 TP / (2 TP + FP + FN) over the labelled pixels."""
    labelled = targets != UNLABELLED
    found, true = (predicted == index)[labelled], (targets == index)[labelled]
    hits = np.sum(found & true)
    return 2 * hits / (2 * hits + np.sum(found & ~true) + np.sum(~found & true))


def predicted_probabilities(folder, stack, network):
    maps = {}
    predict_stack(
        folder, stack, networks=(network,), device="cpu", threads=1,
        on_slice=lambda _, z, found: maps.update({z: found}),
    )  # fmt: skip
    return np.stack([maps[z] for z in range(stack.shape[0])])


def sparse(labels):
    """Labels 1 and 2 on some rows and columns of each slice, 0 elsewhere."""
    strokes = np.zeros_like(labels)
    strokes[:, 3:9, :30] = np.where(labels > 0, 1, 2)[:, 3:9, :30]
    strokes[:, :, 40:43] = np.where(labels > 0, 1, 2)[:, :, 40:43]
    return Annotation.from_labels(strokes, ClassMap.of(cell=1, membrane=2))


@pytest.fixture(params=["dense", "sparse"])
def labelled(request, annotation, cells):
    return annotation if request.param == "dense" else sparse(cells[1])


@pytest.mark.parametrize("network", ["standard", "adversarial"])
def test_f1_val_is_that_of_the_predicted_validation_slices(
    small, stack, labelled, tmp_path, network
):
    # tiles smaller than a slice: whole slices are blended before they are scored
    result = train(small(tile=32), stack, labelled, tmp_path / "run")
    masks = np.where(predicted_probabilities(tmp_path / "run", stack, network)[:, 0] >= 0.5, 0, 1)
    scores = result.history[-1].scores.of(network)
    val = [4, 5]
    for index, name in enumerate(("cell", "membrane")):
        expected = f1_of(masks[val], labelled.targets[val], index)
        assert scores.f1_val_by_class[name] == pytest.approx(expected, abs=1e-12)
    assert scores.f1_val == scores.f1_val_by_class["cell"]


def test_f1_val_of_three_classes_is_that_of_the_likeliest(small, stack, cells, tmp_path):
    labels = np.where(cells[1] > 0, 1, 2).astype(np.uint8)
    labels[:, :20, :20] = 7
    annotation = Annotation.from_labels(labels, ClassMap.of(cell=1, membrane=2, nucleus=7))
    result = train(small(), stack, annotation, tmp_path / "run")
    found = predicted_probabilities(tmp_path / "run", stack, "standard")
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
    masks = found.argmax(axis=1)
    for index, name in enumerate(("cell", "membrane", "nucleus")):
        expected = f1_of(masks[4:], annotation.targets[4:], index)
        assert result.history[-1].scores.standard.f1_val_by_class[name] == pytest.approx(
            expected, abs=1e-12
        )


def test_of_one_slice_only_its_right_third_counts(small, cells, tmp_path):
    stack = EMStack.from_array(cells[0][0])
    annotation = Annotation.from_labels(cells[1][0], ClassMap.of(cell=255, membrane=0))
    result = train(small(method="standard"), stack, annotation, tmp_path / "run")
    mask = np.where(predicted_probabilities(tmp_path / "run", stack, "standard")[0, 0] >= 0.5, 0, 1)
    right = slice(64 - 64 // 3, 64)
    expected = f1_of(mask[:, right], annotation.targets[0, :, right], 0)
    assert result.history[-1].scores.standard.f1_val == pytest.approx(expected, abs=1e-12)
    assert expected != f1_of(mask, annotation.targets[0], 0)


def test_f1_train_is_that_of_the_fixed_patches(small, stack, labelled):
    result = train(small(), stack, labelled)
    network = result.training.networks["standard"].eval()
    images, targets = result.training.data.fixed_train
    with torch.no_grad():
        logits = network(images)[:, 0].numpy()
    expected = f1_of(np.where(logits >= 0, 0, 1), targets.numpy(), 0)
    assert result.history[-1].scores.standard.f1_train == pytest.approx(expected, abs=1e-6)


def test_f1_train_of_a_coarser_image_is_of_the_full_pixels(small, stack, labelled):
    result = train(small(scale=2), stack, labelled)
    data, settings = result.training.data, result.training.settings
    network = result.training.networks["standard"].eval()
    with torch.no_grad():
        found = network(data.fixed_train[0]).sigmoid()[:, 0].numpy()
    side = 2 * settings.patch
    large = np.stack([resize(one, (side, side), order=1, mode="edge") for one in found])
    positions = data.sampler.draw(numpy_generator(settings.seed, Purpose.FIXED_TRAIN), len(found))
    truth = [
        labelled.targets[data.train.slices[row], 2 * top :, 2 * left :][:side, :side]
        for row, top, left in positions
    ]
    expected = f1_of(np.where(large >= 0.5, 0, 1), np.stack(truth), 0)
    assert result.history[-1].scores.standard.f1_train == pytest.approx(expected, abs=1e-3)
    coarse = f1_of(np.where(found >= 0.5, 0, 1), data.fixed_train[1].numpy(), 0)
    assert abs(coarse - expected) > 2e-3


@pytest.mark.parametrize("side", ["train", "val"])
def test_accuracies_of_d_are_shares_of_right_positions(small, stack, labelled, side):
    """Five patches in batches of two: each position counts alike. D answers t/2 at even odds."""
    result = train(small(), stack, labelled)
    training = result.training
    images, targets = getattr(training.data, f"fixed_{side}")
    G = training.optimizers["adversarial"].network.eval()
    D = training.optimizers["discriminator"].network.eval()
    labelled_pixels = targets != UNLABELLED
    spread = images.std(dim=(2, 3), keepdim=True, correction=0)
    beside = (images - images.mean(dim=(2, 3), keepdim=True)) / spread
    with torch.no_grad():
        fake_mask = ((G(images)[:, 0] >= 0) & labelled_pixels).float()[:, None]
        real_mask = (targets == 0).float()[:, None]
        fake = D(torch.cat([fake_mask, beside], 1)).sigmoid().numpy()[:, 0]
        real = D(torch.cat([real_mask, beside], 1)).sigmoid().numpy()[:, 0]
    side_of_position = 16 // fake.shape[-1]
    counts = labelled_pixels.numpy().reshape(
        5, fake.shape[1], side_of_position, fake.shape[2], side_of_position
    )
    counts = counts.any(axis=(2, 4))
    real_right = np.mean(real[counts] > 0.45)
    fake_taken_for_true = np.mean(fake[counts] > 0.45)
    scores = result.history[-1].scores.discriminator
    assert getattr(scores, f"fooling_rate_{side}") == pytest.approx(fake_taken_for_true, abs=1e-6)
    expected = (real_right + 1 - fake_taken_for_true) / 2
    assert getattr(scores, f"accuracy_{side}") == pytest.approx(expected, abs=1e-6)


def test_the_summary_has_v_rand_and_v_info_of_the_validation_slices(
    small, stack, annotation, tmp_path
):
    result = train(small(), stack, annotation, tmp_path / "run")
    found = predicted_probabilities(tmp_path / "run", stack, "standard")[4:, 0]
    expected = rand_and_info(found.astype(np.float16).astype(np.float32), annotation.targets[4:])
    boundaries = result.summary["boundaries"]["standard"]
    assert boundaries == {"V_Rand": expected.v_rand, "V_Info": expected.v_info}


def test_the_weight_of_the_adversarial_term_is_logged(small, stack, annotation):
    constant = {"kind": "constant", "value": 0.25}
    result = train(small(adversarial_weight=constant), stack, annotation)
    assert [v.adversarial_weight for v in result.history] == [0.25] * 3
    # a ramp from update 3 to 9 of 12: λ of the update just made, number 3, 7 and 11 from 0
    ramp = {"kind": "ramp", "value": 0.6, "start": 0.25, "rise": 0.5}
    result = train(small(adversarial_weight=ramp), stack, annotation)
    assert [v.adversarial_weight for v in result.history] == pytest.approx([0, 0.4, 0.6])


def test_prediction_looks_at_the_control_before_each_tile(small, stack, annotation):
    result = train(small(method="standard", tile=32), stack, annotation)
    from napari_advseg.core.inference.probabilities import class_probabilities

    looks = []

    def raise_if_stopped():
        looks.append(None)
        if len(looks) == 3:
            raise Stopped

    training = result.training
    grey = training.data.normalisation(stack.slice(0))
    with pytest.raises(Stopped):
        class_probabilities(
            training.networks["standard"],
            grey,
            training.settings,
            training.compute,
            raise_if_stopped,
        )
    assert len(looks) == 3


def test_strokes_are_no_regions_and_get_no_boundary_scores(small, stack, cells):
    labels = np.where(cells[1] > 0, 1, 2).astype(np.uint8)
    labels[:, 20:] = 0  # unlabelled: two thirds of each slice
    result = train(small(), stack, Annotation.from_labels(labels, ClassMap.of(cell=1, membrane=2)))
    assert result.outcome is Outcome.COMPLETED
    assert result.summary["boundaries"] == {"standard": {}, "adversarial": {}}
