"""What stands under the strip of slices."""

from __future__ import annotations

from collections.abc import Sequence

from napari_advseg.app.ports.annotations import ClassRow
from napari_advseg.app.state.class_rows import complete_map
from napari_advseg.core.config.class_roles import background_index
from napari_advseg.core.data.split import Split, held_out_sentence, touching_slices

MILD = 1 / 3
"""Up to this share of validation slices beside training ones they hardly move the score: the default split,
whose two blocks have to meet somewhere, stays below with three validation slices or more."""
ALIKE = (
    "Neighbouring sections look alike, so the score of a slice next to one that trains flatters."
)


def split_words(split: Split, share_labelled: Sequence[float]) -> str:
    """How many slices train, validate and are left out, and a few that touch: one line."""
    words = str(split)
    used = {*split.train, *split.val}
    left_out = sum(share > 0 and z not in used for z, share in enumerate(share_labelled))
    if left_out:
        words += f", {left_out} left out"
    touching = touching_slices(split)
    if touching and len(touching) <= MILD * len(split.val):
        is_next = "is" if len(touching) == 1 else "are"
        words += f"; {len(touching)} of the {len(split.val)} {is_next} next to a training slice"
    return words


def held_out_words(split: Split) -> str:
    """Which slices the default split takes from training, and how to train on all; empty if unneeded."""
    sentence = held_out_sentence(split)
    return f"{sentence} To train on all: right-click the strip." if sentence else ""


def fill_sentences(rows: Sequence[ClassRow]) -> tuple[str, ...]:
    """Entries of the strip's menu that mark slices as wholly of one class, in the order of the classes."""
    classes = complete_map(rows)
    if classes is None:
        return ()
    background = background_index(classes)
    return tuple(
        f"Nothing here: all {name}" if index == background else f"All of it is {name}"
        for index, name in enumerate(classes.names)
    )


def neighbour_words(split: Split) -> str:
    """A sentence if many validation slices lie beside training ones, with what to do; else empty."""
    touching = touching_slices(split)
    if not touching or len(touching) <= MILD * len(split.val):
        return ""
    all_touch = len(touching) == len(split.val)
    way_out = (
        "Annotate one further away to validate on."
        if all_touch
        else "Leave a slice out between the two (X)."
    )
    if len(touching) == 1:
        z = touching[0]
        beside = z - 1 if z - 1 in split.train else z + 1
        fact = f"Slice {z} validates next to slice {beside}, which trains"
        return f"{fact}: neighbours look alike, so its score flatters. {way_out}"
    which = "All" if all_touch else f"{len(touching)} of the"
    fact = f"{which} {len(split.val)} validation slices are next to a training slice"
    return f"{fact}: neighbours look alike, so their score flatters. {way_out}"


def touching_tooltip(split: Split) -> str:
    """Which validation slices touch, and how to leave them out; empty if none does."""
    touching = touching_slices(split)
    if not touching:
        return ""
    shown = ", ".join(map(str, touching[:6])) + (", …" if len(touching) > 6 else "")
    what = f"slice {shown}" if len(touching) == 1 else f"slices {shown}"
    return f"{ALIKE} For a stricter score leave out {what}: select it in the strip and press X."
