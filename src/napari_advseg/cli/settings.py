"""Settings of a run from the options of the command line and from a file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_advseg.core.config.slice_ranges import parse_slices
from napari_advseg.core.runtime.errors import (
    ClassMapError,
    SettingsError,
    SplitError,
    Subject,
    short_reason,
)

if TYPE_CHECKING:
    from napari_advseg.core.config.settings import RunSettings
    from napari_advseg.core.data.annotation import Annotation


def given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}


def threshold_option(text: str | None) -> float | Literal["auto"] | None:
    """The value of ``--threshold``: a number or ``auto``.

    Raises
    ------
    SettingsError
        If it is neither.
    """
    if text is None:
        return None
    if text == "auto":
        return "auto"
    try:
        return float(text)
    except ValueError:
        raise SettingsError(
            f"--threshold {text} is no number: give one from 0 to 1, or auto.",
            subject=Subject.THRESHOLD,
        ) from None


BUDGETS = ("updates", "epochs", "minutes")


def with_options(
    settings: dict[str, Any], options: dict[str, Any], width: int | None
) -> dict[str, Any]:
    """Settings of a file with the options in their place; one budget replaces all others."""
    budgets = [name for name in BUDGETS if name in options]
    if len(budgets) > 1:
        raise SettingsError(
            f"Both --{budgets[0]} and --{budgets[1]} are given: choose one.", subject=Subject.BUDGET
        )
    if budgets:  # a recorded plan belongs to the budget of its run
        replaced = (*BUDGETS, "plan")
        settings = {name: value for name, value in settings.items() if name not in replaced}
    merged = {"preset": "quick", **settings, **options}
    network = merged.get("network", {})
    if width is not None and isinstance(network, dict):  # anything else is refused with its name
        merged["network"] = {**network, "width": width}
    return merged


def held_out_note(settings: RunSettings, annotation: Annotation) -> tuple[str, ...]:
    """Which slices the default split takes from training, and the option that trains on all."""
    from napari_advseg.core.data.split import default_split, held_out_sentence

    if settings.train is not None or settings.val is not None:
        return ()
    try:
        sentence = held_out_sentence(default_split(annotation, settings.patch))
    except SplitError:  # the engine refuses it
        return ()
    return (f"{sentence} To train on all: --val none.",) if sentence else ()


def with_only(annotation: Annotation, options: Iterable[str]) -> Annotation:
    """The annotation with slices that are wholly of one class, from ``name=slices`` for each class.

    Raises
    ------
    AdvSegError
        If an option is not of that form, or a slice cannot be marked.
    """
    for option in options:
        name, equals, slices = option.partition("=")
        if not equals:
            raise ClassMapError(
                f"--only {option!r} is not of the form name=slices: write for example background=3,7:10."
            )
        annotation = annotation.only(name.strip(), parse_slices(slices))
    return annotation


def settings_file(path: Path | None) -> dict[str, Any]:
    """The settings of a JSON file, or of a run's ``config.json``; none without a file.

    Raises
    ------
    SettingsError
        If it cannot be read, or is something else.
    """
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"There is no file {path}: check the path.") from None
    except (OSError, ValueError, RecursionError) as error:
        reason = short_reason(error)
        if isinstance(error, UnicodeDecodeError):
            reason = "it is no text"
        raise SettingsError(
            f"The settings {path} cannot be read ({reason}): give a JSON file."
        ) from None
    if not isinstance(found, dict):
        raise SettingsError(
            f'The settings {path} are no JSON object: write for example {{"patch": 64}}.'
        )
    settings = found.get("settings", found)  # of a run's config.json
    return dict(settings) if isinstance(settings, dict) else found
