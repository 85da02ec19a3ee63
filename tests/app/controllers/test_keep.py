"""Saving masks and loading runs."""

from __future__ import annotations

import numpy as np

from napari_advseg.core.config.classes import UNLABELLED, ClassMap
from napari_advseg.core.runtime.errors import RunFolderError, Subject
from support.fake_engine import with_functions

BOTH = ("standard", "adversarial")


def loaded(app, tmp_path):
    app.with_data()
    app.controller.keep.load_run(tmp_path / "kept")
    app.runner.flush()
    return app


def test_a_loaded_run_shows_its_curves_and_one_line_about_it(app, tmp_path):
    loaded(app, tmp_path)
    assert [one.update for one in app.model.history] == [10]
    assert app.model.lambda_marks == ((1, 0.1),)
    assert app.model.run.words == "Both · quick · 10 updates · best F1 G/S 0.600"
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


def partly_predicted(app):
    mask = np.full((6, 32, 32), UNLABELLED, np.uint8)
    mask[:2] = 1
    app.viewer.mask = {"standard": mask, "adversarial": mask}


def test_slices_that_are_not_predicted_are_never_written_as_background(app, tmp_path):
    loaded(app, tmp_path)
    partly_predicted(app)
    app.controller.keep.save_masks(tmp_path / "out")
    app.runner.flush()
    assert app.written == {}
    assert app.model.save_offer.words == "2 of 6 slices are predicted."
    app.controller.answer_save_offer(predict_rest=False)
    app.runner.flush()
    assert app.model.save_offer is None
    assert set(app.written) == {
        "standard_mask_slices_0-1.tif", "adversarial_mask_slices_0-1.tif"
    }  # fmt: skip
    labels, _ = app.written["standard_mask_slices_0-1.tif"]
    assert labels.shape == (2, 32, 32)
    assert (tmp_path / "out" / "mask_slices_0-1.txt").read_text() == "0\n1\n"
    assert app.model.status.endswith("2 of 6 slices, 0:2.")


def test_the_rest_is_predicted_and_then_the_whole_is_saved(app, tmp_path):
    loaded(app, tmp_path)
    app.controller.run.apply()
    app.runner.flush()
    asked = []
    for key in [key for key in app.viewer.kept if key[1] >= 2]:
        del app.viewer.kept[key]
    partly_predicted(app)
    app.controller.keep.save_masks(tmp_path / "out")
    predict = app.engine.predict_stack

    def predict_stack(run, stack, *, slices, **how):
        asked.append(tuple(slices))
        predict(run, stack, slices=slices, **how)
        app.viewer.mask = dict.fromkeys(BOTH, np.zeros((6, 32, 32), np.uint8))

    with_functions(app.engine, predict_stack=predict_stack)
    app.controller.answer_save_offer(predict_rest=True)
    app.runner.flush()
    assert asked == [(2, 3, 4, 5)]
    assert {name for name in app.written if name.endswith(".tif")} == {
        "em_standard_mask.tif", "em_adversarial_mask.tif"
    }  # fmt: skip


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
