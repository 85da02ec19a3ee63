"""What is no tissue: F1 and V_Rand with frames, empty slices, hot pixels and NaN, against the stack as it is.

    python bench/padding.py                      # 10 minutes on one core
    python bench/padding.py --updates 150 --name padding_before    # with the package of another commit

S of `quick` (width 8) learns from ISBI 2012 slices 0–11 and predicts 20–23, whose grey values are changed: a
black frame, added around the tissue, of 11 % and of 36 % of the area, a white one, a grey one, NaN, −9999,
four black slices appended, one pixel in 100,000 at 65535. Only pixels of tissue are scored. Then S learns from
the stack with a frame and four black slices itself, and predicts the plain one. Results are written after each
row.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from common import isbi, save
from numpy.typing import NDArray

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.evaluation.boundary_scores import rand_and_info
from napari_advseg.core.evaluation.metrics import confusion, f1_scores
from napari_advseg.core.inference.predict_stack import predict_stack
from napari_advseg.core.runtime.errors import AdvSegError
from napari_advseg.core.training.engine import train

TRAIN, TEST = slice(0, 12), slice(20, 24)
Grey = NDArray[Any]


def framed(share: float, value: float, dtype: Any = np.uint8) -> Callable[[Grey], tuple[Grey, int]]:
    """Add a frame that covers `share` of the new area; return the grey values and the frame's width."""

    def change(grey: Grey) -> tuple[Grey, int]:
        side = grey.shape[-1]
        width = round((side / np.sqrt(1 - share) - side) / 2)
        around = ((0, 0), (width, width), (width, width))
        return np.pad(grey.astype(dtype), around, constant_values=value), width

    return change


def appended(grey: Grey) -> tuple[Grey, int]:
    """Four black slices after the others."""
    return np.concatenate([grey, np.zeros((4, *grey.shape[1:]), grey.dtype)]), 0


def hot(grey: Grey) -> tuple[Grey, int]:
    """One pixel in 100,000 at 65535."""
    found = grey.astype(np.uint16)
    draws = np.random.default_rng(0)
    found.ravel()[draws.choice(found.size, found.size // 100_000, replace=False)] = 65535
    return found, 0


ROWS: dict[str, Callable[[Grey], tuple[Grey, int]]] = {
    "as it is": lambda grey: (grey, 0),
    "black frame, 11 %": framed(0.11, 0),
    "black frame, 36 %": framed(0.36, 0),
    "white frame, 36 %": framed(0.36, 255),
    "grey frame, 36 %": framed(0.36, 128),
    "NaN frame, 36 %": framed(0.36, np.nan, np.float32),
    "-9999 frame, 36 %": framed(0.36, -9999, np.float32),
    "four black slices": appended,
    "hot pixels, 1 in 100,000": hot,
}


def scores(run: Path, grey: Grey, frame: int, truth: NDArray[np.uint8]) -> dict[str, float]:
    """F1 of both classes and V_Rand of the tissue."""
    maps: dict[int, NDArray[np.float32]] = {}

    def keep(_: Any, z: int, found: NDArray[np.float32]) -> None:
        maps[z] = found[0]

    predict_stack(run, EMStack.from_array(grey), on_slice=keep, threads=1)
    inside = slice(frame, frame + truth.shape[-1])
    found = np.stack([maps[z][inside, inside] for z in range(len(truth))])
    f1 = f1_scores(confusion((found < 0.5).astype(np.uint8), truth, 2))
    return {
        "F1 cell": float(f1[0]),
        "F1 membrane": float(f1[1]),
        "V_Rand": rand_and_info(found, truth).v_rand,
    }


def padded_training(grey: Grey, targets: NDArray[np.uint8]) -> tuple[Grey, NDArray[np.uint8]]:
    """The stack with a black frame, and four black slices; both are labelled as the second class."""
    pixels, width = framed(0.36, 0)(grey)
    around = ((0, 4), (width, width), (width, width))
    labels = np.pad(targets, around, constant_values=1)
    return np.pad(pixels, ((0, 4), (0, 0), (0, 0))), labels


def main() -> None:
    """Train twice, predict each row, print and save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--updates", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", default="padding")
    args = parser.parse_args()
    stack, annotation = isbi()
    grey = np.asarray(stack.data)
    settings = from_preset(
        "quick", method="standard", updates=args.updates, seed=args.seed, threads=1, samples=0,
        validations=1, network={"width": 8}, train=tuple(range(10)), val=(10, 11),
    )  # fmt: skip
    truth = annotation.targets[TEST]
    rows: list[dict[str, Any]] = []
    with TemporaryDirectory() as home:
        plain, padded = Path(home) / "plain", Path(home) / "padded"
        train(
            settings, EMStack.from_array(grey[TRAIN]),
            Annotation(annotation.targets[TRAIN], annotation.classes), plain,
        )  # fmt: skip
        pixels, labels = padded_training(grey[TRAIN], annotation.targets[TRAIN])
        train(settings, EMStack.from_array(pixels), Annotation(labels, annotation.classes), padded)
        for run, trained_on in ((plain, "plain"), (padded, "padded")):
            for name, change in ROWS.items():
                if trained_on == "padded" and name not in ("as it is", "black frame, 36 %"):
                    continue
                row: dict[str, Any] = {"trained on": trained_on, "predicted": name}
                try:
                    row |= scores(run, *change(grey[TEST]), truth)
                    shown = ", ".join(
                        f"{k} {v:.3f}" for k, v in row.items() if isinstance(v, float)
                    )
                except AdvSegError as error:
                    row["refused"] = shown = str(error)
                rows.append(row)
                print(f"{trained_on:7} {name:26} {shown}", flush=True)
                save(args.name, rows)
    assert UNLABELLED not in truth


if __name__ == "__main__":
    main()
