"""Which settings the advanced form shows, and what it says of each: read from the settings themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from napari_advseg.core.config.settings import RunSettings

from .run_form import Choices, settings_of

SHOWN = {
    "seed": "seed",
    "patch": "patch (pixels)",
    "batch": "batch (patches)",
    "network.width": "width",
    "optimizer.rate": "learning rate",
    "adversarial_weight.value": "λ at full height",
    "validations": "validations",
    "scale": "pixel size of networks",
    "keep": "weights shown",
    "device": "device",
    "threads": "CPU threads",
}
"""Dotted names of the settings in the form, with their labels."""

TOOLTIPS = {
    "seed": "Seed of all random draws: weights, patches, augmentation. The same seed repeats a run.",
    "network.width": "Channels of the U-Net's first level; each further level has twice as many.",
    "adversarial_weight.value": "Weight of the adversarial term in G/S's loss, once it has risen fully.",
    "validations": "How often a run validates, evenly spread over its updates.",
    "threads": "CPU threads that train; the window keeps one core for itself.",
    "scale": "Pixels of the image along a side of one pixel that the networks see: larger for large "
    "structures. Automatic goes by the annotated objects. Masks and scores are of the image's own pixels.",
    "keep": "Weights that masks are of at the end of a run and when it is applied: those of the best "
    "validation, or of the last update. Both are kept.",
}
"""Tooltips where the documentation of a setting speaks of other settings by their names in code."""
CHOICES: Mapping[str, Mapping[str, Any]] = MappingProxyType({
    "device": {name: name for name in ("auto", "cpu", "cuda", "mps")},
    "scale": {"automatic": None, **{f"{side} × {side}": side for side in (1, 2, 4, 8)}},
    "keep": {"best": "best", "last": "last"},
})  # fmt: skip
"""Settings that are chosen from a list: the words of each entry and its value."""
_MOST = 2**31 - 1


@dataclass(frozen=True)
class FieldSpec:
    """One field of the form.

    Attributes
    ----------
    name : str
        Dotted name of the setting.
    label : str
        What stands before the field.
    description : str
        One sentence from the setting's own documentation.
    kind : type
        ``int``, ``float`` or ``str``.
    minimum, maximum : float
        Range of a number.
    options : mapping of str to value
        Words and values of what can be chosen; empty where a number is typed.
    """

    name: str
    label: str
    description: str
    kind: type
    minimum: float = 0
    maximum: float = _MOST
    options: Mapping[str, Any] = field(default_factory=dict)


def field_specs() -> tuple[FieldSpec, ...]:
    """The fields of the advanced form, in order."""
    return tuple(_spec(name, label) for name, label in SHOWN.items())


def _spec(name: str, label: str) -> FieldSpec:
    model: type[BaseModel] = RunSettings
    *groups, leaf = name.split(".")
    for group in groups:
        model = model.model_fields[group].annotation  # type: ignore[assignment]
    info = model.model_fields[leaf]
    words = TOOLTIPS.get(name) or info.description or label.capitalize()
    words = " ".join(words.replace("`", "").split())
    if name == "device":
        words = f"Where to compute: {words}"
    if name in CHOICES:
        return FieldSpec(name, label, words, str, options=CHOICES[name])
    kind = float if info.annotation is float else int
    limits: dict[str, Any] = {}
    for rule in info.metadata:
        limits |= {
            key: getattr(rule, key) for key in ("ge", "gt", "le", "lt") if hasattr(rule, key)
        }
    step = 1 if kind is int else 0
    minimum = limits.get("ge", limits.get("gt", 0) + step if "gt" in limits else 0)
    maximum = limits.get("le", limits["lt"] - step if "lt" in limits else _MOST)
    return FieldSpec(name, label, words, kind, minimum, min(maximum, _MOST))


def preset_values(choices: Choices) -> Mapping[str, Any]:
    """What each field holds while nobody changed it."""
    settings = settings_of(replace(choices, advanced=MappingProxyType({})))
    return {name: _value(settings, name) for name in SHOWN}


def _value(settings: RunSettings, name: str) -> Any:
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value
