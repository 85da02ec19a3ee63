"""What errors are about, and errors in a few words, to stand within a sentence."""

from __future__ import annotations

import pytest

from napari_advseg.core.runtime.errors import (
    AdvSegError,
    ImageError,
    Subject,
    first_line,
    short_reason,
)

FULL = OSError(28, "No space left on device", "/data/run")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FULL, "No space left on device"),
        (OSError("odd"), "odd"),
        (ValueError("embedded null byte"), "embedded null byte"),
        (RuntimeError("first\nsecond"), "first"),
        (RuntimeError(" \n"), "RuntimeError"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_a_reason_is_short(error, reason):
    assert short_reason(error) == reason


def test_the_first_line_is_the_whole_of_it():
    assert first_line(FULL) == "[Errno 28] No space left on device: '/data/run'"
    assert first_line(RuntimeError("first\nsecond")) == "first"


def test_a_subject_is_that_of_the_class_unless_another_is_given():
    assert ImageError("x").subject is Subject.IMAGE
    assert ImageError("x", subject=Subject.UNANNOTATED).subject is Subject.UNANNOTATED
    assert AdvSegError("x").subject is Subject.OTHER
    with pytest.raises(TypeError):
        AdvSegError("x", control="budget")
