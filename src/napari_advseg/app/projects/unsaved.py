"""What windows left that ended before a project was saved: looked for, offered, dismissed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_advseg.app.ports.viewer import TaskRunner
from napari_advseg.app.state.model import AppModel
from napari_advseg.app.state.project_info import Offer
from napari_advseg.core.storage.project_folder import Unsaved, dismiss, find_unsaved, offered

log = logging.getLogger(__name__)


class UnsavedProjects:
    """Keeps `AppModel.offer`.

    Parameters
    ----------
    parent : Path
        Folder of the projects that nobody saved.
    """

    def __init__(self, model: AppModel, runner: TaskRunner, parent: Path) -> None:
        self._model, self._runner, self._parent = model, runner, parent
        self._found: tuple[Unsaved, ...] = ()

    @property
    def path(self) -> Path | None:
        """The project file that is offered."""
        return self._found[0].path if self._found else None

    def look(self) -> None:
        """Look in the background."""
        if self._parent.is_dir():
            in_background(self._runner, lambda: find_unsaved(self._parent), self._offer)

    def dismiss(self) -> None:
        """Offer what was found no more; its files stay until newer ones take their place."""
        found = self._found
        self.forget()
        in_background(self._runner, lambda: dismiss(found))

    def forget(self) -> None:
        """Take the offer away."""
        self._model.clear_problems("restore")
        self._offer(())

    def _offer(self, found: tuple[Unsaved, ...]) -> None:
        one = offered(found)
        self._found = found if one is not None else ()
        self._model.offer = None if one is None else Offer(one.image, one.project.saved)


def in_background(
    runner: TaskRunner,
    work: Callable[[], Any],
    then: Callable[[Any], None] = lambda result: None,
) -> None:
    """Do what nobody waits for; a failure goes to the log."""

    def failed(error: BaseException) -> None:
        log.error("Projects could not be tidied.", exc_info=error)

    runner.start(lambda emit: work(), on_event=lambda event: None, on_done=then, on_error=failed)
