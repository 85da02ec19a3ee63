"""The project file: which images, annotations, choices and run belong together, as JSON.

::

    vnc.advseg.json        the project: plain values, no code
    vnc.advseg/            what this program writes for it: annotation-*.tif, image-*.tif, a lock

What lies in the project's folder is named by relative paths, which cannot lead out of it, so that the
folder can be moved or given away. An image or a run may lie elsewhere; then the file says where it was,
and it is only ever read.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    field_validator,
    model_validator,
)

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.settings import Method
from napari_advseg.core.config.slice_ranges import MOST_SLICES
from napari_advseg.core.runtime.errors import AdvSegError, ProjectError, short_reason
from napari_advseg.core.runtime.filesystem import write_json

FORMAT: Literal[1] = 1
SUFFIX = ".advseg.json"
_LARGEST_FILE = 10_000_000  # bytes; a project has a few thousand
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?")
_LONGEST_SHOWN = 80

Name = Annotated[str, Field(min_length=1, max_length=200)]
Shape = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=2, max_length=5)]
Numbers = Annotated[tuple[float, ...], Field(max_length=5)]
Unit = Literal["pm", "Å", "nm", "µm", "mm", "cm", "m"]
Slices = tuple[Annotated[int, Field(ge=0, lt=MOST_SLICES)], ...]


def _read_classes(value: object) -> ClassMap:
    """Class map from the text of a project file."""
    if isinstance(value, ClassMap):
        return value
    if not isinstance(value, str):
        raise ValueError("input should be a valid string")
    return ClassMap.parse(value)


ClassText = Annotated[ClassMap, BeforeValidator(_read_classes), PlainSerializer(str)]
"""A class map that the file holds as text, ``name=value+value,name=value``."""


def _relative(text: str) -> str:
    """Refuse a path that is absolute or climbs, as either kind of system would read it."""
    windows = PureWindowsPath(text)
    usable = (
        text.isprintable()
        and 0 < len(text) < 1000
        and not windows.drive
        and not text.startswith("/")
        and "\\" not in text
        and ".." not in PurePosixPath(text).parts
        and PurePosixPath(text).parts
    )
    if not usable:
        raise _escapes(text)
    return text


def _escapes(text: str) -> ProjectError:
    return ProjectError(
        f"The project names {_shown(text)!r}, which lies outside of its folder: open your files one by "
        "one and save the project anew."
    )


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Placement(_Part):
    """Where something is kept: exactly one of the two.

    Attributes
    ----------
    inside : str or None
        Path relative to the project's folder, with ``/``.
    elsewhere : str or None
        Absolute path of what lies outside; the place where it was.
    """

    inside: str | None = None
    elsewhere: Annotated[str, Field(max_length=4000)] | None = None

    @field_validator("inside")
    @classmethod
    def _stays(cls, text: str | None) -> str | None:
        return None if text is None else _relative(text)

    @model_validator(mode="after")
    def _one(self) -> Placement:
        if (self.inside is None) == (self.elsewhere is None):
            raise ValueError("a place is inside or elsewhere")
        return self

    @classmethod
    def of(cls, path: Path, folder: Path) -> Placement:
        """Name a file or folder as a project in `folder` does."""
        found, home = path.resolve(), folder.resolve()
        if found.is_relative_to(home):
            return cls(inside=found.relative_to(home).as_posix())
        return cls(elsewhere=str(found))

    def path(self, folder: Path) -> Path | None:
        """Where to read it from; None for a network share, which is opened for nobody unasked.

        Raises
        ------
        ProjectError
            If a link leads out of the project's folder.
        """
        if self.inside is not None:
            return inside(folder, self.inside)
        text = str(self.elsewhere)
        if text[:2] in ("//", r"\\") or not text.isprintable():
            return None
        return Path(text) if Path(text).is_absolute() else None


def inside(folder: Path, text: str) -> Path:
    """The path that a relative one means, links followed.

    Raises
    ------
    ProjectError
        If it leads out of `folder`.
    """
    home = folder.resolve()
    found = (home / _relative(text)).resolve()
    if not found.is_relative_to(home):
        raise _escapes(text)
    return found


class ProjectImage(_Part):
    """One image layer."""

    name: Name
    shape: Shape
    place: Placement
    scale: Numbers = ()
    unit: Unit | None = None


class ProjectAnnotation(_Part):
    """One annotation layer and the TIFF that holds its pixels.

    Attributes
    ----------
    file : str
        Relative path of the TIFF.
    scale, translate, unit
        Of the layer, for when its image cannot be found.
    classes : ClassMap or None
        The classes that the user entered; if None, the class map of the TIFF applies.
    colours : mapping of int to str
        ``#rrggbb`` or ``#rrggbbaa`` of annotation values.
    """

    name: Name
    shape: Shape
    file: str
    scale: Numbers = ()
    translate: Numbers = ()
    unit: Unit | None = None
    classes: ClassText | None = None
    colours: dict[int, str] = Field(default={}, max_length=1000)

    _stays = field_validator("file")(_relative)

    @field_validator("colours")
    @classmethod
    def _plain(cls, colours: dict[int, str]) -> dict[int, str]:
        wrong = next((c for c in colours.values() if not _COLOUR.fullmatch(c)), None)
        if wrong is not None:
            raise ValueError(f"{_shown(wrong)!r} is no colour")
        return colours


class Project(_Part):
    """What a project file says.

    Attributes
    ----------
    saved : datetime
        When.
    images, annotations : tuple
        The layers, lowest first.
    image, annotation : int or None
        Which of them is chosen.
    channels : tuple of int
        Images that are further channels of the chosen one.
    unannotated : int or "none" or None
        Image whose slices the adversary learns from beside those of the chosen one; ``"none"`` for none at
        all.
    train, val : tuple of int or None
        The slices that were chosen; None for the default split.
    method, preset, budget, unit, threshold, advanced
        As in the window.
    run : Placement or None
        Folder of the last run.
    dismissed : bool
        Of a project that nobody saved: not to be offered again.
    """

    format: Literal[1] = FORMAT
    saved: datetime
    images: tuple[ProjectImage, ...] = Field(default=(), max_length=1000)
    annotations: tuple[ProjectAnnotation, ...] = Field(default=(), max_length=1000)
    image: Annotated[int, Field(ge=0)] | None = None
    annotation: Annotated[int, Field(ge=0)] | None = None
    channels: tuple[Annotated[int, Field(ge=0)], ...] = ()
    unannotated: Annotated[int, Field(ge=0)] | Literal["none"] | None = None
    train: Slices | None = None
    val: Slices | None = None
    method: Method = "paired"
    preset: Name = "quick"
    budget: Annotated[float, Field(ge=0, le=1e9)] = 0.0
    unit: Literal["minutes", "updates", "epochs"] = "minutes"
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    advanced: dict[Name, bool | int | float | str | None] = Field(default={}, max_length=1000)
    run: Placement | None = None
    dismissed: bool = False

    @model_validator(mode="after")
    def _chosen_are_there(self) -> Project:
        for what, index, of in (
            ("image", self.image, self.images),
            ("annotation", self.annotation, self.annotations),
            ("channel", max(self.channels, default=None), self.images),
            ("unannotated", None if self.unannotated == "none" else self.unannotated, self.images),
        ):
            if index is not None and index >= len(of):
                raise ValueError(f"{what} {index} is chosen of {len(of)}")
        return self


def with_suffix(path: Path) -> Path:
    """The path of a project file, with ``.advseg.json`` at its end."""
    if path.name.lower().endswith(SUFFIX):
        return path
    return path.with_name(path.name.removesuffix(".json") + SUFFIX)


def project_name(path: Path) -> str:
    """What a person calls the project in this file."""
    return path.name[: -len(SUFFIX)] if path.name.lower().endswith(SUFFIX) else path.stem


def write_project(path: Path, project: Project) -> None:
    """Write the file in one step: an earlier one stays as it was until this one is whole.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    write_json(path, project.model_dump(mode="json", exclude_none=True))


def read_project(path: Path) -> Project:
    """Read a project file; nothing that it names is opened.

    Raises
    ------
    ProjectError
        If there is none, it is damaged, of a newer format, or names a file outside of its folder.
    """
    try:
        if not path.is_file():
            raise ProjectError(f"There is no project {path}: check the path.")
        if path.stat().st_size > _LARGEST_FILE:
            raise _damaged(path, "it is too large")
        found = json.loads(path.read_text(encoding="utf-8"))
        number = found["format"]
        if type(number) is int and number > FORMAT:
            raise ProjectError(
                f"The project {path} has format {number}, this version reads up to {FORMAT}: "
                "update napari-advseg."
            )
        return Project.model_validate(found)
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise _damaged(path, _reason(error)) from None
    except ProjectError:
        raise
    except AdvSegError as error:  # a class map that is none
        raise _damaged(path, str(error).partition(":")[0]) from None


def _damaged(path: Path, reason: str) -> ProjectError:
    return ProjectError(
        f"The project {path} is damaged ({reason}): open the image and the annotation themselves, and "
        "save the project anew."
    )


def _reason(error: Exception) -> str:
    """What is wrong with the file, in a few words."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        what = first["msg"].removeprefix("Value error, ").lower()
        return _shown(f"{where}: {what}" if where else what)
    if isinstance(error, OSError):
        return short_reason(error).lower()
    if isinstance(error, KeyError | TypeError):
        return "it is no project"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return "it is no text" if isinstance(error, UnicodeDecodeError) else "it is no whole JSON"


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
