"""Rows of the class list: colours and pixel counts are added to the classes and taken away again."""

from __future__ import annotations

import pytest

from napari_advseg.app.ports.annotations import ClassRow
from napari_advseg.app.state.annotation_summary import AnnotationSummary
from napari_advseg.app.state.class_list import (
    format_share,
    plain_rows,
    shown_rows,
    with_pixel_counts,
)
from napari_advseg.core.config.classes import ClassMap

ROWS = (ClassRow("cell", (1,)), ClassRow("rim", (2,)), ClassRow("glia", (), "3+-"))


def test_pixels_are_counted_by_values_whatever_the_names():
    summary = AnnotationSummary(ClassMap.of(axon=1, border=2), pixels_of_class=(30, 10))
    rows = with_pixel_counts(shown_rows(ROWS), summary)
    assert [(row.name, row.pixels, row.share) for row in rows] == [
        ("cell", 30, 0.75),
        ("rim", 10, 0.25),
        ("glia", None, None),
    ]
    assert plain_rows(rows) == ROWS


@pytest.mark.parametrize("summary", [None, AnnotationSummary()])
def test_without_a_count_rows_stay_as_they_are(summary):
    assert with_pixel_counts(shown_rows(ROWS), summary) == shown_rows(ROWS)


@pytest.mark.parametrize(
    ("share", "words"),
    [(None, ""), (0.0, "0 %"), (0.004, "<1 %"), (0.126, "13 %"), (1.0, "100 %")],
)
def test_shares_are_formatted_without_decimals(share, words):
    assert format_share(share) == words
