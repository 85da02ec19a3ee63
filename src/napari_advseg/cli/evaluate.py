"""``advseg evaluate``: the scores of a mask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.slice_ranges import parse_slices


def evaluate(
    mask: Annotated[Path, typer.Argument(help="Mask or probability map.", show_default=False)],
    labels: Annotated[Path, typer.Argument(help="Annotation.", show_default=False)],
    slices: Annotated[str | None, typer.Option(help="Slices that count, as 20:30.")] = None,
    classes: Annotated[str | None, typer.Option(help="What LABELS' values mean.")] = None,
    threshold: Annotated[float, typer.Option(help="For a probability map.")] = 0.5,
    per_slice: Annotated[
        bool, typer.Option("--per-slice", help="Also the F1 of each slice.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score MASK against LABELS: F1 of each class, accuracy, V_Rand, V_Info."""
    from napari_advseg.core.evaluation.evaluate import evaluate as score
    from napari_advseg.core.formats.io import read_annotation, read_class_map, read_mask

    told = ClassMap.parse(classes) if classes is not None else None
    annotation = read_annotation(labels, told, zero_slices=True)  # complete truth
    found = score(
        read_mask(mask),
        annotation,
        mask_classes=read_class_map(mask),
        slices=parse_slices(slices) if slices is not None else None,
        threshold=threshold,
    )
    if as_json:
        slices_too = {"per_slice": found.per_slice_as_list()} if per_slice else {}
        typer.echo(json.dumps(found.as_dict() | slices_too, indent=2))
    else:
        typer.echo(str(found) + (f"\n\n{found.per_slice()}" if per_slice else ""))
