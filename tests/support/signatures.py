"""Compares an object with the Protocol that it is to fit."""

from __future__ import annotations

import inspect
from typing import Any


def differences(thing: Any, port: type) -> list[tuple[str, str, str]]:
    """Members of `port` that `thing` lacks or has with other parameters: name, expected, found.

    Compared are the names, kinds and defaults of parameters; types are left to mypy.
    """
    found = []
    for name, member in vars(port).items():
        if name.startswith("_"):
            continue
        if not hasattr(thing, name):
            found.append((name, "there", "missing"))
        elif inspect.isfunction(member):
            expected, actual = _parameters(member)[1:], _parameters(getattr(thing, name))
            if expected != actual:
                found.append((name, str(expected), str(actual)))
    return found


def _parameters(function: Any) -> list[tuple[str, str, object]]:
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.kind.description, p.default) for p in parameters]
