"""The errors a person can mend: each says what is wrong and the way out in one sentence."""

from __future__ import annotations

from enum import Enum


class Subject(Enum):
    """What an error is about; a window shows its message next to the control of the subject."""

    IMAGE = "image"
    IMAGE_FILE = "image file"
    VOXEL_SIZE = "voxel size"
    ANNOTATION = "annotation"
    ANNOTATION_FILE = "annotation file"
    CLASSES = "classes"
    SPLIT = "split"
    UNANNOTATED = "unannotated stack"
    METHOD = "method"
    PRESET = "preset"
    BUDGET = "budget"
    SETTINGS = "settings"
    START_FROM = "start from"
    THRESHOLD = "threshold"
    RUN_FOLDER = "run folder"
    LOADED_RUN = "loaded run"
    MASKS = "masks"
    APPLYING = "applying a run"
    APPLYING_TO_FILES = "applying a run to files"
    ACCEPTANCE = "acceptance"
    SLICE_TABLE = "slice table"
    PROJECT = "project"
    UNSAVED_WORK = "unsaved work"
    OTHER = "other"


class AdvSegError(Exception):
    """Base of every error that the person at the keyboard can mend.

    No ValueError: pydantic would swallow those that its validators raise.

    Parameters
    ----------
    message : str
        One sentence that names the offending value and the way out.
    subject : Subject, optional
        What the error is about. Defaults to the subject of the class.
    """

    subject: Subject = Subject.OTHER

    def __init__(self, message: str, *, subject: Subject | None = None) -> None:
        super().__init__(message)
        if subject is not None:
            self.subject = subject


class ImageError(AdvSegError):
    """The image cannot be used."""

    subject = Subject.IMAGE


class SeveralChannels(ImageError):
    """A file holds channels, and it was not said that they are.

    Attributes
    ----------
    axis, count : int
        Axis of the channels among those longer than 1, and how many there are.
    """

    axis: int = 0
    count: int = 0

    def with_option(self, option: str) -> SeveralChannels:
        """The same refusal, which also names an option that says which axis the channels are."""
        told = (
            str(self).removesuffix(".") + f"; or take them as channels with {option} {self.axis}."
        )
        return _with(SeveralChannels(told), axis=self.axis, count=self.count)


class SeveralDatasets(ImageError):
    """A file holds several datasets, and none was named.

    Attributes
    ----------
    names : tuple of str
        Of the datasets.
    """

    names: tuple[str, ...] = ()


class AnnotationError(AdvSegError):
    """The annotation cannot be used with this image or class map."""

    subject = Subject.ANNOTATION


class SeveralLabelDatasets(AnnotationError, SeveralDatasets):
    """As `SeveralDatasets`, of a file of labels."""

    subject = Subject.ANNOTATION


class ClassMapError(AdvSegError):
    """The classes, or which label each is, are not usable."""

    subject = Subject.CLASSES


class UndecidedLabels(ClassMapError):
    """Labels are 0 and one other value: strokes of one class, or a dense annotation."""


class SplitError(AdvSegError):
    """Training and validation slices cannot be taken as asked."""

    subject = Subject.SPLIT


class SettingsError(AdvSegError):
    """A training setting is out of range or unknown."""

    subject = Subject.SETTINGS


class RunFolderError(AdvSegError):
    """A run folder cannot be written, read or resumed."""

    subject = Subject.RUN_FOLDER


class FolderInUse(RunFolderError):
    """Another program holds the lock of the folder."""


class ProjectError(AdvSegError):
    """A project, or the annotation that saves itself, cannot be written, read or restored."""

    subject = Subject.PROJECT


def several_channels(
    refusal: type[AdvSegError], message: str, axis: int, count: int
) -> AdvSegError:
    """A `SeveralChannels` where an image was asked for, else a `refusal`."""
    if not issubclass(refusal, ImageError):
        return refusal(message)
    return _with(SeveralChannels(message), axis=axis, count=count)


def _with(error: SeveralChannels, *, axis: int, count: int) -> SeveralChannels:
    error.axis, error.count = axis, count
    return error


def several_datasets(
    refusal: type[AdvSegError], message: str, names: tuple[str, ...]
) -> SeveralDatasets:
    """A `SeveralDatasets` that is also a `refusal` of an annotation, if that was asked for."""
    kind = SeveralLabelDatasets if issubclass(refusal, AnnotationError) else SeveralDatasets
    error = kind(message)
    error.names = names
    return error


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its type where it has none."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


def short_reason(error: BaseException) -> str:
    """What the operating system says of an error without number and path; else its first line."""
    return getattr(error, "strerror", None) or first_line(error)
