"""Train a tiny run of each preset and method and print a digest of its weights and scores.

Two versions of the program, or two machines, train alike where their digests are equal. Only the public
interface and the files of a run folder are used, so the script also runs on earlier versions:

    python bench/preset_digests.py [RESULT.json]
"""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from napari_advseg import (
    Annotation,
    ClassMap,
    EMStack,
    __version__,
    from_preset,
    synthetic_stack,
    train,
)

SMALL: dict[str, Any] = {
    "patch": 32,
    "batch": 2,
    "tile": 64,
    "fixed_patches": 4,
    "samples": 0,
    "device": "cpu",
    "precision": "float32",
    "threads": 1,
    "network": {"width": 3, "depth": 2, "dropout": 0.1},
    "discriminator": {"width": 3, "depth": 2},
}
STEPS: dict[str, Any] = {"updates": 20, "validate_every": 10}
BLOCKS: dict[str, Any] = {
    "updates": 12,
    "alternation": {"generator_updates": 6, "discriminator_updates": 9},
}
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "quick": ("quick", STEPS),
    "quick, S alone": ("quick", {**STEPS, "method": "standard"}),
    "quick, G/S alone": ("quick", {**STEPS, "method": "adversarial"}),
    "quick, blocks": ("quick", BLOCKS),
    "balanced": ("balanced", STEPS),
    "best": ("best", STEPS),
    "seed2017": ("seed2017", BLOCKS),
}


def data(annotated: int) -> tuple[EMStack, Annotation]:
    """A synthetic stack of which the first slices are annotated; D sees the others without annotation."""
    stack, truth = synthetic_stack()
    grey = np.stack([stack.slice(z) for z in range(6)])[:, :96, :96]
    labels = np.array(truth[:6, :96, :96], np.uint8)
    labels[annotated:] = 0
    classes = ClassMap.of(cell=1, membrane=2)
    return EMStack.from_array(grey), Annotation.from_labels(labels, classes)


def digest(folder: Path) -> str:
    """SHA-256 of the weights in a run folder and of its metrics without the seconds."""
    found = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        if path.name != "checkpoint.safetensors":
            for name, tensor in sorted(load_file(path).items()):
                found.update(f"{path.name} {name} {tensor.shape}".encode())
                found.update(tensor.tobytes())
    with (folder / "metrics.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found.update(repr([v for name, v in row.items() if name != "seconds"]).encode())
    return found.hexdigest()


def main() -> None:
    digests = {}
    for annotated in (6, 3):
        stack, annotation = data(annotated)
        for name, (preset, changes) in RUNS.items():
            with TemporaryDirectory() as home:
                folder = Path(home) / "run"
                train(from_preset(preset, **{**SMALL, **changes}), stack, annotation, folder)
                key = f"{name}, {annotated} of 6 slices annotated"
                digests[key] = digest(folder)
            print(f"{digests[key][:16]}  {key}", flush=True)
    if len(sys.argv) > 1:
        record = {"version": __version__, "digests": digests}
        Path(sys.argv[1]).write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
