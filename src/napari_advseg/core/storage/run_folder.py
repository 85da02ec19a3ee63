"""The run folder: what a run leaves on disk, readable by people and other programs, no pickle.

::

    config.json               settings as resolved, image, classes, split, versions
    annotation.tif            the annotation that the run learns from, without what was painted later
    metrics.csv               a row for each validation
    discriminator.csv         how D did at each validation, and λ
    tensorboard/              the same and histograms of D's weights, if asked for
    samples/                  validation samples after each validation
    standard.safetensors      weights of S, as of the last checkpoint
    adversarial.safetensors   weights of the S in G
    discriminator.safetensors weights of D
    *-best.safetensors        weights of S, or of the S in G, at its best validation
    checkpoint.safetensors    all that `advseg resume` needs, in one file
    slices.csv                F1 and disagreement of each slice predicted, written at the end
    summary.json              how it ended, written last
    lock                      held while a run writes here; without meaning once it has ended
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.parsing import run_settings
from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.data.normalisation import alike
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.runtime.errors import AdvSegError, RunFolderError, first_line, short_reason
from napari_advseg.core.runtime.events import NetworkName, Validated
from napari_advseg.core.runtime.filesystem import dated_folder, only_writer, write_json, write_text

from .history import health_csv, history_from_json, metrics_csv

FORMAT = 1
CONFIG, SUMMARY, METRICS = "config.json", "summary.json", "metrics.csv"
ANNOTATION, CHECKPOINT, SAMPLES = "annotation.tif", "checkpoint.safetensors", "samples"
ANNOTATION_NEXT = "annotation-next.tif"
"""Takes the place of the annotation with the next checkpoint; a crash may leave it beside."""
SLICES = "slices.csv"
HEALTH_TABLE = "discriminator.csv"


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
    config : dict
        The whole ``config.json``.
    """

    folder: Path
    settings: RunSettings
    classes: ClassMap
    networks: tuple[NetworkName, ...]
    history: tuple[Validated, ...]
    lambda_marks: tuple[tuple[int, float], ...]
    config: dict[str, Any]


def new_run_folder(parent: Path, image_name: str) -> Path:
    """A name for a new run inside `parent` that is not taken yet: date, time and image."""
    return dated_folder(parent, image_name)


def check_new(folder: Path) -> None:
    """Check that a run can be made in `folder`, and leave nothing there.

    Raises
    ------
    RunFolderError
        If it is a file, already holds a run or files that a run would replace, or cannot be written.
    """
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            folder.lstat()  # a name that cannot be
        if folder.is_file():
            raise RunFolderError(f"{folder} is a file: choose a folder for the run.")
        if (folder / CONFIG).exists():
            raise RunFolderError(
                f"{folder} already holds a run: choose another folder, or go on with it by `advseg resume`."
            )
        in_the_way = run_files(folder)
        if in_the_way:
            raise RunFolderError(
                f"{folder} already holds {in_the_way[0].name}, which a run would replace: choose another "
                "folder."
            )
        there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
        Path(mkdtemp(prefix=".advseg-", dir=there)).rmdir()  # permission bits do not tell all
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise not_writable(folder, error) from None


def run_files(folder: Path) -> list[Path]:
    """The files of a run that are in `folder`, the pictures of samples aside."""
    annotations = (ANNOTATION, ANNOTATION_NEXT)
    named = [
        folder / name for name in (CONFIG, SUMMARY, METRICS, SLICES, HEALTH_TABLE, *annotations)
    ]
    weights = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    return [path for path in (*named, *weights) if path.is_file()]


def not_writable(folder: Path, error: Exception) -> RunFolderError:
    """The error for a folder that no run can be made in."""
    return RunFolderError(
        f"{folder} cannot be written ({short_reason(error)}): choose another folder."
    )


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold the folder of a new run, made where needed, as its only writer while the block goes on.

    A folder that was made here and stays empty is removed again.

    Raises
    ------
    RunFolderError
        If the folder cannot be made, or another run is or has just been made in it.
    """
    made = [p for p in (folder, *folder.absolute().parents) if not p.exists()]
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise not_writable(folder, error) from None
        with only_writer(folder):
            check_new(folder)  # another program may have been faster
            yield
    finally:
        for path in made:
            with suppress(OSError):
                path.rmdir()


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
        "image": describe_image(stack),
        **details,
    }


def describe_image(stack: EMStack) -> dict[str, Any]:
    """What ``config.json`` says of an image."""
    return {
        "name": stack.name,
        "source": str(stack.source.absolute()) if stack.source else None,
        "shape": list(stack.shape),
        "dtype": str(stack.data.dtype),
        "channels": stack.channels,
        "channel_axis": stack.channel_axis,
        "scale": list(stack.scale),
        "unit": stack.unit,
    }


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Write ``config.json``."""
    write_json(folder / CONFIG, config)


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Write ``summary.json`` at once."""
    write_json(folder / SUMMARY, summary)


def read_summary(folder: Path) -> dict[str, Any]:
    """``summary.json``; empty where there is none that can be read, as of a run that never ended."""
    try:
        found = json.loads((Path(folder) / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def write_metrics(folder: Path, history: tuple[Validated, ...], classes: tuple[str, ...]) -> None:
    """Write ``metrics.csv`` at once."""
    write_text(folder / METRICS, metrics_csv(history, classes))


def write_health(folder: Path, history: tuple[Validated, ...]) -> None:
    """Write ``discriminator.csv``, if there is a D."""
    if any(v.health.known for v in history):
        write_text(folder / HEALTH_TABLE, health_csv(history))


def read_config(folder: Path) -> dict[str, Any]:
    """Read ``config.json``.

    Raises
    ------
    RunFolderError
        If there is no run, or it is damaged or of a newer format.
    """
    path = Path(folder) / CONFIG
    try:
        if not path.is_file():
            raise RunFolderError(
                f"{folder} holds no run ({CONFIG} is missing): choose a run folder."
            )
        config = json.loads(path.read_text(encoding="utf-8"))
        found = config["format"]
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        raise damaged(path, error) from None
    if not isinstance(found, int) or found < 1:
        raise damaged(path, f"its format is {found!r:.20}")
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
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise damaged(path, error) from None


def damaged(path: Path, reason: str | Exception) -> RunFolderError:
    """The error for a file of a run that cannot be read."""
    if isinstance(reason, Exception):
        reason = _reason(reason)
    return RunFolderError(f"{path} is damaged ({reason}): choose another run.")


_REASONS: dict[type[Exception], str] = {
    SafetensorError: "it is no whole safetensors file",
    json.JSONDecodeError: "it is no whole JSON",
    UnicodeDecodeError: "it is no text",
    RecursionError: "it is nested too deeply",
}


def _reason(error: Exception) -> str:
    """What is wrong with a file, in a few words."""
    if isinstance(error, OSError):
        return short_reason(error).lower()
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    for kind, words in _REASONS.items():
        if isinstance(error, kind):
            return words
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
    return first_line(error).rstrip(".:")[:100]


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
        settings, classes, marks = _from_config(config)
    except (KeyError, TypeError, ValueError, RecursionError, AdvSegError) as error:
        raise damaged(folder / CONFIG, error) from None
    networks: tuple[NetworkName, ...] = tuple(
        n for n in settings.networks if (folder / f"{n}.safetensors").is_file()
    )
    if not networks:
        raise RunFolderError(
            f"The run in {folder} holds no weights yet: let it train to its first validation, or start "
            "anew in another folder."
        )
    try:
        history = _history(checkpoint_metadata(folder, "progress"))
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(folder / CHECKPOINT, error) from None
    return Run(folder, settings, classes, networks, history, marks, config)


def _from_config(
    config: dict[str, Any],
) -> tuple[RunSettings, ClassMap, tuple[tuple[int, float], ...]]:
    """Settings, classes and λ marks; what resume also reads is checked."""
    settings = run_settings(_completed(config["settings"]))
    if settings.updates is None:
        raise ValueError("settings.updates is missing")
    classes = ClassMap.model_validate(config["classes"])
    marks = tuple((int(u), float(w)) for u, w in config["lambda_marks"])
    alike(config["normalisation"], config["normalisation"])
    for name in ("image", "unannotated") if "unannotated" in config else ("image",):
        source = config[name]["source"]
        if not (source is None or isinstance(source, str)):
            raise ValueError(f"{name}.source is {source!r}")
    return settings, classes, marks


def _completed(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of a run of before a setting there was, with what was done then."""
    then = {"image_normalisation": "stack", "gaps": 0.0}
    return {
        "scale": 1,
        "keep": "last",
        "calibrate": False,
        **settings,
        "discriminator": {**then, **settings["discriminator"]},
    }


def _history(progress: dict[str, Any]) -> tuple[Validated, ...]:
    """The validations of a checkpoint; what resume also reads is checked."""
    for name in ("turn", "update"):
        if not isinstance(progress[name], int) or progress[name] < 0:
            raise ValueError(f"{name} is {progress[name]!r}")
    float(progress["seconds"])
    return history_from_json(progress["history"])
