"""What to paint next, in words, from an image without an annotation to Start: pure functions.

It leads where an annotation is made by painting. One that came from a file has been made already, and
after the first run the masks say where to paint.
"""

from __future__ import annotations

from collections.abc import Sequence

from napari_advseg.app.state.annotation_summary import AnnotationSummary
from napari_advseg.app.state.class_rows import one_label_per_class, rows_from_map
from napari_advseg.app.state.model import AppModel
from napari_advseg.app.state.run_form import Choices

FEW = 0.5
"""Up to this share of the pixels of its annotated slices an annotation counts as strokes."""
APART = 5
"""Slices between two that look alike no more; less where a stack has not that many."""
NEW = "No annotation yet? Press New, then paint a few strokes of each class on two slices."
BRUSH = "The keys [ and ] make the brush smaller and larger."
READY = "Ready: press Start below (Ctrl+Return)."


def next_step(model: AppModel) -> str:
    """One or two sentences for section 1; empty where nobody has to be led."""
    if model.image is None or model.run is not None or model.busy:
        return ""
    if model.annotation is None:
        return "" if any(one.kind == "labels" for one in model.layers) else NEW
    summary = model.summary
    if summary is None or not _made_of_strokes(summary):
        return ""
    return _wanted(summary, model.slice_in_view) or _ready(summary)


def strokes_wait_for(summary: AnnotationSummary | None, choices: Choices) -> str:
    """Why Start cannot be pressed although labels and classes can be read; empty where it can."""
    if summary is None or not _made_of_strokes(summary):
        return ""
    there = {index for slice_ in summary.classes_of_slice for index in slice_}
    unpainted = [name for index, name in enumerate(_names(summary)) if index not in there]
    if unpainted:
        return f"Waits for strokes of {_listed(unpainted)}."
    missing = _missing_in_training(summary)
    if missing:
        return f"Waits for {_listed(missing)} on a slice that trains."
    alone = summary.split is None and _chosen_by_nobody(choices) and len(_painted(summary)) == 1
    return "Waits for strokes on a second slice." if alone else ""


def _wanted(summary: AnnotationSummary, view: int) -> str:
    """What is still to be painted, beginning with the slice in view."""
    names = _names(summary)
    painted = _painted(summary)
    if not painted:
        return (
            f"Paint {_listed(names)} on slice {view}: click a class above, then draw a stroke over the "
            f"image. {BRUSH}"
        )
    begun = [z for z in painted if _missing(summary, z)]
    if begun:
        z = view if view in begun else begun[0]
        return _begun(summary, z, here=z == view)
    if len(painted) == 1 and len(summary.classes_of_slice) > 1:
        return _second(summary, painted[0], view)
    return ""


def _begun(summary: AnnotationSummary, z: int, *, here: bool) -> str:
    missing = _listed(_missing(summary, z))
    go = "" if here else f"go back to slice {z} and "
    told = f"Slice {z} has {_listed(_there(summary, z))}: {go}paint {missing} there, too"
    return f"{told}, close to it." if here else f"{told}."


def _second(summary: AnnotationSummary, first: int, view: int) -> str:
    """One slice is done; the second must not be its neighbour."""
    depth = len(summary.classes_of_slice)
    apart = min(APART, max(1, depth // 3))
    both = "both" if len(_names(summary)) == 2 else "all classes"
    why = "One slice trains, another validates, so that you know whether it works there."
    if abs(view - first) >= apart:
        return f"{why} Paint {both} on this slice ({view}), too."
    far = first + max(apart, depth // 3)
    far = far if far < depth else max(0, first - max(apart, depth // 3))
    return f"{why} Go some slices away, for example to {far}, and paint {both} there."


def _ready(summary: AnnotationSummary) -> str:
    if summary.split is None or _missing_in_training(summary):
        return ""
    return f"{READY} More strokes help, also where two classes meet."


# ---- what is there


def _made_of_strokes(summary: AnnotationSummary) -> bool:
    classes = summary.classes
    if classes is None or not summary.carried or not summary.classes_of_slice:
        return False
    shares = [share for share in summary.share_labelled if share > 0]
    few = not shares or sum(shares) / len(shares) <= FEW
    return few and one_label_per_class(rows_from_map(classes))


def _names(summary: AnnotationSummary) -> tuple[str, ...]:
    return () if summary.classes is None else summary.classes.names


def _painted(summary: AnnotationSummary) -> list[int]:
    return [z for z, there in enumerate(summary.classes_of_slice) if there]


def _there(summary: AnnotationSummary, z: int) -> list[str]:
    there = summary.classes_of_slice[z]
    return [name for index, name in enumerate(_names(summary)) if index in there]


def _missing(summary: AnnotationSummary, z: int) -> list[str]:
    there = summary.classes_of_slice[z]
    return [name for index, name in enumerate(_names(summary)) if index not in there]


def _missing_in_training(summary: AnnotationSummary) -> list[str]:
    """Classes that no slice holds that trains; a slice that is divided is left to the engine."""
    split = summary.split
    if split is None or split.train_columns is not None:
        return []
    there = {index for z in split.train for index in summary.classes_of_slice[z]}
    return [name for index, name in enumerate(_names(summary)) if index not in there]


def _chosen_by_nobody(choices: Choices) -> bool:
    return choices.train is None and choices.val is None


def _listed(names: Sequence[str]) -> str:
    """``cell``, ``cell and membrane``, ``cell, membrane and glia``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
