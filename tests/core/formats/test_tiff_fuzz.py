"""Damaged TIFFs: each is read, or refused in one sentence; none hangs or eats the memory.

``ADVSEG_FUZZ_SECONDS=600 pytest tests/core/formats/test_tiff_fuzz.py`` looks longer, and from another seed with
``ADVSEG_FUZZ_SEED``. A failure names the file kind and the number that make it again.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import numpy as np
import pytest
import tifffile

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.normalisation import Normalisation
from napari_advseg.core.formats import io
from napari_advseg.core.runtime.errors import AdvSegError, ClassMapError, ImageError

SECONDS = float(os.environ.get("ADVSEG_FUZZ_SECONDS", "1"))
SEED = int(os.environ.get("ADVSEG_FUZZ_SEED", "0"))
LEAST_EACH = 60
"""Mutations of each kind of file that are made however slow the computer is."""
SLOWEST_SECONDS = 5.0
"""No file of a few kilobytes may take longer."""
MOST_MEMORY = 4 * 2**30
"""Address space that reading may add; a reader that believes a flipped size would ask for more."""

GREY = np.random.default_rng(0).integers(0, 4000, (5, 32, 48)).astype(np.uint16)
LABELS = np.where(GREY > 1500, 255, 0).astype(np.uint8)


def _pages(path: Path, **how: object) -> None:
    with tifffile.TiffWriter(path) as writer:
        for one in GREY:
            writer.write(one, contiguous=False, **how)


def _plain(**how: object) -> Callable[[Path], None]:
    return lambda path: tifffile.imwrite(path, GREY, **how)


VOXEL = {"axes": "ZYX", "PhysicalSizeX": 4, "PhysicalSizeXUnit": "nm", "PhysicalSizeZ": 50}
FILES: dict[str, Callable[[Path], None]] = {
    "contiguous": _plain(),
    "no description": _plain(metadata=None),
    "big-endian": _plain(byteorder=">"),
    "BigTIFF": _plain(bigtiff=True),
    "float": lambda path: tifffile.imwrite(path, GREY.astype(np.float32)),
    "tiled": _plain(tile=(16, 16)),
    "deflate": _plain(compression="zlib"),
    "deflate strips": _plain(compression="zlib", rowsperstrip=7, byteorder=">"),
    "deflate tiles": _plain(compression="zlib", tile=(16, 32)),
    "ImageJ": _plain(imagej=True, resolution=(0.25, 0.25), metadata={"axes": "ZYX", "spacing": 50}),
    "ImageJ, one directory": lambda path: tifffile.imwrite(
        path, GREY, imagej=True, metadata={"axes": "TYX"}, contiguous=True
    ),
    "OME": lambda path: tifffile.imwrite(path, GREY, ome=True, metadata=VOXEL),
    "OME, deflate": lambda path: tifffile.imwrite(
        path, GREY, ome=True, metadata=VOXEL, compression="zlib"
    ),
    "pages": lambda path: _pages(path, metadata=None),
    "pages with shapes": lambda path: _pages(path, metadata={}),
    "our masks": lambda path: io.write_labels(
        path, LABELS, ClassMap.of(cell=255, membrane=0), scale=(50, 4, 4)
    ),
}


@pytest.fixture(autouse=True)
def _little_memory():
    """Let a reader that asks for far too much memory fail at once."""
    resource = pytest.importorskip("resource", reason="there are no memory limits here")
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = 0
    if sys.platform == "linux":
        used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")
        resource.setrlimit(resource.RLIMIT_AS, (used + MOST_MEMORY, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    """Bytes of an undamaged file of each kind."""
    folder = tmp_path_factory.mktemp("whole")
    found = {}
    for name, write in FILES.items():
        path = folder / "a.tif"  # tifffile would call slices channels in an .ome.tif
        write(path)
        found[name] = path.read_bytes()
    return found


@pytest.mark.parametrize("kind", FILES)
def test_undamaged_files_are_read(tmp_path, whole, kind):
    path = tmp_path / "a.ome.tif"
    path.write_bytes(whole[kind])
    expected = LABELS if kind == "our masks" else GREY
    np.testing.assert_array_equal(np.asarray(io.read_stack(path).data), expected)


def mutate(content: bytes, draws: np.random.Generator) -> bytes:
    """Cut, flip, overwrite, remove or repeat some of a file's bytes."""
    data = bytearray(content)
    # most of a TIFF is pixels, where damage does little: half of it is put where directories are
    length = len(data) if draws.random() < 0.5 else min(len(data), 400)
    base = 0 if draws.random() < 0.5 else len(data) - length
    match draws.integers(8):
        case 0:
            del data[int(draws.integers(len(data))) :]
        case 1 | 2 | 3:
            for _ in range(int(draws.choice([1, 1, 2, 8]))):
                data[base + int(draws.integers(length))] ^= 1 << int(draws.integers(8))
        case 4:
            at = base + int(draws.integers(length))
            data[at : at + 4] = draws.choice([b"\xff" * 4, b"\0" * 4, b"\x7f" * 4, b"\x80\0\0\0"])
        case 5:
            at, many = base + int(draws.integers(length)), int(draws.integers(1, 40))
            data[at : at + many] = draws.integers(0, 256, many, np.uint8).tobytes()
        case 6:
            at, many = base + int(draws.integers(length)), int(draws.integers(1, 40))
            del data[at : at + many]
        case _:
            at, many = base + int(draws.integers(length)), int(draws.integers(1, 40))
            data[at:at] = data[at : at + many]
    return bytes(data)


def touch_all(path: Path) -> None:
    """Read a file as an image to its last pixel, and as an annotation."""
    for read in (_read_image, io.read_annotation):
        try:
            read(path)
        except AdvSegError as error:
            assert_one_sentence(str(error))


def _read_image(path: Path) -> None:
    stack = io.read_stack(path)
    assert all(np.isfinite(step) and step > 0 for step in stack.scale)
    Normalisation.of(stack)(stack.slice(stack.shape[0] - 1))


def assert_one_sentence(text: str) -> None:
    assert "\n" not in text
    assert text.endswith(".")
    assert ": " in text
    assert len(text) < 600


@pytest.mark.timeout(max(180, SECONDS * 3))
def test_damaged_files_are_read_or_refused(tmp_path, whole):
    path = tmp_path / "a.ome.tif"
    end = monotonic() + SECONDS
    number = 0
    while number < LEAST_EACH or monotonic() < end:
        for kind, content in whole.items():
            path.write_bytes(mutate(content, np.random.default_rng((SEED, number))))
            started = monotonic()
            try:
                touch_all(path)
            except BaseException as error:
                error.add_note(f"{kind!r}, seed {SEED}, number {number}")
                raise
            took = monotonic() - started
            assert took < SLOWEST_SECONDS, f"{kind!r}, seed {SEED}, number {number}: {took:.1f} s"
        number += 1


# ---- one kind of damage each


def value_of_tag(path: Path, name: str) -> int:
    """Where the value of the first page's tag is in the file."""
    with tifffile.TiffFile(path) as tif:
        return tif.pages.first.tags[name].valueoffset


@pytest.mark.parametrize("kind", ["contiguous", "tiled", "deflate", "ImageJ, one directory"])
@pytest.mark.parametrize("tag", ["ImageWidth", "ImageLength"])
def test_a_size_that_the_file_cannot_hold_is_refused_before_memory_is_taken(tmp_path, kind, tag):
    path = tmp_path / "a.tif"
    FILES[kind](path)
    at = value_of_tag(path, tag)
    data = bytearray(path.read_bytes())
    data[at + 3] ^= 0x10  # 2^28 pixels more
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(ImageError, match=r"\d{9}.*: copy it again"):
            io.read_stack(path)
        assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    finally:
        tracemalloc.stop()


def test_directories_in_a_circle_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    _pages(path, metadata=None)
    with tifffile.TiffFile(path) as tif:
        last, second = tif.pages[-1], tif.pages[1].offset
        link = last.offset + 2 + 12 * len(last.tags)
    data = bytearray(path.read_bytes())
    data[link : link + 4] = struct.pack("<I", second)
    path.write_bytes(data)
    with pytest.raises(ImageError, match="list of slices"):
        io.read_stack(path)


@pytest.mark.parametrize("kind", ["deflate strips", "deflate tiles", "pages"])
def test_a_lost_piece_is_refused_and_not_filled_up(tmp_path, kind):
    path = tmp_path / "a.tif"
    FILES[kind](path)
    with tifffile.TiffFile(path) as tif:
        counts = next(tif.pages.first.tags[t] for t in (279, 325) if t in tif.pages.first.tags)
        at, bytes_each = counts.valueoffset, {3: 2, 4: 4}[int(counts.dtype)]
    data = bytearray(path.read_bytes())
    data[at : at + bytes_each] = bytes(bytes_each)
    path.write_bytes(data)
    with pytest.raises(ImageError, match="declares"):
        io.read_stack(path)


def test_one_damaged_slice_among_pages_does_not_become_a_shorter_stack(tmp_path):
    path = tmp_path / "a.tif"
    _pages(path, metadata={})
    with tifffile.TiffFile(path) as tif:
        at = tif.pages[2].tags["ImageLength"].valueoffset
    data = bytearray(path.read_bytes())
    data[at] -= 8
    path.write_bytes(data)
    with pytest.raises(ImageError, match="no slices of one stack"):
        io.read_stack(path)


def test_refuses_an_imagej_stack_of_one_directory_that_is_cut_off(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, imagej=True, truncate=True)
    path.write_bytes(path.read_bytes()[: -2 * GREY[0].nbytes - 1])
    with pytest.raises(ImageError, match="declares 5 slices and holds 2: copy it again"):
        io.read_stack(path)


def test_refuses_images_that_are_no_slices_of_one_stack_but_passes_over_thumbnails(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(GREY, metadata=None)
        writer.write(GREY[0, ::4, ::4], metadata=None, subfiletype=1)
    np.testing.assert_array_equal(np.asarray(io.read_stack(path).data), GREY)
    with tifffile.TiffWriter(path) as writer:
        writer.write(GREY, metadata=None)
        writer.write(GREY[0, ::4, ::4], metadata=None)
    with pytest.raises(ImageError, match="5 × 32 × 48 uint16, 8 × 12 uint16"):
        io.read_stack(path)


# ---- what the description carries


def with_class_map(path: Path, text: str) -> None:
    tifffile.imwrite(path, LABELS, description=f"advseg_classes={text}", metadata=None)


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "3", "[]", '"cell"', "{}", '{"cell": 1}', '{"cell": null, "membrane": [0]}',
        '{"cell": "12", "membrane": [0]}', '{"cell": [true], "membrane": [0]}',
        '{"cell": [255.0], "membrane": [0]}', '{"cell": [1e999], "membrane": [0]}',
        '{"cell": ["1"], "membrane": [0]}', '{"cell": {"255": 1}, "membrane": [0]}',
        '{"cell": [[1]], "membrane": [0]}', '{"cell": [NaN], "membrane": [0]}',
        '{"cell": [], "membrane": [0]}', '{"cell": [255]}', '{"cell": [0], "membrane": [0]}',
        '{"": [255], "membrane": [0]}', '{"a=b": [255], "membrane": [0]}',
        '{"cell": [255], "membrane": [0]', '{"cell": [255]} {}',
        f'{{"cell": [{10**40}], "membrane": [0]}}', f'{{"cell": [{"9" * 5000}], "membrane": [0]}}',
        "[" * 100_000, '{"a":' * 100_000,
        json.dumps({f"class {i}": [i] for i in range(300)}),
    ],
    ids=lambda text: text[:30] or "empty",
)  # fmt: skip
def test_a_poisoned_class_map_is_refused_in_one_short_sentence(tmp_path, text):
    path = tmp_path / "m.tif"
    with_class_map(path, text)
    for read in (io.read_class_map, io.read_labels):
        with pytest.raises(ClassMapError) as error:
            read(path)
        assert_one_sentence(str(error.value).replace(str(path), "m.tif"))
        assert str(path) in str(error.value)
    assert io.read_stack(path).shape == LABELS.shape  # as an image, it is what its pixels are


def test_a_mutated_class_map_is_read_as_labels_or_refused(tmp_path):
    whole = '{"cell": [255], "membrane": [0, 32]}'
    draws = np.random.default_rng(SEED)
    path = tmp_path / "m.tif"
    for _ in range(150):
        text = bytearray(whole, "ascii")
        for _ in range(int(draws.integers(1, 4))):
            text[int(draws.integers(len(text)))] = int(draws.integers(32, 127))
        with_class_map(path, text.decode("ascii"))
        try:
            found = io.read_class_map(path)
        except ClassMapError as error:
            assert_one_sentence(str(error))
        else:
            assert all(type(value) is int for value in found.mask_values)


OME = (
    '<OME><Image><Pixels DimensionOrder="XYCZT" Type="uint16" SizeX="48" SizeY="32" SizeC="1" '
    'SizeZ="5" SizeT="1" {}><TiffData IFD="0" PlaneCount="5"/></Pixels></Image></OME>'
)


@pytest.mark.parametrize(
    ("description", "resolution"),
    [
        ("ImageJ=1.54f\nimages=5\nslices=5\nspacing=nan\n", None),
        ("ImageJ=1.54f\nimages=5\nslices=5\nspacing=-inf\n", None),
        ("ImageJ=1.54f\nimages=5\nslices=5\nspacing=0\n", None),
        ("ImageJ=1.54f\nimages=5\nslices=5\nspacing=wide\n", None),
        ("ImageJ=1.54f\nimages=5\nslices=5\n", ((0, 0), (1, 0))),
        ("ImageJ=1.54f\nimages=5\nslices=5\n", ((0, 1), (0, 5))),
        (OME.format('PhysicalSizeX="nan" PhysicalSizeY="-4" PhysicalSizeZ="inf"'), None),
        (OME.format('PhysicalSizeX="a lot"'), None),
        ("<OME><Image/></OME>", None),
        ("<OME><Image><Pixels</OME>", None),
    ],
)
def test_a_voxel_size_that_makes_no_sense_is_1(tmp_path, description, resolution):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, description=description, resolution=(1, 1), metadata=None)
    if resolution is not None:
        data = bytearray(path.read_bytes())
        for name, ratio in zip(("XResolution", "YResolution"), resolution, strict=True):
            at = value_of_tag(path, name)
            data[at : at + 8] = struct.pack("<II", *ratio)
        path.write_bytes(data)
    stack = io.read_stack(path)
    assert stack.scale == (1, 1, 1)
    np.testing.assert_array_equal(np.asarray(stack.data), GREY)
