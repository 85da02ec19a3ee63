"""The paired `quick` run on ISBI 2012: F1 cell, F1 membrane, V_Rand, V_Info of S and of G/S.

    python bench/paired_isbi.py --seeds 0 1 2

Train slices 0–19, scored on whole slices 20–29 with the last weights; V_Rand and V_Info at their best
threshold, without test-time averaging. Finished seeds are kept, so an interrupted call goes on where
it was; after a change of the code remove the file of results first.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from common import RESULTS, TRAIN, VAL, isbi, save

from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.training.engine import train

COLUMNS = ("F1 cell", "F1 membrane", "V_Rand", "V_Info")


def measure(seed: int, changes: dict[str, Any]) -> dict[str, Any]:
    """The four numbers of both networks, and how long training took."""
    stack, annotation = isbi()
    settings = from_preset(
        "quick", method="paired", seed=seed, train=TRAIN, val=VAL, samples=0, **changes
    )
    summary = train(settings, stack, annotation).summary
    found: dict[str, Any] = {"seed": seed, "training seconds": summary["training_seconds"]}
    for name, short in (("standard", "S"), ("adversarial", "G/S")):
        f1 = [summary["scores"][f"{short} F1 {c} val"] for c in ("cell", "membrane")]
        boundaries = [summary["boundaries"][name][v] for v in ("V_Rand", "V_Info")]
        found[short] = dict(zip(COLUMNS, [*f1, *boundaries], strict=True))
    return found


def main() -> None:
    """Measure what is missing and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--updates", type=int, default=None, help="instead of the preset's")
    args = parser.parse_args()
    name = f"paired_isbi{f'_{args.updates}' if args.updates else ''}"
    path = RESULTS / f"{name}.json"
    done = json.loads(path.read_text())["results"] if path.exists() else []
    for seed in args.seeds:
        if seed not in {r["seed"] for r in done}:
            changes = {"threads": args.threads}
            if args.updates:
                changes["updates"] = args.updates
            done.append(measure(seed, changes))
            save(name, done)
    print(f"{'seed':>4} {'network':>8} " + " ".join(f"{c:>12}" for c in COLUMNS))
    for r in done:
        for short in ("S", "G/S"):
            print(f"{r['seed']:>4} {short:>8} " + " ".join(f"{r[short][c]:12.4f}" for c in COLUMNS))


if __name__ == "__main__":
    main()
