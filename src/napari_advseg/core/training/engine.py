"""Train a run, or go on with one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.config.slice_ranges import format_slices
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.normalisation import quantiles_by_channel
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.runtime.control import RunControl, Stopped
from napari_advseg.core.runtime.devices import (
    ComputeDevice,
    choose_device,
    failure_sentence,
    is_out_of_memory,
)
from napari_advseg.core.runtime.errors import AdvSegError, RunFolderError, SettingsError
from napari_advseg.core.runtime.events import Activity, Doing, Event, Outcome, Validated
from napari_advseg.core.runtime.filesystem import only_writer
from napari_advseg.core.storage import run_folder
from napari_advseg.core.storage.checks import check_channels
from napari_advseg.core.storage.live_annotation import (
    AnnotationRecord,
    AnnotationUpdates,
    LiveAnnotation,
    unchanged,
    write_annotation,
)
from napari_advseg.core.storage.run_folder import Run, load_run
from napari_advseg.core.storage.run_images import (
    check_same_images,
    describe_second,
    image_of,
    second_image_of,
)

from .loop import TrainingLoop
from .resolve_settings import resolve_settings, with_scale
from .run_plan import Stopwatch
from .tensorboard_log import check_tensorboard
from .trainer import Trainer
from .warm_start import WarmStart

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
    training : Trainer
        The networks, on their device.
    error : str or None
        One sentence, if the run failed.
    """

    outcome: Outcome
    history: tuple[Validated, ...]
    summary: dict[str, Any]
    training: Trainer
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
    start_from: Path | str | None = None,
    start_from_best: bool = False,
    annotation_updates: AnnotationUpdates = unchanged,
    unannotated: EMStack | None = None,
) -> RunResult:
    """Train on an annotated stack.

    Parameters
    ----------
    settings : RunSettings
        See `from_preset`.
    stack : EMStack
        Stack (Z, Y, X) of one grey channel or several.
    annotation : Annotation or callable
        Class indices (Z, Y, X), or a callable that returns them.
    folder : path, optional
        Run folder to make; without one nothing is written.
    on_event : callable
        Called from this thread with every `Event`, first with `Doing`; `RunFinished` is the last, exactly
        once.
    control : RunControl, optional
        To pause and stop from another thread.
    whole_stack : bool
        Predict every slice at the end, and report each as `SlicePredicted`.
    start_from : path, optional
        Folder of a run whose networks this one goes on from, each network from its own last weights
        (see `warm_start`). Optimizers, learning rates and λ start anew. The classes and the shape of
        the U-Net have to be the same. In a paired run S and G/S go on from different weights then:
        from then on they differ by all that D has made of G/S, in both runs.
    start_from_best : bool
        Take S and G/S as of their best validation instead.
    annotation_updates : callable, optional
        Asked after each validation for the annotation as it is now; None says that nothing has
        changed. From then on the run learns from it (see `live_annotation`); one that cannot be used
        is told as a `Notice`, and the one before stays in use. Called from this thread.
    unannotated : EMStack, optional
        Another stack of such tissue, whose images the adversary learns from without annotation, beside the
        unannotated slices of `stack`.

    Raises
    ------
    AdvSegError
        If image, annotation, settings or folder cannot be used; nothing has been written then. What
        goes wrong later ends in ``RunFinished(FAILED)``.
    Stopped
        If `control` stops it before the first update.
    """
    watch = Stopwatch()
    _tell_reading(on_event)
    control = control or RunControl()
    compute = choose_device(settings.device, settings.precision, settings.threads)
    compute.claim_threads()
    labels = annotation() if callable(annotation) else annotation
    _check(settings, stack)
    if start_from is not None and settings.scale is None:  # networks know one size of pixels
        settings = settings.model_copy(update={"scale": load_run(Path(start_from)).settings.scale})
    settings, why_scale, size = with_scale(settings, stack, labels)
    data = TrainingData.prepare(settings, stack, labels, compute.device, second=unannotated)
    start = None
    if start_from is not None:
        start = WarmStart.of(
            Path(start_from), settings, labels.classes, stack.channels, best=start_from_best
        )
    folder = Path(folder) if folder is not None else None
    if folder is not None:
        run_folder.check_new(folder)
    settings = resolve_settings(settings, stack, data, compute, size)
    trainer = Trainer.build(settings, data, compute)
    live = LiveAnnotation(annotation_updates)
    loop = TrainingLoop(
        trainer, stack, folder, on_event, control, whole_stack, live=live, watch=watch
    )
    if why_scale:
        loop.add_notice(why_scale)
    details = {} if start is None else start.load_into(trainer, loop.add_notice)
    seen = None if data.unannotated is None else data.unannotated.second
    if unannotated is not None and seen is not None:
        details["unannotated"] = describe_second(unannotated, seen)
    elif unannotated is not None:
        loop.add_notice(
            "The stack without annotation is not used: with these settings no adversary learns from it."
        )
    loop.writer.create = lambda folder: _write_beginning(folder, loop, _config(loop, details))
    _record_plan(loop)
    if control.stopping:
        raise Stopped
    if folder is None:
        return _run(loop)
    with run_folder.claimed(folder):
        _create_folder(folder, loop)
        return _run(loop)


@_not_started()
def resume(
    folder: Path | str,
    stack: EMStack | None = None,
    *,
    on_event: Callable[[Event], None] = lambda event: None,
    control: RunControl | None = None,
    whole_stack: bool = False,
    annotation_updates: AnnotationUpdates = unchanged,
    unannotated: EMStack | None = None,
) -> RunResult:
    """Go on from the last checkpoint of a run; on the CPU, bit for bit as if it had never stopped.

    Parameters
    ----------
    folder : path
        Run folder.
    stack : EMStack, optional
        The image, if it is no file or has moved.
    unannotated : EMStack, optional
        The other stack of images without annotation, likewise.
    on_event, control, whole_stack, annotation_updates
        As in `train`.

    Raises
    ------
    RunFolderError
        If the run cannot be resumed, or has made all its updates.
    AdvSegError
        If its device is not there, or its image or annotation can no longer be used.
    """
    _tell_reading(on_event)
    folder = Path(folder)
    run_folder.read_config(folder)  # a folder that is no run gets no lock
    with only_writer(folder):
        control = control or RunControl()
        loop = _restored(
            folder, stack, unannotated, on_event, control, whole_stack, annotation_updates
        )
        return _run(loop)


def _tell_reading(on_event: Callable[[Event], None]) -> None:
    """Say what is done before the run starts; a listener that fails is told so by the run itself."""
    try:
        on_event(Doing(Activity.READING))
    except Exception:
        log.exception("What listens to the run failed.")


def _check(settings: RunSettings, stack: EMStack) -> None:
    """Refuse what can be refused before any slice is read."""
    asked = settings.network.image_channels
    if asked not in (1, stack.channels):
        raise SettingsError(
            f"image_channels = {asked}, and the image has {stack.channels}: leave image_channels out."
        )
    if settings.tensorboard:
        check_tensorboard()


def _restored(
    folder: Path,
    stack: EMStack | None,
    second: EMStack | None,
    on_event: Callable[[Event], None],
    control: RunControl,
    whole_stack: bool,
    annotation_updates: AnnotationUpdates,
) -> TrainingLoop:
    """A run as of its last checkpoint, checked against its image."""
    run = load_run(folder)
    settings = run.settings
    compute = _device_of(run)
    compute.claim_threads()
    stack = stack or image_of(run)
    check_channels(run, stack.channels)
    live = LiveAnnotation(annotation_updates, AnnotationRecord.of(folder))
    annotation = _annotation_of(run, live, stack)
    split = None if live.record is None else live.record.split
    second = second_image_of(run, second)
    data = TrainingData.prepare(settings, stack, annotation, compute.device, split, second)
    check_same_images(run, data)
    trainer = Trainer.build(settings, data, compute)
    loop = TrainingLoop(trainer, stack, folder, on_event, control, whole_stack, live=live)
    loop.writer.create = lambda folder: _write_beginning(folder, loop, run.config)
    _record_plan(loop)
    loop.restore(folder)
    if loop.finished:
        raise RunFolderError(
            f"The run in {folder} has made all its {loop.update} updates: start a new run to train longer."
        )
    return loop


def _device_of(run: Run) -> ComputeDevice:
    """Where the run was; what it computed elsewhere would not be what it would have been."""
    s = run.settings
    try:
        return choose_device(s.device, s.precision, s.threads)
    except SettingsError:
        raise RunFolderError(
            f"The run in {run.folder} was started on {s.device!r}, which is not there: go on with it on a "
            "computer that has one, or start a new run."
        ) from None


def _annotation_of(run: Run, live: LiveAnnotation, stack: EMStack) -> Annotation:
    """The annotation that the run keeps, with the classes as its person named them."""
    path = run.folder / run_folder.ANNOTATION
    try:
        annotation = live.annotation_of(run.folder, stack)
    except AdvSegError as error:
        raise RunFolderError(str(error)) from None
    if annotation.classes.names != run.classes.names:
        raise run_folder.damaged(path, f"its classes are {', '.join(annotation.classes.names)}")
    return replace(annotation, classes=run.classes)


def _run(loop: TrainingLoop) -> RunResult:
    outcome, summary, error = loop.run()
    return RunResult(outcome, tuple(loop.history), summary, loop.trainer, error)


def _create_folder(folder: Path, loop: TrainingLoop) -> None:
    """Write the first checkpoint into a new folder; where there is no room for it no run starts."""
    before = set(folder.iterdir())
    try:
        loop.writer.create(folder)
        loop.save()
        if loop.writer.error is not None:
            raise loop.writer.error
    except (OSError, AdvSegError) as error:
        with suppress(OSError):
            for path in set(folder.iterdir()) - before:
                path.rmdir() if path.is_dir() else path.unlink()
        raise run_folder.not_writable(folder, error) from error


def _write_beginning(folder: Path, loop: TrainingLoop, config: dict[str, Any]) -> None:
    """Write what is known before the first update; ``config.json`` last, for it makes it a run."""
    run_folder.create(folder)
    annotation = loop.trainer.data.annotation
    write_annotation(folder / run_folder.ANNOTATION, annotation, loop.stack)
    run_folder.write_config(folder, loop.live.described(config))


def _record_plan(loop: TrainingLoop) -> None:
    """Let ``config.json`` of a run in minutes hold the settings that repeat it, after each checkpoint."""
    commit = loop.writer.commit

    def with_plan(folder: Path) -> None:
        commit(folder)
        if not loop.plan.timed:
            return
        settings = loop.plan.resolved(loop.trainer.settings).model_dump(mode="json")
        config, marks = run_folder.read_config(folder), loop.adversary.marks()
        run_folder.write_config(folder, {**config, "settings": settings, "lambda_marks": marks})

    loop.writer.commit = with_plan


def _config(loop: TrainingLoop, details: dict[str, Any]) -> dict[str, Any]:
    data = loop.trainer.data
    annotation = data.annotation
    return run_folder.describe(
        loop.plan.resolved(loop.trainer.settings),
        loop.stack,
        {
            "classes": annotation.classes.model_dump(mode="json"),
            "split": {
                "train": format_slices(data.split.train),
                "val": format_slices(data.split.val),
                "train_columns": data.split.train_columns,
                "val_columns": data.split.val_columns,
            },
            "normalisation": data.normalisation.numbers(),
            "grey_quantiles": quantiles_by_channel(data.normalisation),
            "lambda_marks": loop.adversary.marks(),
            "notes": annotation.notes,
            **details,
        },
    )
