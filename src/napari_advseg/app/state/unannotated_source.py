"""Which images without annotation the adversary learns from: choices, words, and what the engine is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

from napari_advseg.app.ports.viewer import ViewerPort
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.runtime.errors import AdvSegError, ImageError, Subject

from .annotation_summary import AnnotationSummary
from .model import AppModel
from .run_form import OWN, TRUTH, Choices, LayerInfo, settings_of


def possible_stacks(choices: Choices, layers: Iterable[LayerInfo]) -> list[LayerInfo]:
    """Image layers that can be the second stack: grey ones, which have as many channels as the image."""
    if choices.image is None or choices.channels:
        return []
    return [
        one for one in layers if one.kind == "image" and not one.rgb and one.key != choices.image
    ]


def still_possible(choices: Choices, layers: Iterable[LayerInfo]) -> Choices:
    """The same choices, but this stack's own slices if the second stack is gone or fits no more."""
    if choices.unannotated in (OWN, TRUTH):
        return choices
    if choices.unannotated in {one.key for one in possible_stacks(choices, layers)}:
        return choices
    return replace(choices, unannotated=OWN)


def own_words(summary: AnnotationSummary | None) -> str:
    """What the stack's own slices without annotation are called in the list."""
    share = () if summary is None else summary.share_labelled
    if not share:
        return "this stack's slices"
    count = unannotated_slices(summary)
    if not count:
        return "none: every slice is annotated"
    return f"this stack's {count} slice{'s' if count > 1 else ''}"


def unannotated_slices(summary: AnnotationSummary | None) -> int:
    """How many slices hold no annotation."""
    return 0 if summary is None else sum(share == 0 for share in summary.share_labelled)


def offered(model: AppModel) -> list[tuple[str, str]]:
    """What can be chosen, as (choice, words)."""
    items = [(OWN, own_words(model.summary))]
    if model.summary is None or unannotated_slices(model.summary):
        items.append((TRUTH, "none"))
    stacks = possible_stacks(model.choices, model.layers)
    return items + [(one.key, f"+ {one.name}") for one in stacks]


def without_use(choices: Choices) -> str:
    """Why images without annotation are of no use with these settings; empty where they are."""
    try:
        settings = settings_of(replace(choices, unannotated=OWN))
    except AdvSegError:  # it is said beside its control
        return ""
    if settings.discriminator.shows_truth:
        return f"None: in {choices.preset} D learns from true masks alone."
    return ""


def second_stack(model: AppModel, viewer: ViewerPort) -> EMStack | None:
    """The second stack that was chosen, None if none was or the method has no adversary.

    Raises
    ------
    ImageError
        If the layer cannot be used; its subject is ``UNANNOTATED``.
    """
    choices = model.choices
    layer = model.layer(choices.unannotated)
    if layer is None or choices.method == "standard" or without_use(choices):
        return None
    try:
        return viewer.image(layer.name)
    except AdvSegError as error:
        raise ImageError(f"{layer.name}: {error}", subject=Subject.UNANNOTATED) from error


# ---- projects


def as_saved(choice: str, image_keys: Sequence[str]) -> int | Literal["none"] | None:
    """How a project file keeps the choice: the position of the image, ``none``, or nothing."""
    if choice == TRUTH:
        return "none"
    return image_keys.index(choice) if choice in image_keys else None


def from_saved(saved: int | Literal["none"] | None, image_keys: Sequence[str | None]) -> str:
    """The choice that a project kept; this stack's own slices if its image is gone."""
    if saved == "none":
        return TRUTH
    return OWN if saved is None else image_keys[saved] or OWN
