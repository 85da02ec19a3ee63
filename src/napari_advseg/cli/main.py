"""The command line: ``advseg train``, ``resume``, ``predict``, ``evaluate``, ``plot``.

What a person can mend is said in one sentence on stderr with exit code 2; a run that failed while
training exits with 1. SIGTERM, which clusters send at a time limit, stops a run as Ctrl-C does: what was
learned is kept, and the exit code is 143. torch is loaded only by the command that computes.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from napari_advseg import __version__
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.presets import PRESETS, from_preset
from napari_advseg.core.config.slice_ranges import parse_slices, parse_validation_slices
from napari_advseg.core.runtime.control import RunControl, Stopped
from napari_advseg.core.runtime.errors import AdvSegError, SettingsError, short_reason

from .evaluate import evaluate
from .images import (
    ChannelAxis,
    Image,
    Unannotated,
    VoxelSizeText,
    read_image,
    read_image_if,
)
from .plot import plot
from .predict_folder import predict_folder
from .settings import (
    given,
    held_out_note,
    settings_file,
    threshold_option,
    with_only,
    with_options,
)

if TYPE_CHECKING:
    from napari_advseg.core.config.settings import RunSettings
    from napari_advseg.core.training.engine import RunResult

    from .report import Report

log = logging.getLogger(__name__)

DEBUG = "ADVSEG_DEBUG"
"""Environment variable that lets the command line show tracebacks."""

app = typer.Typer(
    name="advseg",
    help="Train a standard and an adversarial segmentation network on an EM stack, and apply them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
Threads = Annotated[int | None, typer.Option(help="CPU threads; all cores if not given.")]


def main() -> None:
    """Run the command line."""
    if not os.environ.get(DEBUG):  # else Python shows tracebacks that are logged
        logging.getLogger("napari_advseg").addHandler(logging.NullHandler())
    try:
        app()
    except AdvSegError as error:
        _refuse(str(error))
    except Stopped:
        _say("Stopped; nothing was written.")
        sys.exit(_stopped_by[-1] if _stopped_by else 130)
    except OSError as error:
        _refuse(f"{error.filename or 'A file'} cannot be read or written ({short_reason(error)}).")
    except Exception as error:
        from napari_advseg.core.runtime.devices import is_out_of_memory

        if is_out_of_memory(error):
            _refuse("The memory is full: close other programs, or choose a smaller image.")
        log.exception("The command failed.")
        reason = str(error).partition("\n")[0]
        _say(f"advseg: {type(error).__name__}: {reason} (a mistake of ours: see it by {DEBUG}=1).")
        sys.exit(1)


_stopped_by: list[int] = []
"""Exit codes of the signals that stopped the command: 128 and the number of the signal, as shells do."""


def _refuse(sentence: str) -> NoReturn:
    _say(f"advseg: {sentence}")
    sys.exit(2)


@app.command()
def train(
    image: Image,
    labels: Annotated[
        Path,
        typer.Argument(help="Annotation of the image, of any such format.", show_default=False),
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Run folder to make.", show_default=False)
    ],
    method: Annotated[
        str | None,
        typer.Option(help="standard, adversarial or both (the default; also called paired)."),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help=", ".join(PRESETS) + "; quick if not given.")
    ] = None,
    updates: Annotated[int | None, typer.Option(help="Updates of each network.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs instead of updates.")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Minutes of the whole run, instead of updates.")
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(help="Channels of the U-Net's first level; the preset's if not given."),
    ] = None,
    train: Annotated[str | None, typer.Option(help="Training slices, as 0:20 or 0:5,8.")] = None,
    val: Annotated[
        str | None,
        typer.Option(help="Validation slices, as 20:30; none trains on all, without F1."),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(
            help="What the labels mean, as cell=255,membrane=0+32; of instance labels "
            "mitochondrion=objects,background=0. borders are the rims of objects, touching only those "
            "between two of them, borders2 and touching2 are 2 pixels wide."
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Slices that are wholly of one class, as background=3,7:10; one option for each class."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Decides weights, patches and augmentation; 0 if not given.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")] = None,
    threads: Threads = None,
    channel_axis: ChannelAxis = None,
    voxel_size: VoxelSizeText = None,
    start_from: Annotated[
        Path | None,
        typer.Option(help="Run folder whose networks are trained further, instead of new ones."),
    ] = None,
    best: Annotated[
        bool, typer.Option("--best", help="With --start-from: its best weights, not its last.")
    ] = False,
    unannotated: Unannotated = None,
    settings: Annotated[
        Path | None,
        typer.Option(
            help="JSON of further settings, or a run's config.json; other options override it."
        ),
    ] = None,
) -> None:
    """Train on IMAGE with the annotation LABELS. Ctrl-C and SIGTERM stop and keep what was learned."""
    options = given(
        preset=preset,
        method="paired" if method == "both" else method,
        updates=updates,
        epochs=epochs,
        minutes=minutes,
        seed=seed,
        device=device,
        threads=threads,
        train=parse_slices(train) if train is not None else None,
        val=parse_validation_slices(val) if val is not None else None,
        classes=ClassMap.parse(classes) if classes is not None else None,
    )
    if best and start_from is None:
        raise SettingsError("--best says which weights to start from: give --start-from, too.")
    chosen = from_preset(**with_options(settings_file(settings), options, width))
    if sys.stderr.isatty():
        _say("Loading PyTorch and the image.")
    from napari_advseg.core.formats.io import read_annotation
    from napari_advseg.core.training import engine

    stack = read_image(image, channel_axis, voxel_size)
    annotation = with_only(read_annotation(labels, chosen.classes), only or ())
    notes = held_out_note(chosen, annotation)
    with _control() as control, _reporting(chosen, notes) as report:
        result = engine.train(
            chosen,
            stack,
            annotation,
            out,
            on_event=report,
            control=control,
            start_from=start_from,
            start_from_best=best,
            unannotated=read_image_if(unannotated, channel_axis),
        )
    _close(result)


@app.command()
def resume(
    run: Annotated[Path, typer.Argument(help="Run folder.", show_default=False)],
    image: Annotated[
        Path | None, typer.Option(help="The image, if it has moved or was no file.")
    ] = None,
    channel_axis: ChannelAxis = None,
    unannotated: Unannotated = None,
) -> None:
    """Go on with RUN from its last checkpoint."""
    from napari_advseg.core.storage.run_folder import load_run
    from napari_advseg.core.training import engine

    stack = read_image_if(image, channel_axis)
    second = read_image_if(unannotated, channel_axis)
    with _control() as control, _reporting(load_run(run).settings) as report:
        result = engine.resume(run, stack, on_event=report, control=control, unannotated=second)
    _close(result)


@app.command()
def predict(
    run: Annotated[Path, typer.Argument(help="Run folder.", show_default=False)],
    image: Annotated[
        Path, typer.Argument(help="Stack, or a folder of stacks.", show_default=False)
    ],
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", help="Mask to write, TIFF; for a folder, a folder.", show_default=False
        ),
    ],
    network: Annotated[
        str | None,
        typer.Option(
            help="standard or adversarial; required if the run holds both; for a folder, both if not given."
        ),
    ] = None,
    probability: Annotated[
        bool,
        typer.Option(
            "--probability",
            help="Write float32 probabilities: of the first of two classes, or a channel for each of more.",
        ),
    ] = False,
    threshold: Annotated[
        str | None,
        typer.Option(
            help="Probability from which a pixel is of the first of two classes; auto takes the one that "
            "was best on the validation slices; the run's own if not given."
        ),
    ] = None,
    best: Annotated[
        bool | None,
        typer.Option(
            "--best/--last",
            help="Weights of the best validation, or the last; what the run keeps if not given.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="For a folder: replace masks that are there.")
    ] = False,
    predict_padding: Annotated[
        bool | None,
        typer.Option(
            "--predict-padding/--leave-padding",
            help="Also predict frames and empty slices; what the run's settings say if not given.",
            show_default=False,
        ),
    ] = None,
    one_stack: Annotated[
        bool, typer.Option("--stack", help="The folder is one stack, with a file for each slice.")
    ] = False,
    device: Device = "auto",
    threads: Threads = None,
    channel_axis: ChannelAxis = None,
    voxel_size: VoxelSizeText = None,
) -> None:
    """Apply the networks of RUN to IMAGE; the mask has the training annotation's values.

    Of a folder every image is taken, and one that cannot be used stops no other; with --stack the folder
    is one image.
    """
    from rich.progress import Progress

    from napari_advseg.core.formats.image_files import is_folder
    from napari_advseg.core.inference.predict_stack import predict_to_file

    if network not in (None, "standard", "adversarial"):
        raise SettingsError(f"There is no network {network!r}: choose standard or adversarial.")
    level = threshold_option(threshold)
    if is_folder(image) and not one_stack:
        with _control() as control:
            predict_folder(
                run,
                image,
                out,
                read=partial(read_image, channel_axis=channel_axis, voxel_size=voxel_size),
                control=control,
                networks=None if network is None else (network,),
                probability=probability,
                threshold=level,
                overwrite=overwrite,
                best=best,
                device=device,
                threads=threads,
                predict_padding=predict_padding,
            )
        return
    stack = read_image(image, channel_axis, voxel_size)
    with _control() as control, Progress(disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("predicting", total=stack.shape[0])
        predict_to_file(
            run,
            stack,
            out,
            network=network,  # type: ignore[arg-type]  # a name of a network: checked above
            probability=probability,
            threshold=level,
            device=device,
            threads=threads,
            best=best,
            predict_padding=predict_padding,
            on_notice=_say,
            on_slice=lambda done: bar.update(task, completed=done),
            control=control,
        )
    typer.echo(f"{out}: {stack.shape[0]} slices")


app.command()(evaluate)
app.command()(plot)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Train a standard and an adversarial segmentation network on an EM stack, and apply them."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


@contextmanager
def _control() -> Iterator[RunControl]:
    """A control that the first Ctrl-C or SIGTERM stops; a second Ctrl-C interrupts at once."""
    control = RunControl()
    _stopped_by.clear()

    def stop(number: int, _frame: FrameType | None) -> None:
        if control.stopping and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not control.stopping:
            _say("Stopping; press Ctrl-C again to leave at once.")
        _stopped_by.append(128 + number)
        control.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield control
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _reporting(settings: RunSettings, notes: Sequence[str] = ()) -> Iterator[Report]:
    from .report import Report

    with Report(settings, notes) as report:
        yield report


def _close(result: RunResult) -> None:
    from napari_advseg.core.runtime.events import Outcome

    if result.outcome is Outcome.FAILED:
        _say(f"advseg: {result.error}")
        raise typer.Exit(1)
    terminated = 128 + signal.SIGTERM
    if result.outcome is Outcome.STOPPED and terminated in _stopped_by:
        raise typer.Exit(terminated)


def _say(text: str) -> None:
    typer.echo(text, err=True)
