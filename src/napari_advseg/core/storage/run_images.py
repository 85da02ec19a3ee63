"""The images of a run that goes on: read again, and held against those it was started on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_advseg.core.data.normalisation import AnyNormalisation, alike
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.data.voxel_size import VoxelSize, known_unit
from napari_advseg.core.formats.io import read_stack
from napari_advseg.core.formats.paths import is_there
from napari_advseg.core.runtime.errors import RunFolderError

from .run_folder import Run, describe_image


def image_of(run: Run) -> EMStack:
    """The annotated stack, from where the run found it."""
    return _read_image(run, run.config["image"], "image", "--image STACK.tif")


def second_image_of(run: Run, given: EMStack | None) -> EMStack | None:
    """The other stack, of which the run had images without annotation."""
    kept = run.config.get("unannotated")
    if kept is None:
        if given is not None:
            raise RunFolderError(
                f"The run in {run.folder} had no stack without annotation beside its image: leave it out."
            )
        return None
    second = given or _read_image(run, kept, "stack without annotation", "--unannotated STACK.tif")
    if list(second.shape) != kept.get("shape"):
        raise RunFolderError(
            f"The stack without annotation has shape {second.shape}, the run's had "
            f"{tuple(kept.get('shape', ()))}: give the one that the run was started with."
        )
    return second


def _read_image(run: Run, kept: dict[str, Any], name: str, example: str) -> EMStack:
    if kept["source"] is None:
        raise RunFolderError(
            f"The {name} of the run in {run.folder} was no file: give it, for example {example}."
        )
    path = Path(kept["source"])
    if not is_there(path):
        raise RunFolderError(
            f"The {name} {path} is no longer there: say where it is, for example {example}."
        )
    stack = read_stack(path, channel_axis=kept.get("channel_axis"))
    if "unit" not in kept:  # of before voxel sizes had units
        return stack
    return stack.with_voxel_size(VoxelSize.of(kept["scale"], known_unit(kept["unit"])))


def describe_second(second: EMStack, normalisation: AnyNormalisation) -> dict[str, Any]:
    """What ``config.json`` says of the other stack."""
    return {**describe_image(second), "normalisation": normalisation.numbers()}


def check_same_images(run: Run, data: TrainingData) -> None:
    """Refuse grey values that are not those the run was started on.

    Raises
    ------
    RunFolderError
        If mean or standard deviation of a stack differ from the run's.
    """
    _check("image", data.normalisation, run.config["normalisation"])
    kept = (run.config.get("unannotated") or {}).get("normalisation")  # runs of before have none
    if kept is not None and data.unannotated is not None and data.unannotated.second is not None:
        _check("stack without annotation", data.unannotated.second, kept)


def _check(name: str, normalisation: AnyNormalisation, kept: dict[str, Any]) -> None:
    found = normalisation.numbers()
    if not alike(found, kept):
        raise RunFolderError(
            f"The {name} has mean {_short(found['mean'])} and standard deviation {_short(found['std'])}, "
            f"the run's had {_short(kept['mean'])} and {_short(kept['std'])}: "
            f"give the {name} that the run was started on."
        )


def _short(value: Any) -> str:
    """A number, or one for each channel."""
    return " and ".join(f"{v:.6g}" for v in (value if isinstance(value, list) else [value]))
