"""``advseg plot``: the curves of runs as a figure. matplotlib is loaded when it draws, not before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from napari_advseg.core.runtime.errors import SettingsError


def plot(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN", help="Run folders, or CSV files of metrics.", show_default=False
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", help="Figure to write: .png, .svg or .pdf.", show_default=False
        ),
    ],
    x: Annotated[str, typer.Option("--x", help="epoch, update or minutes.")] = "epoch",
    title: Annotated[str | None, typer.Option(help="Title above the curves.")] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(help="Name of a run in the figure; once for each run, in their order."),
    ] = None,
    panes: Annotated[
        str,
        typer.Option(help="two: F1, accuracy. four: S, G/S, D, G/D. auto: four for several runs."),
    ] = "auto",
) -> None:
    """Draw the F1 and accuracy curves of one or more RUNs into a figure."""
    from napari_advseg.core.plots.curves import read_runs
    from napari_advseg.core.plots.figure import draw_curves, figure_format

    figure_format(out)  # before any run is read
    curves = read_runs(runs)
    if name:
        if len(name) != len(curves):
            raise SettingsError(
                f"{len(name)} names are given for {len(curves)} runs: give --name once for each."
            )
        curves = tuple(replace(run, name=word) for run, word in zip(curves, name, strict=True))
    # draw_curves refuses other words for x and panes with a sentence of its own.
    draw_curves(curves, out, x=x, title=title, panes=panes)  # type: ignore[arg-type]
    typer.echo(f"{out}: {len(curves)} {'run' if len(curves) == 1 else 'runs'}")
