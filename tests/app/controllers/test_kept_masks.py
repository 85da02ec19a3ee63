"""Masks are kept at the end of a run, brought back, and completed."""

from __future__ import annotations

import numpy as np

from napari_advseg.core.runtime.events import StackProgress
from napari_advseg.core.storage.kept_masks import MaskedImage, read_masks
from support.fake_engine import SHAPE, with_functions

IMAGE = MaskedImage("em", "", SHAPE)


def trained(app):
    app.with_data()
    folder = app.model.choices.runs_folder / "new-em"
    folder.mkdir(parents=True)
    app.controller.run.start()
    app.runner.flush()
    return folder


def test_the_masks_of_a_run_are_kept_and_brought_back(app):
    folder = trained(app)
    kept = read_masks(folder, IMAGE)
    assert [(one.network, one.z) for one in kept] == [("standard", 3)]
    with_functions(app.engine, truth_of_run=lambda folder, stack: None)
    begun = len(app.viewer.masks_begun)
    app.model.masks_shown = False
    app.viewer.kept.clear()
    app.controller.kept_masks.bring_back()
    app.runner.flush()
    assert len(app.viewer.masks_begun) == begun + 1
    assert app.model.masks_shown
    np.testing.assert_array_equal(app.viewer.kept["standard", 3], kept[0].prediction)


def test_a_run_without_kept_masks_shows_none(app, tmp_path):
    app.with_data()
    app.controller.keep.load_run(tmp_path / "kept", app.controller.kept_masks.bring_back)
    app.runner.flush()
    assert not app.model.masks_shown
    assert not app.viewer.masks_begun


def test_a_stop_while_the_stack_is_predicted_says_stopped(app):
    """Training has finished by then, so the run itself counts as completed."""
    app.with_data()
    app.controller.run.start()
    control = app.controller.run._control
    validations = []

    def stop_late(given):
        validations.append(given)

    app.training.during = stop_late
    app.controller.run._on_event[StackProgress] = lambda event: control.stop()
    app.runner.flush()
    assert len(validations) == 3
    assert app.model.status.startswith("Trained; stopped with 6 slices not predicted.")
    assert app.model.progress.text == "stopped"
