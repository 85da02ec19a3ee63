"""The 2017 experiment on ISBI 2012, with D as it was then or with the default D.

    python bench/seed2017.py                          # preset seed2017 at width 8, 20 epochs
    python bench/seed2017.py --discriminator default  # the same with the default D
    python bench/seed2017.py --width 32               # as in 2017; about 70 minutes on a GTX 1080 then

It goes on where it was when it is called again (its run folder lies in bench/runs), and after each
epoch writes the scores to bench/results/seed2017_w8.json. For the figure beside the curves of 2017:

    advseg plot bench/runs/seed2017_w8 ../shared/data/seed2017-metrics.csv -o FIGURE.png
"""

from __future__ import annotations

import argparse
from typing import Any

from common import ROOT, TRAIN, VAL, isbi, save

from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.config.settings import DiscriminatorSettings, RunSettings
from napari_advseg.core.runtime.events import Event, RunStarted, Validated
from napari_advseg.core.storage.history import history_as_json
from napari_advseg.core.storage.run_folder import CHECKPOINT, load_run
from napari_advseg.core.storage.score_names import scores_as_text
from napari_advseg.core.training import engine

SEED_S, SEED_GS = 0.9492, 0.9459  # best validation F1 in 2017
JUMP = 0.75  # D's validation accuracy fell below this once in 2017, and was above 0.9 otherwise


def chosen_settings(args: argparse.Namespace) -> RunSettings:
    """The preset at the asked width; the default D where it is asked for."""
    changes: dict[str, Any] = {"discriminator": {"width": args.width}}
    if args.discriminator == "default":
        optimizer = RunSettings().discriminator_optimizer
        changes = {
            "discriminator": DiscriminatorSettings().model_dump(),
            "discriminator_optimizer": optimizer.model_dump(),
        }
    if args.threads:
        changes["threads"] = args.threads
    return from_preset(
        "seed2017",
        method=args.method,
        seed=args.seed,
        epochs=args.epochs,
        device=args.device,
        precision=args.precision,
        train=TRAIN,
        val=VAL,
        network={"width": args.width},
        **changes,
    )


def main() -> None:
    """Train to the end, or further, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--discriminator", choices=("seed", "default"), default="seed")
    parser.add_argument("--method", choices=("paired", "adversarial"), default="paired")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    name = f"seed2017_w{args.width}" + (
        "" if args.discriminator == "seed" else f"_{args.discriminator}_d"
    )
    name += f"_seed{args.seed}" if args.seed else ""
    folder = ROOT / "bench" / "runs" / name
    history: list[Validated] = []

    def on_event(event: Event) -> None:
        if isinstance(event, RunStarted):
            history.extend(event.history)
        elif isinstance(event, Validated):
            history.append(event)
            save(name, history_as_json(tuple(history)))
            print(row(event), flush=True)

    stack, annotation = isbi()
    if (folder / CHECKPOINT).exists():
        run = load_run(folder)
        if run.history and len(run.history) >= args.epochs:
            history.extend(run.history)
        else:
            engine.resume(folder, stack, on_event=on_event)
    else:
        engine.train(chosen_settings(args), stack, annotation, folder, on_event=on_event)
    report(history)


def row(one: Validated) -> str:
    """An epoch in one line."""
    names = ("S F1 val", "G/S F1 val", "D Accuracy train", "D Accuracy val", "G/D Accuracy val")
    scores = scores_as_text(one.scores)
    shown = (f"{name} {scores.get(name, float('nan')):.4f}" for name in names)
    return f"epoch {one.epoch:4.1f}  {one.seconds:7.0f} s  " + "  ".join(shown)


def report(history: list[Validated]) -> None:
    """Print every epoch, and the best F1 beside those of 2017."""
    for one in history:
        print(row(one))
    texts = [scores_as_text(one.scores) for one in history]
    for name, then in (("S F1 val", SEED_S), ("G/S F1 val", SEED_GS)):
        found = [scores[name] for scores in texts if name in scores]
        if found:
            print(f"best {name}: {max(found):.4f}, in 2017 at width 32: {then}")
    discriminator = [scores["D Accuracy val"] for scores in texts if "D Accuracy val" in scores]
    low = sum(value < JUMP for value in discriminator)
    print(
        f"D Accuracy val below {JUMP} in {low} of {len(discriminator)} epochs, in 2017 in 1 of 20"
    )


if __name__ == "__main__":
    main()
