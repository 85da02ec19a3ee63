"""Saving masks and loading runs."""

from __future__ import annotations

import numpy as np

from napari_advseg.core.config.classes import UNLABELLED, ClassMap
from napari_advseg.core.runtime.errors import RunFolderError, Subject
from support.fake_engine import with_functions


def loaded(app, tmp_path):
    app.with_data()
    app.controller.keep.load_run(tmp_path / "kept")
    app.runner.flush()
    return app


def test_a_loaded_run_shows_its_curves_and_one_line_about_it(app, tmp_path):
    loaded(app, tmp_path)
    assert [one.update for one in app.model.history] == [10]
    assert app.model.lambda_marks == ((1, 0.1),)
    assert app.model.run.words == "Both · quick · 10 updates · best G/S 0.600"
    assert app.controller.keep.masks_folder() == tmp_path / "kept"


def test_masks_are_written_with_the_values_of_the_training_annotation(app, tmp_path):
    loaded(app, tmp_path)
    mask = np.zeros((6, 32, 32), np.uint8)
    mask[:, 5] = 1
    app.viewer.mask = {"standard": mask, "adversarial": mask}
    saved = []
    app.controller.keep.save_masks(tmp_path / "out", lambda: saved.append(set(app.written)))
    app.runner.flush()
    assert saved == [{"standard_mask.tif", "adversarial_mask.tif"}]
    labels, classes = app.written["standard_mask.tif"]
    assert (labels[:, 5] == 0).all()
    assert (labels[:, 6] == 255).all()
    assert str(classes) == "cell=255,membrane=0"
    assert app.model.status == f"Both masks are saved in {tmp_path / 'out'}."


def test_saving_says_which_slices_were_not_predicted(app, tmp_path):
    loaded(app, tmp_path)
    mask = np.full((6, 32, 32), UNLABELLED, np.uint8)
    mask[:2] = 0
    app.viewer.mask = {"standard": mask}
    app.controller.keep.save_masks(tmp_path / "out")
    app.runner.flush()
    assert "4 of 6 slices were not predicted" in app.model.status


def test_masks_stay_those_of_their_run_when_another_is_loaded(app, tmp_path):
    loaded(app, tmp_path)
    app.controller.run.start()
    app.runner.flush()
    trained = app.model.run
    app.controller.keep.load_run(tmp_path / "kept")
    app.runner.flush()
    assert app.model.run != trained
    assert app.controller.keep.masks_folder() == trained.folder
    object.__setattr__(app.model.run, "classes", ClassMap.parse("cell=1,membrane=2"))
    app.viewer.mask = {"standard": np.zeros((6, 32, 32), np.uint8)}
    app.controller.keep.save_masks(tmp_path / "out")
    app.runner.flush()
    labels, classes = app.written["standard_mask.tif"]
    assert (labels == 255).all()
    assert str(classes) == "cell=255,membrane=0"


def test_a_place_where_masks_cannot_be_written_is_said_in_a_sentence(app, tmp_path):
    loaded(app, tmp_path)
    app.viewer.mask = {"standard": np.zeros((6, 32, 32), np.uint8)}
    (tmp_path / "file").write_text("no folder")
    saved = []
    app.controller.keep.save_masks(tmp_path / "file" / "masks", lambda: saved.append(True))
    app.runner.flush()
    assert not saved
    assert app.model.problems[Subject.MASKS] == (
        f"{tmp_path / 'file' / 'masks'} cannot be read or written (not a directory): "
        "choose another place."
    )


def test_saving_without_masks_says_the_way_out(app, tmp_path):
    app.controller.keep.save_masks(tmp_path)
    assert "train or apply a run first" in app.model.problems[Subject.MASKS]


def test_a_folder_without_a_run_is_said_beside_the_button(app, tmp_path):
    def refuse(folder):
        raise RunFolderError("It holds no run: choose a run folder.")

    with_functions(app.engine, load_run=refuse)
    app.controller.keep.load_run(tmp_path)
    app.runner.flush()
    assert app.model.problems[Subject.LOADED_RUN] == "It holds no run: choose a run folder."
    assert app.model.run is None
