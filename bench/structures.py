"""Rare and large structures: F1 and IoU of `quick`, of its last weights, on whole slices.

    python bench/structures.py choose --seeds 0 1 2          # the splits that settings are chosen on
    python bench/structures.py report --seeds 0 1 2          # the splits that are reported, once
    python bench/structures.py report --forest               # a random forest on the same slices
    python bench/structures.py choose --tasks mitochondria-5 --set '{"scale": 1}'

VNC stack 1 of Gerhard et al. 2013, each class against the rest, ISBI 2012 membranes, and a synthetic stack
with rare objects. Choosing: VNC slices 0–10 train and 11–13 are scored, ISBI 0–14 and 15–19. Reporting: VNC
0–13 and 14–19, ISBI 0–19 and 20–29. Finished runs are kept in bench/results/structures.json under their
settings; delete it after a change of the code. The forest needs scikit-learn: ``pip install -e '.[bench]'``.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any

import numpy as np
from common import DATA, RESULTS, isbi, save
from numpy.typing import NDArray

from napari_advseg.core.config.classes import UNLABELLED, ClassMap
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.evaluation.metrics import confusion, f1_scores
from napari_advseg.core.evaluation.threshold_choice import f1_by_threshold
from napari_advseg.core.formats.io import read_annotation, read_stack
from napari_advseg.core.runtime.events import Event, SlicePredicted
from napari_advseg.core.training.engine import train

VNC_VALUES = (0, 32, 64, 96, 128, 159, 191, 223, 255)
VNC = {"mitochondria": 191, "glia": 159, "synapse": 223}


@dataclass(frozen=True)
class Task:
    """A structure, the slices that train and those that are scored."""

    structure: str
    train: tuple[int, ...]
    val: tuple[int, ...]


CHOOSE = {
    "mitochondria-5": Task("mitochondria", (0, 2, 5, 7, 10), (11, 12, 13)),
    "mitochondria-2": Task("mitochondria", (3, 7), (11, 12, 13)),
    "glia-5": Task("glia", (0, 2, 5, 7, 10), (11, 12, 13)),
    "synapse-11": Task("synapse", tuple(range(11)), (11, 12, 13)),
    "rare-4": Task("rare", (0, 2, 4, 6), (8, 9)),
    "membrane-15": Task("membrane", tuple(range(15)), tuple(range(15, 20))),
    "membrane-1": Task("membrane", (7,), tuple(range(15, 20))),
}
REPORT = {
    "mitochondria-5": Task("mitochondria", (0, 3, 6, 9, 12), tuple(range(14, 20))),
    "mitochondria-2": Task("mitochondria", (4, 9), tuple(range(14, 20))),
    "glia-5": Task("glia", (0, 3, 6, 9, 12), tuple(range(14, 20))),
    "synapse-14": Task("synapse", tuple(range(14)), tuple(range(14, 20))),
    "rare-4": Task("rare", (1, 3, 5, 7), (10, 11)),
    "membrane-20": Task("membrane", tuple(range(20)), tuple(range(20, 30))),
    "membrane-1": Task("membrane", (10,), tuple(range(20, 30))),
}


def rare_objects(depth: int = 12, side: int = 512) -> tuple[EMStack, Annotation]:
    """Grey noise with bright-rimmed discs, 0.3 % of the pixels, among dark blobs that are none."""
    draws = np.random.default_rng(20)
    y, x = np.mgrid[:side, :side]
    image = draws.normal(0, 12, (depth, side, side)) + 120
    targets = np.zeros((depth, side, side), np.uint8)
    for z in range(depth):
        for kind in (1, 1, 1, 0, 0, 0, 0):
            radius = draws.uniform(7, 11)
            cy, cx = draws.uniform(20, side - 20, 2)
            distance = np.hypot(y - cy, x - cx)
            inside = distance < radius
            image[z][inside] -= 35
            if kind:  # the object has a rim and stripes
                image[z][np.abs(distance - radius) < 1.5] += 45
                image[z][inside & (((x + y) // 3) % 2 == 0)] += 25
                targets[z][inside] = 1
    stack = EMStack.from_array(np.clip(image, 0, 255).astype(np.uint8), name="rare objects")
    return stack, Annotation(targets, ClassMap.of(background=0, object=1))


def data(structure: str) -> tuple[EMStack, Annotation, int]:
    """Stack, annotation, and the index of the structure's class."""
    if structure == "membrane":
        return *isbi(), 1
    if structure == "rare":
        return *rare_objects(), 1
    value = VNC[structure]
    rest = "+".join(str(v) for v in VNC_VALUES if v != value)
    classes = ClassMap.parse(f"background={rest},{structure}={value}")
    folder = DATA / "vnc"
    stack = read_stack(folder / "stack1-raw.tif")
    return stack, read_annotation(folder / "stack1-labels.tif", classes), 1


def network_run(task: Task, seed: int, threads: int, changes: dict[str, Any]) -> dict[str, Any]:
    """One standard run of `quick`: scores at each validation, and at the best threshold of the last."""
    stack, annotation, index = data(task.structure)
    name = annotation.classes.names[index]
    fixed = {"method": "standard", "samples": 0, "keep": "last", "threads": threads}
    settings = from_preset(
        "quick", seed=seed, train=task.train, val=task.val, **{**fixed, **changes}
    )
    maps: dict[int, NDArray[Any]] = {}

    def remember(event: Event) -> None:
        if isinstance(event, SlicePredicted):
            maps[event.z] = event.prediction

    started, cpu = perf_counter(), process_time()
    result = train(settings, stack, annotation, on_event=remember)
    each = [v.scores.standard.f1_val_by_class[name] for v in result.history]
    _, scores = f1_by_threshold(
        [maps[z] for z in task.val], [annotation.targets[z] for z in task.val]
    )
    best = max(scores, key=lambda one: one[1])
    used = result.training.settings
    return {
        "F1": each[-1],
        "IoU": each[-1] / (2 - each[-1]),
        "best of the run": max(each),
        "F1 at each validation": [round(one, 4) for one in each],
        "best threshold": best[0],
        "F1 there": best[1],
        "scale": used.scale,
        "updates": used.updates,
        "seconds": round(perf_counter() - started, 1),
        "CPU seconds": round(process_time() - cpu, 1),
        "boundaries": result.summary["boundaries"].get("standard", {}),
        "thresholds": result.summary["thresholds"].get("standard", []),
    }


def features(image: NDArray[Any]) -> NDArray[np.float32]:
    """Twenty filters of a slice, shape (Y·X, 20): five at each of four widths."""
    from scipy import ndimage
    from skimage.feature import hessian_matrix, hessian_matrix_eigvals

    grey = image.astype(np.float32)
    grey = (grey - grey.mean()) / grey.std()
    found = []
    for sigma in (1, 2, 4, 8):
        eigenvalues = hessian_matrix_eigvals(
            hessian_matrix(grey, sigma, use_gaussian_derivatives=False)
        )
        found += [
            ndimage.gaussian_filter(grey, sigma),
            ndimage.gaussian_gradient_magnitude(grey, sigma),
            ndimage.gaussian_laplace(grey, sigma),
            *eigenvalues,
        ]
    return np.stack([one.ravel() for one in found], axis=1).astype(np.float32)


def forest_run(task: Task, seed: int) -> dict[str, Any]:
    """A random forest of 100 trees on the filters of 80,000 pixels, half of them of the structure."""
    from sklearn.ensemble import RandomForestClassifier

    stack, annotation, index = data(task.structure)
    draws = np.random.default_rng(seed)
    started = process_time()
    planes = [(features(stack.slice(z)), annotation.targets[z].ravel()) for z in task.train]
    rows, answers = [], []
    for x, y in planes:
        for wanted in (y == index, (y != index) & (y != UNLABELLED)):
            pixels = np.flatnonzero(wanted)
            chosen = draws.choice(pixels, min(len(pixels), 40_000 // len(planes)), replace=False)
            rows.append(x[chosen])
            answers.append(y[chosen] == index)
    forest = RandomForestClassifier(100, min_samples_leaf=5, random_state=seed, n_jobs=1)
    forest.fit(np.concatenate(rows), np.concatenate(answers))
    maps = [
        1 - forest.predict_proba(features(stack.slice(z)))[:, 1].reshape(stack.shape[1:])
        for z in task.val
    ]
    truths = [(annotation.targets[z] == index).astype(np.uint8) for z in task.val]
    counts = sum(
        confusion((m < 0.5).astype(np.uint8), t, 2) for m, t in zip(maps, truths, strict=True)
    )
    _, scores = f1_by_threshold(maps, truths)
    best = max(scores, key=lambda one: one[1])
    return {
        "F1": float(f1_scores(counts)[1]),
        "best threshold": best[0],
        "F1 there": best[1],
        "CPU seconds": round(process_time() - started, 1),
    }


def main() -> None:
    """Measure what is missing and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("split", choices=("choose", "report"), nargs="?", default="report")
    parser.add_argument("--tasks", nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--set", default="{}", help="JSON of settings that differ from quick's")
    parser.add_argument("--forest", action="store_true")
    args = parser.parse_args()
    tasks = CHOOSE if args.split == "choose" else REPORT
    path = RESULTS / "structures.json"
    runs: list[dict[str, Any]] = json.loads(path.read_text())["results"] if path.exists() else []
    for name in args.tasks or tasks:
        for seed in args.seeds:
            key = {
                "split": args.split,
                "task": name,
                "seed": seed,
                "what": "forest" if args.forest else "quick",
                "set": json.loads(args.set),
            }
            if any(key.items() <= run.items() for run in runs):
                continue
            if args.forest:
                found = forest_run(tasks[name], seed)
            else:
                found = network_run(tasks[name], seed, args.threads, key["set"])
            runs = json.loads(path.read_text())["results"] if path.exists() else []
            runs.append({**key, **found})
            save("structures", runs)
            print(f"{name:15} seed {seed}: F1 {found['F1']:.3f}, "
                  f"{found['F1 there']:.3f} at {found['best threshold']:.2f}, "
                  f"{found['CPU seconds']:.0f} CPU s")  # fmt: skip


if __name__ == "__main__":
    main()
