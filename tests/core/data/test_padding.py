"""What is no tissue: it is found by its value and shape, and counts neither in statistics nor in scores."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from napari_advseg.core.config.classes import NO_TISSUE, UNLABELLED, ClassMap
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.grey_distribution import UNLIKE, distance
from napari_advseg.core.data.normalisation import Normalisation, normalisation_of
from napari_advseg.core.data.padding import padding_of
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.formats.io import read_label_file, read_stack
from napari_advseg.core.inference.predict_stack import predict_stack, predict_to_file
from napari_advseg.core.runtime.devices import choose_device
from napari_advseg.core.training.engine import train

DRAWS = np.random.default_rng(3)
FIELD = gaussian_filter(DRAWS.standard_normal((6, 64, 64)), (0, 3, 3))
LABELS = np.where(np.quantile(FIELD, 0.4) < FIELD, 255, 0).astype(np.uint8)
TISSUE = np.clip(100 + 50 * (LABELS > 0) + DRAWS.normal(0, 25, LABELS.shape), 1, 254)
TISSUE = TISSUE.round().astype(np.uint8)
WIDTH = 16


def framed(value, dtype=np.uint8, pixels=TISSUE):
    around = ((0, 0), (WIDTH, WIDTH), (WIDTH, WIDTH))
    return np.pad(pixels.astype(dtype), around, constant_values=value)


INSIDE = (slice(None), slice(WIDTH, -WIDTH), slice(WIDTH, -WIDTH))
FRAMES = {
    "black": framed(0),
    "white": framed(255),
    "grey": framed(140),
    "NaN": framed(np.nan, np.float32),
    "-9999": framed(-9999, np.float32),
    "16 bit": framed(65535, np.uint16),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_is_found_to_the_pixel(name):
    expected = framed(True, bool, np.zeros(TISSUE.shape, bool))
    for z in range(6):
        found = padding_of(FRAMES[name][z].astype(np.float32))
        wrong = np.count_nonzero(found != expected[z])
        assert wrong <= 8, name  # a grey frame may take pixels of its value that touch it
        assert not wrong or name == "grey"


def test_what_a_rotation_or_an_alignment_leaves_is_found():
    grey = TISSUE[0].astype(np.float32)
    y, x = np.indices(grey.shape)
    corner = x + y < 25
    grey[corner] = 0
    np.testing.assert_array_equal(padding_of(grey), corner)


@pytest.mark.parametrize(
    "change",
    [
        lambda g: g,
        lambda g: np.where(np.arange(64) % 9 == 0, 0, g),  # thin lines, as of a scan
        lambda g: np.where((np.indices(g.shape)[0] - 30) ** 2 < 5, 255, g),  # a thin bright band
    ],
)
def test_tissue_is_no_padding(change):
    assert padding_of(np.asarray(change(TISSUE[2]), np.float32)) is None


def test_a_constant_slice_and_a_value_without_data():
    assert padding_of(np.full((9, 9), 7, np.float32)).all()
    grey = TISSUE[0].astype(np.float32)
    np.testing.assert_array_equal(padding_of(grey, nodata=120.0), grey == 120)


def test_a_clean_stack_has_the_plain_mean_and_standard_deviation():
    found = Normalisation.of(EMStack.from_array(TISSUE))
    assert found.mean == pytest.approx(TISSUE.mean(dtype=np.float64), rel=1e-12)
    assert found.std == pytest.approx(TISSUE.std(dtype=np.float64), rel=1e-12)
    assert not found.padded
    grey = TISSUE[1].astype(np.float32)
    plain = ((grey - found.mean) / found.std).astype(np.float32)
    np.testing.assert_array_equal(found(grey), plain)


@pytest.mark.parametrize("name", [n for n in FRAMES if n != "grey"])
def test_statistics_are_those_of_the_tissue(name):
    stack = EMStack.from_array(FRAMES[name])
    found, plain = Normalisation.of(stack), Normalisation.of(EMStack.from_array(TISSUE))
    assert found.mean == pytest.approx(plain.mean, rel=1e-9)
    assert found.std == pytest.approx(plain.std, rel=1e-9)
    normal = found(stack.slice(2))
    np.testing.assert_allclose(normal[INSIDE[1:]], plain(TISSUE[2].astype(np.float32)), atol=1e-5)
    assert (normal[: WIDTH - 1] == 0).all()


def test_empty_slices_and_hot_pixels_are_left_out():
    plain = Normalisation.of(EMStack.from_array(TISSUE))
    with_empty = np.concatenate([TISSUE, np.zeros((3, 64, 64), np.uint8)])
    found = Normalisation.of(EMStack.from_array(with_empty))
    assert (found.mean, found.std) == (pytest.approx(plain.mean), pytest.approx(plain.std))
    hot = TISSUE.astype(np.uint32)
    hot[3, 30, 31] = 2**32 - 1
    found = Normalisation.of(EMStack.from_array(hot))
    assert found.mean == pytest.approx(plain.mean, rel=1e-4)
    assert found.std == pytest.approx(plain.std, rel=1e-4)
    assert found(hot[3]).max() < 100  # cut to the fence


def test_a_value_that_the_file_names_as_no_data_is_left_out(tmp_path):
    path = tmp_path / "gdal.tif"
    tifffile.imwrite(
        path, FRAMES["grey"], photometric="minisblack", extratags=[(42113, "s", 0, "140", True)]
    )
    stack = read_stack(path)
    assert stack.nodata == 140
    found = Normalisation.of(stack)
    assert found.mean == pytest.approx(TISSUE[TISSUE != 140].mean(), rel=1e-6)


def test_each_slice_by_itself():
    drift = np.stack([TISSUE[z] * (1 - 0.1 * z) + 10 * z for z in range(6)]).astype(np.float32)
    found = normalisation_of(EMStack.from_array(drift), "slice")
    for z in range(6):
        normal = found(drift[z])
        assert abs(float(normal.mean())) < 1e-4
        assert float(normal.std()) == pytest.approx(1, abs=1e-4)
    framed_drift = framed(0, np.float32, drift)
    framed_found = normalisation_of(EMStack.from_array(framed_drift), "slice")
    np.testing.assert_allclose(
        framed_found(framed_drift[4])[INSIDE[1:]], found(drift[4]), atol=1e-4
    )
    empty = np.zeros((64, 64), np.float32)
    assert np.isfinite(found(empty)).all()


def test_padding_trains_and_counts_nowhere(small):
    annotation = Annotation.from_labels(
        framed(0, np.uint8, LABELS), ClassMap.of(cell=255, membrane=0)
    )
    data = TrainingData.prepare(
        small(patch=16),
        EMStack.from_array(FRAMES["black"]),
        annotation,
        choose_device("cpu").device,
    )
    targets = data.annotation.targets
    assert (targets[INSIDE] != UNLABELLED).all()
    outside = np.ones(targets.shape, bool)
    outside[INSIDE] = False
    assert (targets[outside] == UNLABELLED).all()
    for images, patch_targets in (data.fixed_train, data.fixed_val):
        labelled = (patch_targets != UNLABELLED).float().mean(dim=(1, 2))
        assert (labelled > 0).all()
        assert len(images) == len(patch_targets)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    from napari_advseg.core.config.presets import from_preset

    folder = tmp_path_factory.mktemp("padding") / "run"
    settings = from_preset(
        "quick", method="standard", updates=4, patch=16, batch=2, tile=64, scale=1, threads=1, samples=0,
        device="cpu", validations=1, network={"width": 2, "depth": 2}, keep="last",
    )  # fmt: skip
    annotation = Annotation.from_labels(LABELS, ClassMap.of(cell=255, membrane=0))
    train(settings, EMStack.from_array(TISSUE), annotation, folder)
    return folder


def predicted(run, grey, **options):
    found = {}
    predict_stack(
        run, EMStack.from_array(grey), device="cpu", threads=1,
        on_slice=lambda _, z, maps: found.update({z: maps[0].copy()}), **options,
    )  # fmt: skip
    return np.stack([found[z] for z in sorted(found)])


@pytest.mark.parametrize("name", FRAMES)
def test_predictions_of_the_tissue_are_as_if_there_were_no_frame(run, name):
    plain, found = predicted(run, TISSUE), predicted(run, FRAMES[name])
    assert np.isnan(found[:, : WIDTH - 1]).all()
    core = (slice(None), slice(20, -20), slice(20, -20))  # near it the frame is in view
    difference = np.abs(np.nan_to_num(found[INSIDE], nan=0.5) - plain)[core]
    assert np.quantile(difference, 0.99) < 0.03
    everywhere = predicted(run, FRAMES[name], predict_padding=True)
    assert np.isfinite(everywhere).all()


def test_a_mask_has_a_value_of_no_class_on_a_frame(run, tmp_path):
    path = tmp_path / "mask.tif"
    predict_to_file(run, EMStack.from_array(FRAMES["black"]), path, device="cpu", threads=1)
    mask = read_label_file(path)
    assert mask.classes.ignored == (1,)  # 0 is the membrane
    assert (mask.labels[:, :WIDTH] == 1).all()
    assert set(np.unique(mask.labels[INSIDE])) <= {0, 255}
    predict_to_file(run, EMStack.from_array(TISSUE), path, device="cpu", threads=1)
    assert read_label_file(path).classes.ignored == ()


def test_a_stack_that_looks_unlike_is_said_before_its_first_slice(run):
    said = []

    def notices(grey):
        said.clear()
        predicted(run, grey, on_notice=said.append)
        return list(said)

    assert notices(TISSUE) == []
    assert notices(FRAMES["black"]) == [
        "56 % of image shows no tissue (frames, empty slices, no data) and is left out."
    ]
    assert notices((TISSUE // 2 + 60).astype(np.uint8)) == []  # contrast alone is normalised away
    bent = (255 * (TISSUE / 255.0) ** 5).astype(np.uint8)
    (sentence,) = notices(bent)
    assert "look unlike" in sentence
    assert sentence.count(". ") == 0


def test_the_distance_of_quantiles():
    assert distance((0.0, 1.0), (0.5, 1.0)) == 0.25
    assert 0 < UNLIKE < 0.1
    assert ClassMap.of(a=1, b=2).decode(np.array([NO_TISSUE], np.uint8)).tolist() == [0]
