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
    from napari_advseg.core.config.classes import ClassMap
    from napari_advseg.core.config.presets import from_preset
    from napari_advseg.core.config.settings import RunSettings
    from napari_advseg.core.data.annotation import Annotation
    from napari_advseg.core.data.stack import EMStack
    from napari_advseg.core.data.synthetic import synthetic_mitochondria, synthetic_stack
    from napari_advseg.core.evaluation.evaluate import evaluate
    from napari_advseg.core.formats.io import read_annotation, read_stack
    from napari_advseg.core.inference.predict_stack import predict_stack, predict_to_file
    from napari_advseg.core.plots.curves import read_runs
    from napari_advseg.core.plots.figure import draw_curves
    from napari_advseg.core.runtime.control import RunControl
    from napari_advseg.core.runtime.errors import AdvSegError
    from napari_advseg.core.runtime.events import Outcome
    from napari_advseg.core.storage.run_folder import load_run
    from napari_advseg.core.training.engine import resume, train

_HOME = {
    "AdvSegError": "runtime.errors",
    "Annotation": "data.annotation",
    "ClassMap": "config.classes",
    "EMStack": "data.stack",
    "Outcome": "runtime.events",
    "RunControl": "runtime.control",
    "RunSettings": "config.settings",
    "draw_curves": "plots.figure",
    "evaluate": "evaluation.evaluate",
    "from_preset": "config.presets",
    "load_run": "storage.run_folder",
    "predict_stack": "inference.predict_stack",
    "predict_to_file": "inference.predict_stack",
    "read_annotation": "formats.io",
    "read_runs": "plots.curves",
    "read_stack": "formats.io",
    "resume": "training.engine",
    "synthetic_mitochondria": "data.synthetic",
    "synthetic_stack": "data.synthetic",
    "train": "training.engine",
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
    "synthetic_mitochondria",
    "synthetic_stack",
    "train",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that importing the package stays light."""
    if name in _HOME:
        return getattr(import_module(f".core.{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
