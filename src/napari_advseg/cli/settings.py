"""Settings of a run from the options of the command line and from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from napari_advseg.core.runtime.errors import SettingsError, Subject, short_reason


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
    if budgets:
        settings = {name: value for name, value in settings.items() if name not in BUDGETS}
    merged = {"preset": "quick", **settings, **options}
    network = merged.get("network", {})
    if width is not None and isinstance(network, dict):  # anything else is refused with its name
        merged["network"] = {**network, "width": width}
    return merged


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
