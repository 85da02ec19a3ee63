"""Options that say which image is meant, and reading it: what was decided about the file is said."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_advseg.core.runtime.errors import SeveralChannels

if TYPE_CHECKING:
    from napari_advseg.core.data.stack import EMStack

_FORMATS = "TIFF, MRC, HDF5, Zarr, a picture, or a folder of slices"

Image = Annotated[Path, typer.Argument(help=f"Stack: {_FORMATS}.", show_default=False)]
ChannelAxis = Annotated[
    int | None,
    typer.Option(
        help="Axis of the image's channels: 0 is the first, -1 the last; none if it is grey."
    ),
]
VoxelSizeText = Annotated[
    str | None,
    typer.Option(
        "--voxel-size",
        help="Size of the image's voxels, as 50,4,4nm (Z,Y,X), in place of what the file says.",
    ),
]
Unannotated = Annotated[
    Path | None,
    typer.Option(
        help="Another stack of such tissue: the adversary learns from its images as they are."
    ),
]


def read_image(
    path: Path, channel_axis: int | None = None, voxel_size: str | None = None
) -> EMStack:
    """Open an image and say on stderr what was decided about its file.

    Parameters
    ----------
    path : Path
    channel_axis : int, optional
    voxel_size : str, optional
        As `napari_advseg.core.data.voxel_size.parse_voxel_size` reads it.

    Raises
    ------
    ImageError
        If it cannot be opened; channels that were not asked for are refused with the option that names them.
    """
    from napari_advseg.core.data.voxel_size import parse_voxel_size
    from napari_advseg.core.formats.io import read_stack

    voxel = None if voxel_size is None else parse_voxel_size(voxel_size)
    try:
        stack = read_stack(path, channel_axis=channel_axis, voxel_size=voxel)
    except SeveralChannels as error:
        raise error.with_option("--channel-axis") from error
    for note in stack.notes:
        typer.echo(f"{path.name}: {note}", file=sys.stderr)
    return stack


def read_image_if(path: Path | None, channel_axis: int | None = None) -> EMStack | None:
    """Open an image that need not be given."""
    return None if path is None else read_image(path, channel_axis)
