"""The paired `quick` run on five classes of the VNC stack: F1 of each class, of S and of G/S.

    python bench/vnc_classes.py --updates 300 1000

Membrane (0, 32, 64, 96, 128), glia (159), mitochondria (191), synapse (223) and intracellular (255) of
Gerhard et al. 2013, stack 1; train slices 0–13, scored on whole slices 14–19 with the last weights.
Finished runs are kept, and one that was interrupted goes on from its last validation if --runs names a
folder; after a change of the code remove the file of results and that folder first.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from common import DATA, RESULTS, save

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.formats.io import read_annotation, read_stack
from napari_advseg.core.storage.run_folder import CHECKPOINT
from napari_advseg.core.training.engine import RunResult, resume, train

CLASSES = ClassMap.parse(
    "membrane=0+32+64+96+128,glia=159,mitochondria=191,synapse=223,intracellular=255"
)
TRAIN, VAL = tuple(range(14)), tuple(range(14, 20))


def vnc() -> tuple[EMStack, Annotation]:
    """Stack 1 of the VNC data and its labels, or exit and say what is missing."""
    folder = DATA / "vnc"
    if not folder.is_dir():
        sys.exit(f"{folder} is missing: put the VNC data of Gerhard et al. there.")
    return (
        read_stack(folder / "stack1-raw.tif"),
        read_annotation(folder / "stack1-labels.tif", CLASSES),
    )


def run(seed: int, updates: int, threads: int, folder: Path | None) -> RunResult:
    """Train, or go on with what was interrupted."""
    stack, annotation = vnc()
    if folder is not None and (folder / CHECKPOINT).is_file():
        return resume(folder, stack)
    settings = from_preset(
        "quick", method="paired", seed=seed, updates=updates, train=TRAIN, val=VAL, samples=0,
        threads=threads,
    )  # fmt: skip
    return train(settings, stack, annotation, folder)


def measure(seed: int, updates: int, threads: int, folder: Path | None) -> dict[str, Any]:
    """F1 of each class and their mean for both networks, and how long training took."""
    summary = run(seed, updates, threads, folder).summary
    found: dict[str, Any] = {
        "seed": seed,
        "updates": updates,
        "training seconds": summary["training_seconds"],
    }
    for short in ("S", "G/S"):
        scores = {name: summary["scores"][f"{short} F1 {name} val"] for name in CLASSES.names}
        found[short] = {**scores, "mean": summary["scores"][f"{short} F1 val"]}
    return found


def shares() -> dict[str, float]:
    """Share of the validation pixels that each class has."""
    _, annotation = vnc()
    counts = np.bincount(annotation.targets[list(VAL)].ravel(), minlength=256)[: len(CLASSES)]
    return dict(zip(CLASSES.names, (counts / counts.sum()).tolist(), strict=True))


def main() -> None:
    """Measure what is missing and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--updates", type=int, nargs="+", default=[300, 1000])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=Path, help="keep the run folders there")
    args = parser.parse_args()
    path = RESULTS / "vnc_classes.json"
    done = json.loads(path.read_text())["results"]["runs"] if path.exists() else []
    for updates in args.updates:
        for seed in args.seeds:
            if (seed, updates) not in {(r["seed"], r["updates"]) for r in done}:
                folder = args.runs / f"seed{seed}-{updates}" if args.runs else None
                done.append(measure(seed, updates, args.threads, folder))
                save("vnc_classes", {"shares": shares(), "runs": done})
    columns = (*CLASSES.names, "mean")
    print(f"{'updates':>7} {'seed':>4} {'network':>7} " + " ".join(f"{c:>13}" for c in columns))
    for r in done:
        for short in ("S", "G/S"):
            row = " ".join(f"{r[short][c]:13.3f}" for c in columns)
            print(f"{r['updates']:>7} {r['seed']:>4} {short:>7} {row}")


if __name__ == "__main__":
    main()
