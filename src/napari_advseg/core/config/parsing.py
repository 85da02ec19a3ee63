"""Settings from plain values, as a file or a form gives them; a refusal quotes the bad value."""

from __future__ import annotations

from difflib import get_close_matches
from reprlib import Repr
from typing import Any

from pydantic import BaseModel, ValidationError

from napari_advseg.core.runtime.errors import SettingsError, Subject

from .classes import ClassMap
from .settings import RunSettings
from .slice_ranges import parse_slices, parse_validation_slices

SUBJECT_OF_SETTING = {
    "method": Subject.METHOD,
    "preset": Subject.PRESET,
    "updates": Subject.BUDGET,
    "epochs": Subject.BUDGET,
    "minutes": Subject.BUDGET,
    "train": Subject.SPLIT,
    "val": Subject.SPLIT,
    "unannotated": Subject.SPLIT,
    "classes": Subject.CLASSES,
    "threshold": Subject.THRESHOLD,
}
"""Subject that a setting belongs to; the others belong to the settings as a whole."""


def run_settings(values: dict[str, Any]) -> RunSettings:
    """Check plain values and freeze them.

    Slices and classes may be written as on the command line: ``"0:20"``,
    ``"cell=255,membrane=0+32"``.

    Raises
    ------
    SettingsError
        Naming the first setting that is unknown or out of range, and its value.
    SplitError
        If a text of slices cannot be read.
    ClassMapError
        If the classes among them cannot be used.
    """
    try:
        settings = RunSettings.model_validate(_without_shorthand(values))
    except ValidationError as error:
        raise _refusal(error.errors()[0], values) from None
    for epoch, weight in settings.adversarial_weight.steps:
        if epoch < 0 or weight < 0:
            raise SettingsError(
                f"adversarial_weight.steps = [{epoch:g}, {weight:g}] cannot be used: an epoch and λ are 0 "
                "or more."
            )
    return settings


_SHORTHAND = {
    "train": parse_slices,
    "val": parse_validation_slices,
    "unannotated": parse_slices,
    "classes": ClassMap.parse,
}
_EXAMPLES = {
    "train": 'write it as "0:20" or [0, 1, 2]',
    "val": 'write it as "20:30" or [20, 21, 22]',
    "unannotated": 'write it as "3:20" or [3, 4, 5]',
    "classes": 'write it as "cell=255,membrane=0+32"',
}


def _without_shorthand(values: Any) -> Any:
    if not isinstance(values, dict):
        return values
    return {
        name: _SHORTHAND[name](value) if name in _SHORTHAND and isinstance(value, str) else value
        for name, value in values.items()
    }


def _refusal(first: Any, values: Any) -> SettingsError:
    """One sentence for what pydantic found first."""
    parts = tuple(str(part) for part in first["loc"]) or ("settings",)
    name, value, kind = ".".join(parts), first.get("input"), first["type"]
    if parts[0] in _EXAMPLES:
        name, value, why = parts[0], values[parts[0]], _EXAMPLES[parts[0]]
    elif kind == "extra_forbidden":
        why = _no_such_setting(parts)
    elif kind in ("model_type", "model_attributes_type"):
        why = 'write it as {"name": value, ...}'
    else:
        why = _way_out(kind, first.get("ctx", {})) or first["msg"][:1].lower() + first["msg"][1:]
    return SettingsError(
        f"{name} = {_shown(value)} cannot be used: {why}.",
        subject=SUBJECT_OF_SETTING.get(parts[0], Subject.SETTINGS),
    )


def _no_such_setting(parts: tuple[str, ...]) -> str:
    model: type[BaseModel] = RunSettings
    for part in parts[:-1]:
        model = type(model.model_fields[part].default)
    near = get_close_matches(parts[-1], model.model_fields, 1)
    return "there is no such setting, " + (f"the nearest is {near[0]}" if near else "take it out")


def _way_out(kind: str, limits: dict[str, Any]) -> str:
    """What to choose instead, for the kinds of error that pydantic words for programmers."""
    ranges = {
        "ge": "{:g} or more",
        "gt": "more than {:g}",
        "le": "at most {:g}",
        "lt": "less than {:g}",
    }
    for name, words in ranges.items():
        if name in limits:
            return f"choose {words.format(limits[name])}"
    if kind == "literal_error":
        return f"choose {limits['expected']}"
    wanted = {
        "int": "a whole number",
        "float": "a number",
        "finite": "a number",
        "bool": "true or false",
    }
    what = wanted.get(kind.partition("_")[0])
    return f"choose {what}" if what else ""


def _shown(value: Any) -> str:
    """A value, cut short where it is long or deep."""
    brief = Repr()
    brief.maxstring = brief.maxother = brief.maxlong = 60
    return brief.repr(value)
