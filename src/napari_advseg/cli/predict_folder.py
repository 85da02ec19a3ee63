"""``advseg predict`` on a folder: what is said on the way, and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from napari_advseg.core.runtime.control import RunControl, Stopped

if TYPE_CHECKING:
    from napari_advseg.core.data.stack import EMStack
    from napari_advseg.core.formats.image_files import FileProgress, FileResult


def predict_folder(
    run: Path,
    folder: Path,
    out: Path,
    *,
    read: Callable[[Path], EMStack],
    control: RunControl,
    **options: Any,
) -> None:
    """Predict every image of a folder; ends with exit code 2 if one could not be used.

    Parameters
    ----------
    run, folder, out : Path
        Run folder, folder of images, folder for the masks.
    read : callable
        Opens an image file.
    control : RunControl
        Stops it; ends with exit code 130 then.
    options
        Of `napari_advseg.core.inference.predict_files.predict_files`.
    """
    from napari_advseg.core.formats.image_files import image_files
    from napari_advseg.core.inference.predict_files import predict_files

    images = image_files(folder, out)
    results: list[FileResult] = []
    with _Bars(len(images)) as bars:

        def finished(result: FileResult) -> None:
            results.append(result)
            bars.finished(len(results))
            _tell(result, bars.say)

        try:
            predict_files(
                run, images, out, read=read, control=control,
                on_progress=bars, on_file=finished,
                on_notice=lambda sentence: bars.say(sentence, err=True), **options,
            )  # fmt: skip
        except Stopped:
            bars.close()
            done = len(results)
            typer.echo(
                f"Stopped after {done} of {len(images)} files; what is whole stays.", err=True
            )
            raise typer.Exit(130) from None
    failed = sum(result.error is not None for result in results)
    if failed:
        files = "file was" if len(images) == 1 else "files were"
        typer.echo(f"advseg: {failed} of {len(images)} {files} not predicted.", err=True)
        raise typer.Exit(2)


def _tell(result: FileResult, say: Callable[..., None]) -> None:
    """Written masks on stdout, as for a single file; what was not written on stderr."""
    for _, path in result.masks:
        say(f"{path}: {result.slices} slices")
    for path in result.kept:
        say(f"{path}: there already, kept; --overwrite predicts it again.", err=True)
    if result.error is not None:
        say(f"advseg: {result.error}", err=True)


class _Bars:
    """Progress over the files and over the slices of one, on a terminal."""

    def __init__(self, files: int) -> None:
        from rich.console import Console
        from rich.progress import Progress

        # On stderr: the masks' names on stdout may go to another program.
        self._bars = Progress(console=Console(stderr=True), disable=not sys.stderr.isatty())
        self._files = self._bars.add_task("files", total=files)
        self._slices = self._bars.add_task("slices", total=None)

    def __enter__(self) -> _Bars:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def say(self, line: str, err: bool = False) -> None:
        """Write a line; on the terminal that shows the bars, above them."""
        stream = sys.stderr if err else sys.stdout
        if not self._bars.disable and stream.isatty():
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            typer.echo(line, err=err)

    def finished(self, files: int) -> None:
        self._bars.update(self._files, completed=files)

    def close(self) -> None:
        self._bars.stop()

    def __call__(self, progress: FileProgress) -> None:
        from rich.markup import escape

        share = progress.slice / max(progress.slices, 1)
        self._bars.update(self._files, completed=progress.file - 1 + share)
        self._bars.update(
            self._slices,
            description=escape(progress.image.name),
            completed=progress.slice,
            total=progress.slices,
        )
