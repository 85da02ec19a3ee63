"""The functions of the engine that the application calls, loaded when they are first called.

Each imports its module inside the call: torch takes seconds to load, and the call is made in the
background.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any


def _lazy(module: str, name: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return getattr(import_module(f"napari_advseg.core.{module}"), name)(*args, **kwargs)

    call.__name__ = name
    return call


@dataclass(frozen=True)
class Engine:
    """What the application needs of the engine; a test gives others."""

    train: Callable[..., Any] = field(default=_lazy("training.engine", "train"))
    predict_stack: Callable[..., None] = field(
        default=_lazy("inference.predict_stack", "predict_stack")
    )
    predict_files: Callable[..., Any] = field(
        default=_lazy("inference.predict_files", "predict_files")
    )
    tiff_files: Callable[..., Any] = field(default=_lazy("formats.image_files", "tiff_files"))
    new_run_folder: Callable[..., Any] = field(
        default=_lazy("storage.run_folder", "new_run_folder")
    )
    load_run: Callable[..., Any] = field(default=_lazy("storage.run_folder", "load_run"))
    estimated_minutes: Callable[..., float] = field(
        default=_lazy("training.time_budget", "estimated_minutes")
    )
    read_stack: Callable[..., Any] = field(default=_lazy("formats.io", "read_stack"))
    read_labels: Callable[..., Any] = field(default=_lazy("formats.io", "read_labels"))
    write_labels: Callable[..., None] = field(default=_lazy("formats.io", "write_labels"))
    truth_of_start: Callable[..., Any] = field(
        default=_lazy("evaluation.slice_truth", "truth_of_start")
    )
    truth_of_run: Callable[..., Any] = field(
        default=_lazy("evaluation.slice_truth", "truth_of_run")
    )
    kept_slices: Callable[..., Any] = field(default=_lazy("evaluation.slice_truth", "kept_slices"))
    synthetic_stack: Callable[..., Any] = field(default=_lazy("data.synthetic", "synthetic_stack"))
