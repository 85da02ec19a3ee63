"""How a run is paused and stopped from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Stopped(Exception):
    """Raised inside a run when it was asked to stop; the run keeps what it has."""


class RunControl:
    """Pause and stop for one run; every method may be called from any thread.

    Parameters
    ----------
    slice_in_view : callable, optional
        Returns the index of the slice that a person looks at, which is predicted first; None if nobody
        looks. It is called from the training thread.
    """

    def __init__(self, slice_in_view: Callable[[], int | None] = lambda: None) -> None:
        self.slice_in_view = slice_in_view
        self._stop = threading.Event()
        self._go = threading.Event()
        self._go.set()

    @property
    def paused(self) -> bool:
        """Whether the run waits."""
        return not self._go.is_set()

    @property
    def stopping(self) -> bool:
        """Whether the run was asked to stop."""
        return self._stop.is_set()

    def pause(self) -> None:
        """Let the run wait after the update or tile it is at."""
        self._go.clear()

    def resume(self) -> None:
        """Let a paused run go on."""
        self._go.set()

    def stop(self) -> None:
        """End the run after the update or tile it is at."""
        self._stop.set()
        self._go.set()

    def raise_if_stopped(self) -> None:
        """Wait while paused; the run calls this between updates and between tiles.

        Raises
        ------
        Stopped
            If the run was asked to stop.
        """
        self._go.wait()
        if self._stop.is_set():
            raise Stopped
