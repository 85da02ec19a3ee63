"""Time of one call of `augment` for each setting, in milliseconds, on random patches.

Run ``python bench/augment.py [--batch 8] [--patch 128] [--device cpu] [--threads 1]
[--repeats 40]``. The settings take turns within each repeat, so that a busy moment of the machine
falls on all of them.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from napari_advseg.core.config.settings import AugmentationSettings
from napari_advseg.core.data.augmentation import augment

OFF = AugmentationSettings(flip=False, quarter_turns=False, brightness=0, contrast=0, noise=0)
WARP = {"rotation": 45.0, "scale": 0.2, "elastic": 6.0}
VARIANTS = {
    "everything off": OFF,
    "flips and quarter turns": OFF.model_copy(update={"flip": True, "quarter_turns": True}),
    "brightness and contrast": OFF.model_copy(update={"brightness": 0.2, "contrast": 0.2}),
    "noise": OFF.model_copy(update={"noise": 0.1}),
    "gamma": OFF.model_copy(update={"gamma": 0.2}),
    "blur": OFF.model_copy(update={"blur": 0.5}),
    "rotation and scale": OFF.model_copy(update={"rotation": 45.0, "scale": 0.2}),
    "rotation, scale and elastic": OFF.model_copy(update=WARP),
    "the default": AugmentationSettings(),
    "everything": AugmentationSettings(gamma=0.2, blur=0.5, **WARP),
}


def milliseconds(
    settings: AugmentationSettings, batch: int, patch: int, device: torch.device
) -> float:
    generator = torch.Generator(device).manual_seed(0)
    images = torch.randn(batch, 1, patch, patch, generator=generator, device=device)
    targets = torch.randint(2, (batch, patch, patch), generator=generator, device=device).byte()
    _wait(device)
    begun = time.perf_counter()
    augment(images, targets, settings, generator)
    _wait(device)
    return 1e3 * (time.perf_counter() - begun)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--patch", type=int, default=128)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=40)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    times: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for repeat in range(options.repeats + 3):
        for name, settings in VARIANTS.items():
            taken = milliseconds(settings, options.batch, options.patch, options.device)
            if repeat >= 3:  # the first calls warm up
                times[name].append(taken)
    print(f"{options.batch} × {options.patch}², {options.device}, {options.threads} thread(s), ms")
    print(f"{'':30}{'median':>8}{'fastest':>9}")
    for name, taken_all in times.items():
        print(f"{name:30}{statistics.median(taken_all):8.2f}{min(taken_all):9.2f}")


if __name__ == "__main__":
    main()
