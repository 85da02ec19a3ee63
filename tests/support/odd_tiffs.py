"""TIFF files as other programs leave them: each function writes one and returns its path.

All hold the pixels of `GREY` or `CELLS`, whatever way they are stored.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile

_DRAWS = np.random.default_rng(5)
GREY = _DRAWS.integers(40, 215, (6, 32, 48)).astype(np.uint8)
"""Grey values, shape (Z, Y, X)."""
CELLS = _DRAWS.random((6, 32, 48)) > 0.4
"""Labels: where the cell is, shape (Z, Y, X)."""

Write = Callable[[Path], Path]


def _written(path: Path, pixels: np.ndarray, **how: object) -> Path:
    tifffile.imwrite(path, pixels, **how)
    return path


def _pages(path: Path, pixels: np.ndarray, **how: object) -> Path:
    """A page for each slice, without a description, as most programs write."""
    with tifffile.TiffWriter(path) as writer:
        for one in pixels:
            writer.write(one, contiguous=False, metadata=None, **how)
    return path


def miniswhite(folder: Path) -> Path:
    return _written(folder / "white.tif", 255 - GREY, photometric="miniswhite")


def miniswhite_16_bit_lazy(folder: Path) -> Path:
    return _pages(folder / "white16.tif", 65535 - GREY.astype(np.uint16), photometric="miniswhite")


def grey_palette(folder: Path) -> Path:
    """Index and brightness differ."""
    order = np.random.default_rng(1).permutation(256)
    table = np.tile(np.argsort(order).astype(np.uint16) * 257, (3, 1))
    return _written(
        folder / "palette.tif", order[GREY].astype(np.uint8), photometric="palette", colormap=table
    )


def equal_channels(folder: Path) -> Path:
    rgb = np.stack([GREY] * 3, axis=-1)
    return _written(folder / "rgb.tif", rgb, photometric="rgb")


def lzw(folder: Path) -> Path:
    return _pages(folder / "lzw.tif", GREY, compression="lzw")


def zstd(folder: Path) -> Path:
    return _pages(folder / "zstd.tif", GREY, compression="zstd")


def imagej_says_fewer(folder: Path) -> Path:
    text = "ImageJ=1.53t\nimages=3\nslices=3\nloop=false\n"
    path = _pages(folder / "fewer.tif", GREY)
    return _redescribed(path, text)


def ome_says_fewer(folder: Path) -> Path:
    text = ome('SizeZ="3"')
    return _redescribed(_pages(folder / "fewer.ome.tif", GREY), text)


def axes_yxz(folder: Path) -> Path:
    return _written(folder / "yxz.tif", GREY.transpose(1, 2, 0).copy(), metadata={"axes": "YXZ"})


def axes_zxy(folder: Path) -> Path:
    return _written(folder / "zxy.tif", GREY.transpose(0, 2, 1).copy(), metadata={"axes": "ZXY"})


def time_for_z(folder: Path) -> Path:
    return _written(folder / "t.tif", GREY, imagej=True, metadata={"axes": "TYX"})


def big_tiff(folder: Path) -> Path:
    return _written(folder / "big.tif", GREY, bigtiff=True, byteorder=">")


def thumbnail_first(folder: Path) -> Path:
    path = folder / "thumb.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(GREY[0, ::4, ::4], subfiletype=1, metadata=None)
        for one in GREY:
            writer.write(one, contiguous=False, metadata=None)
    return path


def one_page_recompressed(folder: Path) -> Path:
    path = folder / "mixed.tif"
    with tifffile.TiffWriter(path) as writer:
        for z, one in enumerate(GREY):
            how = {"compression": "zlib"} if z == 2 else {}
            writer.write(one, contiguous=False, metadata=None, **how)
    return path


def rotated(folder: Path) -> Path:
    """Orientation 3: stored turned by 180 degrees."""
    stored = GREY[:, ::-1, ::-1]
    return _pages(folder / "turned.tif", stored, extratags=[(274, 3, 1, 3, True)])


def transposed(folder: Path) -> Path:
    """Orientation 5: rows are stored as columns."""
    stored = GREY.transpose(0, 2, 1)
    return _pages(folder / "columns.tif", stored, extratags=[(274, 3, 1, 5, True)])


def whole_set(folder: Path) -> Path:
    """An OME set of six files, of which the fourth is opened."""
    for z in range(6):
        _set_file(folder, z)
    return folder / "s_z3.ome.tif"


def _set_file(folder: Path, z: int) -> Path:
    pieces = "".join(
        f'<TiffData FirstZ="{i}" IFD="0" PlaneCount="1"><UUID FileName="s_z{i}.ome.tif">urn:uuid:{i}</UUID>'
        "</TiffData>"
        for i in range(6)
    )
    path = folder / f"s_z{z}.ome.tif"
    tifffile.imwrite(path, GREY[z], metadata=None)
    return _redescribed(path, ome('SizeZ="6"', pieces, f'UUID="urn:uuid:{z}"'))


def file_of_a_set(folder: Path) -> Path:
    """The fourth file of a set of six, without the others."""
    return _set_file(folder, 3)


IMAGES: dict[str, Write] = {
    write.__name__: write
    for write in (
        miniswhite, grey_palette, equal_channels, lzw, zstd, imagej_says_fewer, ome_says_fewer, axes_yxz,
        axes_zxy, time_for_z, big_tiff, thumbnail_first, one_page_recompressed, rotated, transposed,
        whole_set, miniswhite_16_bit_lazy,
    )
}  # fmt: skip
"""Files whose stack is `GREY`; the last one in 16 bits."""


def bit1_white_is_zero(folder: Path) -> Path:
    return _written(folder / "bit1w.tif", ~CELLS, photometric="miniswhite", bitspersample=1)


def bit1_black_is_zero(folder: Path) -> Path:
    return _written(folder / "bit1b.tif", CELLS, photometric="minisblack", bitspersample=1)


def whole_number_floats(folder: Path) -> Path:
    return _written(folder / "float.tif", CELLS.astype(np.float32))


def palette_labels(folder: Path) -> Path:
    table = np.random.default_rng(2).integers(0, 65535, (3, 256)).astype(np.uint16)
    return _written(
        folder / "glasbey.tif", CELLS.astype(np.uint8), photometric="palette", colormap=table
    )


LABELS: dict[str, Write] = {
    write.__name__: write
    for write in (bit1_white_is_zero, bit1_black_is_zero, whole_number_floats, palette_labels)
}
"""Files of labels whose values are 1 where `CELLS` is."""


def ome(size: str, pieces: str = "<TiffData/>", uuid: str = "", more: str = "") -> str:
    """An OME description of slices of the size of `GREY`."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><OME {uuid} '
        'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="48" SizeY="32" {size} SizeC="1" '
        f'SizeT="1" {more}><Channel ID="Channel:0:0" SamplesPerPixel="1"/>{pieces}</Pixels></Image></OME>'
    )


def described(path: Path, text: str, **how: object) -> Path:
    """`GREY` with a description of its own."""
    return _redescribed(_pages(path, GREY, **how), text)


def _redescribed(path: Path, text: str) -> Path:
    """Put a description into the first page, as programs do that edit one."""
    with tifffile.TiffFile(path) as tif:
        pixels = [page.asarray() for page in tif.pages]
        tags = tif.pages.first.tags
        kept = {
            "resolution": tuple(tags[n].value for n in ("XResolution", "YResolution")),
            "resolutionunit": tags["ResolutionUnit"].value,
        }
    with tifffile.TiffWriter(path) as writer:
        for number, one in enumerate(pixels):
            said = text.encode() if number == 0 else None
            writer.write(one, contiguous=False, metadata=None, description=said, **kept)
    return path


def sparse(folder: Path) -> tuple[Path, np.ndarray]:
    """Tiles without place and length, as GDAL leaves empty ones out; and the pixels."""
    path = _pages(folder / "sparse.tif", GREY, tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(path) as tif:
        places = [
            (tag.valueoffset, {3: 2, 4: 4}[int(tag.dtype)])
            for page in (tif.pages[i].aspage() for i in range(len(tif.pages)))
            for tag in (page.tags["TileOffsets"], page.tags["TileByteCounts"])
        ]
    data = bytearray(path.read_bytes())
    for at, width in places:  # the second tile of each page
        data[at + width : at + 2 * width] = bytes(width)
    path.write_bytes(data)
    expected = GREY.copy()
    expected[:, :16, 16:32] = 0
    return path, expected


def fei(folder: Path, metres: float) -> Path:
    """One slice with the tag of an FEI microscope."""
    text = f"[Scan]\r\nPixelWidth={metres}\r\nPixelHeight={metres}\r\n".encode()
    return _written(
        folder / "fei.tif", GREY[0], metadata=None, extratags=[(34682, 2, 0, text, True)]
    )


def shaped_json(shape: tuple[int, ...]) -> str:
    """The description of tifffile's own."""
    return json.dumps({"shape": shape})


def ratio(path: Path, tag: str, pixels: int, units: int) -> None:
    """Write a resolution into a file."""
    with tifffile.TiffFile(path) as tif:
        at = tif.pages.first.tags[tag].valueoffset
    data = bytearray(path.read_bytes())
    data[at : at + 8] = struct.pack("<II", pixels, units)
    path.write_bytes(data)
