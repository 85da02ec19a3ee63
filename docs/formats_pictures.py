"""Make the pictures of docs/formats.md: an MRC file and an OME-Zarr, opened in the dock, with a scale bar.

    QT_API=pyqt6 xvfb-run -a -s "-screen 0 1280x800x24" python docs/formats_pictures.py [--theme light]

The files are written first, from VNC stack 1 of Gerhard et al. 2013 (../shared/data/vnc), whose voxels are
50 × 4.6 × 4.6 nm, with mrcfile and zarr.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import mkdtemp

import mrcfile
import numpy as np
import tifffile
import zarr
from driving import IMAGES, ROOT, SIZE, Window

STACK = ROOT.parent / "shared" / "data" / "vnc" / "stack1-raw.tif"
VOXEL_NM = (50.0, 4.6, 4.6)


def mrc_file(folder: Path, pixels: np.ndarray) -> Path:
    """Write a stack as MRC, whose voxel size is in Å."""
    path = folder / "vnc.mrc"
    with mrcfile.new(path) as mrc:
        mrc.set_data(pixels.astype(np.uint16))
        z, y, x = (10 * step for step in VOXEL_NM)
        mrc.voxel_size = (x, y, z)
    return path


def ome_zarr(folder: Path, pixels: np.ndarray) -> Path:
    """Write a stack as OME-Zarr (NGFF 0.5) of two levels."""
    path = folder / "vnc.zarr"
    group = zarr.create_group(str(path))
    levels = []
    for name, step in (("0", 1), ("1", 2)):
        group.create_array(name, data=pixels[:, ::step, ::step], chunks=(1, 256, 256))
        scale = [VOXEL_NM[0], VOXEL_NM[1] * step, VOXEL_NM[2] * step]
        transformations = [{"type": "scale", "scale": scale}]
        levels.append({"path": name, "coordinateTransformations": transformations})
    axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}
    return path


def main() -> None:
    """Write both files, open each in a window and keep its picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--theme", choices=("dark", "light"), default="dark")
    parser.add_argument("--size", default="1280x800")
    parser.add_argument("--out", type=Path, default=IMAGES)
    args = parser.parse_args()
    if not STACK.is_file():
        sys.exit(f"{STACK} is missing: put the files of Gerhard et al. 2013 there.")
    pixels, folder = tifffile.imread(STACK), Path(mkdtemp())
    size = tuple(map(int, args.size.split("x"))) if args.size else SIZE
    for path, dialog in (
        (mrc_file(folder, pixels), "ask_file"),
        (ome_zarr(folder, pixels), "ask_folder"),
    ):
        window = Window(args.theme, (size[0], size[1]))
        window.open_by(dialog, path)
        window.viewer.canvas.overlays.scale_bar.visible = True
        window.choose_new("Membranes")
        window.photograph(args.out / f"open-{path.suffix[1:]}.png")
        window.viewer.close()


if __name__ == "__main__":
    main()
