"""What stands under the per-slice table."""

from __future__ import annotations

from napari_advseg.core.evaluation.slice_scores import TRAINING, VALIDATION, SliceTable


def table_words(table: SliceTable, kept: bool) -> str:
    """The marks of a table in words, those alone that it holds.

    Parameters
    ----------
    table : SliceTable
    kept : bool
        Whether a loaded run kept it, so that the threshold does not move it.
    """
    if not table.rows:
        return ""
    uses = {row.use for row in table.rows}
    sentences = []
    if kept:
        level = "" if table.threshold is None else f", at threshold {table.threshold:g}"
        sentences.append(f"As kept at the end of the run{level}: apply it to see its masks.")
    if uses == {""}:
        sentences.append("None of these slices is annotated, so no F1.")
        return " ".join(sentences)
    if VALIDATION in uses:
        sentences.append("Bold: validation.")
    if TRAINING in uses:
        sentences.append("T: trained on, its F1 flatters.")
    if "" in uses:
        sentences.append("–: not annotated.")
    return " ".join(sentences)
