"""What the window shows of a project: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from napari_advseg.core.storage.project_file import project_name


@dataclass(frozen=True)
class ProjectInfo:
    """The project that is open.

    Attributes
    ----------
    path : Path or None
        Its file; None until the person saves one.
    saved : str
        Time of day of the last save; empty before the first.
    due : bool
        Whether something has to be saved within the minute.
    """

    path: Path | None = None
    saved: str = ""
    due: bool = False

    @property
    def name(self) -> str:
        """What the person calls it."""
        return "" if self.path is None else project_name(self.path)

    @property
    def words(self) -> str:
        """One line about what is saved."""
        return f"annotation saved at {self.saved}" if self.saved else ""


@dataclass(frozen=True)
class Offer:
    """An annotation that nobody saved and that can be restored."""

    image: str
    saved: datetime

    @property
    def words(self) -> str:
        """The question."""
        of = f" of {self.image}" if self.image else ""
        return f"The annotation{of} of {self.saved.day} {self.saved:%b, %H:%M} was not saved as a project."
