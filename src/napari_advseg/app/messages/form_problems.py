"""Problems of the form: what is wrong with the choices, a sentence for each subject."""

from __future__ import annotations

from collections.abc import Iterator

from napari_advseg.app.state.model import AppModel
from napari_advseg.app.state.run_form import matching_shape, settings_of
from napari_advseg.app.state.start_from import continue_waits_for
from napari_advseg.core.runtime.errors import AdvSegError, AnnotationError, Subject

from .guidance import strokes_wait_for


def problems_of(model: AppModel) -> dict[Subject, str]:
    """Return what is wrong with the choices, by the subject that it concerns.

    It reads choices, layers, summary and run of the model. Failures of actions, such as reading a file or
    starting a run, are not problems of the form; see `AppModel.set_problem`.
    """
    problems: dict[Subject, str] = {}
    for subject, sentence in _found(model):
        problems.setdefault(subject, sentence)
    return problems


def _found(model: AppModel) -> Iterator[tuple[Subject, str]]:
    for error in (_of_settings(model), _of_size(model), _of_summary(model)):
        if error is not None:
            yield error.subject, str(error)
    if why_not := continue_waits_for(model):
        yield Subject.START_FROM, why_not


def _of_settings(model: AppModel) -> AdvSegError | None:
    try:
        settings_of(model.choices)
    except AdvSegError as error:
        return error
    return None


def _of_size(model: AppModel) -> AdvSegError | None:
    """The annotation must have the size of the image."""
    image, annotation = model.image, model.annotation
    if image is None or annotation is None:
        return None
    return size_problem(annotation.name, annotation.shape, image.shape, "choose")


def size_problem(
    name: str, labels: tuple[int, ...], image: tuple[int, ...], verb: str
) -> AnnotationError | None:
    """Error for labels of another size than the image; None if they fit.

    Parameters
    ----------
    name : str
        Of the labels.
    labels, image : tuple of int
        Shapes.
    verb : str
        How another annotation is obtained: ``choose`` or ``open``.
    """
    if matching_shape(image, labels):
        return None
    return AnnotationError(
        f"{name} is {_size(labels)}, the image is {_size(image)}: "
        f"{verb} an annotation of the same size."
    )


def _of_summary(model: AppModel) -> AdvSegError | None:
    """What the summary found, unless the annotation is being read again with other choices."""
    summary, choices = model.summary, model.choices
    if summary is None or summary.problem is None:
        return None
    if summary.read_with is not None and summary.read_with != choices.for_annotation:
        return None
    # An annotation that is still being painted is not an error: guidance says what to paint next.
    if isinstance(summary.problem, AnnotationError) or strokes_wait_for(summary, choices):
        return None
    return summary.problem


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(str(n) for n in shape)
