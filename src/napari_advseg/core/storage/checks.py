"""Checks of single values that predicting and evaluating share."""

from __future__ import annotations

from pathlib import Path

from napari_advseg.core.runtime.errors import (
    AdvSegError,
    RunFolderError,
    SettingsError,
    Subject,
    short_reason,
)

from .run_folder import Run, run_files


def check_threshold(threshold: float) -> None:
    """Check that a threshold is a probability.

    Raises
    ------
    SettingsError
        If it is not within 0 to 1.
    """
    if not 0 <= threshold <= 1:  # also true of NaN
        raise SettingsError(
            f"threshold = {threshold:g} is no probability: choose one from 0 to 1.",
            subject=Subject.THRESHOLD,
        )


def check_threads(threads: int | None) -> None:
    """Check a number of CPU threads; None is all cores.

    Raises
    ------
    SettingsError
        If it is less than 1.
    """
    if threads is not None and threads < 1:
        raise SettingsError(f"threads = {threads} cannot be used: choose 1 or more.")


def check_channels(run: Run, channels: int) -> None:
    """Check that a run was trained on images with as many channels.

    Raises
    ------
    RunFolderError
        If it was not.
    """
    of_run = run.settings.network.image_channels
    if of_run != channels:
        raise RunFolderError(
            f"The run in {run.folder} is for images of {of_run} channels and this image has {channels}: "
            "choose another run.",
            subject=Subject.APPLYING,
        )


def check_mask_path(path: Path, image: Path | None, run: Path) -> None:
    """Check that a mask can be written to `path` without destroying what it is made from.

    Raises
    ------
    AdvSegError
        If `path` is a folder, the image, or a file of the run.
    """
    try:
        wrong = _in_the_way(path, image, run)
    except (OSError, ValueError) as error:  # a name that is too long, or holds a null character
        raise _refusal(
            f"The mask cannot be written to {path} ({short_reason(error)}): choose another name."
        ) from None
    if wrong:
        raise _refusal(f"The mask cannot be written to {path}, {wrong}.")


def _in_the_way(path: Path, image: Path | None, run: Path) -> str:
    if not path.parent.is_dir():
        return "whose folder is not there: make it, or choose another"
    if path.is_dir():
        return "which is a folder: write a file name, for example mask.tif"
    if not path.exists():
        return ""
    if image is not None and image.exists() and path.samefile(image):
        return "which is the image itself: choose another name"
    if any(path.samefile(one) for one in run_files(run)):
        return "which is a file of the run: choose another name"
    return ""


def _refusal(sentence: str) -> AdvSegError:
    return AdvSegError(sentence, subject=Subject.MASKS)
