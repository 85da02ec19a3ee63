"""The errors a person can mend: each says what is wrong and the way out in one sentence."""

from __future__ import annotations


class AdvSegError(Exception):
    """Base of every error that the person at the keyboard can mend.

    No ValueError: pydantic would swallow those that its validators raise.

    Parameters
    ----------
    message : str
        One sentence that names the offending value and the way out.
    control : str, optional
        Role of the setting it is about (``"image_layer"``, ``"slices"``, ...), so that a window
        can show the sentence beside that control. Defaults to the class' own.
    """

    control: str = "status"

    def __init__(self, message: str, *, control: str | None = None) -> None:
        super().__init__(message)
        if control is not None:
            self.control = control


class ImageError(AdvSegError):
    """The image cannot be used."""

    control = "image_layer"


class AnnotationError(AdvSegError):
    """The annotation cannot be used with this image or class map."""

    control = "annotation_layer"


class ClassMapError(AdvSegError):
    """The classes, or which label each is, are not usable."""

    control = "classes"


class SplitError(AdvSegError):
    """Training and validation slices cannot be taken as asked."""

    control = "slices"


class SettingsError(AdvSegError):
    """A training setting is out of range or unknown."""

    control = "advanced"


class RunFolderError(AdvSegError):
    """A run folder cannot be written, read or resumed."""

    control = "run_folder"


class ProjectError(AdvSegError):
    """A project, or the annotation that saves itself, cannot be written, read or restored."""

    control = "project"
