"""The state that the window shows: evented, free of Qt, written by the controllers alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from psygnal import SignalGroupDescriptor

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.settings import NetworkSettings
from napari_advseg.core.data.voxel_size import UNKNOWN_VOXEL, VoxelSize
from napari_advseg.core.evaluation.slice_scores import SliceTable
from napari_advseg.core.runtime.errors import Subject
from napari_advseg.core.runtime.events import Alarm, NetworkName, Validated
from napari_advseg.core.runtime.scores import DiscriminatorStatistics

from .annotation_summary import AnnotationSummary
from .best_threshold import BestThreshold
from .class_list import ClassList
from .project_info import Offer, ProjectInfo
from .run_form import Choices, LayerInfo


class RunState(Enum):
    """Where training, or applying a run, stands.

    ::

        IDLE ──start──▶ STARTING ──RunStarted──▶ RUNNING ◀──pause, resume──▶ PAUSED
          ▲                 │                       │                          │
          │                 └─────────stop──────────┴───────────┬──────────────┘
          │                                                     ▼
          └────────── the task has returned ◀────────────── STOPPING

    From each state but IDLE the return of the task leads to IDLE, whatever its outcome.
    """

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"


_NEXT = {
    RunState.IDLE: {RunState.STARTING},
    RunState.STARTING: {RunState.RUNNING, RunState.STOPPING, RunState.IDLE},
    RunState.RUNNING: {RunState.PAUSED, RunState.STOPPING, RunState.IDLE},
    RunState.PAUSED: {RunState.RUNNING, RunState.STOPPING, RunState.IDLE},
    RunState.STOPPING: {RunState.IDLE},
}


@dataclass(frozen=True)
class Progress:
    """How far something is: `done` of `total`, and what the bar says."""

    done: int = 0
    total: int = 1
    text: str = ""


@dataclass(frozen=True)
class RunInfo:
    """The run whose curves and masks are shown: going, ended or loaded.

    Attributes
    ----------
    folder : Path or None
        Its run folder.
    networks : tuple of str
        The networks that it holds.
    classes : ClassMap or None
        Classes of its masks; None until its annotation is read.
    words : str
        One line about it.
    voxel : VoxelSize
        Of its image.
    network : NetworkSettings or None
        Shape of its U-Net, for a run that goes on from it.
    applied_to : str
        Name of the image that it was applied to after training; empty for the run's own masks.
    """

    folder: Path | None
    networks: tuple[NetworkName, ...] = ()
    classes: ClassMap | None = None
    words: str = ""
    voxel: VoxelSize = UNKNOWN_VOXEL
    applied_to: str = ""
    network: NetworkSettings | None = None


@dataclass(frozen=True)
class SaveOffer:
    """A question before masks are saved that lack slices.

    Attributes
    ----------
    folder : Path
        Where they were to be saved.
    predicted, slices : int
        How many slices are predicted, of how many.
    """

    folder: Path
    predicted: int
    slices: int

    @property
    def words(self) -> str:
        """The question."""
        return f"{self.predicted} of {self.slices} slices are predicted."


@dataclass(frozen=True)
class DatasetOffer:
    """A question before a file is opened that holds several datasets.

    Attributes
    ----------
    path : Path
    names : tuple of str
        Of the datasets.
    labels : bool
        Whether it is to be opened as an annotation.
    """

    path: Path
    names: tuple[str, ...]
    labels: bool = False

    @property
    def words(self) -> str:
        """The question."""
        what = "the annotation" if self.labels else "the image"
        return f"{self.path.name} holds {len(self.names)} datasets. Which one is {what}?"


@dataclass
class AppModel:
    """Everything that the window shows; each field has a signal of its name in `events`.

    Attributes
    ----------
    choices : Choices
        What was chosen, by the person or by default.
    layers : tuple of LayerInfo
        Layers that can be chosen, in the order of the layer list.
    summary : AnnotationSummary or None
        What the chosen annotation holds; None until it is read.
    state : RunState
        Change it with `advance`.
    run : RunInfo or None
        The run whose curves and masks are shown.
    history : tuple of Validated
        Its validations.
    lambda_marks : tuple of (int, float)
        (update, λ) where the weight of the adversarial term changes.
    progress : Progress
    status : str
        The one status line.
    threshold : float
        Probability of the first class from which a pixel belongs to it.
    problems : mapping of Subject to str
        The sentence that stands next to the control of a subject: of `form_problems` and `failures`
        the later one. Change it with `set_form_problems`, `set_problem` and `clear_problems`.
    form_problems : mapping of Subject to str
        What is wrong with the choices.
    failures : mapping of Subject to str
        Actions that failed.
    masks_shown : bool
        Whether a mask of this session lies over an image.
    masks_of : RunInfo or None
        The run that these masks are of; another than `run` once another is loaded.
    masks_over : str or None
        Key of the image layer that they lie over.
    preset_note : str
        How long the preset would take on this computer.
    time_note : str
        How many updates the minutes give, and when masks come.
    slice_in_view : int
    class_list : ClassList
        The classes of the chosen annotation.
    slice_table : SliceTable
        Each slice by itself: of the masks over the image, or as a loaded run kept it.
    health : DiscriminatorStatistics of float
        Of the run under way, as of its last update.
    alarms : tuple of Alarm
        Of the run that is shown, those that are over included.
    verdict : str
        Which of its two networks is better, and what to try; empty without a pair.
    best_thresholds : tuple of BestThreshold
        Of the run that is shown, found on its validation slices; empty before it has ended.
    looked_for : tuple of str
        Names of the classes of the last new annotation; empty before the first one.
    structure : int or None
        Index of the class that the masks show; None shows all.
    fill : float
        Opacity of the masks' filling, 0 to 1.
    dataset_offer : DatasetOffer or None
        A file of which a dataset is to be chosen.
    save_offer : SaveOffer or None
        Asked where Save masks was pressed, if slices are not predicted.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    choices: Choices = field(default_factory=Choices)
    layers: tuple[LayerInfo, ...] = ()
    summary: AnnotationSummary | None = None
    state: RunState = RunState.IDLE
    run: RunInfo | None = None
    history: tuple[Validated, ...] = ()
    lambda_marks: tuple[tuple[int, float], ...] = ()
    progress: Progress = Progress()
    status: str = ""
    threshold: float = 0.5
    problems: Mapping[Subject, str] = field(default_factory=lambda: MappingProxyType({}))
    form_problems: Mapping[Subject, str] = field(default_factory=lambda: MappingProxyType({}))
    failures: Mapping[Subject, str] = field(default_factory=lambda: MappingProxyType({}))
    masks_shown: bool = False
    masks_of: RunInfo | None = None
    masks_over: str | None = None
    preset_note: str = ""
    time_note: str = ""
    slice_in_view: int = 0
    project: ProjectInfo = field(default_factory=ProjectInfo)
    offer: Offer | None = None
    class_list: ClassList = field(default_factory=ClassList)
    slice_table: SliceTable = field(default_factory=SliceTable)
    health: DiscriminatorStatistics[float] = field(default_factory=DiscriminatorStatistics)
    alarms: tuple[Alarm, ...] = ()
    verdict: str = ""
    best_thresholds: tuple[BestThreshold, ...] = ()
    looked_for: tuple[str, ...] = ()
    structure: int | None = None
    fill: float = 0.4
    dataset_offer: DatasetOffer | None = None
    save_offer: SaveOffer | None = None

    def advance(self, state: RunState) -> None:
        """Go to another run state.

        Raises
        ------
        ValueError
            If the diagram in `RunState` has no such arrow.
        """
        if state not in _NEXT[self.state]:
            raise ValueError(f"A run cannot go from {self.state.value} to {state.value}.")
        self.state = state

    @property
    def busy(self) -> bool:
        """Whether a run, or the application of one, is going on."""
        return self.state is not RunState.IDLE

    def layer(self, key: str | None) -> LayerInfo | None:
        """The layer with this key, if it is still there."""
        return next((one for one in self.layers if one.key == key), None)

    @property
    def image(self) -> LayerInfo | None:
        """The chosen image layer."""
        return self.layer(self.choices.image)

    @property
    def annotation(self) -> LayerInfo | None:
        """The chosen annotation layer."""
        return self.layer(self.choices.annotation)

    def set_form_problems(self, problems: Mapping[Subject, str]) -> None:
        """Set what is wrong with the choices; a new sentence replaces a failure of its subject."""
        before = self.form_problems
        new = {subject for subject, text in problems.items() if before.get(subject) != text}
        self.form_problems = MappingProxyType(dict(problems))
        self._set_failures({c: text for c, text in self.failures.items() if c not in new})

    def set_problem(self, subject: Subject, sentence: str) -> None:
        """Show why an action failed, next to the control of its subject, or in the status line."""
        if subject is Subject.OTHER:
            self.status = sentence
        else:
            self._set_failures({**self.failures, subject: sentence})

    def clear_problems(self, *subjects: Subject) -> None:
        """Remove the failures of these subjects; problems of the form stay."""
        self._set_failures({c: text for c, text in self.failures.items() if c not in subjects})

    def _set_failures(self, failures: Mapping[Subject, str]) -> None:
        self.failures = MappingProxyType(dict(failures))
        self.problems = MappingProxyType({**self.form_problems, **failures})
