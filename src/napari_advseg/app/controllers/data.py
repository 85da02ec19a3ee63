"""Section 1: which layers, which classes, which slices."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_advseg.app.messages.form_problems import problems_of, size_problem
from napari_advseg.app.ports.annotations import ClassRow
from napari_advseg.app.state.annotation_summary import AnnotationSummary, summarise
from napari_advseg.app.state.looked_for import (
    MEMBRANES,
    Names,
    class_map_of,
    remember_names,
    remembered_names,
)
from napari_advseg.app.state.model import DatasetOffer
from napari_advseg.app.state.run_form import (
    Choices,
    LayerInfo,
    follow_layers,
    matching_shape,
    settings_of,
)
from napari_advseg.app.state.unannotated_source import still_possible
from napari_advseg.core.config.classes import NEW_ANNOTATION, ClassMap
from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.data.split import Split
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.runtime.errors import AdvSegError, ImageError, SeveralDatasets, Subject

from .base import AppContext, BaseController

log = logging.getLogger(__name__)

Read = TypeVar("Read")

SUBJECTS_OF_CHOICE = {
    "image": (
        Subject.IMAGE, Subject.IMAGE_FILE, Subject.ANNOTATION, Subject.ANNOTATION_FILE,
        Subject.SPLIT, Subject.UNANNOTATED,
    ),
    "channels": (Subject.IMAGE, Subject.UNANNOTATED),
    "annotation": (Subject.ANNOTATION, Subject.ANNOTATION_FILE, Subject.CLASSES, Subject.SPLIT),
    "class_rows": (Subject.CLASSES,),
    "train": (Subject.SPLIT,),
    "val": (Subject.SPLIT,),
    "method": (Subject.METHOD, Subject.UNANNOTATED),
    "preset": (Subject.PRESET, Subject.BUDGET, Subject.SETTINGS, Subject.UNANNOTATED),
    "budget": (Subject.BUDGET,),
    "start_from_run": (Subject.START_FROM,),
    "unannotated": (Subject.UNANNOTATED,),
    "advanced": (Subject.SETTINGS, Subject.UNANNOTATED),
    "runs_folder": (Subject.RUN_FOLDER,),
}  # fmt: skip
"""Subjects whose failure is removed when this choice changes."""

_CHANGES_SUMMARY = {"annotation", "class_rows", "train", "val", "preset", "advanced", "image"}


class DataController(BaseController):
    """Keeps the choices in step with the viewer and the summary in step with the annotation."""

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self._reading = False
        self._read_again = False
        self._model.looked_for = remembered_names()
        events = self._model.events
        for signal in (events.choices, events.layers, events.summary, events.run):
            signal.connect(self._update_problems)

    def _update_problems(self) -> None:
        self._model.set_form_problems(problems_of(self._model))

    # ---- choices

    def choose(self, **changes: Any) -> None:
        """Change what is chosen, and remove the failures that concern the former choice."""
        self._settle(replace(self._model.choices, **changes))

    def set_layers(self, layers: tuple[LayerInfo, ...]) -> None:
        """Take over the viewer's layers after one came, went, or was renamed or selected."""
        if layers != self._model.layers:
            self._model.layers = layers
            kept = {one.key: one.class_rows for one in layers if one.class_rows is not None}
            rows = MappingProxyType({**kept, **self._model.choices.class_rows})
            self._settle(follow_layers(replace(self._model.choices, class_rows=rows), layers))

    def pick_image(self, key: str | None) -> None:
        """Choose an image; an annotation that nobody picked follows it.

        One that is chosen already is looked at anew: its pixels may have been mended meanwhile.
        """
        same = key is not None and key == self._model.choices.image
        chosen = replace(self._model.choices, image=key, image_picked=key is not None)
        self._settle(follow_layers(chosen, self._model.layers))
        if same:
            self.image_data_changed()

    def pick_channels(self, keys: tuple[str, ...]) -> None:
        """Take further image layers as channels of the chosen image."""
        self.choose(channels=keys)

    def stack(self) -> EMStack:
        """The chosen image with its channels.

        Raises
        ------
        AdvSegError
            If none is chosen, or a layer is gone or cannot be used.
        """
        image = self._model.image
        if image is None:
            raise ImageError("Open an image first.")
        further = [self._model.layer(key) for key in self._model.choices.channels]
        names = [one.name for one in further if one is not None]
        # The image last: the viewer follows the slices of the one that was asked for last.
        others = [self._viewer.image(name) for name in names]
        return EMStack.together([self._viewer.image(image.name), *others])

    def image_data_changed(self) -> None:
        """Forget what was wrong with the chosen image, which has other pixels now, and look anew."""
        self._model.clear_problems(Subject.IMAGE, Subject.IMAGE_FILE)
        self._look_at_image()

    def pick_annotation(self, key: str | None) -> None:
        """Choose an annotation; its split starts from the default."""
        self.choose(annotation=key, annotation_picked=key is not None, train=None, val=None)

    def set_classes(self, rows: tuple[ClassRow, ...]) -> None:
        """Set the classes of the chosen annotation, which may be incomplete, and store them in its layer."""
        choices = self._model.choices
        annotation = self._model.annotation
        if annotation is not None:
            carried = self._model.summary is not None and self._model.summary.carried
            with suppress(AdvSegError):  # a layer that went needs to keep nothing
                self._viewer.annotations.keep_classes(annotation.name, rows, carried=carried)
            by_key = {**choices.class_rows, annotation.key: rows}
            self.choose(class_rows=MappingProxyType(by_key))

    def set_split(self, train: tuple[int, ...], val: tuple[int, ...]) -> None:
        """Say which slices train and which validate."""
        self.choose(train=train, val=val)
        summary = self._model.summary
        whole = summary is not None and summary.split is not None
        if summary is not None and whole and train and val and not set(train) & set(val):
            # Shown at once: large annotations take seconds to be read again, which then confirms it.
            self._model.summary = replace(summary, split=Split(train, val), problem=None)

    def annotated(self, slices: tuple[int, ...]) -> None:
        """Use slices that were annotated just now: as training slices if the user chose the split."""
        choices = self._model.choices
        if choices.train is None or choices.val is None:
            self.refresh_summary()
        else:
            added = set(slices) - set(choices.val)
            self.choose(train=tuple(sorted({*choices.train, *added})))
            self.refresh_summary()

    def reset_split(self) -> None:
        """Let the last third of the annotated slices validate again."""
        self.choose(train=None, val=None)

    def _settle(self, choices: Choices) -> None:
        before = self._model.choices
        choices = still_possible(choices, self._model.layers)
        changed = {
            name for name in SUBJECTS_OF_CHOICE if getattr(choices, name) != getattr(before, name)
        }
        self._model.choices = choices
        self._model.clear_problems(*(c for name in changed for c in SUBJECTS_OF_CHOICE[name]))
        if "image" in changed:
            self._look_at_image()
        if changed & _CHANGES_SUMMARY:
            if "annotation" in changed:
                self._model.summary = None
            self.refresh_summary()

    def _look_at_image(self) -> None:
        """Let the viewer know which image is meant, and say at once if it cannot be used."""
        if self._model.image is not None:
            try:
                self._viewer.image(self._model.image.name)
            except AdvSegError as error:
                self._model.set_problem(error.subject, str(error))

    def settings(self) -> RunSettings | None:
        """The settings as chosen; None if one cannot be used, which is a problem of the form."""
        try:
            return settings_of(self._model.choices, self._model.threshold)
        except AdvSegError:
            return None

    # ---- the annotation's summary

    def refresh_summary(self) -> None:
        """Read the annotation anew, in the background; calls that come meanwhile become one."""
        if self._reading:
            self._read_again = True
            return
        task = self._summary_task()
        if task is not None:
            self._reading = True
            self._in_background(task, self._summary_read, self._summary_failed)

    def _summary_task(self) -> Callable[[], AnnotationSummary] | None:
        model, choices = self._model, self._model.choices
        image, annotation = model.image, model.annotation
        if image is None or annotation is None or not matching_shape(image.shape, annotation.shape):
            model.summary = None
            return None
        try:
            # Read in the background without a copy: what is painted meanwhile asks for a new reading.
            labels, carried = self._viewer.peek_labels(annotation.name)
        except AdvSegError as error:
            model.summary = None
            model.set_problem(error.subject, str(error))
            return None
        settings = self.settings()
        patch = 128 if settings is None else settings.patch
        rows, train, val = choices.classes, choices.train, choices.val
        read = partial(summarise, labels, carried, rows, patch=patch, train=train, val=val)
        return lambda: replace(read(), read_with=choices.for_annotation)

    def _summary_read(self, summary: AnnotationSummary) -> None:
        self._reading = False
        if self._read_again:
            self._read_again = False
            self.refresh_summary()
            return
        model = self._model
        model.clear_problems(Subject.CLASSES, Subject.SPLIT, Subject.ANNOTATION)
        model.summary = summary

    def _summary_failed(self, error: BaseException) -> None:
        self._reading = self._read_again = False
        log.error("The annotation could not be read.", exc_info=error)
        self._model.set_problem(Subject.ANNOTATION, f"The annotation cannot be read: {error}.")

    # ---- opening and making layers

    def new_annotation(self, names: Names = ()) -> None:
        """Lay an empty annotation over the chosen image and choose it.

        Parameters
        ----------
        names : tuple of str, optional
            Of its classes; by default those of the last one.
        """
        image = self._model.image
        if image is None:
            self._model.set_problem(
                Subject.IMAGE, "Open an image first: an annotation lies over one."
            )
            return
        names = names or self._model.looked_for or MEMBRANES
        try:
            name = self._viewer.new_annotation(image.name, class_map_of(names))
        except AdvSegError as error:
            self._model.set_problem(error.subject, str(error))
            return
        self._model.looked_for = names
        remember_names(names)
        self._pick_by_name(name)

    def open_sample(self) -> None:
        """Make the built-in sample in the background and open it with its truth."""
        self._model.status = "Making the sample: a few seconds."
        self._open(self._engine.synthetic_stack, self._show_sample, Subject.IMAGE_FILE)

    def open_stack(self, path: Path) -> None:
        """Read an image file in the background and open it."""
        self._model.status = f"Opening {path.name}."
        self._open(
            partial(self._engine.read_stack, path), self._show_stack, Subject.IMAGE_FILE, path
        )

    def open_annotation(self, path: Path) -> None:
        """Read a file of labels in the background and lay it over the chosen image."""
        self._model.status = f"Opening {path.name}."
        self._open(
            partial(self._engine.read_label_file, path),
            lambda read: self._show_labels(read.labels, read.classes, path.stem, read.notes),
            Subject.ANNOTATION_FILE,
            path,
        )

    def _open(
        self,
        read: Callable[[], Read],
        show: Callable[[Read], None],
        subject: Subject,
        path: Path | None = None,
    ) -> None:
        """Read in the background and show; what goes wrong is the problem of `subject`.

        If the file at `path` holds several datasets, they are offered.

        That is the button, not the layer: what is chosen is as good as before, and can be trained on.
        """

        def done(result: Read) -> None:
            self._model.status = ""
            try:
                show(result)
            except AdvSegError as error:
                failed(error)

        def failed(error: BaseException) -> None:
            self._model.status = ""
            if isinstance(error, SeveralDatasets) and path is not None:
                labels = subject is Subject.ANNOTATION_FILE
                self._model.dataset_offer = DatasetOffer(path, error.names, labels)
            else:
                self._show_failure(subject, error)

        self._model.dataset_offer = None
        self._model.clear_problems(subject)
        self._in_background(read, done, failed)

    def _show_stack(self, stack: EMStack) -> None:
        name = self._viewer.open_stack(stack)
        found = next((one for one in self._model.layers if one.name == name), None)
        if found is not None:
            self.pick_image(found.key)

    def _show_sample(self, sample: tuple[EMStack, NDArray[np.uint8]]) -> None:
        stack, truth = sample
        self._show_stack(stack)
        self._show_labels(truth, NEW_ANNOTATION, "annotation")

    def _show_labels(
        self,
        labels: NDArray[Any],
        classes: ClassMap | None,
        name: str,
        notes: tuple[str, ...] = (),
    ) -> None:
        image = self._model.image
        if image is None:
            raise ImageError("Open an image first: an annotation lies over one.")
        problem = size_problem(name, labels.shape, image.shape, "open")
        if problem is not None:
            raise problem
        self._pick_by_name(self._viewer.open_labels(labels, classes, image.name, name, notes))

    def _pick_by_name(self, name: str) -> None:
        found = next((one for one in self._model.layers if one.name == name), None)
        if found is not None:
            self.pick_annotation(found.key)
