"""TIFF in and out: what a file says is what is read, and a damaged one is refused in one sentence."""

import logging

import numpy as np
import pytest
import tifffile

from napari_advseg.core.config.classes import NEW_ANNOTATION, UNLABELLED, ClassMap
from napari_advseg.core.formats import io
from napari_advseg.core.runtime.errors import (
    AdvSegError,
    AnnotationError,
    ClassMapError,
    ImageError,
)
from support.paths import SHARED_DATA

DATA = SHARED_DATA / "isbi2012"
COLOURS = np.random.default_rng(3).integers(0, 255, (5, 40, 48, 3), np.uint8)
MERGED = ClassMap.parse("cell=255,größe=0+32+64")


@pytest.fixture
def grey():
    return np.random.default_rng(0).integers(0, 30_000, (5, 40, 48)).astype(np.uint16)


@pytest.fixture
def labels():
    return np.random.default_rng(1).choice([0, 32, 64, 255], (5, 40, 48)).astype(np.uint8)


def assert_one_sentence(error, *words):
    """One sentence that says what is wrong, the values, and after a colon the way out."""
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert ": " in text
    for word in words:
        assert str(word) in text


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64", ">u2", ">f4"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_reads_every_grey_dtype(tmp_path, grey, dtype, compression):
    data = (grey % 200).astype(dtype)
    order = ">" if dtype.startswith(">") else "<"
    tifffile.imwrite(tmp_path / "a.tif", data, byteorder=order, compression=compression)
    stack = io.read_stack(tmp_path / "a.tif")
    assert stack.shape == (5, 40, 48)
    assert stack.name == "a"
    assert stack.source == tmp_path / "a.tif"
    assert stack.data.dtype.itemsize == data.dtype.itemsize
    np.testing.assert_array_equal(np.asarray(stack.data), data)
    np.testing.assert_array_equal(stack.slice(2), data[2].astype(np.float32))


def test_an_uncompressed_stack_is_mapped_and_not_loaded(tmp_path, grey):
    tifffile.imwrite(tmp_path / "a.tif", grey)
    tifffile.imwrite(tmp_path / "z.tif", grey, compression="zlib")
    mapped = io.read_stack(tmp_path / "a.tif").data
    assert isinstance(mapped, np.memmap)
    assert not mapped.flags.writeable  # painting over it cannot alter the person's file
    assert not isinstance(io.read_stack(tmp_path / "z.tif").data, np.memmap)


def test_a_single_slice_is_a_stack_of_depth_one(tmp_path, grey):
    tifffile.imwrite(tmp_path / "a.tif", grey[0])
    assert io.read_stack(tmp_path / "a.tif").shape == (1, 40, 48)


@pytest.mark.parametrize("metadata", [None, {}])
def test_slices_written_one_by_one_are_one_stack(tmp_path, grey, metadata):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for one in grey:
            writer.write(one, contiguous=False, metadata=metadata)
    np.testing.assert_array_equal(np.asarray(io.read_stack(tmp_path / "a.tif").data), grey)


@pytest.mark.parametrize("axes", ["ZYX", "TYX"])
def test_imagej_hyperstack_with_z_in_either_axis(tmp_path, grey, axes):
    tifffile.imwrite(
        tmp_path / "a.tif",
        grey,
        imagej=True,
        resolution=(1 / 4, 1 / 5),
        metadata={"axes": axes, "spacing": 50.0, "unit": "nm"},
    )
    stack = io.read_stack(tmp_path / "a.tif")
    assert stack.scale == pytest.approx((50, 5, 4))
    np.testing.assert_array_equal(np.asarray(stack.data), grey)


def test_imagej_singleton_axes_are_dropped_even_where_a_slice_is_one_pixel_high(tmp_path):
    data = np.arange(24, dtype=np.uint8).reshape(1, 3, 1, 1, 8)  # TZCYX
    tifffile.imwrite(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "TZCYX"})
    assert io.read_stack(tmp_path / "a.tif").shape == (3, 1, 8)


@pytest.mark.parametrize(
    ("z_unit", "z_size", "expected"), [("nm", 50, (50, 4, 4)), ("µm", 0.05, (0.05, 0.004, 0.004))]
)
def test_ome_voxel_size_in_one_unit(tmp_path, grey, z_unit, z_size, expected):
    metadata = {"axes": "ZYX", "PhysicalSizeZ": z_size, "PhysicalSizeZUnit": z_unit}
    for axis in "XY":
        metadata |= {f"PhysicalSize{axis}": 4, f"PhysicalSize{axis}Unit": "nm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", grey, ome=True, metadata=metadata)
    assert io.read_stack(tmp_path / "a.ome.tif").scale == pytest.approx(expected)


def test_print_resolution_is_no_voxel_size(tmp_path, grey):
    tifffile.imwrite(tmp_path / "a.tif", grey, resolution=(72, 72), resolutionunit="INCH")
    assert io.read_stack(tmp_path / "a.tif").scale == (1, 1, 1)


def test_refuses_a_missing_file(tmp_path):
    with pytest.raises(ImageError) as error:
        io.read_stack(tmp_path / "none.tif")
    assert_one_sentence(error, tmp_path / "none.tif")


def test_refuses_a_folder_and_a_name_that_no_file_can_have(tmp_path):
    with pytest.raises(ImageError, match="holds no slices") as error:
        io.read_stack(tmp_path)
    assert_one_sentence(error, tmp_path)
    with pytest.raises(ImageError, match="check the path"):
        io.read_stack(tmp_path / ("x" * 300 + ".tif"))


def test_what_tifffile_says_of_a_damaged_file_reaches_nobody(tmp_path, grey, caplog):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, grey, description="<OME><Image><Pixels</OME>", metadata=None)
    with caplog.at_level("DEBUG"), tifffile.TiffFile(path) as tif:
        assert tif.series
    assert [r for r in caplog.records if r.levelname == "ERROR"]  # tifffile does say something
    caplog.clear()
    with caplog.at_level("INFO"):
        np.testing.assert_array_equal(np.asarray(io.read_stack(path).data), grey)
    assert not caplog.records
    assert not logging.getLogger("tifffile").filters


@pytest.mark.parametrize("content", [b"", b"II", b"not a TIFF at all", b"II*\x00\x08\x00\x00\x00"])
@pytest.mark.parametrize(
    ("read", "kind"), [(io.read_stack, ImageError), (io.read_labels, AnnotationError)]
)
def test_refuses_what_is_no_tiff(tmp_path, content, read, kind):
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    with pytest.raises(kind) as error:
        read(path)
    assert_one_sentence(error, path)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
@pytest.mark.parametrize(
    "how", [{}, {"compression": "zlib"}, {"imagej": True}, {"metadata": None}, {"bigtiff": True}]
)
def test_refuses_a_file_that_is_cut_off(tmp_path, grey, how, share):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, grey, **how)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(ImageError) as error:
        io.read_stack(path)
    assert_one_sentence(error, path)


@pytest.mark.parametrize(
    ("data", "how", "named"),
    [
        (COLOURS[0], {"photometric": "rgb"}, "RGB"),
        (COLOURS, {"photometric": "rgb"}, "RGB"),
        (np.zeros((3, 40, 48), np.uint8), {"imagej": True, "metadata": {"axes": "CYX"}}, "3"),
        (np.zeros((5, 40, 48), bool), {"photometric": "minisblack"}, "bool"),
        (np.zeros((5, 40, 48), np.complex64), {}, "complex64"),
        (np.zeros((2, 5, 40, 48), np.uint8), {"metadata": {"axes": "TZYX"}}, "T 2 × Z 5"),
        (
            COLOURS[0].transpose(2, 0, 1),
            {"photometric": "rgb", "planarconfig": "separate"},
            "RGB",
        ),
        (COLOURS[0], {"photometric": "minisblack"}, "RGB"),
        (
            COLOURS[0],
            {"photometric": "minisblack", "planarconfig": "contig"},
            "3 channels",
        ),
    ],
)
def test_refuses_what_is_no_grey_stack(tmp_path, data, how, named):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, data, **how)
    with pytest.raises(ImageError) as error:
        io.read_stack(path)
    assert_one_sentence(error, path, named)


@pytest.mark.parametrize(
    "offset_dtype", [(0, "uint8"), (500, "uint16"), (-5, "int16"), (70000, "uint32")]
)
def test_labels_and_class_map_round_trip(tmp_path, labels, offset_dtype):
    offset, dtype = offset_dtype
    shifted = labels.astype(np.int64) + offset
    classes = ClassMap.of(cell=255 + offset, membrane=(offset, 32 + offset, 64 + offset))
    io.write_labels(tmp_path / "m.tif", shifted, classes, scale=(50, 4.6, 4.5))
    read, carried = io.read_labels(tmp_path / "m.tif")
    np.testing.assert_array_equal(read, shifted)
    assert read.dtype == dtype
    assert carried == io.read_class_map(tmp_path / "m.tif") == classes
    assert io.read_stack(tmp_path / "m.tif").scale == pytest.approx((50, 4.6, 4.5))


def test_a_written_mask_is_a_plain_stack_to_other_readers(tmp_path, labels):
    io.write_labels(tmp_path / "m.tif", labels, MERGED, scale=(50, 4, 4))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "m.tif"), labels)
    with tifffile.TiffFile(tmp_path / "m.tif") as tif:
        assert len(tif.pages) == len(labels)
        assert tif.series[0].axes == "ZYX"
        assert tif.pages.first.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert tif.imagej_metadata["slices"] == len(labels)
        assert tif.imagej_metadata["spacing"] == 50
        tif.pages.first.description.encode("ascii")  # as the format demands, whatever the names
    assert io.read_class_map(tmp_path / "m.tif") == MERGED


def test_one_slice_and_no_scale(tmp_path, labels):
    io.write_labels(tmp_path / "m.tif", labels[0], MERGED)
    read, carried = io.read_labels(tmp_path / "m.tif")
    assert read.shape == (1, 40, 48)
    assert carried == MERGED
    assert io.read_stack(tmp_path / "m.tif").scale == (1, 1, 1)


def test_bool_labels_are_zero_and_one(tmp_path, labels):
    tifffile.imwrite(tmp_path / "m.tif", labels > 0, photometric="minisblack")
    read, carried = io.read_labels(tmp_path / "m.tif")
    assert carried is None
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, labels > 0)


def test_labels_are_a_writable_copy_of_native_byte_order(tmp_path, labels):
    tifffile.imwrite(tmp_path / "m.tif", labels.astype(">u2"), byteorder=">")
    read, _ = io.read_labels(tmp_path / "m.tif")
    assert read.dtype == np.uint16
    assert read.dtype.isnative
    read[0, 0, 0] = 7
    assert io.read_labels(tmp_path / "m.tif")[0][0, 0, 0] == labels[0, 0, 0]


def test_refuses_labels_that_are_no_integers(tmp_path, labels):
    tifffile.imwrite(tmp_path / "m.tif", labels.astype(np.float32) + 0.5)
    with pytest.raises(AnnotationError) as error:
        io.read_labels(tmp_path / "m.tif")
    assert_one_sentence(error, tmp_path / "m.tif", "float32")


def test_annotation_classes_told_then_carried_then_inferred(tmp_path):
    dense = np.zeros((2, 8, 8), np.uint8)
    dense[:, 1:7, 1:7] = 1
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, dense)
    assert io.read_annotation(path).classes == ClassMap.of(cell=1, membrane=0)
    io.write_labels(path, dense, NEW_ANNOTATION)
    carried = io.read_annotation(path)
    assert carried.classes == NEW_ANNOTATION
    assert carried.targets[0, 0, 0] == UNLABELLED
    told = ClassMap.of(background=0, mitochondrion=1)
    assert io.read_annotation(path, told).classes == told


def test_classes_of_objects_travel_with_the_file(tmp_path):
    classes = ClassMap.parse("cell=7+objects,membrane=touching2,outside=0")
    io.write_labels(tmp_path / "m.tif", np.arange(12).reshape(1, 3, 4), classes)
    assert io.read_class_map(tmp_path / "m.tif") == classes


def test_a_damaged_class_map_is_refused_and_a_foreign_description_ignored(tmp_path, labels):
    path = tmp_path / "m.tif"
    tifffile.imwrite(path, labels, description='advseg_classes={"cell": [1', metadata=None)
    with pytest.raises(ClassMapError) as error:
        io.read_class_map(path)
    assert_one_sentence(error, path, '{"cell": [1')
    tifffile.imwrite(path, labels, description="classes=none", metadata=None)
    assert io.read_class_map(path) is None


def test_write_replaces_whole_and_leaves_nothing_else(tmp_path, labels):
    io.write_labels(tmp_path / "m.tif", labels, MERGED)
    io.write_labels(tmp_path / "m.tif", labels[:2], MERGED)
    assert [p.name for p in tmp_path.iterdir()] == ["m.tif"]
    assert io.read_labels(tmp_path / "m.tif")[0].shape == (2, 40, 48)


def test_the_file_appears_only_when_whole(tmp_path, labels):
    path = tmp_path / "m.tif"
    with io.open_mask_writer(path, labels.shape, np.uint8, MERGED, (50, 4, 4)) as writer:
        for one in labels:
            writer.write(one)
            assert not path.exists()
    np.testing.assert_array_equal(io.read_labels(path)[0], labels)
    assert io.read_class_map(path) == MERGED


def write_slices(path, shape, slices):
    """Write uint8 slices through the writer; an exception among them is raised."""
    with io.open_mask_writer(path, shape, np.uint8) as writer:
        for one in slices:
            if isinstance(one, Exception):
                raise one
            writer.write(one)


def test_an_exception_keeps_the_old_file_and_leaves_nothing_behind(tmp_path, labels):
    path = tmp_path / "m.tif"
    io.write_labels(path, labels, MERGED)
    before = path.read_bytes()
    with pytest.raises(KeyError):
        write_slices(path, labels.shape, [labels[0], KeyError()])
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.tif"]


def test_a_failing_rename_keeps_the_old_file(tmp_path, labels, monkeypatch):
    path = tmp_path / "m.tif"
    io.write_labels(path, labels, MERGED)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(AdvSegError) as error:
        io.write_labels(path, labels[:1], MERGED)
    assert_one_sentence(error, path, "No space left on device")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.tif"]


def test_too_few_too_many_or_unlike_slices_are_refused(tmp_path, labels):
    path = tmp_path / "m.tif"
    with pytest.raises(ValueError, match="1 of 5 slices"):
        write_slices(path, labels.shape, labels[:1])
    with pytest.raises(ValueError, match="all 1 slices"):
        write_slices(path, (1, 40, 48), labels[:2])
    for wrong in (labels[0, :8], labels[0].astype(np.uint16)):
        with pytest.raises(ValueError, match="expected uint8"):
            write_slices(path, labels.shape, [wrong])
    assert list(tmp_path.iterdir()) == []


def test_probabilities_round_trip(tmp_path):
    soft = np.random.default_rng(2).random((3, 16, 20)).astype(np.float32)
    with io.open_mask_writer(tmp_path / "p.tif", soft.shape, np.float32) as writer:
        for one in soft:
            writer.write(one)
    np.testing.assert_array_equal(np.asarray(io.read_stack(tmp_path / "p.tif").data), soft)


def test_refuses_to_write_into_a_missing_folder_and_what_is_no_label(tmp_path, labels):
    with pytest.raises(AdvSegError) as error:
        io.write_labels(tmp_path / "none" / "m.tif", labels, MERGED)
    assert_one_sentence(error, tmp_path / "none" / "m.tif")
    with pytest.raises(AnnotationError) as refused:
        io.write_labels(tmp_path / "m.tif", labels.astype(float), MERGED)
    assert_one_sentence(refused, "float64")


def test_isbi2012_folder(tmp_path, labels):
    volume = labels % 200
    with pytest.raises(ImageError) as error:
        io.read_isbi2012(tmp_path)
    assert_one_sentence(error, tmp_path, "train-volume.tif")
    tifffile.imwrite(tmp_path / "test-volume.tif", volume[:3], photometric="minisblack")
    stack, truth = io.read_isbi2012(tmp_path)
    assert (stack.shape[0], truth) == (3, None)
    tifffile.imwrite(tmp_path / "train-volume.tif", volume)
    tifffile.imwrite(tmp_path / "train-labels.tif", labels)
    stack, truth = io.read_isbi2012(tmp_path)
    assert stack.scale == (50, 4, 4)
    np.testing.assert_array_equal(np.asarray(stack.data), volume)
    np.testing.assert_array_equal(truth, labels)
    tifffile.imwrite(tmp_path / "train-labels.tif", labels[:2])
    with pytest.raises(AnnotationError) as mismatch:
        io.read_isbi2012(tmp_path)
    assert_one_sentence(mismatch, labels.shape, labels[:2].shape)


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/isbi2012 is not there")
def test_the_challenges_own_files():
    stack, truth = io.read_isbi2012(DATA)
    assert stack.shape == truth.shape == (30, 512, 512)
    assert stack.scale == (50, 4, 4)
    assert set(np.unique(truth)) == {0, 255}
    annotation = io.read_annotation(DATA / "train-labels.tif")
    assert annotation.classes == ClassMap.of(cell=255, membrane=0)
    # 22 % of the volume is membrane, as the challenge's own annotators drew it.
    assert (annotation.targets == 1).mean() == pytest.approx(0.2196, abs=1e-4)
