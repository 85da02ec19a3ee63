"""Section 3: which class the masks show, and how strongly they are filled."""

from __future__ import annotations

from napari_advseg.app.state.structure import rarest_in_annotation, rarest_in_mask
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.inference.predictions import predicted_indices
from napari_advseg.core.runtime.events import SlicePredicted

from .base import AppContext, BaseController


class MaskLookController(BaseController):
    """Writes `AppModel.structure` and `AppModel.fill`, and has the viewer draw masks accordingly."""

    def __init__(self, context: AppContext) -> None:
        super().__init__(context)
        self._classes: ClassMap | None = None
        self._chosen: str | None = None
        self._undecided = False

    def begin(self, classes: ClassMap) -> None:
        """Decide what the masks of a run show, before they are made.

        The user's choice stays as long as there is such a class. Of more than two classes all are shown.
        """
        self._classes = classes
        names = classes.names
        found = names.index(self._chosen) if self._chosen in names else None
        if found is None and len(names) == 2:
            found = rarest_in_annotation(self._model, classes)
            self._undecided = found is None
            found = 1 if found is None else found
        else:
            self._undecided = False
        self._show(found)

    def predicted(self, event: SlicePredicted) -> None:
        """Decide by the first mask that holds both classes, where no annotation says which is rarer."""
        if not self._undecided or self._classes is None:
            return
        indices = predicted_indices(event.prediction, self._model.threshold)
        found = rarest_in_mask(indices, len(self._classes))
        if found is not None:
            self._undecided = False
            self._show(found)

    def choose(self, index: int | None) -> None:
        """Show the class with this index, or all classes."""
        if self._classes is not None:
            self._undecided = False
            self._chosen = None if index is None else self._classes.names[index]
            self._show(index)

    def set_fill(self, strength: float) -> None:
        """Fill masks with this opacity, 0 to 1; outlines stay."""
        self._model.fill = strength
        self._viewer.set_fill(strength)

    def _show(self, index: int | None) -> None:
        self._model.structure = index
        self._viewer.show_structure(index)
