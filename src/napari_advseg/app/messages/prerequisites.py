"""What each section of the window waits for; empty words mean that it can be used."""

from __future__ import annotations

from napari_advseg.app.state.model import AppModel
from napari_advseg.app.state.start_from import continue_waits_for
from napari_advseg.core.runtime.errors import AnnotationError, Subject

from .guidance import strokes_wait_for

PROBLEMS_BEFORE_START = (
    Subject.IMAGE,
    Subject.ANNOTATION,
    Subject.CLASSES,
    Subject.SPLIT,
    Subject.METHOD,
    Subject.PRESET,
    Subject.BUDGET,
    Subject.SETTINGS,
)
"""Controls whose problems keep a run from starting."""


def train_waits_for(model: AppModel) -> str:
    """What has to be done before Start."""
    if model.image is None:
        return "Waits for an image: open a stack."
    if model.annotation is None:
        return "Waits for an annotation: choose a layer or press New."
    strokes = strokes_wait_for(model.summary, model.choices)
    if strokes:
        return strokes
    problem = None if model.summary is None else model.summary.problem
    if isinstance(problem, AnnotationError):
        return str(problem)
    if problem is not None or any(subject in model.problems for subject in PROBLEMS_BEFORE_START):
        return "Fix the highlighted problems first."
    if continue_waits_for(model):
        return "Fix the highlighted problems first."
    if model.summary is None:
        return "Reading the annotation."
    return ""


def compare_waits_for(model: AppModel) -> str:
    """What has to happen before masks can be compared."""
    if model.masks_shown:
        return ""
    return (
        "Waits for masks: they come with the first validation of a run, or when a run is applied."
    )


def threshold_waits_for(model: AppModel) -> str:
    """Why the threshold can not be moved although there are masks."""
    classes = None if model.masks_of is None else model.masks_of.classes
    if not model.masks_shown or classes is None or len(classes) == 2:
        return ""
    return f"None with {len(classes)} classes: the likeliest counts."


def save_waits_for(model: AppModel) -> str:
    """What has to happen before masks can be saved."""
    return "" if model.masks_shown else "Waits for masks."


def apply_files_waits_for(model: AppModel) -> str:
    """What has to happen before a run can be applied to files."""
    if model.busy:
        return "Waits until the run has ended."
    if model.run is None or model.run.folder is None:
        return "Waits for a run: train one or load one."
    return ""


def apply_waits_for(model: AppModel) -> str:
    """What has to happen before a run can be applied."""
    without_image = "" if model.image is not None else "Waits for an image."
    return apply_files_waits_for(model) or without_image
