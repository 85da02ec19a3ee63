"""What windows left that ended before a project was saved: looked for, offered, dismissed."""

from __future__ import annotations

from pathlib import Path

from napari_advseg.app.controllers.base import AppContext, BaseController
from napari_advseg.app.state.project_info import Offer
from napari_advseg.core.runtime.errors import Subject
from napari_advseg.core.storage.project_folder import Unsaved, dismiss, find_unsaved, offered


class UnsavedProjects(BaseController):
    """Keeps `AppModel.offer`.

    Parameters
    ----------
    context : AppContext
    parent : Path
        Folder of the projects that nobody saved.
    """

    def __init__(self, context: AppContext, parent: Path) -> None:
        super().__init__(context)
        self._parent = parent
        self._found: tuple[Unsaved, ...] = ()

    @property
    def path(self) -> Path | None:
        """The project file that is offered."""
        return self._found[0].path if self._found else None

    def look(self) -> None:
        """Look in the background."""
        if self._parent.is_dir():
            self._in_background(lambda: find_unsaved(self._parent), self._offer)

    def dismiss(self) -> None:
        """Offer what was found no more; its files stay until newer ones take their place."""
        found = self._found
        self.forget()
        self._in_background(lambda: dismiss(found))

    def forget(self) -> None:
        """Take the offer away."""
        self._model.clear_problems(Subject.UNSAVED_WORK)
        self._offer(())

    def _offer(self, found: tuple[Unsaved, ...]) -> None:
        one = offered(found)
        self._found = found if one is not None else ()
        self._model.offer = None if one is None else Offer(one.image, one.project.saved)
