"""Normalisation by the stack or by each slice: F1 and V_Rand as it is, and where brightness drifts.

    python bench/drift.py                        # 12 minutes on one core

S of `quick` (width 8), ISBI 2012: slices 0–11 train, 20–23 are scored, as they are and with a contrast that
falls to a third and a brightness that rises from slice to slice, in what trains and what is scored; VNC stack 1
of Gerhard et al. 2013, membranes: slices 0–11 and 14–17. Results are written after each row.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from common import DATA, isbi, save
from numpy.typing import NDArray
from padding import scores

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.formats.io import read_annotation, read_stack
from napari_advseg.core.training.engine import train

Data = tuple[NDArray[Any], Annotation, slice]
VNC = ClassMap.parse("cell=159+191+223+255,membrane=0+32+64+96+128")


def drifting(grey: NDArray[Any]) -> NDArray[np.uint8]:
    """Contrast that falls to a third, brightness that rises by 60, along Z."""
    along = np.linspace(0, 1, len(grey))[:, np.newaxis, np.newaxis]
    changed = (grey - 128.0) * (1 - 2 / 3 * along) + 110 + 60 * along
    return np.clip(changed.round(), 1, 254).astype(np.uint8)


def of_isbi(changed: bool) -> Data:
    stack, annotation = isbi()
    grey = np.asarray(stack.data)
    return (drifting(grey) if changed else grey), annotation, slice(20, 24)


def of_vnc() -> Data:
    folder = DATA / "vnc"
    grey = np.asarray(read_stack(folder / "stack1-raw.tif").data)
    return grey, read_annotation(folder / "stack1-labels.tif", VNC), slice(14, 18)


def main() -> None:
    """Train with both normalisations on each stack, print and save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--updates", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    stacks = {"ISBI": of_isbi(False), "ISBI, drifting": of_isbi(True), "VNC": of_vnc()}
    for name, (grey, annotation, test) in stacks.items():
        for seed in args.seeds:
            for kind in ("stack", "slice"):
                settings = from_preset(
                    "quick", method="standard", updates=args.updates, seed=seed, threads=1, samples=0,
                    validations=1, network={"width": 8}, train=tuple(range(10)), val=(10, 11),
                    normalisation=kind,
                )  # fmt: skip
                with TemporaryDirectory() as home:
                    run = Path(home) / "run"
                    some = Annotation(annotation.targets[:12], annotation.classes)
                    train(settings, EMStack.from_array(grey[:12]), some, run)
                    found = scores(run, grey[test], 0, annotation.targets[test])
                rows.append({"stack": name, "normalisation": kind, "seed": seed, **found})
                print(name, kind, seed, {k: round(v, 3) for k, v in found.items()}, flush=True)
                save("drift", rows)


if __name__ == "__main__":
    main()
