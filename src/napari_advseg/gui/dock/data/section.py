"""Section 1: image, annotation, classes, slices."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from napari_advseg.app.controller import Controller
from napari_advseg.app.messages.guidance import next_step
from napari_advseg.app.messages.split_messages import (
    fill_sentences,
    held_out_words,
    neighbour_words,
    split_words,
    touching_tooltip,
)
from napari_advseg.app.state.run_form import LayerInfo, possible_channels
from napari_advseg.core.runtime.errors import Subject
from napari_advseg.gui.widgets.channel_picker import ChannelPicker
from napari_advseg.gui.widgets.eliding_box import ElidingComboBox
from napari_advseg.gui.widgets.section import ProblemLabel, Section, Sentence, describe, follow

from .class_list import ClassListWidget
from .dataset_offer import DatasetOfferRow
from .new_annotation_menu import NewAnnotationMenu
from .open_button import OpenButton
from .restore_offer import RestoreOffer
from .slice_strip import SliceStrip
from .voxel_row import VoxelRow

LAYER_BOX = 112
"""Least width of a list of layers in pixels; napari's style asks for more, and the image needs the room."""


class DataSection(Section):
    """What is trained on."""

    def __init__(self, controller: Controller, parent: QWidget | None = None) -> None:
        super().__init__("1 Data", parent)
        self._controller, self._model = controller, controller.model
        self.add(RestoreOffer(controller))
        self.add(ProblemLabel(self._model, Subject.UNSAVED_WORK))
        self._add_empty_state()
        self.add(DatasetOfferRow(controller))
        self._add_image()
        self._add_annotation()
        self._add_classes()
        self._add_next_step()
        self._add_slices()
        events = self._model.events
        follow(self, events.layers, self._show_layers)
        follow(self, events.choices, self._show_layers)
        follow(self, events.summary, self._show_summary)
        follow(self, events.class_list, self._show_notes)
        follow(self, events.slice_in_view, self._show_slice)

    # ---- building

    def _add_empty_state(self) -> None:
        self._empty = QWidget()
        layout = QHBoxLayout(self._empty)
        layout.setContentsMargins(0, 2, 0, 2)
        sample, stack = QPushButton("Open the sample"), OpenButton("a stack", "Open a stack…")
        stack.setSizePolicy(sample.sizePolicy())
        describe(
            sample, "open_sample", "Make a synthetic EM stack with its annotation and open both."
        )
        describe(stack, "open_stack", "Open an EM stack from a file or a folder.")
        sample.clicked.connect(self._controller.data.open_sample)
        stack.chosen.connect(self._controller.data.open_stack)
        layout.addWidget(sample)
        layout.addWidget(stack)
        self.add(self._empty)

    def _add_image(self) -> None:
        self._image = _layer_box()
        describe(self._image, "image_layer", "The EM image to segment: a grey stack or one slice.")
        self._image.activated.connect(
            lambda index: self._controller.data.pick_image(self._image.itemData(index))
        )
        self._channels = ChannelPicker()
        describe(
            self._channels,
            "channels",
            "Layers of the same size that are further channels of this image, such as a second stain; "
            "the networks see them all.",
        )
        self._channels.channelsPicked.connect(self._controller.data.pick_channels)
        more = OpenButton("a stack")
        describe(more, "open_image", "Open a stack from a file or a folder and choose it.")
        more.chosen.connect(self._controller.data.open_stack)
        self._image_row = self.add_row("image", self._image, self._channels, more)
        self.add_indented(ProblemLabel(self._model, Subject.IMAGE))
        self.add_indented(ProblemLabel(self._model, Subject.IMAGE_FILE))
        self._image_notes = Sentence()
        self._image_notes.setProperty("advseg", "dim")
        self._image_notes.setObjectName("image_notes")
        self.add_indented(self._image_notes)
        self._voxel_row = self.add_row("voxel", VoxelRow(self._controller))
        self.add_indented(ProblemLabel(self._model, Subject.VOXEL_SIZE))

    def _add_annotation(self) -> None:
        self._annotation = _layer_box()
        describe(
            self._annotation,
            "annotation_layer",
            "The Labels layer that says what is what; unlabelled pixels are ignored.",
        )
        self._annotation.activated.connect(
            lambda index: self._controller.data.pick_annotation(self._annotation.itemData(index))
        )
        self._new = QPushButton("New")
        describe(
            self._new,
            "new_annotation",
            "Lay an empty annotation over the image to paint on: it asks what you look for.",
        )
        self._new_menu = NewAnnotationMenu(self._controller, self._new)
        self._new.clicked.connect(self._new_menu.popup_below)
        self._open = OpenButton("an annotation")
        describe(
            self._open,
            "open_annotation",
            "Lay an annotation from a file or a folder over the image.",
        )
        self._open.chosen.connect(self._controller.data.open_annotation)
        self._annotation_row = self.add_row("annotation", self._annotation, self._new, self._open)
        self.add_indented(ProblemLabel(self._model, Subject.ANNOTATION))
        self.add_indented(ProblemLabel(self._model, Subject.ANNOTATION_FILE))
        self._annotation_notes = Sentence()
        self._annotation_notes.setProperty("advseg", "dim")
        self._annotation_notes.setObjectName("annotation_notes")
        self.add_indented(self._annotation_notes)

    def _add_classes(self) -> None:
        self._classes = ClassListWidget(self._controller)
        describe(
            self._classes, "classes", "What there is to tell apart; a click on a class paints it."
        )
        self._classes_row = self._classes
        self.add(self._classes)  # across the whole width: names must not be cut
        self._notes = Sentence()
        self._notes.setProperty("advseg", "dim")
        self._notes.setObjectName("classes_note")
        self.add_indented(self._notes)
        self.add_indented(ProblemLabel(self._model, Subject.CLASSES))

    def _add_next_step(self) -> None:
        self._next = Sentence()
        self._next.setObjectName("next_step")
        self.add_indented(self._next)
        events = self._model.events
        for signal in (
            events.layers, events.choices, events.summary, events.slice_in_view, events.run,
            events.state,
        ):  # fmt: skip
            follow(self, signal, self._show_next_step)

    def _add_slices(self) -> None:
        self._strip = SliceStrip()
        describe(
            self._strip,
            "slices",
            "Which slices train and which validate; click one to look at it, right-click to change it.",
        )
        self._strip.sliceClicked.connect(self._controller.go_to_slice)
        self._strip.splitChanged.connect(self._controller.data.set_split)
        self._strip.splitReset.connect(self._controller.data.reset_split)
        self._strip.slicesFilled.connect(self._controller.classes.fill_slices)
        self._slices_row = self.add_row("slices", self._strip)
        self._split = Sentence()
        self._split.setObjectName("split")
        self.add_indented(self._split)
        self._held_out = Sentence()
        self._held_out.setObjectName("held_out")
        self.add_indented(self._held_out)
        self._neighbours = Sentence()
        self._neighbours.setObjectName("neighbours")
        self.add_indented(self._neighbours)
        self.add_indented(ProblemLabel(self._model, Subject.SPLIT))

    # ---- showing

    def _show_layers(self) -> None:
        layers, choices = self._model.layers, self._model.choices
        images = [one for one in layers if one.kind == "image"]
        labels = [one for one in layers if one.kind == "labels"]
        _fill(self._image, images, choices.image, "no image is open")
        self._channels.setChannels(possible_channels(choices, layers), choices.channels)
        some = "choose one" if labels else "none yet"
        _fill(self._annotation, labels, choices.annotation, some)
        self._empty.setVisible(not images)
        self._image_row.setVisible(bool(images))
        self._voxel_row.setVisible(bool(images))
        image, annotation = self._model.image, self._model.annotation
        self._image_notes.say("" if image is None else " ".join(image.notes))
        self._annotation_notes.say("" if annotation is None else " ".join(annotation.notes))
        self._annotation_row.setVisible(bool(images))
        self._classes_row.setVisible(bool(images) and choices.annotation is not None)
        self._summarise()
        self.wait_for(
            "" if images else "No image is open. Try the sample, or open a stack of yours."
        )

    def _show_summary(self) -> None:
        summary = self._model.summary
        self._show_notes()
        share = () if summary is None else summary.share_labelled
        split = None if summary is None else summary.split
        # A split that cannot be used stays on the strip, to be mended there.
        shown = self._model.choices if split is None else split
        self._strip.set_slices(share, set(shown.train or ()), set(shown.val or ()))
        self._slices_row.setVisible(bool(share))
        self._summarise()
        self._split.say("" if split is None else split_words(split, share))
        self._split.setToolTip("" if split is None else touching_tooltip(split))
        by_default = self._model.choices.train is None and self._model.choices.val is None
        self._held_out.say("" if split is None or not by_default else held_out_words(split))
        self._neighbours.say("" if split is None else neighbour_words(split))
        self._show_slice()

    def _summarise(self) -> None:
        image, summary = self._model.image, self._model.summary
        split = None if summary is None else summary.split
        parts = ("" if image is None else image.name, "" if split is None else str(split))
        self.summarise(", ".join(filter(None, parts)))

    def _show_notes(self) -> None:
        summary = self._model.summary
        self._strip.set_fillings(fill_sentences(self._model.class_list.rows))
        notes = () if summary is None else summary.notes
        self._notes.say(" ".join(filter(None, (*notes, self._model.class_list.note))))

    def _show_next_step(self) -> None:
        self._next.say(next_step(self._model))

    def _show_slice(self) -> None:
        self._strip.set_current(self._model.slice_in_view)


def _layer_box() -> QComboBox:
    box = ElidingComboBox()
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(4)
    box.setMinimumWidth(LAYER_BOX)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return box


def _fill(box: QComboBox, layers: list[LayerInfo], chosen: str | None, none: str) -> None:
    """Show layers and the chosen one, without telling anybody: the model knows already."""
    blocker = QSignalBlocker(box)
    items = [(one.name, one.key) for one in layers]
    if [(box.itemText(i), box.itemData(i)) for i in range(box.count())] != items:
        box.clear()
        for name, key in items:
            box.addItem(name, key)
    box.setPlaceholderText(none)
    box.setCurrentIndex(next((i for i, (_, key) in enumerate(items) if key == chosen), -1))
    blocker.unblock()
