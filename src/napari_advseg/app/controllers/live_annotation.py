"""Strokes that are painted while a run goes on: copied in the window's thread, taken in the run's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Lock
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.runtime.errors import AdvSegError

from .base import AppContext, BaseController

LOOK_SECONDS = 0.005
"""At most so long is the window busy at a time with looking for new strokes."""


class StrokeCopy:
    """A copy of an annotation layer that two threads share.

    Parameters
    ----------
    read : callable
        Gives labels (Z, Y, X) their meaning, as they had it when the run started.
    """

    def __init__(self, read: Callable[[NDArray[Any]], Annotation]) -> None:
        self._read = read
        self._lock = Lock()
        self._labels: NDArray[Any] | None = None
        self._changed = False

    def hold(self, labels: NDArray[Any] | None, *, changed: bool) -> None:
        """Go on with these labels, which become the copy's own; None ends the following."""
        with self._lock:
            self._labels, self._changed = labels, changed

    def fits(self, labels: NDArray[Any]) -> bool:
        """Whether slices of `labels` can be put into the copy."""
        own = self._labels
        return own is not None and own.shape == labels.shape and own.dtype == labels.dtype

    def put(self, z: int, pixels: NDArray[Any]) -> bool:
        """Copy a slice if it has changed; return False, without waiting, while the run takes the copy."""
        own = self._labels  # written in this thread alone
        if own is None or np.array_equal(own[z], pixels):
            return True
        if not self._lock.acquire(blocking=False):
            return False
        try:
            own[z] = pixels
            self._changed = True
        finally:
            self._lock.release()
        return True

    def take(self) -> Annotation | None:
        """The annotation if it has changed since it was last taken; called in the run's thread.

        Raises
        ------
        AdvSegError
            If the labels cannot be read.
        """
        with self._lock:
            if self._labels is None or not self._changed:
                return None
            self._changed = False
            labels = self._labels.copy()
        return self._read(labels)


class LiveAnnotationController(BaseController):
    """Follows the annotation of the run that is going on, while the person wants it.

    All is called in the window's thread, but for what `begin` returns.
    """

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self._key: str | None = None
        self._copy: StrokeCopy | None = None
        self._looking: Iterator[None] | None = None

    def begin(
        self, key: str, labels: NDArray[Any], read: Callable[[NDArray[Any]], Annotation]
    ) -> Callable[[], Annotation | None]:
        """A run starts with these labels of a layer; return what it asks for new strokes."""
        self._key, self._copy = key, StrokeCopy(read)
        if self._model.choices.live_strokes:
            self._copy.hold(labels.copy(), changed=False)
        return self._copy.take

    def end(self) -> None:
        """The run has ended."""
        self._key = self._copy = self._looking = None

    def switch(self, on: bool) -> None:
        """Use new strokes from now on, those since the run started included, or no longer."""
        if self._copy is None:
            return
        if not on:
            self._looking = None
            self._copy.hold(None, changed=False)
            return
        layer = self._model.layer(self._key)
        if layer is not None:
            with suppress(AdvSegError):  # the layer cannot be read any more: there is nothing new
                self._copy.hold(self._viewer.labels(layer.name)[0], changed=True)

    def follows(self, key: str) -> bool:
        """Whether what is painted on this layer counts in the run that goes on."""
        return key == self._key and self._copy is not None and self._model.choices.live_strokes

    def painted(self) -> None:
        """Look anew at the whole layer, in the steps that follow: an undo may change any slice."""
        self._looking = self._compare()

    def look(self, seconds: float = LOOK_SECONDS) -> bool:
        """Take a step of looking; return whether there is more."""
        end = perf_counter() + seconds
        while self._looking is not None:
            try:
                next(self._looking)
            except StopIteration:
                self._looking = None
            if perf_counter() >= end:
                break
        return self._looking is not None

    def _compare(self) -> Iterator[None]:
        copy, layer = self._copy, self._model.layer(self._key)
        if copy is None or layer is None or not self._model.choices.live_strokes:
            return
        try:
            labels, _ = self._viewer.peek_labels(layer.name)
        except AdvSegError:
            return
        if not copy.fits(labels):  # of another size or type: the engine says if that cannot be used
            copy.hold(labels.copy(), changed=True)
            return
        for z, pixels in enumerate(labels):
            while not copy.put(z, pixels):
                yield
            yield
