"""Time of `predict_slice` for several tile sizes beside the whole slice at once, in milliseconds.

Run ``python bench/tiling.py [--side 1024] [--tiles 128 256 512] [--overlap 64] [--width 8]
[--threads 1] [--repeats 5]``. The predictor is a stack of 3×3 convolutions, or with ``--width 0``
the identity, which leaves the cost of cutting and blending alone. ``input`` is the number of pixels
that the predictor was given for each pixel of the slice.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from napari_advseg.core.inference.tiling import predict_slice, tile_grid

MULTIPLE = 16


def predictor(width: int) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Three convolutions of `width` channels, or the identity for 0."""
    if not width:
        return lambda tiles: tiles
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, width, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(width, width, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(width, 2, 3, padding=1),
    )

    def predict(tiles: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            return network(torch.from_numpy(tiles)).numpy()

    return predict


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--side", type=int, default=1024, help="side of the slice")
    parser.add_argument("--tiles", type=int, nargs="+", default=[128, 256, 512])
    parser.add_argument("--overlap", type=int, default=64)
    parser.add_argument("--width", type=int, default=8, help="channels of the predictor")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    image = (
        np.random.default_rng(0).standard_normal((options.side, options.side)).astype(np.float32)
    )
    predict = predictor(options.width)
    sides = [*options.tiles, options.side]
    times: dict[int, list[float]] = {side: [] for side in sides}
    for repeat in range(options.repeats + 1):
        for side in sides:
            begun = time.perf_counter()
            predict_slice(image, predict, tile=side, overlap=options.overlap, multiple=MULTIPLE)
            if repeat:  # the first round warms up
                times[side].append(1e3 * (time.perf_counter() - begun))
    conditions = f"width {options.width}, {options.threads} thread(s)"
    print(f"slice {options.side}², overlap {options.overlap}, {conditions}")
    print(f"{'tile':>6}{'tiles':>7}{'input':>7}{'median ms':>11}{'fastest':>9}")
    for side, taken in times.items():
        grid = tile_grid(options.side, options.side, side, options.overlap, MULTIPLE)
        share = sum(t.rows.size * t.columns.size for t in grid) / options.side**2
        name = "whole" if len(grid) == 1 else side
        print(
            f"{name:>6}{len(grid):7}{share:7.2f}{statistics.median(taken):11.1f}{min(taken):9.1f}"
        )


if __name__ == "__main__":
    main()
