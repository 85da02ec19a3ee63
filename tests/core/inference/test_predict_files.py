"""A run applied to many files: each mask is what the file alone would give, and none is half-written."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_advseg.core.formats.image_files import image_files, mask_names
from napari_advseg.core.formats.io import read_labels, read_stack
from napari_advseg.core.inference.predict_files import predict_files
from napari_advseg.core.inference.predict_stack import predict_to_file
from napari_advseg.core.runtime.control import RunControl, Stopped
from napari_advseg.core.runtime.errors import AdvSegError, ImageError, RunFolderError, SettingsError
from napari_advseg.core.training.engine import train

pytestmark = pytest.mark.training

CPU = {"device": "cpu", "threads": 1}


@pytest.fixture
def run(small, stack, annotation, tmp_path):
    train(small(), stack, annotation, tmp_path / "run")
    return tmp_path / "run"


def test_what_is_wrong_with_an_image_is_said_with_its_name(run, tmp_path):
    image = tmp_path / "a.tif"  # a name that many sentences hold by chance
    tifffile.imwrite(image, np.full((2, 32, 32), 3, np.uint8))
    (result,) = predict_files(run, [image], tmp_path / "out", **CPU)
    assert result.error == "a.tif: Every pixel of the image is 3: choose an image with contrast."


@pytest.fixture
def images(cells, tmp_path):
    """Three stacks of two slices in a folder: the second is no TIFF."""
    folder = tmp_path / "stacks"
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", cells[0][:2])
    (folder / "b.tif").write_text("no picture")
    tifffile.imwrite(folder / "c.tiff", cells[0][2:4, :32])
    return folder


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_each_mask_is_that_of_the_file_alone_and_a_bad_file_stops_no_other(run, images, tmp_path):
    said = []
    results = predict_files(
        run, image_files(images), tmp_path / "out" / "masks", on_progress=said.append, **CPU
    )
    a, b, c = results
    assert (a.error, c.error) == (None, None)
    assert "b.tif" in b.error
    assert (b.masks, b.slices) == ((), 0)
    assert names(tmp_path / "out" / "masks") == [
        "a_adversarial_mask.tif", "a_standard_mask.tif",
        "c_adversarial_mask.tif", "c_standard_mask.tif",
    ]  # fmt: skip
    for result in (a, c):
        assert result.slices == 2
        for network, path in result.masks:
            predict_to_file(
                run, read_stack(result.image), tmp_path / "m.tif", network=network, **CPU
            )
            alone, classes = read_labels(tmp_path / "m.tif")
            found, found_classes = read_labels(path)
            np.testing.assert_array_equal(found, alone)
            assert found_classes == classes
    counted = [(p.file, p.files, p.slice, p.slices) for p in said]
    assert counted == [(f, 3, s, 4) for f in (1, 3) for s in (0, 1, 2, 3, 4)]


def test_what_is_there_is_kept_unless_it_may_be_overwritten(run, images, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    there = out / "a_standard_mask.tif"
    there.write_bytes(b"somebody's own")
    first, *_ = predict_files(run, image_files(images)[:1], out, **CPU)
    assert first.kept == (there,)
    assert [name for name, _ in first.masks] == ["adversarial"]
    assert there.read_bytes() == b"somebody's own"
    again, *_ = predict_files(run, image_files(images)[:1], out, **CPU)
    assert (again.masks, len(again.kept), again.error) == ((), 2, None)
    over, *_ = predict_files(
        run, image_files(images)[:1], out, overwrite=True, networks=("standard",), **CPU
    )
    assert (over.kept, over.masks) == ((), (("standard", there),))
    assert read_labels(there)[0].shape == (2, 64, 64)


@pytest.mark.parametrize("slices", [1, 3])  # within the first mask, and within the second
def test_a_stop_leaves_whole_files_alone(run, images, tmp_path, slices):
    control, out = RunControl(), tmp_path / "out"

    def stop(progress):
        if progress.slice == slices:
            control.stop()

    with pytest.raises(Stopped):
        predict_files(run, image_files(images), out, on_progress=stop, control=control, **CPU)
    left = names(out)
    assert left == ["a_standard_mask.tif"][: slices // 2]
    for name in left:
        assert read_labels(out / name)[0].shape == (2, 64, 64)


def test_masks_beside_the_images_are_no_images_the_next_time(run, images):
    before = image_files(images, images)
    predict_files(run, before, images, **CPU)
    predict_files(run, before, images, probability=True, networks=("standard",), **CPU)
    assert len(names(images)) == 3 + 4 + 2
    assert image_files(images, images) == before
    assert len(image_files(images)) == 9
    (images / "._a.tif").write_bytes(b"what a Mac leaves")
    assert image_files(images, images) == before


def test_no_mask_takes_the_place_of_an_image(run, images):
    there = images / "a_standard_mask.tif"
    tifffile.imwrite(there, np.arange(64, dtype=np.uint8).reshape(8, 8))
    kept = there.read_bytes()
    with pytest.raises(AdvSegError, match=r"a_standard_mask.tif would take the place"):
        predict_files(run, (images / "a.tif", there), images, overwrite=True, **CPU)
    assert there.read_bytes() == kept


def test_what_is_wrong_with_the_run_or_an_option_is_said_once(run, images, tmp_path):
    files, out = image_files(images), tmp_path / "out"
    with pytest.raises(SettingsError, match="threshold"):
        predict_files(run, files, out, threshold=2.0, **CPU)
    with pytest.raises(SettingsError, match="device"):
        predict_files(run, files, out, device="abacus", threads=1)
    (run / "standard.safetensors").unlink()
    with pytest.raises(RunFolderError, match="standard"):
        predict_files(run, files, out, networks=("standard",), **CPU)
    occupied = tmp_path / "file"
    occupied.write_text("")
    with pytest.raises(AdvSegError, match="it is a file"):
        predict_files(run, files, occupied, **CPU)


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ImageError, match="holds no images"):
        image_files(tmp_path)
    with pytest.raises(ImageError, match="cannot be read"):
        image_files(tmp_path / "nothing")


def test_files_of_one_stem_get_masks_of_their_own(tmp_path):
    files = [tmp_path / name for name in ("a.tif", "a.tiff", "b.tif")]
    assert mask_names(files, "standard", False) == [
        "a-tif_standard_mask.tif", "a-tiff_standard_mask.tif", "b_standard_mask.tif",
    ]  # fmt: skip
    odd = [tmp_path / name for name in ("a-tif.tif", "a.tif", "a.tiff")]
    assert len(set(mask_names(odd, "standard", False))) == 3
    far = [tmp_path / "x" / "a.tif", tmp_path / "y" / "a.tif"]
    assert len(set(mask_names(far, "adversarial", True))) == 2
