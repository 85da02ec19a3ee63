"""Train a standard and an adversarial segmentation network side by side on an EM stack."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

try:
    __version__ = version("napari-advseg")
except PackageNotFoundError:  # run from a folder that was never installed
    __version__ = "0.0.0"

if TYPE_CHECKING:
    from .core.annotation import Annotation
    from .core.classes import ClassMap
    from .core.control import RunControl
    from .core.curves import read_runs
    from .core.engine import resume, train
    from .core.errors import AdvSegError
    from .core.evaluate import evaluate
    from .core.events import Outcome
    from .core.figure import draw_curves
    from .core.io import read_annotation, read_stack
    from .core.predict import predict_stack, predict_to_file
    from .core.presets import from_preset
    from .core.run_folder import load_run
    from .core.settings import RunSettings
    from .core.stack import EMStack
    from .core.synthetic import synthetic_stack

_HOME = {
    "AdvSegError": "errors",
    "Annotation": "annotation",
    "ClassMap": "classes",
    "EMStack": "stack",
    "Outcome": "events",
    "RunControl": "control",
    "RunSettings": "settings",
    "draw_curves": "figure",
    "evaluate": "evaluate",
    "from_preset": "presets",
    "load_run": "run_folder",
    "predict_stack": "predict",
    "predict_to_file": "predict",
    "read_annotation": "io",
    "read_runs": "curves",
    "read_stack": "io",
    "resume": "engine",
    "synthetic_stack": "synthetic",
    "train": "engine",
}

__all__ = [
    "AdvSegError",
    "Annotation",
    "ClassMap",
    "EMStack",
    "Outcome",
    "RunControl",
    "RunSettings",
    "__version__",
    "draw_curves",
    "evaluate",
    "from_preset",
    "load_run",
    "predict_stack",
    "predict_to_file",
    "read_annotation",
    "read_runs",
    "read_stack",
    "resume",
    "synthetic_stack",
    "train",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that importing the package stays light."""
    if name in _HOME:
        return getattr(import_module(f".core.{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
