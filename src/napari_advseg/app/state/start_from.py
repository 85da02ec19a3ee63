"""Whether the next run can go on from the networks of the run that is shown."""

from __future__ import annotations

from pathlib import Path

from napari_advseg.core.runtime.errors import AdvSegError
from napari_advseg.core.storage.run_compatibility import why_not_from

from .model import AppModel
from .run_form import settings_of


def can_be_offered(model: AppModel) -> bool:
    """Whether a run is shown that has networks to start from."""
    return model.run is not None and model.run.folder is not None


def why_not_continue(model: AppModel) -> str:
    """Why the next run cannot start from the networks of the run that is shown; empty if it can."""
    run, summary = model.run, model.summary
    classes = None if summary is None else summary.classes
    if run is None or run.network is None or run.classes is None or classes is None:
        return ""
    try:
        settings = settings_of(model.choices)
    except AdvSegError:  # it is said beside its control
        return ""
    # the channels of the image are known once it is read
    why = why_not_from(settings, run.network, run.networks, run.classes, classes)
    return f"The run that is shown {why}." if why else ""


def continue_waits_for(model: AppModel) -> str:
    """What is wrong with starting from the run that is shown, if that was chosen."""
    return why_not_continue(model) if model.choices.start_from_run else ""


def start_folder(model: AppModel) -> Path | None:
    """Folder of the run to start from, if that was chosen and one is shown."""
    return model.run.folder if model.run is not None and model.choices.start_from_run else None
