"""Images without annotation: what is offered, what the engine is given, what stands beside the row."""

from __future__ import annotations

import numpy as np
import pytest

from napari_advseg.app.state.model import RunInfo
from napari_advseg.app.state.run_form import OWN, TRUTH, LayerInfo, settings_of
from napari_advseg.app.state.unannotated_source import as_saved, from_saved, offered, without_use
from napari_advseg.core.runtime.errors import ImageError, Subject

SHAPE = (6, 32, 32)
OTHER = "key of other"


@pytest.fixture
def sparse(app):
    """A stack with four slices without annotation, and a second stack."""
    app.with_data()
    truth = app.viewer.layers["truth"]
    truth[2:] = 255  # one value alone: these slices count as unannotated
    app.controller.data.refresh_summary()
    app.viewer.add("other", np.zeros((3, 40, 40), np.uint8))
    app.runner.flush()
    app.controller.data.pick_image("key of em")
    app.runner.flush()
    return app


def start(app):
    app.controller.run.start()
    app.runner.flush()
    return app.training.calls[-1]


def test_the_stacks_own_slices_are_counted_and_are_the_default(sparse):
    assert sparse.model.choices.unannotated == OWN
    assert offered(sparse.model) == [
        (OWN, "this stack's 4 slices"), (TRUTH, "none"), (OTHER, "+ other"),
    ]  # fmt: skip
    call = start(sparse)
    assert call.unannotated is None
    assert call.settings.discriminator.regime == "auto"


def test_a_stack_that_is_annotated_throughout_says_so(app):
    app.with_data()
    assert offered(app.model) == [(OWN, "none: every slice is annotated")]


def test_none_is_the_regime_of_true_masks(sparse):
    sparse.controller.data.choose(unannotated=TRUTH)
    assert start(sparse).settings.discriminator.regime == "truth"


def test_a_second_stack_is_given_beside_the_own_slices(sparse):
    sparse.controller.data.choose(unannotated=OTHER)
    call = start(sparse)
    assert call.unannotated.name == "other"
    assert call.stack.name == "em"
    assert call.settings.discriminator.regime == "auto"


def test_s_alone_is_given_no_second_stack(sparse):
    sparse.controller.data.choose(unannotated=OTHER, method="standard")
    assert start(sparse).unannotated is None


@pytest.mark.parametrize("change", ["gone", "image", "channels"])
def test_a_stack_that_cannot_be_used_any_more_is_left(sparse, change):
    sparse.controller.data.choose(unannotated=OTHER)
    if change == "gone":
        del sparse.viewer.layers["other"]
        sparse.viewer.tell()
    elif change == "image":
        sparse.controller.data.pick_image(OTHER)
    else:
        sparse.viewer.add("stain", np.zeros(SHAPE, np.uint8))
        sparse.controller.data.pick_channels(("key of stain",))
    assert sparse.model.choices.unannotated == OWN


def test_colour_images_are_not_offered(sparse):
    rgb = LayerInfo("c", "photo", "image", (32, 32, 3), rgb=True)
    sparse.controller.data.set_layers((*sparse.model.layers, rgb))
    assert "c" not in [key for key, _ in offered(sparse.model)]


def test_a_refusal_stands_beside_the_row_until_the_choice_changes(sparse):
    sparse.training.fails_with = ImageError("It has 2 channels.", subject=Subject.UNANNOTATED)
    sparse.controller.data.choose(unannotated=OTHER)
    start(sparse)
    assert sparse.model.problems[Subject.UNANNOTATED] == "It has 2 channels."
    assert sparse.model.status == "The run did not start: see “unannotated”."
    sparse.controller.data.choose(unannotated=OWN)
    assert Subject.UNANNOTATED not in sparse.model.problems


def test_a_layer_that_the_viewer_refuses_is_told_there_too(sparse, monkeypatch):
    def refuse(layer):
        raise ImageError("It holds no numbers.")

    sparse.controller.data.choose(unannotated=OTHER)
    monkeypatch.setattr(sparse.viewer, "image", refuse)
    sparse.controller.run.start()
    assert sparse.model.problems[Subject.UNANNOTATED] == "other: It holds no numbers."
    assert not sparse.training.calls


def test_settings_that_need_true_masks_say_that_it_is_of_no_use(sparse):
    assert without_use(sparse.model.choices) == ""
    sparse.controller.data.choose(preset="seed2017", unannotated=OTHER)
    assert without_use(sparse.model.choices) == "None: in seed2017 D learns from true masks alone."
    assert settings_of(sparse.model.choices).discriminator.regime == "auto"
    assert start(sparse).unannotated is None


def test_a_project_keeps_it_by_its_image_and_forgives_one_that_is_gone():
    keys = ["a", "b"]
    for choice, saved in ((OWN, None), (TRUTH, "none"), ("b", 1)):
        assert as_saved(choice, keys) == saved
        assert from_saved(saved, keys) == choice
    assert as_saved("gone", keys) is None
    assert from_saved(1, ["a", None]) == OWN


def test_what_is_shown_of_a_run_is_not_mixed_up_with_what_is_chosen(sparse):
    from napari_advseg.app.messages.discriminator_messages import shows_adversary

    assert shows_adversary(sparse.model)
    sparse.model.run = RunInfo(None, ("standard",))
    assert not shows_adversary(sparse.model)
