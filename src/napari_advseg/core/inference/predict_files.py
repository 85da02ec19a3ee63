"""Apply a trained run to many image files: one mask file for each, and for each network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.formats.image_files import FileProgress, FileResult, mask_names
from napari_advseg.core.formats.io import read_stack
from napari_advseg.core.runtime.control import RunControl
from napari_advseg.core.runtime.devices import is_out_of_memory
from napari_advseg.core.runtime.errors import (
    AdvSegError,
    RunFolderError,
    SettingsError,
    Subject,
    short_reason,
)
from napari_advseg.core.runtime.events import NetworkName
from napari_advseg.core.storage.checks import check_channels, check_threads, check_threshold
from napari_advseg.core.storage.run_folder import Run, load_run

from .predict_stack import predict_to_file, threshold_of

OnSlice = Callable[[int], None]
Write = Callable[[EMStack, NetworkName, Path, OnSlice], None]


def predict_files(
    run: Run | Path | str,
    images: Sequence[Path],
    out: Path,
    *,
    networks: tuple[NetworkName, ...] | None = None,
    probability: bool = False,
    threshold: float | Literal["auto"] | None = None,
    overwrite: bool = False,
    device: str = "auto",
    threads: int | None = None,
    best: bool | None = None,
    predict_padding: bool | None = None,
    on_notice: Callable[[str], None] = lambda sentence: None,
    read: Callable[[Path], EMStack] = read_stack,
    on_progress: Callable[[FileProgress], None] = lambda progress: None,
    on_file: Callable[[FileResult], None] = lambda result: None,
    control: RunControl | None = None,
) -> tuple[FileResult, ...]:
    """Write the masks of many image files, holding one slice at a time.

    A file that cannot be used is reported and the others go on. Each mask is there whole or not at all.

    Parameters
    ----------
    run, device, threads, best, control
        As in `predict_stack`.
    images : sequence of Path
        Image files.
    out : Path
        Folder for the masks, made if it is not there.
    networks : tuple of {"standard", "adversarial"}, optional
        Which to apply; None takes all of the run.
    probability, threshold
        As in `predict_to_file`.
    predict_padding, on_notice
        As in `predict_stack`.
    overwrite : bool
        Replace masks that are there; otherwise they are kept and not predicted again.
    read : callable
        Opens an image file.
    on_progress : callable
        Called at the start of each file and after each slice.
    on_file : callable
        Called with each file's result.

    Returns
    -------
    tuple of FileResult

    Raises
    ------
    RunFolderError, SettingsError
        As in `predict_stack`, whatever the image.
    AdvSegError
        If the folder cannot be made, or a mask would take the place of one of the images.
    Stopped
        If `control` was stopped; what is whole by then stays.
    """
    run = run if isinstance(run, Run) else load_run(Path(run))
    chosen = networks or run.networks
    _check_networks(run, chosen)
    check_threads(threads)
    for name in chosen:
        check_threshold(threshold_of(run, name, threshold))
    control = control or RunControl()
    names = {name: mask_names(images, name, probability) for name in chosen}
    masks = [{name: out / names[name][i] for name in chosen} for i in range(len(images))]
    _check_no_image(images, masks)
    _make(out)

    def write(stack: EMStack, network: NetworkName, path: Path, on_slice: OnSlice) -> None:
        predict_to_file(
            run, stack, path, network=network, probability=probability, threshold=threshold,
            device=device, threads=threads, best=best, on_slice=on_slice, control=control,
            predict_padding=predict_padding, on_notice=on_notice,
        )  # fmt: skip

    results = []
    for number, (image, paths) in enumerate(zip(images, masks, strict=True), 1):
        control.raise_if_stopped()
        report = _Report(on_progress, image, number, len(images))
        results.append(_one_file(run, image, paths, overwrite, read, write, report))
        on_file(results[-1])
    return tuple(results)


@dataclass
class _Report:
    """Tells the progress of one file, over all its masks."""

    on_progress: Callable[[FileProgress], None]
    image: Path
    file: int
    files: int
    before: int = 0
    total: int = 0

    def __call__(self, done: int) -> None:
        self.on_progress(
            FileProgress(self.image, self.file, self.files, self.before + done, self.total)
        )


def _one_file(
    run: Run,
    image: Path,
    masks: dict[NetworkName, Path],
    overwrite: bool,
    read: Callable[[Path], EMStack],
    write: Write,
    report: _Report,
) -> FileResult:
    """Write one file's masks; what is wrong with the file becomes its result."""
    kept = () if overwrite else tuple(path for path in masks.values() if path.exists())
    wanted = [(name, path) for name, path in masks.items() if path not in kept]
    result = FileResult(image, kept=kept)
    if not wanted:
        return result
    try:
        stack = read(image)
        check_channels(run, stack.channels)
    except AdvSegError as error:
        return replace(result, error=str(error))
    result = replace(result, slices=stack.shape[0])
    report.total = len(wanted) * stack.shape[0]
    report(0)
    try:
        for network, path in wanted:
            write(stack, network, path, report)
            report.before += stack.shape[0]
            result = replace(result, masks=(*result.masks, (network, path)))
    except (RunFolderError, SettingsError):
        raise  # true of every file
    except AdvSegError as error:
        named = error.subject is Subject.MASKS  # it names the mask, and so the file
        return replace(result, error=str(error) if named else f"{image.name}: {error}")
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        full = "The memory is full: close other programs, or crop the image."
        return replace(result, error=f"{image.name}: {full}")
    return result


def _check_networks(run: Run, chosen: Iterable[NetworkName]) -> None:
    missing = [name for name in chosen if name not in run.networks]
    if missing:
        raise RunFolderError(
            f"The run in {run.folder} has no {missing[0]} network: it holds "
            f"{' and '.join(run.networks)}.",
            subject=Subject.APPLYING,
        )


def _check_no_image(images: Iterable[Path], masks: Iterable[dict[NetworkName, Path]]) -> None:
    """Refuse a folder in which a mask has the name of one of the images."""
    found = {identity: path for path in images if (identity := _identity(path)) is not None}
    for path in (path for one in masks for path in one.values()):
        identity = _identity(path)
        if identity is not None and identity in found:
            raise AdvSegError(
                f"The mask {path.name} would take the place of the image {found[identity]}: "
                "choose another folder.",
                subject=Subject.APPLYING_TO_FILES,
            )


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells one file from another, whatever its name; None if it is not there."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = "it is a file" if folder.is_file() else short_reason(error)
        raise AdvSegError(
            f"The folder {folder} cannot be made ({reason}): choose another.",
            subject=Subject.APPLYING_TO_FILES,
        ) from None
