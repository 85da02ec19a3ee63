"""Does the adversary pay? S, G/S, and a control whose D keeps its random weights; same seed, same patches.

    python bench/adversary.py few --annotated 1 2 4 --seeds 20 21 22 23 24
    python bench/adversary.py all --seeds 20 21 22 23 24
    python bench/adversary.py vnc --annotated 2 14 --seeds 20 21 22
    python bench/adversary.py shift --seeds 20 21 22
    python bench/adversary.py mitochondria --seeds 20 21 22 23 24
    python bench/adversary.py few --choose ...        # the protocol's choosing split

``few`` and ``all``: ISBI 2012, annotated slices among 0–19, scored on 20–29; without annotation the rest of
0–19 and the challenge's test volume. ``vnc``: membranes of the VNC stack, annotated among 0–13, scored on
14–19; without annotation the rest and stack 2. ``shift``: annotated ISBI 0–19, without annotation VNC stack
2, scored on VNC stack 1, 14–19. With --choose 0–14 / 15–19 (VNC 0–10 / 11–13) instead. Annotated slices
move on with the seed. Last weights, whole slices, no test-time averaging; F1 membrane at 0.5, V_Rand at its
best threshold. Finished runs are kept, so an interrupted call goes on where it was; --set changes settings.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from common import DATA, RESULTS, isbi, save

from napari_advseg.core.config.classes import UNLABELLED, ClassMap
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.normalisation import normalisation_of
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.evaluation.boundary_scores import rand_and_info
from napari_advseg.core.evaluation.metrics import confusion, f1_scores
from napari_advseg.core.evaluation.paired_comparison import Difference
from napari_advseg.core.evaluation.threshold_choice import f1_by_threshold
from napari_advseg.core.formats.io import read_annotation, read_stack
from napari_advseg.core.inference.probabilities import class_probabilities
from napari_advseg.core.training.engine import RunResult, train

ARMS = ("S", "G/S", "control")
MEMBRANE_MEASURES = ("F1 membrane", "V_Rand")
MITOCHONDRIA_MEASURES = ("F1 mitochondria", "F1 at its best threshold")
VNC_CLASSES = {
    "vnc": ClassMap.parse("cell=159+191+223+255,membrane=0+32+64+96+128"),
    "mitochondria": ClassMap.parse("background=0+32+64+96+128+159+223+255,mitochondria=191"),
}


@dataclass(frozen=True)
class Task:
    """What a seed trains on and is scored on."""

    stack: EMStack
    annotation: Annotation
    train: tuple[int, ...]
    val: tuple[int, ...]
    unannotated: tuple[int, ...]
    second: EMStack | None
    scored: tuple[EMStack, Annotation, tuple[int, ...]]


def annotated_slices(pool: range, number: int, seed: int) -> tuple[int, ...]:
    """`number` slices evenly spread over the pool, moved on by two with each seed."""
    places = (seed * 2 + i * len(pool) / number for i in range(number))
    return tuple(sorted({pool[int(compute) % len(pool)] for compute in places}))


def with_slices(annotation: Annotation, kept: tuple[int, ...]) -> Annotation:
    """The annotation of some slices; the others hold none."""
    targets = np.full_like(annotation.targets, UNLABELLED)
    targets[list(kept)] = annotation.targets[list(kept)]
    return replace(annotation, targets=targets)


def vnc(classes: str = "vnc") -> tuple[EMStack, Annotation]:
    """Stack 1 of the VNC data, its labels merged to two classes."""
    labels = read_annotation(DATA / "vnc" / "stack1-labels.tif", VNC_CLASSES[classes])
    return read_stack(DATA / "vnc" / "stack1-raw.tif"), labels


def task(table: str, number: int, seed: int, *, choose: bool) -> Task:
    """Data of one seed of a table."""
    on_vnc = table in VNC_CLASSES
    stack, annotation = vnc(table) if on_vnc else isbi()
    pool, val = {
        (False, False): (range(20), range(20, 30)),
        (False, True): (range(15), range(15, 20)),
        (True, False): (range(14), range(14, 20)),
        (True, True): (range(11), range(11, 14)),
    }[on_vnc, choose]
    slices = annotated_slices(pool, min(number, len(pool)), seed)
    rest = tuple(z for z in pool if z not in slices)
    known = with_slices(annotation, (*slices, *val))
    second = None
    if table == "few":
        second = read_stack(DATA / "isbi2012" / "test-volume.tif")
    elif on_vnc or table == "shift":
        second = read_stack(DATA / "vnc" / "stack2-raw.tif")
    scored = (stack, annotation, tuple(val))
    if table == "shift":
        scored = (*vnc(), tuple(range(11, 14) if choose else range(14, 20)))
    return Task(stack, known, slices, tuple(val), rest, second, scored)


def run(chosen: Task, method: str, seed: int, threads: int, changes: dict[str, Any]) -> RunResult:
    """One training with the quick preset."""
    settings = from_preset(
        "quick", **{
            "method": method, "seed": seed, "threads": threads, "train": chosen.train,
            "val": chosen.val, "unannotated": chosen.unannotated, "validations": 1, "samples": 0,
            **changes,
        }
    )  # fmt: skip
    return train(settings, chosen.stack, chosen.annotation, unannotated=chosen.second)


def scores(result: RunResult, name: str, chosen: Task) -> dict[str, float]:
    """F1 of the rarer class of the last weights, and V_Rand or the F1 at its best threshold."""
    stack, annotation, slices = chosen.scored
    training, normalise = result.training, normalisation_of(stack)
    network = training.networks[name]
    found = np.stack([
        class_probabilities(
            network, normalise(stack.slice(z)), training.settings, training.compute, lambda: None
        )[0]
        for z in slices
    ])  # fmt: skip
    truth = annotation.targets[list(slices)]
    counts = confusion((found < 0.5).astype(np.uint8), truth, 2)
    if "mitochondria" in annotation.classes.names:
        _, by_threshold = f1_by_threshold(list(found), list(truth))
        threshold, best = max(by_threshold, key=lambda one: one[1])
        measured = (float(f1_scores(counts)[1]), best)
        return {**dict(zip(MITOCHONDRIA_MEASURES, measured, strict=True)), "threshold": threshold}
    regions = rand_and_info(found, truth)
    return {
        "F1 cell": float(f1_scores(counts)[0]),
        "F1 membrane": float(f1_scores(counts)[1]),
        "V_Rand": regions.v_rand,
        "V_Info": regions.v_info,
        "threshold": regions.threshold_rand,
    }


def measure(
    table: str, number: int, seed: int, arms: tuple[str, ...], args: argparse.Namespace
) -> list[dict[str, Any]]:
    """The missing arms of one seed."""
    chosen = task(table, number, seed, choose=args.choose)
    rows = []

    def add(arm: str, name: str, result: RunResult) -> None:
        rows.append({
            "annotated": number, "seed": seed, "arm": arm, "slices": list(chosen.train),
            **scores(result, name, chosen), "seconds": result.summary["training_seconds"],
            "alarms": [alarm["text"] for alarm in result.summary["alarms"]],
        })  # fmt: skip

    def trained(method: str, **discriminator: Any) -> RunResult:
        changes = {**args.set}
        changes["discriminator"] = {**changes.get("discriminator", {}), **discriminator}
        return run(chosen, method, seed, args.threads, changes)

    if {"S", "G/S"} <= set(arms):
        result = trained("paired")
        add("S", "standard", result)
        add("G/S", "adversarial", result)
    elif "S" in arms:
        add("S", "standard", trained("standard"))
    elif "G/S" in arms:
        add("G/S", "adversarial", trained("adversarial"))
    if "control" in arms:
        add("control", "adversarial", trained("adversarial", learns=False))
    return rows


def measures_of(rows: list[dict[str, Any]]) -> tuple[str, str]:
    """The two measures that rows of one table hold."""
    on_mitochondria = bool(rows) and MITOCHONDRIA_MEASURES[0] in rows[0]
    return MITOCHONDRIA_MEASURES if on_mitochondria else MEMBRANE_MEASURES


def show(rows: list[dict[str, Any]]) -> None:
    """Means, and the paired differences to S and to the control with their 95 % intervals."""
    measures = measures_of(rows)
    for number in sorted({r["annotated"] for r in rows}):
        by_arm = {
            arm: {r["seed"]: r for r in rows if r["arm"] == arm and r["annotated"] == number}
            for arm in ARMS
        }
        print(f"\n{number} annotated")
        for arm, runs in by_arm.items():
            for seed in sorted(runs):
                numbers = "  ".join(f"{m} {runs[seed][m]:.4f}" for m in measures)
                print(f"  seed {seed}  {arm:8} {numbers}")
        for one, other in (("S", "G/S"), ("S", "control"), ("control", "G/S")):
            both = sorted(by_arm[one].keys() & by_arm[other].keys())
            if both:
                apart = (
                    Difference.of(m, *([by_arm[a][s][m] for s in both] for a in (one, other)))
                    for m in measures
                )
                print(f"  {other} minus {one}: " + "; ".join(d.words() for d in apart))


def markdown(rows: list[dict[str, Any]]) -> None:
    """The table of docs/benchmarks.md: means over the seeds, and differences with 95 % intervals."""
    measures = measures_of(rows)
    print("| annotated | seeds | | " + " | ".join(measures) + " |")
    print("|---|---|---|---|---|")
    for number in sorted({r["annotated"] for r in rows}):
        by_arm = {
            arm: {r["seed"]: r for r in rows if r["arm"] == arm and r["annotated"] == number}
            for arm in ARMS
        }
        seeds = sorted(set.intersection(*(set(runs) for runs in by_arm.values())))
        if not seeds:
            continue
        head = f"| {number} | {len(seeds)}"
        for arm, runs in by_arm.items():
            means = (sum(runs[s][m] for s in seeds) / len(seeds) for m in measures)
            print(f"{head} | {arm} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |")
        for one, other in (("S", "G/S"), ("S", "control"), ("control", "G/S")):
            apart = [
                Difference.of(m, *([by_arm[a][s][m] for s in seeds] for a in (one, other)))
                for m in measures
            ]
            words = (d.words().removeprefix(f"{d.measure} ") for d in apart)
            print(f"{head} | {other} − {one} | " + " | ".join(words) + " |")


def main() -> None:
    """Measure what is missing and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    tables = ["few", "all", "vnc", "shift", "mitochondria"]
    parser.add_argument("table", choices=tables, nargs="?", default="few")
    parser.add_argument("--annotated", type=int, nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--choose", action="store_true", help="the split for choosing settings")
    parser.add_argument("--set", type=json.loads, default={}, help="settings to change, as JSON")
    parser.add_argument("--name", help="of the file of results")
    parser.add_argument("--markdown", action="store_true", help="print the table for the docs")
    args = parser.parse_args()
    name = args.name or f"adversary_{args.table}{'_choose' if args.choose else ''}"
    path: Path = RESULTS / f"{name}.json"
    rows = json.loads(path.read_text())["results"] if path.exists() else []
    for number in args.annotated or {"few": [1, 2, 4], "vnc": [2, 14], "mitochondria": [2]}.get(
        args.table, [20]
    ):
        for seed in args.seeds:
            done = {r["arm"] for r in rows if (r["annotated"], r["seed"]) == (number, seed)}
            missing = tuple(arm for arm in args.arms if arm not in done)
            if missing:
                rows += measure(args.table, number, seed, missing, args)
                save(name, rows)
    (markdown if args.markdown else show)(rows)


if __name__ == "__main__":
    main()
