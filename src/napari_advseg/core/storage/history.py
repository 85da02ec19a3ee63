"""The validations of a run as tables, and as the plain values that a checkpoint keeps."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter

from napari_advseg.core.runtime.events import Validated

from .score_names import (
    HEALTH,
    score_columns,
    scores_as_text,
    scores_from_text,
    statistic,
    statistics_as_text,
    statistics_from_text,
)


def metrics_csv(history: tuple[Validated, ...], classes: tuple[str, ...]) -> str:
    """The text of ``metrics.csv``: a row for each validation; what was not measured is empty.

    Where validations measured a sample, the last column says which part.
    """
    columns = score_columns(classes)
    sampled = ["measured on"] if any(v.measured_on for v in history) else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["update", "epoch", "seconds", *columns, *sampled])
    for v in history:
        scores = scores_as_text(v.scores)
        values = (scores.get(column) for column in columns)
        row = ("" if s is None or s != s else f"{s:.6f}" for s in values)
        part = [v.measured_on] if sampled else []
        writer.writerow([v.update, f"{v.epoch:.2f}", f"{v.seconds:.2f}", *row, *part])
    return text.getvalue()


def health_csv(history: tuple[Validated, ...]) -> str:
    """The text of ``discriminator.csv``: a row for each validation (see `HEALTH`)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["update", "λ", *HEALTH])
    for v in history:
        row = (statistic(v.health, name) for name in HEALTH)
        numbers = ("" if n is None or n != n else f"{n:.6g}" for n in row)
        writer.writerow([v.update, f"{v.adversarial_weight:.6g}", *numbers])
    return text.getvalue()


@dataclass(frozen=True)
class _Row:
    """A validation as a checkpoint holds it; its fields are keys of the JSON."""

    update: int
    epoch: float
    seconds: float
    scores: dict[str, float]
    adversarial_weight: float = 0.0
    health: dict[str, float] = field(default_factory=dict)
    measured_on: str = ""


def history_as_json(history: tuple[Validated, ...]) -> list[dict[str, Any]]:
    """Validations as plain values; a score that is not a number is left out."""
    return [
        asdict(
            _Row(
                v.update,
                v.epoch,
                v.seconds,
                {name: s for name, s in scores_as_text(v.scores).items() if s == s},
                v.adversarial_weight,
                statistics_as_text(v.health),
                v.measured_on,
            )
        )
        for v in history
    ]


_ROWS = TypeAdapter(tuple[_Row, ...])


def history_from_json(rows: Any) -> tuple[Validated, ...]:
    """What `history_as_json` wrote.

    Raises
    ------
    ValueError
        If it is something else.
    """
    return tuple(
        Validated(
            row.update,
            row.epoch,
            row.seconds,
            scores_from_text(row.scores),
            row.adversarial_weight,
            statistics_from_text(row.health),
            row.measured_on,
        )
        for row in _ROWS.validate_python(rows)
    )
