"""Folders of slices, PNG, MRC, HDF5, Zarr: the stack, its voxel size, and what is said of those not read."""

from __future__ import annotations

import json
import sys

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.formats import io, lazy_view
from napari_advseg.core.formats.natural_order import natural_key
from napari_advseg.core.runtime.errors import AnnotationError, ImageError, SeveralDatasets

GREY = np.random.default_rng(0).integers(40, 215, (12, 20, 28)).astype(np.uint8)
LABELS = np.where(GREY > 120, 255, 0).astype(np.uint8)


def same(stack, expected=GREY):
    np.testing.assert_array_equal(np.asarray(stack.data), expected)
    np.testing.assert_array_equal(stack.slice(1), expected[1].astype(np.float32))


# ---- folders of slices


def slices(folder, pixels, suffix=".tif", **how):
    folder.mkdir()
    for z, one in enumerate(pixels):
        path = folder / f"slice{z}{suffix}"  # slice10 sorts before slice9 as text
        if suffix == ".tif":
            tifffile.imwrite(path, one, **how)
        else:
            Image.fromarray(one).save(path)
    return folder


@pytest.mark.parametrize("suffix", [".tif", ".png"])
@pytest.mark.parametrize("held_bytes", [lazy_view.HELD_BYTES, 0], ids=["held", "lazy"])
def test_a_folder_of_slices_is_one_stack_in_natural_order(
    tmp_path, monkeypatch, suffix, held_bytes
):
    monkeypatch.setattr(lazy_view, "HELD_BYTES", held_bytes)
    folder = slices(tmp_path / "em", GREY, suffix)
    (folder / "notes.txt").write_text("not a slice")
    stack = io.read_stack(folder)
    same(stack)
    assert (stack.name, stack.source, stack.scale, stack.unit) == ("em", folder, (1, 1, 1), None)
    assert stack.notes[0] == f"12 slices, slice0{suffix} to slice11{suffix}."
    np.testing.assert_array_equal(
        io.read_labels(slices(tmp_path / "lab", LABELS, suffix))[0], LABELS
    )


def test_slices_know_their_pixels_and_not_their_thickness(tmp_path):
    how = {"resolution": (2_500_000, 2_500_000), "resolutionunit": "CENTIMETER"}
    stack = io.read_stack(slices(tmp_path / "em", GREY, **how))
    assert (stack.scale, stack.unit) == ((1, 1, 1), None)
    assert "4 × 4 nm" in stack.notes[1]
    assert "50,4,4nm" in stack.notes[1]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: Image.fromarray(GREY[0]).save(f / "a.png"), r"12 \.tif and 1 \.png files: put"),
        (lambda f: tifffile.imwrite(f / "slice5.tif", GREY[0, 2:]), "18 × 28 uint8 and slice0.tif 20 × 28"),
        (lambda f: tifffile.imwrite(f / "slice0.tif", GREY), "holds 12 slices, so its folder"),
        (lambda f: (f / "slice3.tif").write_bytes(b"II*\0"), r"slice3\.tif"),
    ],
)  # fmt: skip
def test_a_folder_that_is_not_one_stack_is_refused_by_the_file(tmp_path, spoil, said):
    folder = slices(tmp_path / "em", GREY)
    spoil(folder)
    with pytest.raises(ImageError, match=said):
        io.read_stack(folder)


def test_natural_order_of_names(tmp_path):
    names = ["s2", "S10", "s1", "s1b", "s01", "a", "10", "9"]
    found = [path.name for path in sorted((tmp_path / n for n in names), key=natural_key)]
    assert found == ["9", "10", "a", "s01", "s1", "s1b", "s2", "S10"]


def test_pictures_of_16_bit_palette_and_colour(tmp_path):
    Image.fromarray(GREY[0].astype(np.uint16) * 200).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(
        np.asarray(io.read_stack(tmp_path / "deep.png").data)[0], GREY[0] * np.uint16(200)
    )
    indexed = Image.fromarray((GREY[0] > 100).astype(np.uint8), mode="P")
    indexed.putpalette([0, 0, 0, 255, 0, 0])
    indexed.save(tmp_path / "index.png")
    np.testing.assert_array_equal(io.read_labels(tmp_path / "index.png")[0][0], GREY[0] > 100)
    with pytest.raises(ImageError, match="as RGB does"):
        io.read_stack(tmp_path / "index.png")
    colours = np.where(LABELS[0, ..., None], (255, 0, 0), (0, 0, 255)).astype(np.uint8)
    Image.fromarray(colours).save(tmp_path / "colour.png")
    classes = ClassMap.parse("cell=#ff0000,membrane=#0000ff")
    np.testing.assert_array_equal(
        io.read_annotation(tmp_path / "colour.png", classes).targets[0], LABELS[0] == 0
    )


# ---- MRC


def mrc(path, pixels, voxel=None):
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(pixels)
        if voxel is not None:
            file.voxel_size = voxel
    return path


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float32"])
def test_a_tomogram_is_mapped_with_its_voxel_size(tmp_path, dtype):
    pixels = GREY.astype(dtype)
    stack = io.read_stack(mrc(tmp_path / "t.rec", pixels, (8.5, 8.5, 17)))
    same(stack, pixels)
    assert isinstance(stack.data, np.memmap)
    assert (stack.scale, stack.unit) == ((17, 8.5, 8.5), "Å")


def test_an_mrc_file_without_a_voxel_size_and_bytes_of_imod(tmp_path):
    path = mrc(tmp_path / "a.mrc", GREY.view(np.int8))
    assert (io.read_stack(path).scale, io.read_stack(path).unit) == ((1, 1, 1), None)
    data = bytearray(path.read_bytes())
    data[152:160] = np.array([1146047817, 0], "<i4").tobytes()  # IMOD: bytes are unsigned
    path.write_bytes(data)
    same(io.read_stack(path))


def test_a_cut_off_mrc_file_is_refused(tmp_path):
    path = mrc(tmp_path / "a.mrc", GREY)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ImageError, match="copy it again"):
        io.read_stack(path)


# ---- HDF5


@pytest.fixture
def h5(tmp_path):
    def write(name="a.h5", **datasets):
        with h5py.File(tmp_path / name, "w") as file:
            for key, (pixels, attributes) in datasets.items():
                dataset = file.create_dataset(
                    key.replace("__", "/"), data=pixels, compression="gzip"
                )
                dataset.attrs.update(attributes)
        return tmp_path / name

    return write


def axistags(keys):
    return json.dumps({"axes": [{"key": key, "typeFlags": 2} for key in keys]})


@pytest.mark.parametrize("held_bytes", [lazy_view.HELD_BYTES, 0], ids=["held", "lazy"])
@pytest.mark.parametrize(
    ("shape", "order", "attributes"),
    [
        ((12, 20, 28), (0, 1, 2), {}),
        ((1, 12, 20, 28, 1), (0, 1, 2), {"axistags": axistags("tzyxc")}),
        ((28, 20, 12), (2, 1, 0), {"axistags": axistags("xyz")}),
        ((1, 12, 20, 28, 1), (0, 1, 2), {}),
    ],
    ids=["plain", "ilastik", "ilastik, xyz", "five axes"],
)
def test_the_only_dataset_is_read_in_its_axis_order(
    h5, monkeypatch, held_bytes, shape, order, attributes
):
    monkeypatch.setattr(lazy_view, "HELD_BYTES", held_bytes)
    stored = GREY.transpose(order).reshape(shape)
    stack = io.read_stack(h5(exported_data=(stored, attributes)))
    same(stack)
    assert stack.notes == ("The dataset exported_data of the file is read.",)


def test_fijis_layout_has_a_voxel_size(h5):
    path = h5(t0__channel0=(GREY, {"element_size_um": (0.05, 0.004, 0.004)}))
    stack = io.read_stack(path)
    same(stack)
    assert (stack.scale, stack.unit) == ((0.05, 0.004, 0.004), "µm")


def test_image_and_labels_of_one_file_are_told_apart_and_others_are_asked_for(h5):
    path = h5(
        volumes__raw=(GREY, {"resolution": (40.0, 4.0, 4.0)}), volumes__labels=(LABELS, {}),
    )  # fmt: skip
    stack = io.read_stack(path)
    same(stack)
    assert (stack.scale, stack.unit) == ((40, 4, 4), "nm")
    np.testing.assert_array_equal(io.read_labels(path)[0], LABELS)
    several = h5("b.h5", a=(GREY, {}), b=(GREY, {}))
    with pytest.raises(SeveralDatasets, match=r"\(a, b\): add the name to the path") as error:
        io.read_stack(several)
    assert error.value.names == ("a", "b")
    with pytest.raises(AnnotationError, match="several datasets"):
        io.read_labels(several)
    named = io.read_stack(several / "b")
    same(named)
    assert named.source == several / "b"
    with pytest.raises(ImageError, match=r"holds no dataset c: choose .*\(a, b\)"):
        io.read_stack(several / "c")


def test_a_damaged_hdf5_file_is_refused(h5):
    path = h5(raw=(GREY, {}))
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ImageError, match=r"damaged .*: copy it again"):
        io.read_stack(path)


# ---- Zarr


def ome_zarr(path, version, unit="nanometer", scale=(50.0, 4.0, 4.0), translation=None):
    """An OME-Zarr image (T, C, Z, Y, X) of two levels, NGFF 0.4 or 0.5."""
    zarr_format = 2 if version == "0.4" else 3
    root = zarr.create_group(path, zarr_format=zarr_format)
    levels = []
    for level, pixels in enumerate((GREY, GREY[:, ::2, ::2])):
        root.create_array(str(level), data=pixels[None, None], chunks=(1, 1, 5, 8, 8))
        steps = [1.0, 1.0, scale[0], *(s * 2**level for s in scale[1:])]
        transforms = [{"type": "scale", "scale": steps}]
        if translation is not None:
            transforms.append({"type": "translation", "translation": [0, 0, *translation]})
        levels.append({"path": str(level), "coordinateTransformations": transforms})
    space = [{"name": name, "type": "space", "unit": unit} for name in "zyx"]
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}, *space]
    image = {"axes": axes, "datasets": levels, "version": version}
    root.attrs.update(
        {"multiscales": [image]} if version == "0.4" else {"ome": {"multiscales": [image]}}
    )
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("held_bytes", [lazy_view.HELD_BYTES, 0], ids=["held", "lazy"])
def test_ome_zarr_gives_its_finest_level_with_scale_and_position(
    tmp_path, monkeypatch, version, held_bytes
):
    monkeypatch.setattr(lazy_view, "HELD_BYTES", held_bytes)
    path = ome_zarr(tmp_path / "a.ome.zarr", version, translation=(100.0, 8.0, 0.0))
    stack = io.read_stack(path)
    same(stack)
    assert (stack.scale, stack.unit, stack.translate) == ((50, 4, 4), "nm", (100, 8, 0))
    assert (stack.name, stack.source, stack.notes) == ("a", path, ())


def test_a_coarser_level_of_ome_zarr_can_be_named(tmp_path):
    path = ome_zarr(tmp_path / "a.zarr", "0.5")
    stack = io.read_stack(path / "1")
    same(stack, GREY[:, ::2, ::2])
    assert (stack.scale, stack.unit, stack.source) == ((50, 8, 8), "nm", path / "1")


def test_labels_stored_with_an_ome_zarr_image_are_its_annotation(tmp_path):
    path = ome_zarr(tmp_path / "a.zarr", "0.4")
    root = zarr.open_group(path)
    group = root.create_group("labels")
    group.attrs["labels"] = ["cells"]
    cells = group.create_group("cells")
    cells.create_array("0", data=LABELS)
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [50, 4, 4]}]}
    cells.attrs.update({"multiscales": [{"axes": axes, "datasets": [level]}], "image-label": {}})
    found = io.read_label_file(path)
    np.testing.assert_array_equal(found.labels, LABELS)
    assert found.notes == ()
    assert str(found.voxel_size) == "50, 4, 4 nm"
    np.testing.assert_array_equal(io.read_labels(path / "labels" / "cells")[0], LABELS)
    same(io.read_stack(path))


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_plain_zarr_arrays(tmp_path, zarr_format):
    zarr.create_array(tmp_path / "a.zarr", data=GREY, chunks=(4, 8, 8), zarr_format=zarr_format)
    stack = io.read_stack(tmp_path / "a.zarr")
    same(stack)
    assert (stack.scale, stack.unit) == ((1, 1, 1), None)
    root = zarr.create_group(tmp_path / "b.zarr", zarr_format=zarr_format)
    for name in ("one", "two"):
        root.create_array(name, data=GREY)
    with pytest.raises(SeveralDatasets, match="add the name to the path"):
        io.read_stack(tmp_path / "b.zarr")
    same(io.read_stack(tmp_path / "b.zarr" / "two"))
    with pytest.raises(ImageError, match="holds no array three"):
        io.read_stack(tmp_path / "b.zarr" / "three")


def test_named_dimensions_of_a_zarr_array_are_used(tmp_path):
    stored = GREY.transpose(2, 1, 0)
    zarr.create_array(tmp_path / "a.zarr", data=stored, dimension_names=["x", "y", "z"])
    same(io.read_stack(tmp_path / "a.zarr"))


# ---- what is missing


@pytest.mark.parametrize("library", ["h5py", "mrcfile", "zarr"])
def test_a_missing_library_is_named_with_how_to_install_it(tmp_path, monkeypatch, h5, library):
    path = {
        "h5py": lambda: h5(raw=(GREY, {})),
        "mrcfile": lambda: mrc(tmp_path / "a.mrc", GREY.astype(np.int16)),
        "zarr": lambda: ome_zarr(tmp_path / "a.zarr", "0.5"),
    }[library]()
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        ImageError, match=f'needs the package {library}: install it with pip install "{library}"'
    ):
        io.read_stack(path)


def test_a_file_of_no_format_names_those_that_are_read(tmp_path):
    (tmp_path / "a.doc").write_bytes(b"something else")
    with pytest.raises(ImageError, match="TIFF, PNG, JPEG, MRC, HDF5, Zarr, or a folder of slices"):
        io.read_stack(tmp_path / "a.doc")
    with pytest.raises(ImageError, match="There is no file"):
        io.read_stack(tmp_path / "a.doc" / "inside")
