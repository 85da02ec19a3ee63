"""The sentence for a file whose format needs a library that is not installed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from napari_advseg.core.runtime.errors import AdvSegError


def missing_library(refusal: type[AdvSegError], path: Path, library: str, what: str) -> AdvSegError:
    """Error for a file that is sound but needs `library`; `what` says why, as in "is an HDF5 file"."""
    return refusal(
        f"The file {path} {what}, which needs the package {library}: "
        f'install it with pip install "{library}".'
    )


def library(name: str, refusal: type[AdvSegError], path: Path, what: str) -> Any:
    """Import the library of a format.

    Raises
    ------
    AdvSegError
        A `refusal`, if it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise missing_library(refusal, path, name, what) from error
