"""The figure of validation samples: four columns, as in the 2017 experiment."""

import numpy as np
import pytest
from PIL import Image

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.evaluation.sample_figure import GAP, TITLE, draw_samples
from napari_advseg.core.training.engine import train


def panel(sheet, column, row, side):
    left, top = GAP + column * (side + GAP), TITLE + GAP + row * (side + GAP)
    return sheet[top : top + side, left : left + side]


@pytest.mark.parametrize(
    ("method", "columns"), [("paired", 4), ("standard", 3), ("adversarial", 3)]
)
def test_a_row_for_each_sample_and_no_column_for_what_was_not_trained(
    small, stack, annotation, tmp_path, method, columns
):
    result = train(small(method=method, samples=4), stack, annotation, tmp_path / "run")
    with Image.open(tmp_path / "run" / "samples" / "update-000012.png") as opened:
        sheet = np.asarray(opened)
    assert sheet.shape == (TITLE + GAP + 4 * (16 + GAP), GAP + columns * (16 + GAP), 3)
    targets = result.training.data.fixed_val[1].numpy()
    for row in range(4):
        expected = np.where(targets[row] == 0, 255, 0)
        np.testing.assert_array_equal(panel(sheet, 1, row, 16)[..., 0], expected)


def test_samples_are_drawn_every_so_many_validations_or_never(small, stack, annotation, tmp_path):
    train(small(samples_every=2), stack, annotation, tmp_path / "second")
    assert [p.name for p in (tmp_path / "second" / "samples").iterdir()] == ["update-000008.png"]
    train(small(samples=0), stack, annotation, tmp_path / "none")
    assert not list((tmp_path / "none" / "samples").iterdir())


def test_columns_are_image_truth_adversarial_standard(tmp_path):
    side = 16
    images = np.zeros((1, side, side), np.float32)
    targets = np.full((1, side, side), UNLABELLED, np.uint8)
    masks = {
        "standard": np.zeros((1, side, side), np.uint8),
        "adversarial": np.ones((1, side, side), np.uint8),
    }
    draw_samples(tmp_path / "a.png", images, targets, masks, 2)
    with Image.open(tmp_path / "a.png") as opened:
        sheet = np.asarray(opened)
    assert (panel(sheet, 0, 0, side) == 127).all()  # the mean of the image is mid-grey
    truth = panel(sheet, 1, 0, side)
    assert len(np.unique(truth.reshape(-1, 3), axis=0)) == 1
    assert len(set(truth[0, 0].tolist())) > 1  # a colour, so that nobody takes it for a class
    assert (panel(sheet, 2, 0, side) == 0).all()
    assert (panel(sheet, 3, 0, side) == 255).all()


def test_more_samples_than_patches_draw_what_there_is(small, stack, annotation, tmp_path):
    train(small(samples=50), stack, annotation, tmp_path / "run")
    with Image.open(tmp_path / "run" / "samples" / "update-000012.png") as opened:
        assert opened.height == TITLE + GAP + 5 * (16 + GAP)
