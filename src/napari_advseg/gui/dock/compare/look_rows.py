"""Rows of section 3: which class the masks show, and how strongly they are filled."""

from __future__ import annotations

from qtpy.QtCore import QObject, QSignalBlocker, Qt
from qtpy.QtWidgets import QComboBox, QSizePolicy
from superqt import QLabeledDoubleSlider

from napari_advseg.app.controller import Controller
from napari_advseg.app.messages.prerequisites import compare_waits_for
from napari_advseg.gui.widgets.section import Section, describe, follow
from napari_advseg.gui.widgets.slider_keys import SliderKeys

ALL = "all classes"


class LookRows(QObject):
    """Adds its rows to a section and keeps them in step with the masks.

    Parameters
    ----------
    section : Section
    controller : Controller
    """

    def __init__(self, section: Section, controller: Controller) -> None:
        super().__init__(section)
        self._controller, self._model = controller, controller.model
        self._names: tuple[str, ...] = ()
        self._structure = QComboBox()
        describe(
            self._structure,
            "structure",
            "The class that masks show, filled and outlined; the rarer class unless you choose another.",
        )
        self._structure.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._structure.setMinimumContentsLength(6)
        self._structure.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        section.add_row("structure", self._structure)
        self._fill = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self._fill.setRange(0, 1)
        self._fill.setSingleStep(0.05)  # type: ignore[arg-type]  # superqt's slider takes fractions
        self._fill.setDecimals(2)
        SliderKeys(self._fill)
        describe(self._fill, "fill", "How strongly masks are filled; 0 leaves the outlines only.")
        section.add_row("fill", self._fill)
        self._structure.currentIndexChanged.connect(
            lambda place: controller.look.choose(self._structure.itemData(place))
        )
        self._fill.valueChanged.connect(controller.look.set_fill)
        events = self._model.events
        for signal in (events.masks_shown, events.masks_of, events.structure):
            follow(self, signal, self._show)
        follow(self, events.fill, self._show_fill)

    def _show(self) -> None:
        run = self._model.masks_of
        names = () if run is None or run.classes is None else run.classes.names
        blocker = QSignalBlocker(self._structure)
        if names != self._names:
            self._names = names
            self._structure.clear()
            if len(names) > 2:
                self._structure.addItem(ALL, None)
            for index, name in enumerate(names):
                self._structure.addItem(name, index)
        places = range(self._structure.count())
        wanted = self._model.structure
        here = [place for place in places if self._structure.itemData(place) == wanted]
        self._structure.setCurrentIndex(here[0] if here else -1)
        blocker.unblock()
        ready = not compare_waits_for(self._model)
        self._structure.setEnabled(ready)
        self._fill.setEnabled(ready)

    def _show_fill(self) -> None:
        if self._fill.value() != self._model.fill:
            blocker = QSignalBlocker(self._fill)
            self._fill.setValue(self._model.fill)
            blocker.unblock()
