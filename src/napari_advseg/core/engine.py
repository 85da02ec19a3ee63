"""Train a run, or go on with one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from math import isclose
from pathlib import Path
from typing import Any

from . import run_folder
from .annotation import Annotation
from .budget import updates_for
from .checks import check_channels
from .classes import ClassMap
from .control import RunControl, Stopped
from .devices import Place, choose_place
from .errors import AdvSegError, RunFolderError, SettingsError
from .events import Event, Outcome, Validated
from .io import read_annotation, read_stack, write_labels
from .run_folder import Run
from .run_lock import only_writer
from .session import Session, failure_sentence, is_out_of_memory
from .settings import RunSettings
from .split import format_slices
from .stack import EMStack
from .training import Training
from .training_data import TrainingData

log = logging.getLogger(__name__)

AnnotationSource = Annotation | Callable[[], Annotation]


@dataclass(frozen=True)
class RunResult:
    """What a run came to.

    Attributes
    ----------
    outcome : Outcome
    history : tuple of Validated
    summary : dict
        The content of ``summary.json``.
    training : Training
        The networks, on their device.
    error : str or None
        One sentence, if the run failed.
    """

    outcome: Outcome
    history: tuple[Validated, ...]
    summary: dict[str, Any]
    training: Training
    error: str | None = None


@contextmanager
def _not_started() -> Iterator[None]:
    """Give what nobody foresaw before the first update its sentence; after it, the run itself does."""
    try:
        yield
    except (AdvSegError, Stopped):
        raise
    except Exception as problem:
        log.exception("The run did not start.")
        sentence = failure_sentence(problem, "Preparing the run", "mend that and start again")
        if is_out_of_memory(problem):
            raise SettingsError(sentence) from problem
        raise AdvSegError(sentence) from problem


@_not_started()
def train(
    settings: RunSettings,
    stack: EMStack,
    annotation: AnnotationSource,
    folder: Path | str | None = None,
    *,
    on_event: Callable[[Event], None] = lambda event: None,
    control: RunControl | None = None,
    whole_stack: bool = False,
) -> RunResult:
    """Train on an annotated stack.

    Parameters
    ----------
    settings : RunSettings
        See `from_preset`.
    stack : EMStack
        Grey stack (Z, Y, X).
    annotation : Annotation or callable
        Class indices (Z, Y, X), or a callable that returns them.
    folder : path, optional
        Run folder to make; without one nothing is written.
    on_event : callable
        Called from this thread with every `Event`; `RunFinished` is the last, exactly once.
    control : RunControl, optional
        To pause and stop from another thread.
    whole_stack : bool
        Predict every slice at the end, and report each as `SlicePredicted`.

    Raises
    ------
    AdvSegError
        If image, annotation, settings or folder cannot be used; nothing has been written then. What
        goes wrong later ends in ``RunFinished(FAILED)``.
    Stopped
        If `control` stops it before the first update.
    """
    control = control or RunControl()
    place = choose_place(settings.device, settings.precision, settings.threads)
    place.claim_threads()
    labels = annotation() if callable(annotation) else annotation
    if settings.network.image_channels != 1:
        raise SettingsError(
            f"image_channels = {settings.network.image_channels}, and a grey stack has 1: choose 1."
        )
    data = TrainingData.prepare(settings, stack, labels, place.device)
    folder = Path(folder) if folder is not None else None
    if folder is not None:
        run_folder.check_new(folder)
    settings = updates_for(settings, data, stack, place, control)
    settings = _resolved(settings, data, place)
    session = Session(
        Training.build(settings, data, place), stack, folder, on_event, control, whole_stack
    )
    session.keeper.begin = lambda place: _begin_folder(place, session, labels)
    if control.stopping:
        raise Stopped
    if folder is None:
        return _run(session)
    with run_folder.claimed(folder):
        _make_folder(folder, session)
        return _run(session)


@_not_started()
def resume(
    folder: Path | str,
    stack: EMStack | None = None,
    *,
    on_event: Callable[[Event], None] = lambda event: None,
    control: RunControl | None = None,
    whole_stack: bool = False,
) -> RunResult:
    """Go on from the last checkpoint of a run; on the CPU, bit for bit as if it had never stopped.

    Parameters
    ----------
    folder : path
        Run folder.
    stack : EMStack, optional
        The image, if it is no file or has moved.
    on_event, control, whole_stack
        As in `train`.

    Raises
    ------
    RunFolderError
        If the run cannot be resumed, or has made all its updates.
    AdvSegError
        If its device is not there, or its image or annotation can no longer be used.
    """
    folder = Path(folder)
    run_folder.read_config(folder)  # a folder that is no run gets no lock
    with only_writer(folder):
        session = _restored(folder, stack, on_event, control or RunControl(), whole_stack)
        return _run(session)


def _restored(
    folder: Path,
    stack: EMStack | None,
    on_event: Callable[[Event], None],
    control: RunControl,
    whole_stack: bool,
) -> Session:
    """A run as of its last checkpoint, checked against its image."""
    run = run_folder.load_run(folder)
    settings = run.settings
    place = _same_place(run)
    place.claim_threads()
    check_channels(run, 1)
    stack = stack or _image_of(run)
    annotation = _annotation_of(run)
    data = TrainingData.prepare(settings, stack, annotation, place.device)
    _check_same_image(run, data)
    training = Training.build(settings, data, place)
    session = Session(training, stack, folder, on_event, control, whole_stack)
    session.keeper.begin = lambda place: _begin_folder(place, session, annotation, run.config)
    session.restore(folder)
    if session.finished:
        raise RunFolderError(
            f"The run in {folder} has made all its {session.update} updates: start a new run to train longer."
        )
    return session


def _same_place(run: Run) -> Place:
    """Where the run was; what it computed elsewhere would not be what it would have been."""
    s = run.settings
    try:
        return choose_place(s.device, s.precision, s.threads)
    except SettingsError:
        raise RunFolderError(
            f"The run in {run.folder} was started on {s.device!r}, which is not there: go on with it on a "
            "computer that has one, or start a new run."
        ) from None


def _annotation_of(run: Run) -> Annotation:
    """The annotation that the run keeps, with the classes as its person named them."""
    path = run.folder / run_folder.ANNOTATION
    try:
        annotation = read_annotation(path)
    except AdvSegError as error:
        raise RunFolderError(str(error)) from None
    if annotation.classes.names != run.classes.names:
        raise run_folder.damaged(path, f"its classes are {', '.join(annotation.classes.names)}")
    return replace(annotation, classes=run.classes)


def _run(session: Session) -> RunResult:
    outcome, summary, error = session.run()
    return RunResult(outcome, tuple(session.history), summary, session.training, error)


def _make_folder(folder: Path, session: Session) -> None:
    """Write the first checkpoint into a new folder; where there is no room for it no run starts."""
    before = set(folder.iterdir())
    try:
        session.keeper.begin(folder)
        session.keep()
        if session.keeper.error is not None:
            raise session.keeper.error
    except (OSError, AdvSegError) as error:
        with suppress(OSError):
            for path in set(folder.iterdir()) - before:
                path.rmdir() if path.is_dir() else path.unlink()
        raise run_folder.not_writable(folder, error) from error


def _begin_folder(
    folder: Path, session: Session, annotation: Annotation, config: dict[str, Any] | None = None
) -> None:
    """Write what is known before the first update; ``config.json`` last, for it makes it a run."""
    run_folder.create(folder)
    _keep_annotation(folder, annotation, session.stack)
    run_folder.write_config(folder, config or _config(session, annotation))


def _keep_annotation(folder: Path, annotation: Annotation, stack: EMStack) -> None:
    """Write the annotation as it is now: 0 unlabelled, then 1, 2, ... in the order of the classes.

    Its own values could not tell an unlabelled pixel from a class that has the value 0.
    """
    names = annotation.classes.names
    classes = ClassMap.of(**{name: index + 1 for index, name in enumerate(names)})
    labels = classes.decode(annotation.targets)
    write_labels(folder / run_folder.ANNOTATION, labels, classes, scale=stack.scale)


def _image_of(run: Run) -> EMStack:
    if run.image_path is None:
        raise RunFolderError(
            f"The image of the run in {run.folder} was no file: give it, for example --image STACK.tif."
        )
    if not run.image_path.is_file():
        raise RunFolderError(
            f"The image {run.image_path} is no longer there: say where it is, for example "
            "--image STACK.tif."
        )
    return read_stack(run.image_path)


def _check_same_image(run: Run, data: TrainingData) -> None:
    kept = run.config["normalisation"]
    found = data.normalisation
    if not (isclose(kept["mean"], found.mean) and isclose(kept["std"], found.std)):
        raise RunFolderError(
            f"The image has mean {found.mean:.6g} and standard deviation {found.std:.6g}, the run's had "
            f"{kept['mean']:.6g} and {kept['std']:.6g}: give the image that the run was started on."
        )


def _resolved(settings: RunSettings, data: TrainingData, place: Place) -> RunSettings:
    """Settings in which nothing is left to be decided: a run with them repeats this one."""
    pixels = settings.batch * settings.patch**2
    epoch = settings.epoch or max(1, -(-data.sampler.labelled_pixels // pixels))
    if settings.alternation.kind == "block":
        epoch = settings.alternation.generator_updates
    updates = (settings.epochs or 0) * epoch or settings.updates or 1
    every = settings.validate_every or max(1, -(-updates // settings.validations))
    if settings.alternation.kind == "block":  # whole epochs, a validation after each
        every, updates = epoch, -(-updates // epoch) * epoch
    whole_slices = data.split.train_columns is None
    return settings.model_copy(
        update={
            "updates": updates,
            "epoch": epoch,
            "validate_every": every,
            "epochs": None,
            "minutes": None,
            "device": str(place.device),
            "precision": place.precision,
            "threads": place.threads,
            "train": data.split.train if whole_slices else None,
            "val": data.split.val if whole_slices else None,
        }
    )


def _config(session: Session, annotation: Annotation) -> dict[str, Any]:
    data = session.training.data
    return run_folder.describe(
        session.settings,
        session.stack,
        {
            "classes": annotation.classes.model_dump(mode="json"),
            "split": {
                "train": format_slices(data.split.train),
                "val": format_slices(data.split.val),
                "train_columns": data.split.train_columns,
                "val_columns": data.split.val_columns,
            },
            "normalisation": {"mean": data.normalisation.mean, "std": data.normalisation.std},
            "lambda_marks": session.lambda_marks(),
            "notes": annotation.notes,
        },
    )
