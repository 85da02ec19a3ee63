"""The run folder: what a run leaves on disk, readable by people and other programs, no pickle.

::

    config.json               settings as resolved, image, classes, split, versions
    annotation.tif            the annotation as it was when the run started
    metrics.csv               a row for each validation
    samples/                  validation samples after each validation
    standard.safetensors      weights of S, as of the last checkpoint
    adversarial.safetensors   weights of the S in G
    discriminator.safetensors weights of D
    *-best.safetensors        weights of S, or of the S in G, at its best validation
    checkpoint.safetensors    all that `advseg resume` needs, in one file
    summary.json              how it ended, written last
"""

from __future__ import annotations

import csv
import io
import json
import os
import platform
from dataclasses import dataclass, fields
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from .classes import ClassMap
from .errors import AdvSegError, RunFolderError
from .events import NetworkName, Validated
from .files import file_stem, write_json, write_text
from .settings import RunSettings, run_settings
from .stack import EMStack
from .validation_columns import score_columns

FORMAT = 1
CONFIG, SUMMARY, METRICS = "config.json", "summary.json", "metrics.csv"
ANNOTATION, CHECKPOINT, SAMPLES = "annotation.tif", "checkpoint.safetensors", "samples"


@dataclass(frozen=True)
class Run:
    """A run as read from its folder.

    Attributes
    ----------
    folder : Path
    settings : RunSettings
        As resolved: number of updates, device, threads, classes.
    classes : ClassMap
        Of the training annotation; masks are written with its values.
    networks : tuple of {"standard", "adversarial"}
        Networks whose weights are there.
    history : tuple of Validated
        Every validation up to the last checkpoint.
    lambda_marks : tuple of (int, float)
        (update, λ) where the adversarial weight changes.
    image_path : Path or None
        The image file that it was trained on.
    config : dict
        The whole ``config.json``.
    """

    folder: Path
    settings: RunSettings
    classes: ClassMap
    networks: tuple[NetworkName, ...]
    history: tuple[Validated, ...]
    lambda_marks: tuple[tuple[int, float], ...]
    image_path: Path | None
    config: dict[str, Any]


def new_run_folder(parent: Path, image_name: str) -> Path:
    """A name for a new run inside `parent` that is not taken yet: date, time and image."""
    stem = f"{datetime.now():%Y-%m-%d-%H%M%S}-{file_stem(image_name)}"
    folder, number = parent / stem, 2
    while folder.exists():
        folder, number = parent / f"{stem}-{number}", number + 1
    return folder


def check_new(folder: Path) -> None:
    """Check that a run can be made in `folder`, and leave nothing there.

    Raises
    ------
    RunFolderError
        If it is a file, already holds a run, or cannot be written.
    """
    if folder.is_file():
        raise RunFolderError(f"{folder} is a file: choose a folder for the run.")
    if (folder / CONFIG).exists():
        raise RunFolderError(
            f"{folder} already holds a run: choose another folder, or go on with it by `advseg resume`."
        )
    there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise RunFolderError(f"The run folder {folder} cannot be written: choose another folder.")


def create(folder: Path) -> None:
    """Make the folders of a run; it is a run once `write_config` has been called."""
    (folder / SAMPLES).mkdir(parents=True, exist_ok=True)


def describe(settings: RunSettings, stack: EMStack, details: dict[str, Any]) -> dict[str, Any]:
    """The content of ``config.json``."""
    return {
        "format": FORMAT,
        "created": datetime.now().astimezone().isoformat(timespec="seconds"),
        "software": {name: version(name) for name in ("napari-advseg", "torch", "numpy")}
        | {"python": platform.python_version()},
        "settings": settings.model_dump(mode="json"),
        "image": {
            "name": stack.name,
            "source": str(stack.source.absolute()) if stack.source else None,
            "shape": list(stack.shape),
            "dtype": str(stack.data.dtype),
            "scale": list(stack.scale),
        },
        **details,
    }


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Write ``config.json``."""
    write_json(folder / CONFIG, config)


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Write ``summary.json`` at once."""
    write_json(folder / SUMMARY, summary)


def metrics_csv(history: tuple[Validated, ...], classes: tuple[str, ...]) -> str:
    """The text of ``metrics.csv``: a row for each validation; what was not measured is empty."""
    columns = score_columns(classes)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["update", "epoch", "seconds", *columns])
    for v in history:
        scores = (v.scores.get(column) for column in columns)
        row = ("" if s is None or s != s else f"{s:.6f}" for s in scores)
        writer.writerow([v.update, f"{v.epoch:.2f}", f"{v.seconds:.2f}", *row])
    return text.getvalue()


def write_metrics(folder: Path, history: tuple[Validated, ...], classes: tuple[str, ...]) -> None:
    """Write ``metrics.csv`` at once."""
    write_text(folder / METRICS, metrics_csv(history, classes))


def history_as_json(history: tuple[Validated, ...]) -> list[dict[str, Any]]:
    """Validations as plain values; a score that is not a number is left out."""
    return [
        {f.name: getattr(v, f.name) for f in fields(v)}
        | {"scores": {k: s for k, s in v.scores.items() if s == s}}
        for v in history
    ]


def history_from_json(rows: list[dict[str, Any]]) -> tuple[Validated, ...]:
    """What `history_as_json` wrote."""
    return tuple(Validated(**row) for row in rows)


def read_config(folder: Path) -> dict[str, Any]:
    """Read ``config.json``.

    Raises
    ------
    RunFolderError
        If there is no run, or it is damaged or of a newer format.
    """
    path = Path(folder) / CONFIG
    if not path.is_file():
        raise RunFolderError(f"{folder} holds no run ({CONFIG} is missing): choose a run folder.")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        found = int(config["format"])
    except (ValueError, KeyError, TypeError, OSError):
        raise RunFolderError(f"{path} is damaged: choose another run.") from None
    if found > FORMAT:
        raise RunFolderError(
            f"The run in {folder} has format {found}, this version reads up to {FORMAT}: update napari-advseg."
        )
    return dict(config)


def checkpoint_metadata(folder: Path, key: str) -> Any:
    """The plain values under `key` of the checkpoint in a run folder.

    Raises
    ------
    RunFolderError
        If there is no checkpoint or it is damaged.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        raise RunFolderError(f"The run in {folder} has no checkpoint yet: start it anew.")
    try:
        with safe_open(path, "numpy") as file:
            return json.loads(file.metadata()[key])
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise damaged(path, error) from None


def damaged(path: Path, error: Exception) -> RunFolderError:
    """The error for a file of a run that cannot be read."""
    reason = str(error).partition("\n")[0] or type(error).__name__
    return RunFolderError(f"{path} is damaged ({reason}): choose another run.")


def load_run(folder: Path) -> Run:
    """Read a run, finished or not; its weights are read when they are needed.

    Raises
    ------
    RunFolderError
        If the folder holds no run, or it is damaged or of a newer format.
    """
    folder = Path(folder)
    config = read_config(folder)
    try:
        settings = run_settings(config["settings"])
        classes = ClassMap.model_validate(config["classes"])
        marks = tuple((int(u), float(w)) for u, w in config["lambda_marks"])
        source = config["image"]["source"]
    except (KeyError, TypeError, ValidationError, AdvSegError):
        raise RunFolderError(f"{folder / CONFIG} is damaged: choose another run.") from None
    networks: tuple[NetworkName, ...] = tuple(
        n for n in settings.networks if (folder / f"{n}.safetensors").is_file()
    )
    if not networks:
        raise RunFolderError(
            f"The run in {folder} holds no weights yet: let it train to its first validation, or start "
            "anew in another folder."
        )
    history = history_from_json(checkpoint_metadata(folder, "progress")["history"])
    return Run(
        folder,
        settings,
        classes,
        networks,
        history,
        marks,
        Path(source) if source else None,
        config,
    )
