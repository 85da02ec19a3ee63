"""Named settings: quick for a laptop, balanced and best for a GPU, seed2017 to compare with."""

from __future__ import annotations

from typing import Any

from napari_advseg.core.runtime.errors import SettingsError, Subject

from .parsing import run_settings
from .settings import RunSettings, Settings

# Half of the patches lie around a pixel of a class picked at random, and soft Dice counts beside the
# cross-entropy: without both a structure of a few per cent of the pixels is not found at all in 300 updates.
RARE_CLASSES = {"class_balance": 0.5, "dice": 1.0, "calibrate": True}

PRESETS: dict[str, dict[str, Any]] = {
    # Short runs: averages of batch normalisation over more batches than torch's own, an optimizer that
    # forgets faster, and noise; with few labels grey values vary, too (see `resolve_settings`).
    "quick": {
        **RARE_CLASSES,
        "updates": 300,
        "dice": None,  # by the number of labels (see `resolve_settings`)
        "average": 0.95,
        "network": {"norm_momentum": 0.05},
        "optimizer": {"betas": (0.9, 0.99)},
        "augmentation": {"brightness": 0.0, "contrast": 0.0, "noise": 0.4},
    },
    "balanced": {
        **RARE_CLASSES,
        "updates": 4000,
        "average": 0.995,
        "validations": 20,
        "patch": 256,
        "network": {"width": 32, "dropout": 0.1},
        "discriminator": {"width": 48},
        "optimizer": {"rate": 2e-3},
        "augmentation": {"rotation": 15.0, "scale": 0.1, "elastic": 4.0, "gamma": 0.1},
    },
    "best": {
        **RARE_CLASSES,
        "updates": 20000,
        "average": 0.999,
        "validations": 40,
        "patch": 256,
        "batch": 16,
        "network": {"width": 64, "dropout": 0.1},
        "discriminator": {"width": 64},
        "optimizer": {"rate": 1e-3},
        "augmentation": {"rotation": 45.0, "scale": 0.2, "elastic": 6.0, "gamma": 0.2, "blur": 0.5},
    },
    # The experiment of 2017 to the letter; the facts and their source stand in docs/seed2017.md.
    "seed2017": {
        "updates": 10_000,
        "validations": 20,
        "patch": 128,
        "batch": 8,
        "precision": "float32",
        "fixed_patches": 800,
        "samples": 10,
        "scores": "batches",
        "probability_clip": 1e-7,
        "scale": 1,
        "keep": "last",
        "network": {
            "width": 32,
            "depth": 4,
            "norm": "batch",
            "norm_momentum": 0.01,
            "norm_epsilon": 1e-3,
            "initialisation": "truncated",
            "dropout": 0.1,
            "biases": True,
        },
        "discriminator": {
            "head": "dense",
            "width": None,  # as wide as S
            "depth": 4,
            "norm": "batch",
            "averages": True,
            "norm_momentum": 0.01,
            "norm_epsilon": 1e-3,
            "initialisation": "truncated",
            "sees_image": False,
            "mask": "probability",
            "gaps": 0.0,
            "biases": True,
            "real_target": 1.0,
            "batches": "shuffled",
        },
        "adversarial_weight": {"kind": "steps", "value": 1.0, "steps": ((0.0, 0.1), (3.0, 1.0))},
        "optimizer": {
            "name": "rmsprop",
            "rate": 1e-3,
            "schedule": "keras-decay",
            "decay": 1e-3,
            "betas": (0.9, 0.9),  # RMSprop's ρ is the second
            "epsilon": 1e-8,
            "weight_decay": 0.0,
            "clip": None,
        },
        "discriminator_optimizer": {
            "name": "keras-adam",
            "rate": 1e-3,
            "schedule": "constant",
            "betas": (0.9, 0.999),
            "epsilon": 1e-8,
            "weight_decay": 0.0,
            "clip": None,
        },
        "alternation": {
            "kind": "block",
            "generator_updates": 500,
            "discriminator_updates": 1000,
        },
        "augmentation": {
            "flip": False,
            "quarter_turns": True,
            "brightness": 0.0,
            "contrast": 0.0,
            "noise": 0.0,
        },
    },
}

PRESET_WORDS: dict[str, str] = {
    "quick": "Small network; minutes on a laptop without a GPU.",
    "balanced": "Wider network and stronger augmentation; minutes on a GPU, hours on a CPU.",
    "best": "The widest network, long training; for a GPU.",
    "seed2017": "The 2017 experiment to the letter, to compare with: 20 epochs, for a GPU.",
}


def from_preset(preset: str = "quick", **changes: Any) -> RunSettings:
    """Settings of a preset with changes.

    Parameters
    ----------
    preset : str
        ``"quick"``, ``"balanced"``, ``"best"`` or ``"seed2017"``.
    **changes
        Settings that replace the preset's; a group may be given in part, as a dict.

    Raises
    ------
    SettingsError
        If the preset is unknown or a setting is out of range.
    ClassMapError
        If the classes among the changes cannot be used.

    Examples
    --------
    >>> from_preset("quick", updates=40, network={"width": 8}).network.width
    8
    """
    if not isinstance(preset, str) or preset not in PRESETS:
        raise SettingsError(
            f"There is no preset {preset!r}: choose one of {', '.join(PRESETS)}.",
            subject=Subject.PRESET,
        )
    values = {"preset": preset, **PRESETS[preset]}
    if any(changes.get(budget) is not None for budget in ("updates", "epochs", "minutes")):
        values.pop("updates", None)
    for name, change in changes.items():
        if isinstance(change, dict) and isinstance(values.get(name, {}), dict):
            values[name] = {**_default_group(name), **values.get(name, {}), **change}
        else:
            values[name] = change
    return run_settings(values)


def _default_group(name: str) -> dict[str, Any]:
    """A group's values where nothing is changed: D's optimizer has others than S's."""
    field = RunSettings.model_fields.get(name)
    default = field.default if field is not None else None
    return default.model_dump() if isinstance(default, Settings) else {}
