"""The eight curves of a run as numbers: from a run folder, its ``metrics.csv``, or the CSV of 2017."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from napari_advseg.core.runtime.errors import RunFolderError, SettingsError, short_reason
from napari_advseg.core.storage.run_folder import CONFIG, METRICS, read_config
from napari_advseg.core.storage.score_names import SCORES

XAxis = Literal["epoch", "update", "minutes"]
"""What a figure's horizontal axis counts; minutes are those of training alone."""

CURVES = tuple(SCORES)
"""Names of the eight curves, those of the columns of ``metrics.csv``."""


@dataclass(frozen=True)
class Curves:
    """The curves of one run; all sequences have one value for each validation.

    Attributes
    ----------
    name : str
        How the run is called in a legend.
    scores : mapping of str to tuple of float
        By name of the curve, from 0 to 1; NaN where nothing was measured. A curve without any number
        is left out.
    epochs : tuple of float
        Epochs trained so far.
    updates : tuple of int or None
        Updates made so far; None if the file does not say.
    minutes : tuple of float or None
        Training time so far in minutes; None if the file does not say.
    lambda_marks : tuple of (int, float)
        (update, λ) where the adversarial weight changes; empty if not known.
    """

    name: str
    scores: Mapping[str, tuple[float, ...]]
    epochs: tuple[float, ...]
    updates: tuple[int, ...] | None = None
    minutes: tuple[float, ...] | None = None
    lambda_marks: tuple[tuple[int, float], ...] = ()

    def x(self, axis: XAxis = "epoch") -> tuple[float, ...]:
        """Places of the validations on the horizontal axis.

        Raises
        ------
        SettingsError
            If there is no such axis, or the run's file does not hold its numbers.
        """
        if axis not in get_args(XAxis):
            raise SettingsError(f"There is no axis {axis!r}: choose epoch, update or minutes.")
        found = {"epoch": self.epochs, "update": self.updates, "minutes": self.minutes}[axis]
        if found is None:
            what = "updates" if axis == "update" else "times"
            raise SettingsError(f"{self.name} has no {what}: choose epoch as the axis.")
        return tuple(found)

    def marks(self, axis: XAxis = "epoch") -> tuple[tuple[float, float], ...]:
        """(place on the axis, λ) of the marks that the run has come to."""
        if not self.lambda_marks or self.updates is None:
            return ()
        steps, places = [0, *self.updates], [0.0, *self.x(axis)]
        return tuple(
            (float(np.interp(update, steps, places)), weight)
            for update, weight in self.lambda_marks
            if update <= steps[-1]
        )

    def best(self, curve: str) -> int | None:
        """Position of the first highest value of a curve, None if it has none."""
        values = self.scores.get(curve, ())
        finite = [i for i, value in enumerate(values) if math.isfinite(value)]
        return max(finite, key=lambda i: values[i], default=None)


def read_curves(path: str | Path) -> Curves:
    """Read the curves of one run.

    Parameters
    ----------
    path : str or Path
        A run folder, finished or not; a ``metrics.csv``; or any CSV with some of the eight columns and
        one row for each epoch, as that of the 2017 experiment. Other columns are passed over.

    Raises
    ------
    RunFolderError
        If there is nothing at `path`, it has no validation yet, or it is damaged.
    """
    path = Path(path)
    if not path.is_dir():
        if not path.exists():
            raise RunFolderError(f"There is no {path}: give a run folder or a metrics CSV.")
        return _read_csv(path, path.absolute().parent.name if path.name == METRICS else path.stem)
    config = read_config(path)
    try:
        marks = tuple((int(u), float(w)) for u, w in config["lambda_marks"])
    except (KeyError, TypeError, ValueError):
        raise RunFolderError(f"{path / CONFIG} is damaged: choose another run.") from None
    if not (path / METRICS).exists():
        raise _no_validation(path)
    return replace(_read_csv(path / METRICS, path.absolute().name), lambda_marks=marks)


def read_runs(paths: Sequence[str | Path]) -> tuple[Curves, ...]:
    """Read several runs; those of one name are told apart by the folders that they lie in.

    Raises
    ------
    RunFolderError
        As `read_curves`, and if a run is given twice.
    """
    places = [Path(path).absolute() for path in paths]
    for i, place in enumerate(places):
        if place.resolve() in [other.resolve() for other in places[:i]]:
            raise RunFolderError(f"{paths[i]} is given twice: name each run once.")
    runs = [read_curves(path) for path in paths]
    names = [run.name for run in runs]
    for parent in range(max(len(place.parents) for place in places) if places else 0):
        doubled = {name for name in names if names.count(name) > 1}
        if not doubled:
            break
        for i, place in enumerate(places):
            # a metrics.csv is called as its folder already
            up = parent + (place.name == METRICS and not place.is_dir())
            if names[i] in doubled and up < len(place.parents):
                names[i] = f"{place.parents[up].name}/{names[i]}"
    return tuple(replace(run, name=name) for run, name in zip(runs, names, strict=True))


def _read_csv(path: Path, name: str) -> Curves:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [line for line in csv.reader(file, strict=True) if line]
    except OSError as error:
        raise RunFolderError(
            f"{path} cannot be read ({short_reason(error)}): choose another run."
        ) from None
    except (UnicodeDecodeError, csv.Error):
        raise RunFolderError(f"{path} is no CSV: choose another file.") from None
    header, rows = [cell.strip() for cell in (lines or [[]])[0]], lines[1:]
    if not set(header) & set(CURVES):
        raise RunFolderError(
            f"{path} has none of the columns {CURVES[0]}, …, {CURVES[-1]}: choose another file."
        )
    columns = {key: _column(path, header, rows, key) for key in header if key in _RANGES}
    scores = {key: columns[key] for key in CURVES if key in columns}
    scores = {key: found for key, found in scores.items() if not all(map(math.isnan, found))}
    if not scores:
        raise _no_validation(path)
    seconds = columns.get("seconds")
    updates = columns.get("update")
    return Curves(
        name,
        scores,
        epochs=columns.get("epoch", tuple(float(i + 1) for i in range(len(rows)))),
        updates=None if updates is None else tuple(int(update) for update in updates),
        minutes=None if seconds is None else tuple(second / 60 for second in seconds),
    )


_PLACES = ("update", "epoch", "seconds")
_RANGES = dict.fromkeys(CURVES, 1.0) | dict.fromkeys(_PLACES, math.inf)
"""Highest value of each column that is read."""


def _column(path: Path, header: list[str], rows: list[list[str]], key: str) -> tuple[float, ...]:
    """Check and read one column; a place must be there and never falls, a score may be missing."""
    values: list[float] = []
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise RunFolderError(
                f"{path} is damaged (row {number} has {len(row)} of {len(header)} cells): "
                "choose another run."
            )
        cell = row[header.index(key)].strip()
        try:
            value = float(cell or "nan")
        except ValueError:
            value = math.inf  # refused below
        missing = math.isnan(value) and key in CURVES
        falls = key in _PLACES and bool(values) and value < values[-1]
        if not missing and (not (0 <= value <= _RANGES[key]) or math.isinf(value) or falls):
            raise RunFolderError(
                f"{path} is damaged (row {number}: {key} cannot be {cell!r}): choose another run."
            )
        values.append(value)
    return tuple(values)


def _no_validation(path: Path) -> RunFolderError:
    return RunFolderError(
        f"{path} has no validation yet: let the run train to its first one, or leave it out."
    )
