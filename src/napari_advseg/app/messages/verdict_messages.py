"""The verdict on the masks: first whether a network is usable, then which of the two is better."""

from __future__ import annotations

from math import isfinite
from statistics import fmean

from napari_advseg.app.state.model import AppModel
from napari_advseg.core.evaluation.slice_scores import VALIDATION, SliceTable
from napari_advseg.core.runtime.events import SHORT, NetworkName

USABLE = 0.5
"""Mean F1 of the structure from which a mask is called usable: more than half of it is found and right."""


def verdict_words(model: AppModel) -> str:
    """Whether the networks are usable, by the numbers of the table; then the run's own comparison.

    Of networks that are not usable it does not matter which is better, so nothing is said of that.
    """
    table = model.slice_table
    scores = mean_scores(table, model.structure)
    if not scores:
        return model.verdict
    usable = [name for name, score in scores.items() if score >= USABLE]
    sentence = _usability(table, model.structure, scores, usable)
    return f"{sentence} {model.verdict}".strip() if usable else f"{sentence} {WAY_OUT}"


WAY_OUT = "Train longer, or annotate more slices."


def mean_scores(table: SliceTable, index: int | None) -> dict[NetworkName, float]:
    """Mean F1 of each network over the validation slices, of one class or over all; empty if unknown."""
    rows = [row for row in table.rows if row.use == VALIDATION]
    found: dict[NetworkName, float] = {}
    for name in table.networks:
        values = [score for row in rows if isfinite(score := row.score(name, index))]
        if values:
            found[name] = fmean(values)
    return found


def _usability(
    table: SliceTable,
    index: int | None,
    scores: dict[NetworkName, float],
    usable: list[NetworkName],
) -> str:
    what = "" if index is None or index >= len(table.classes) else f" {table.classes[index]}"
    numbers = ", ".join(f"{SHORT[name]} {score:.3f}" for name, score in scores.items())
    count = sum(row.use == VALIDATION for row in table.rows)
    where = f"mean of {count} validation slices" if count > 1 else "on the validation slice"
    measure = f"F1{what} ({where}): {numbers}."
    if not usable:
        who = "Neither network is" if len(scores) > 1 else "The network is not"
        return f"{who} usable yet. {measure}"
    if len(usable) == len(scores):
        return f"{'Both networks are' if len(scores) > 1 else 'The network is'} usable. {measure}"
    return f"Only {SHORT[usable[0]]} is usable. {measure}"
