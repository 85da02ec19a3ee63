"""Section 3, "accept": a mask, or a part of it, goes into the annotation as corrected truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_advseg.app.state.class_rows import to_class_map
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.data.mask_acceptance import (
    SliceChange,
    accept_slice,
    accept_stack,
    is_blank,
    same_classes,
)
from napari_advseg.core.runtime.errors import AdvSegError, ClassMapError, Subject
from napari_advseg.core.runtime.events import NetworkName

from .base import BaseController

Target = Literal["slice", "rectangle", "stack"]
SUBJECT = Subject.ACCEPTANCE
OVERWRITE_WORDS = "also over what is painted"
OTHER_SIZE = "The masks have another size than the annotation: choose an annotation that fits."


@dataclass(frozen=True, eq=False)
class _Into:
    """The annotation that a mask goes into."""

    key: str
    labels: NDArray[Any]
    classes: ClassMap
    table: NDArray[np.uint8]
    unannotated: frozenset[int]
    overwrite: bool

    def change(
        self, z: int, mask: NDArray[np.uint8], region: NDArray[np.bool_] | None = None
    ) -> SliceChange:
        drawn = self.labels[z]
        return accept_slice(
            z,
            drawn,
            self.table[mask],
            self.classes,
            region=region,
            overwrite=self.overwrite,
            blank=is_blank(z, drawn, self.classes, self.unannotated),
        )


class AcceptanceController(BaseController):
    """Writes masks into the annotation, each time as one step that napari's undo takes back."""

    def draw_rectangle(self) -> None:
        """Let the person draw a rectangle over the slice in view."""
        self._model.clear_problems(SUBJECT)
        try:
            self._viewer.accepting.draw_rectangle()
        except AdvSegError as error:
            self._model.set_problem(SUBJECT, str(error))

    def forget_problem(self) -> None:
        """Take away what was said of an earlier attempt."""
        self._model.clear_problems(SUBJECT)

    def accept(self, network: NetworkName, target: Target, overwrite: bool) -> None:
        """Take a network's mask into the chosen annotation.

        Parameters
        ----------
        network : {"standard", "adversarial"}
        target : {"slice", "rectangle", "stack"}
            The slice in view, the part of it under the rectangle, or every slice.
        overwrite : bool
            Also change what is painted already.
        """
        self._model.clear_problems(SUBJECT)
        try:
            into = self._into(network, overwrite)
            if target == "stack":
                self._accept_stack(network, into)
            else:
                self._accept_slice(network, into, target == "rectangle")
        except AdvSegError as error:
            self._model.set_problem(SUBJECT, str(error))

    # ---- what goes where

    def _into(self, network: NetworkName, overwrite: bool) -> _Into:
        """The chosen annotation, checked against the masks."""
        model = self._model
        annotation, masks, over = model.annotation, model.masks_of, model.layer(model.masks_over)
        if masks is None or masks.classes is None or not model.masks_shown:
            raise AdvSegError("There is no mask yet: train a run or apply one.")
        if network not in masks.networks:
            raise AdvSegError(f"The run has no {network} mask: choose {masks.networks[0]}.")
        if over is not None and over is not model.image:
            raise AdvSegError(f"The masks are of {over.name}: choose it under image.")
        if annotation is None:
            raise AdvSegError(
                "No annotation is chosen: press New under 1 Data first, or choose a layer there."
            )
        labels, carried = self._viewer.peek_labels(annotation.name)
        classes = self._classes(carried)
        shares = () if model.summary is None else model.summary.share_labelled
        return _Into(
            annotation.key,
            labels,
            classes,
            same_classes(masks.classes, classes),
            frozenset(z for z, share in enumerate(shares) if not share),
            overwrite,
        )

    def _classes(self, carried: ClassMap | None) -> ClassMap:
        """Classes of the annotation: those that the user entered, the layer carries, or were inferred."""
        rows, summary = self._model.choices.classes, self._model.summary
        if rows is not None:
            return to_class_map(rows)
        if carried is not None:
            return carried
        if summary is None:
            raise AdvSegError("The annotation is being read: press Accept again in a moment.")
        if summary.classes is None:
            raise ClassMapError(
                "Nothing says what the annotation's labels mean: name its classes under 1 Data."
            )
        return summary.classes

    def _accept_slice(self, network: NetworkName, into: _Into, rectangle: bool) -> None:
        z = self._viewer.accepting.slice_in_view()
        if z is None:
            raise AdvSegError("No slice of the masks is in view: show one in 2D.")
        mask = self._viewer.accepting.mask(network, z)
        if mask is None:
            raise AdvSegError(f"The {network} network has not predicted slice {z} yet.")
        if mask.shape != into.labels.shape[1:] or z >= len(into.labels):
            raise AdvSegError(OTHER_SIZE)
        region = None
        if rectangle:
            region = self._viewer.accepting.rectangle(z, mask.shape)
            if region is None:
                raise AdvSegError(
                    f"There is no rectangle on slice {z}: press Rectangle and draw one."
                )
        change = into.change(z, mask, region)
        where = f"the rectangle on slice {z}" if rectangle else f"slice {z}"
        self._write(into, [change], f"{where} from the {network} mask")
        if rectangle:
            self._viewer.accepting.forget_rectangle()

    def _accept_stack(self, network: NetworkName, into: _Into) -> None:
        indices = self._viewer.masks(network)
        if indices is None:
            raise AdvSegError("There is no mask yet: train a run or apply one.")
        if indices.shape != into.labels.shape:
            raise AdvSegError(OTHER_SIZE)
        self._model.status = f"Accepting the {network} mask of the whole stack."

        def changes() -> list[SliceChange]:
            return list(
                accept_stack(
                    into.labels,
                    indices,
                    into.classes,
                    table=into.table,
                    overwrite=into.overwrite,
                    unannotated=into.unannotated,
                )
            )

        def done(changes: list[SliceChange]) -> None:
            self._model.status = ""
            try:
                self._write(
                    into,
                    [_as_it_is_now(into, indices, one) for one in changes],
                    f"the whole stack from the {network} mask",
                )
            except AdvSegError as error:
                self._model.set_problem(SUBJECT, str(error))

        def failed(error: BaseException) -> None:
            self._model.status = ""
            self._show_failure(SUBJECT, error)

        self._in_background(changes, done, failed)

    def _write(self, into: _Into, changes: Sequence[SliceChange], what: str) -> None:
        annotation = self._model.layer(into.key)  # by its key: it may have been renamed
        if annotation is None:
            raise AdvSegError("The annotation is gone: choose another.")
        pixels, kept = sum(c.pixels for c in changes), sum(c.kept for c in changes)
        if not pixels:
            raise AdvSegError(_nothing(kept))
        self._viewer.accepting.write(annotation.name, [c for c in changes if c.pixels])
        stays = f" {kept:,} painted ones stay as they were." if kept else ""
        self._model.status = (
            f"Accepted {what}: {pixels:,} pixels of {annotation.name}.{stays} Ctrl+Z takes it back."
        )


def _as_it_is_now(into: _Into, indices: NDArray[np.uint8], change: SliceChange) -> SliceChange:
    """A change that was found in the background, found anew if the slice was painted on since."""
    if np.array_equal(into.labels[change.z][change.where], change.before):
        return change
    return into.change(change.z, indices[change.z])


def _nothing(kept: int) -> str:
    if kept:
        return (
            f"All of it is painted already, {kept:,} pixels as another class: tick “{OVERWRITE_WORDS}” "
            "to replace them."
        )
    return "Nothing changes: the annotation says the same, or nothing is predicted there."
