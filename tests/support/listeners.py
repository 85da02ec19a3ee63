"""The plugin's callbacks at a viewer's events, which a session or a dock must take back when it ends."""

from __future__ import annotations

from types import MethodType
from typing import Any
from weakref import ReferenceType

from napari.components import ViewerModel


def listeners(viewer: ViewerModel) -> list[str]:
    """``owner.event: listener`` for each function or object of napari_advseg that a viewer still calls."""
    owners = {
        "viewer": viewer.events,
        "layers": viewer.layers.events,
        "selection": viewer.layers.selection.events,
        "dims": viewer.dims.events,
        "camera": viewer.scene.camera.events,
        "grid": viewer.canvas.grid.events,
        "cursor": viewer.cursor.events,
    }
    return [
        f"{owner}.{name}: {listener.__qualname__}"
        for owner, group in owners.items()
        for name, emitter in group.emitters.items()
        for listener in map(_definition, emitter.callbacks)
        if listener.__module__.startswith("napari_advseg")
    ]


def _definition(callback: Any) -> Any:
    """The function, or the class of the object, that a callback of napari's events belongs to."""
    if isinstance(callback, tuple):  # a weak reference to an object, and the name of its method
        callback = callback[0]
    if isinstance(callback, ReferenceType):
        callback = callback()
    if isinstance(callback, MethodType):
        callback = callback.__self__
    return callback if hasattr(callback, "__qualname__") else type(callback)
