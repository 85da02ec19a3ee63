"""The validations of a run as tables, and as the plain values that a checkpoint keeps."""

from __future__ import annotations

import csv
import io
from dataclasses import fields
from typing import Any

from pydantic import TypeAdapter

from napari_advseg.core.runtime.events import Validated

from .score_names import HEALTH, score_columns


def metrics_csv(history: tuple[Validated, ...], classes: tuple[str, ...]) -> str:
    """The text of ``metrics.csv``: a row for each validation; what was not measured is empty."""
    columns = score_columns(classes)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["update", "epoch", "seconds", *columns])
    for v in history:
        scores = (v.scores.get(column) for column in columns)
        row = ("" if s is None or s != s else f"{s:.6f}" for s in scores)
        writer.writerow([v.update, f"{v.epoch:.2f}", f"{v.seconds:.2f}", *row])
    return text.getvalue()


def health_csv(history: tuple[Validated, ...]) -> str:
    """The text of ``discriminator.csv``: a row for each validation (see `HEALTH`)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["update", "λ", *HEALTH])
    for v in history:
        row = (v.health.get(name) for name in HEALTH)
        numbers = ("" if n is None or n != n else f"{n:.6g}" for n in row)
        writer.writerow([v.update, f"{v.adversarial_weight:.6g}", *numbers])
    return text.getvalue()


def history_as_json(history: tuple[Validated, ...]) -> list[dict[str, Any]]:
    """Validations as plain values; a score that is not a number is left out."""
    return [
        {f.name: getattr(v, f.name) for f in fields(v)}
        | {"scores": {k: s for k, s in v.scores.items() if s == s}}
        for v in history
    ]


_HISTORY = TypeAdapter(tuple[Validated, ...])


def history_from_json(rows: Any) -> tuple[Validated, ...]:
    """What `history_as_json` wrote.

    Raises
    ------
    ValueError
        If it is something else.
    """
    return _HISTORY.validate_python(rows)
