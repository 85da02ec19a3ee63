"""Training time until S reaches the cell F1 of 2017, `quick` against a plain loop, side by side.

    python bench/time_to_f1.py --seeds 0 1 2

The plain loop is the obvious script: the same U-Net of width 16 with dropout 0.1, batch 8 of 128²,
flips and quarter turns, AdamW with torch's own one-cycle rate peaking at 3e-3 over 300 updates, bf16
autocast, channels_last. Both train on ISBI slices 0–19 and are scored on whole slices 20–29 every 25
updates; that scoring does not count. For each seed the two run one after the other in this process. Where
the plain loop does not reach the target its whole training time stands in, which favours it; where
`quick` does not, the ratio is infinite.
"""

from __future__ import annotations

import argparse
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch
from common import TRAIN, VAL, isbi, save
from torch import nn

from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.training.engine import train

TARGET = 0.9492  # best validation F1 of S in the 2017 experiment
EVERY = 25


def block(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    """One level: conv → BatchNorm → LeakyReLU → dropout → conv → BatchNorm → LeakyReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2),
        nn.Dropout(dropout),
        nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2),
    )  # fmt: skip


class PlainUNet(nn.Module):
    """The U-Net of the 2017 experiment, written independently of the package."""

    def __init__(self, width: int = 16, depth: int = 4, dropout: float = 0.1) -> None:
        super().__init__()
        sizes = [width * 2**k for k in range(depth + 1)]
        inputs = [1, *sizes[:-1]]
        self.down = nn.ModuleList(block(a, b, dropout) for a, b in zip(inputs, sizes, strict=True))
        self.up = nn.ModuleList(block(3 * s, s, dropout) for s in sizes[-2::-1])
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of images (N, 1, H, W)."""
        skips = []
        for level in self.down:
            x = level(x)
            skips.append(x)
            x = nn.functional.max_pool2d(x, 2)
        x = skips.pop()
        for level in self.up:
            x = level(torch.cat([nn.functional.interpolate(x, scale_factor=2), skips.pop()], 1))
        return self.head(x)


def plain_loop(
    images: np.ndarray, cells: np.ndarray, seed: int, updates: int, dropout: float
) -> list[tuple[int, float, float]]:
    """(update, training seconds, cell F1) at each scoring."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = PlainUNet(dropout=dropout).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=updates)
    loss_of = nn.BCEWithLogitsLoss()
    seconds, scores = 0.0, []
    for update in range(1, updates + 1):
        started = perf_counter()
        xs, ys = [], []
        for _ in range(8):
            z, y, x = rng.integers(len(TRAIN)), rng.integers(385), rng.integers(385)
            turns, flip = rng.integers(4), rng.integers(2)
            for source, out in ((images, xs), (cells, ys)):
                patch = np.rot90(source[z, y : y + 128, x : x + 128], turns)
                out.append(np.ascontiguousarray(patch[::-1] if flip else patch))
        batch = torch.from_numpy(np.stack(xs))[:, None].to(memory_format=torch.channels_last)
        truth = torch.from_numpy(np.stack(ys))[:, None]
        net.train()
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(net(batch).float(), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
        seconds += perf_counter() - started
        if update % EVERY == 0:
            scores.append((update, seconds, plain_score(net, images, cells)))
    return scores


def plain_score(net: nn.Module, images: np.ndarray, cells: np.ndarray) -> float:
    """Cell F1 on the whole validation slices, pooled, at threshold 0.5."""
    net.eval()
    hits = found = true = 0
    for z in VAL:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            image = torch.from_numpy(images[z])[None, None].to(memory_format=torch.channels_last)
            cell = net(image)[0, 0].float().numpy() > 0
        truth = cells[z] > 0.5
        hits, found, true = hits + (cell & truth).sum(), found + cell.sum(), true + truth.sum()
    return float(2 * hits / (found + true))


def quick(
    stack: EMStack, annotation: Annotation, seed: int, changes: dict[str, Any]
) -> list[tuple[int, float, float]]:
    """The same three numbers of a `quick` run of S."""
    settings = from_preset(
        "quick", method="standard", seed=seed, train=TRAIN, val=VAL,
        validate_every=EVERY, samples=0, **changes,
    )  # fmt: skip
    result = train(settings, stack, annotation)
    return [(v.update, v.seconds, v.scores.standard.f1_val) for v in result.history]


def time_to_target(scores: list[tuple[int, float, float]]) -> tuple[int, float] | None:
    """Update and training seconds of the first scoring at the target; None if it was not reached."""
    return next(((update, seconds) for update, seconds, f1 in scores if f1 >= TARGET), None)


def ratio(plain: list[tuple[int, float, float]], ours: list[tuple[int, float, float]]) -> float:
    """Training time of `quick` to the target over that of the plain loop, at most."""
    reached, plain_reached = time_to_target(ours), time_to_target(plain)
    if reached is None:
        return float("inf")
    return reached[1] / (plain_reached or plain[-1])[1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--plain-updates", type=int, default=300)
    parser.add_argument("--plain-dropout", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--name", default="time_to_f1")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    stack, annotation = isbi()
    grey = np.asarray(stack.data, np.float32)
    images = ((grey - grey.mean()) / grey.std()).astype(np.float32)
    cells = (annotation.targets == 0).astype(np.float32)
    results: list[dict[str, Any]] = []
    ratios: list[float] = []
    for seed in args.seeds:
        plain = plain_loop(images, cells, seed, args.plain_updates, args.plain_dropout)
        ours = quick(stack, annotation, seed, {"threads": args.threads})
        ends = {"plain": time_to_target(plain), "quick": time_to_target(ours)}
        ratios.append(ratio(plain, ours))
        results.append({"seed": seed, "plain": plain, "quick": ours, "reached": ends})
        print(f"seed {seed}: plain {ends['plain']}, quick {ends['quick']}, ratio {ratios[-1]:.2f}")
    print(f"median ratio {median(ratios):.2f}")
    print(save(args.name, {"target": TARGET, "ratios": ratios, "runs": results}))


if __name__ == "__main__":
    main()
