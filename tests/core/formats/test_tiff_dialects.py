"""TIFF as other programs write it: grey values as viewers show them, axes and voxel sizes as declared."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import tifffile

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.formats import io, lazy_view
from napari_advseg.core.runtime.errors import AnnotationError, ImageError, SeveralChannels
from support import odd_tiffs
from support.odd_tiffs import CELLS, GREY, described, ome


def expected_of(name):
    return GREY.astype(np.uint16) if "16_bit" in name else GREY


@pytest.mark.parametrize("name", odd_tiffs.IMAGES)
@pytest.mark.parametrize("held_bytes", [lazy_view.HELD_BYTES, 0], ids=["held", "lazy"])
def test_every_dialect_gives_the_same_stack(tmp_path, monkeypatch, name, held_bytes):
    monkeypatch.setattr(lazy_view, "HELD_BYTES", held_bytes)
    stack = io.read_stack(odd_tiffs.IMAGES[name](tmp_path))
    assert stack.shape == GREY.shape
    np.testing.assert_array_equal(np.asarray(stack.data), expected_of(name))
    assert stack.data.dtype == expected_of(name).dtype
    np.testing.assert_array_equal(stack.slice(4), GREY[4].astype(np.float32))
    np.testing.assert_array_equal(np.asarray(stack.data[1:5:2, 3:, -7]), GREY[1:5:2, 3:, -7])


@pytest.mark.parametrize("name", odd_tiffs.LABELS)
def test_labels_are_read_by_value_and_one_bit_by_its_tag(tmp_path, name):
    labels, classes = io.read_labels(odd_tiffs.LABELS[name](tmp_path))
    np.testing.assert_array_equal(labels, CELLS)
    assert labels.dtype == np.uint8
    assert classes is None


def test_labels_of_8_bit_that_are_shown_white_for_0_are_read_by_value_with_a_note(tmp_path):
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, CELLS.astype(np.uint8) * 255, photometric="miniswhite")
    found = io.read_label_file(path)
    np.testing.assert_array_equal(found.labels, CELLS * 255)
    assert found.notes == (
        "The file shows 0 as white (min-is-white); labels are read by value, so 0 is 0.",
    )


def test_a_large_compressed_stack_is_read_slice_by_slice(tmp_path, monkeypatch):
    monkeypatch.setattr(lazy_view, "HELD_BYTES", GREY.nbytes - 1)
    path = odd_tiffs.lzw(tmp_path)
    decoded = []
    read = tifffile.TiffPage.asarray
    monkeypatch.setattr(
        tifffile.TiffPage, "asarray", lambda page, *a, **k: decoded.append(1) or read(page, *a, **k)
    )
    stack = io.read_stack(path)
    assert not decoded
    np.testing.assert_array_equal(stack.slice(3), GREY[3])
    assert len(decoded) == 1


def test_a_palette_of_colours_is_refused_as_an_image(tmp_path):
    with pytest.raises(ImageError, match=r"palette of colours.*: convert it to grey"):
        io.read_stack(odd_tiffs.palette_labels(tmp_path))


@pytest.mark.parametrize("imagej", [True, False])
def test_a_description_of_more_slices_than_the_file_holds_is_noted(tmp_path, imagej):
    text = "ImageJ=1.53t\nimages=100\nslices=100\n" if imagej else ome('SizeZ="100"')
    stack = io.read_stack(described(tmp_path / "a.tif", text))
    np.testing.assert_array_equal(np.asarray(stack.data), GREY)
    assert stack.notes == (
        "The description declares 100 slices and the file holds 6: all are read.",
    )


def test_two_declared_axes_that_do_not_fit_the_pages_are_refused_with_both_numbers(tmp_path):
    text = "ImageJ=1.53t\nimages=12\nslices=4\nframes=3\nhyperstack=true\n"
    path = described(tmp_path / "a.tif", text)
    with pytest.raises(ImageError, match=r"declares 12 slices .* holds 6: save"):
        io.read_stack(path)


def test_one_file_of_a_set_reads_its_own_slice_and_says_so(tmp_path):
    stack = io.read_stack(odd_tiffs.file_of_a_set(tmp_path))
    np.testing.assert_array_equal(np.asarray(stack.data), GREY[3:4])
    (note,) = stack.notes
    assert "one of a set of 6" in note
    assert "s_z0.ome.tif" in note


def test_a_set_that_lacks_some_files_is_refused_by_their_name(tmp_path):
    path = odd_tiffs.whole_set(tmp_path)
    (tmp_path / "s_z5.ome.tif").unlink()
    with pytest.raises(ImageError, match=r"s_z5\.ome\.tif is missing: copy all files"):
        io.read_stack(path)


def test_empty_tiles_are_0(tmp_path):
    path, expected = odd_tiffs.sparse(tmp_path)
    stack = io.read_stack(path)
    np.testing.assert_array_equal(np.asarray(stack.data), expected)
    assert stack.notes == ("6 empty tiles are read as 0.",)


def test_two_scenes_are_refused(tmp_path):
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        for _ in range(2):
            writer.write(GREY, metadata={"axes": "ZYX"})
    with pytest.raises(ImageError, match=r"holds 2 images .*: save the stack as a file of its own"):
        io.read_stack(path)


def test_few_declared_channels_are_refused_and_many_are_slices(tmp_path):
    tifffile.imwrite(tmp_path / "few.tif", GREY[:5], imagej=True, metadata={"axes": "CYX"})
    with pytest.raises(SeveralChannels, match="holds 5 channels") as refused:
        io.read_stack(tmp_path / "few.tif")
    assert (refused.value.axis, refused.value.count) == (0, 5)
    assert io.read_stack(tmp_path / "few.tif", channel_axis=0).channels == 5
    many = np.concatenate([GREY, GREY])
    tifffile.imwrite(tmp_path / "many.tif", many, imagej=True, metadata={"axes": "CYX"})
    stack = io.read_stack(tmp_path / "many.tif")
    np.testing.assert_array_equal(np.asarray(stack.data), many)
    assert stack.notes == ("The file calls its 12 slices channels; they are read as slices.",)


@pytest.mark.parametrize("axis", [0, 1, -4])
def test_the_declared_channels_are_meant_however_axes_are_counted(tmp_path, axis):
    both = np.stack([GREY, 255 - GREY])[np.newaxis]
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, both, ome=True, metadata={"axes": "TCZYX"})
    stack = io.read_stack(path, channel_axis=axis)
    assert (stack.shape, stack.channels, stack.channel_axis) == (GREY.shape, 2, axis)
    np.testing.assert_array_equal(stack.slice(2), np.stack([GREY[2], 255 - GREY[2]]))


def test_colours_are_labels_that_classes_name_by_colour(tmp_path):
    path = tmp_path / "colours.tif"
    red, blue = (255, 0, 0), (0, 0, 255)
    tifffile.imwrite(
        path, np.where(CELLS[..., None], red, blue).astype(np.uint8), photometric="rgb"
    )
    classes = ClassMap.parse("cell=#ff0000,membrane=#0000ff")
    annotation = io.read_annotation(path, classes)
    np.testing.assert_array_equal(annotation.targets, ~CELLS)
    assert annotation.notes == ("Colours are read as labels: #0000ff is 255, #ff0000 is 16711680.",)


def test_a_picture_is_no_map_of_labels(tmp_path):
    path = tmp_path / "photo.tif"
    colours = np.random.default_rng(0).integers(0, 255, (6, 32, 48, 3), np.uint8)
    tifffile.imwrite(path, colours, photometric="rgb")
    with pytest.raises(AnnotationError, match="colours, so it is a picture"):
        io.read_labels(path)


def test_a_value_to_ignore_can_be_named(tmp_path):
    path = tmp_path / "m.tif"
    labels = np.where(CELLS, 2, 1).astype(np.int16)
    labels[:, :8] = -1
    tifffile.imwrite(path, labels)
    with pytest.raises(Exception, match=r"a label \(-1\).*ignore=-1"):
        io.read_annotation(path, ClassMap.parse("cell=2,membrane=1"))
    annotation = io.read_annotation(path, ClassMap.parse("cell=2,membrane=1,ignore=-1"))
    assert annotation.classes.names == ("cell", "membrane")
    np.testing.assert_array_equal(annotation.targets[:, 8:], ~CELLS[:, 8:])
    assert (annotation.targets[:, :8] == 255).all()


# ---- what is missing


NO_CODECS = """
import sys
sys.modules["imagecodecs"] = None  # as if it were not installed
from napari_advseg.core.formats.io import read_stack
from napari_advseg.core.runtime.errors import ImageError
for path in sys.argv[1:]:
    try:
        read_stack(path)
    except ImageError as error:
        print(error)
"""


def test_a_missing_codec_is_named_and_the_file_is_not_called_damaged(tmp_path):
    paths = [odd_tiffs.lzw(tmp_path), odd_tiffs.zstd(tmp_path)]
    said = subprocess.run(
        [sys.executable, "-c", NO_CODECS, *paths], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert said == [
        f"The file {path} is compressed with {codec}, which needs the package imagecodecs: "
        'install it with pip install "imagecodecs".'
        for path, codec in zip(paths, ("LZW", "ZSTD"), strict=True)
    ]
