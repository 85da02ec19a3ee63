"""Slice indices as text: ``0:20`` or ``0:5,8``."""

from __future__ import annotations

from collections.abc import Sequence

from napari_advseg.core.runtime.errors import SplitError

MOST_SLICES = 10**6  # beyond any stack; keeps a slip of the finger out of the memory


def parse_slices(text: str) -> tuple[int, ...]:
    """Read ``"0:20"``, ``"3"`` or ``"0:5,8,10:12"`` into slice indices; ends are excluded.

    Raises
    ------
    SplitError
        If the text is not of that form or names no slice.
    """
    found: set[int] = set()
    try:
        for part in text.split(","):
            first, colon, last = part.partition(":")
            slices = range(int(first or 0), int(last) if colon else int(first) + 1)
            if not slices or slices[0] < 0 or slices[-1] >= MOST_SLICES:
                raise ValueError
            found.update(slices)
    except (ValueError, OverflowError):
        raise SplitError(
            f"The slices {text[:40]!r} are not of the form 0:20 or 0:5,8: write the first and the end."
        ) from None
    return tuple(sorted(found))


NO_SLICES = "none"
"""In place of validation slices: every annotated slice is a training slice."""


def parse_validation_slices(text: str) -> tuple[int, ...]:
    """Read slices as `parse_slices` does, or ``none``.

    Raises
    ------
    SplitError
        If the text is not of that form.
    """
    return () if text.strip().lower() == NO_SLICES else parse_slices(text)


def slice_words(slices: Sequence[int], most: int = 6) -> str:
    """Slices in a sentence: ``slice 3``, ``slices 3, 7`` or ``12 slices``."""
    if len(slices) > most:
        return f"{len(slices)} slices"
    return f"slice{'s' * (len(slices) != 1)} {', '.join(map(str, slices))}"


def format_slices(slices: Sequence[int]) -> str:
    """Write slice indices as `parse_slices` reads them: ``(0, 1, 2, 5)`` as ``"0:3,5"``."""
    runs: list[list[int]] = []
    for z in sorted(slices):
        if runs and z == runs[-1][1]:
            runs[-1][1] = z + 1
        else:
            runs.append([z, z + 1])
    return ",".join(str(a) if b == a + 1 else f"{a}:{b}" for a, b in runs)
