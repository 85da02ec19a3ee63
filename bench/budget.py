"""Wall time of runs in minutes: asked and taken, with the share of validation.

    python bench/budget.py                       # the whole table, three times each: 75 minutes
    python bench/budget.py --data isbi crop --minutes 1 --times 1
    python bench/budget.py --whole-stack         # with the masks of the whole stack, as in the window

Data: `isbi` (20 training and 10 validation slices of 512²), `stack` (synthetic, 55 × 768 × 1024, rare blobs),
`crop` (one synthetic slice of 4000 × 5000 of which a rectangle is labelled). Times are from the call of `train`
to its return. With `--whole-stack` a stack whose prediction takes more than a third of the minutes follows
after them; the time to its beginning is recorded, too. Run it on a machine that does nothing else. Results are
written after each run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from common import TRAIN, VAL, isbi, machine, save
from scipy.ndimage import gaussian_filter

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.runtime.events import Activity, Doing, Event, FinalScores, SlicePredicted
from napari_advseg.core.training.engine import train

Data = tuple[EMStack, Annotation, dict[str, Any]]
PROMISE = 0.15
"""Largest relative difference of asked and taken time."""


def blobs(shape: tuple[int, int, int], share: float) -> tuple[np.ndarray, np.ndarray]:
    """Grey values, uint8, and labels: 1 in bright blobs that cover `share` of the pixels, 2 elsewhere."""
    draws = np.random.default_rng(0)
    grey = np.empty(shape, np.uint8)
    labels = np.empty(shape, np.uint8)
    for z in range(shape[0]):
        field = gaussian_filter(draws.standard_normal(shape[1:], np.float32), 8)
        inside = field > np.quantile(field, 1 - share)
        labels[z] = np.where(inside, 1, 2)
        noise = draws.standard_normal(shape[1:], np.float32)
        grey[z] = np.clip(110 + 40 * inside + 30 * noise, 0, 255)
    return grey, labels


def of_isbi() -> Data:
    stack, annotation = isbi()
    return stack, annotation, {"train": TRAIN, "val": VAL}


def of_stack() -> Data:
    grey, labels = blobs((55, 768, 1024), 0.02)
    classes = ClassMap.of(blob=1, background=2)
    return EMStack.from_array(grey), Annotation.from_labels(labels, classes), {}


def of_crop() -> Data:
    grey, labels = blobs((1, 4000, 5000), 0.1)
    kept = np.zeros_like(labels)
    kept[0, 1500:2500, 2200:4200] = labels[0, 1500:2500, 2200:4200]
    classes = ClassMap.of(blob=1, background=2)
    return EMStack.from_array(grey), Annotation.from_labels(kept, classes), {}


DATA: dict[str, Callable[[], Data]] = {"isbi": of_isbi, "stack": of_stack, "crop": of_crop}


class Listener:
    """Notes when what happened, in seconds since `train` was called."""

    def __init__(self) -> None:
        self.started = perf_counter()
        self.first_masks: float | None = None
        self.stack_began: float | None = None
        self.final = ""

    def __call__(self, event: Event) -> None:
        """Note one event."""
        now = round(perf_counter() - self.started, 2)
        if isinstance(event, SlicePredicted) and self.first_masks is None:
            self.first_masks = now
        elif isinstance(event, Doing) and event.activity is Activity.PREDICTING:
            self.stack_began = now
        elif isinstance(event, FinalScores):
            self.final = event.measured_on


def measure(data: Data, minutes: float, threads: int | None, whole_stack: bool) -> dict[str, Any]:
    """Make one run and return what it took."""
    stack, annotation, changes = data
    settings = from_preset("quick", minutes=minutes, threads=threads, **changes)
    with TemporaryDirectory() as home:
        listener = Listener()
        result = train(
            settings,
            stack,
            annotation,
            Path(home) / "run",
            on_event=listener,
            whole_stack=whole_stack,
        )
        taken = perf_counter() - listener.started
    last = result.history[-1]
    return {
        "asked_minutes": minutes,
        "taken_seconds": round(taken, 2),
        "ratio": round(taken / (60 * minutes), 3),
        "updates": last.update,
        "validations": len(result.history),
        "share_validation": round(result.summary["validation_seconds"] / taken, 3),
        "share_training": round(last.seconds / taken, 3),
        "first_masks_seconds": listener.first_masks,
        "stack_began_seconds": listener.stack_began,
        "validations_measured": last.measured_on or "all",
        "final_measured": listener.final or last.measured_on or "all",
        "load": machine()["load"],
    }


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--minutes", nargs="+", type=float, default=[1.0, 2.0, 5.0])
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--whole-stack", action="store_true")
    parser.add_argument("--name", default="budget")
    args = parser.parse_args()
    runs: list[dict[str, Any]] = []
    for name in args.data:
        data = DATA[name]()
        for minutes in args.minutes:
            for _ in range(args.times):
                found = measure(data, minutes, args.threads, args.whole_stack)
                runs.append({"data": name, "whole_stack": args.whole_stack, **found})
                print(runs[-1], flush=True)
                save(args.name, {"promise": PROMISE, "runs": runs})
    ratios = [run["ratio"] for run in runs]
    kept = sum(abs(ratio - 1) <= PROMISE for ratio in ratios)
    print(f"{kept} of {len(runs)} runs within {PROMISE:.0%}; median ratio {median(ratios):.2f}")


if __name__ == "__main__":
    main()
