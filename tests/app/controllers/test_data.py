"""What is chosen, by default and by the person, and what is said about the annotation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_advseg.app.messages.prerequisites import train_waits_for
from napari_advseg.app.state.class_text import parse_rows
from napari_advseg.app.state.run_form import Choices, LayerInfo, follow_layers
from napari_advseg.core.config.classes import NEW_ANNOTATION, ClassMap
from napari_advseg.core.runtime.errors import ImageError, Subject
from support.fake_engine import with_functions


def test_only_labels_of_the_images_shape_are_chosen(app):
    app.viewer.add("em", np.zeros((6, 32, 32), np.uint8))
    app.viewer.add("elsewhere", np.zeros((2, 8, 8), np.uint8), labels=True)
    app.viewer.add("truth", np.zeros((6, 32, 32), np.uint8), labels=True)
    assert app.model.image.name == "em"
    assert app.model.annotation.name == "truth"


def test_of_two_candidates_none_is_guessed(app):
    app.viewer.add("em", np.zeros((6, 32, 32), np.uint8))
    app.viewer.layers |= {name: np.zeros((6, 32, 32), np.uint8) for name in ("one", "two")}
    app.viewer.labels_names |= {"one", "two"}
    app.viewer.tell()
    assert app.model.annotation is None


def test_a_candidate_that_comes_later_does_not_take_the_choice_away(app):
    app.with_data()
    app.viewer.add("other", np.zeros((6, 32, 32), np.uint8), labels=True)
    assert app.model.annotation.name == "truth"


def test_a_rename_keeps_the_choice_and_what_was_said_about_classes(app):
    app.with_data()
    app.controller.data.set_classes(parse_rows("neurite=255,border=0"))
    layers = app.model.layers
    renamed = tuple(
        type(one)(one.key, f"my {one.name}", one.kind, one.shape, one.selected) for one in layers
    )
    app.controller.data.set_layers(renamed)
    assert app.model.annotation.name == "my truth"
    assert app.model.choices.classes == parse_rows("neurite=255,border=0")


def test_a_removed_annotation_is_no_longer_chosen(app):
    app.with_data()
    app.viewer.layers.pop("truth")
    app.viewer.tell()
    assert app.model.annotation is None
    assert app.model.summary is None


def test_dense_annotation_is_read_and_split(app):
    app.with_data()
    summary = app.model.summary
    assert str(summary.classes) == "cell=255,membrane=0"
    assert summary.split.train == (0, 1, 2, 3)
    assert summary.split.val == (4, 5)
    assert summary.share_labelled == (1.0,) * 6
    assert "255 is cell" in summary.notes[0]


def test_renaming_inferred_classes_keeps_blank_slices_unannotated(app):
    app.with_data()
    app.viewer.layers["truth"][5] = 0  # nobody annotated it: one value only
    app.controller.data.set_classes(parse_rows("neurite=255,border=0"))
    app.runner.flush()
    assert app.model.summary.classes.names == ("neurite", "border")
    assert app.model.summary.share_labelled == (1.0,) * 5 + (0.0,)


def test_unknown_labels_are_said_beside_the_classes_and_mended_by_merging(app):
    app.with_data()
    app.viewer.layers["truth"][:, 10:14] = 32
    app.controller.data.refresh_summary()
    app.runner.flush()
    assert "32" in app.model.problems[Subject.CLASSES]
    app.controller.data.set_classes(parse_rows("cell=255,membrane=0+32"))
    app.runner.flush()
    assert Subject.CLASSES not in app.model.problems
    assert app.model.summary.split is not None


def test_three_classes_are_trained(app):
    app.with_data()
    app.viewer.layers["truth"][:, 10:14] = 32
    app.controller.data.set_classes(parse_rows("cell=255,membrane=0,vesicle=32"))
    app.runner.flush()
    assert Subject.CLASSES not in app.model.problems
    assert app.model.summary.classes_present == 3
    app.controller.run.start()
    app.runner.flush()
    assert app.training.calls[0].annotation.classes.names == ("cell", "membrane", "vesicle")


def test_a_malformed_class_is_said_beside_the_classes(app):
    app.with_data()
    app.controller.data.set_classes(parse_rows("cell=255,membrane="))
    app.runner.flush()
    assert "membrane=" in app.model.problems[Subject.CLASSES]


def test_annotation_of_another_size_is_said_beside_it(app):
    app.with_data()
    app.viewer.add("small", np.zeros((2, 8, 8), np.uint8), labels=True)
    app.controller.data.pick_annotation("key of small")
    app.runner.flush()
    assert "2 × 8 × 8" in app.model.problems[Subject.ANNOTATION]
    app.controller.data.pick_annotation("key of truth")
    app.runner.flush()
    assert not app.model.problems


def test_a_split_that_overlaps_is_said_beside_the_slices_until_it_is_mended(app):
    app.with_data()
    app.controller.data.set_split((0, 1, 2), (2, 3))
    app.runner.flush()
    assert "Slice 2" in app.model.problems[Subject.SPLIT]
    app.controller.data.set_split((0, 1), (2, 3))
    app.runner.flush()
    assert Subject.SPLIT not in app.model.problems
    assert app.model.summary.split.val == (2, 3)


def test_painting_while_the_annotation_is_read_reads_it_once_more(app):
    app.with_data()
    for _ in range(5):
        app.controller.data.refresh_summary()
    assert len(app.runner.pending) == 1
    app.viewer.layers["truth"][0] = 0
    app.runner.flush()
    assert app.model.summary.share_labelled[0] == 0.0


def test_new_annotation_carries_its_classes_and_waits_for_paint(app):
    app.viewer.add("em", np.zeros((6, 32, 32), np.uint8))
    app.controller.data.new_annotation()
    app.runner.flush()
    assert app.viewer.carried["annotation"] == NEW_ANNOTATION
    assert app.model.annotation.name == "annotation"
    assert "two classes" in str(app.model.summary.problem)
    app.viewer.layers["annotation"][0, :5] = 1
    app.controller.data.refresh_summary()
    app.runner.flush()
    assert "Only cell" in str(app.model.summary.problem)


def test_a_setting_out_of_range_is_said_beside_its_control(app):
    app.with_data()
    app.controller.data.choose(advanced={"patch": 3})
    assert "patch = 3" in app.model.problems[Subject.SETTINGS]
    app.controller.data.choose(advanced={"patch": 16})
    assert Subject.SETTINGS not in app.model.problems


def test_the_sample_opens_with_its_truth_chosen(app):
    app.controller.data.open_sample()
    app.runner.flush()
    assert app.model.image.name == "sample"
    assert app.model.annotation.name == "annotation"
    assert app.model.summary.classes == ClassMap.of(cell=1, membrane=2)


def test_a_file_that_cannot_be_read_is_said_beside_the_image(app):
    def refuse(path):
        raise ImageError(f"{path.name} is no TIFF: choose another file.")

    with_functions(app.engine, read_stack=refuse)
    app.controller.data.open_stack(Path("notes.txt"))
    app.runner.flush()
    assert app.model.problems[Subject.IMAGE_FILE] == "notes.txt is no TIFF: choose another file."
    assert app.model.status == ""


@pytest.mark.parametrize("subject", [Subject.IMAGE_FILE, Subject.ANNOTATION_FILE])
def test_a_file_that_is_refused_leaves_what_is_chosen_good_for_a_run(app, subject):
    def refuse(path):
        raise ImageError(f"{path.name} is no TIFF: choose another file.")

    app.with_data()
    with_functions(app.engine, read_stack=refuse, read_label_file=refuse)
    data = app.controller.data
    (data.open_stack if subject is Subject.IMAGE_FILE else data.open_annotation)(Path("notes.txt"))
    app.runner.flush()
    assert list(app.model.problems) == [subject]
    assert train_waits_for(app.model) == ""
    app.controller.run.start()
    app.runner.flush()
    assert len(app.training.calls) == 1


def test_what_was_wrong_with_a_file_goes_when_another_opens(app):
    def refuse(path):
        raise ImageError(f"{path.name} is no TIFF: choose another file.")

    good = app.engine.read_stack
    with_functions(app.engine, read_stack=refuse)
    app.controller.data.open_stack(Path("notes.txt"))
    app.runner.flush()
    with_functions(app.engine, read_stack=good)
    app.controller.data.open_stack(Path("good.tif"))
    app.runner.flush()
    assert not app.model.problems


def found_while_preparing(app):
    """A run that is refused for pixels that only a reading of all of them shows."""
    app.with_data()
    sentence = "Slice 2 holds 3 infinite values: replace them before training."
    app.training.fails_with = ImageError(sentence)
    app.controller.run.start()
    app.runner.flush()
    assert app.model.problems[Subject.IMAGE] == sentence
    assert train_waits_for(app.model)
    app.training.fails_with = None


def test_bad_pixels_stop_the_start_until_the_layer_has_others(app):
    found_while_preparing(app)
    app.controller.data.image_data_changed()
    assert train_waits_for(app.model) == ""


def test_bad_pixels_that_were_mended_in_place_are_looked_at_when_the_image_is_picked_again(app):
    found_while_preparing(app)
    app.controller.data.pick_image(app.model.choices.image)
    assert train_waits_for(app.model) == ""


def test_an_image_that_cannot_be_used_says_so_again_when_it_is_picked_again(app):
    app.viewer.add("mask", np.zeros((6, 32, 32), bool))
    app.controller.data.pick_image("key of mask")
    assert "bool" in app.model.problems[Subject.IMAGE]


def test_a_colour_image_is_chosen_only_where_there_is_no_grey_one_or_by_the_person(app):
    colour = LayerInfo("1", "overview", "image", (64, 64, 3), True, rgb=True)
    grey = LayerInfo("2", "em", "image", (6, 32, 32))
    chosen = follow_layers(Choices(), (colour,))
    assert chosen.image == "1"
    chosen = follow_layers(chosen, (grey, colour))
    assert chosen.image == "2"
    picked = replace(chosen, image="1", image_picked=True)
    assert follow_layers(picked, (grey, colour)).image == "1"
