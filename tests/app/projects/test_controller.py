"""The project's controller with everything fake around it but the files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_advseg.app.controller import Controller
from napari_advseg.app.core_engine import CoreEngine
from napari_advseg.app.projects.controller import ProjectController
from napari_advseg.app.state.class_text import parse_rows
from napari_advseg.app.state.model import RunState
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.formats.io import read_labels, read_stack
from napari_advseg.core.runtime.errors import Subject
from napari_advseg.core.storage.project_file import Placement, read_project, write_project
from napari_advseg.core.storage.project_folder import ProjectFolder, find_unsaved
from support.fake_viewer import FakeProjectLayers

CLASSES = ClassMap.of(cell=1, membrane=2)


@dataclass
class Window:
    """One window with a stack from a file and an empty annotation."""

    app: Any
    layers: FakeProjectLayers
    project: ProjectController
    parent: Path

    @property
    def model(self) -> Any:
        return self.app.model

    def paint(self, name: str = "annotation", z: int = 0, value: int = 1) -> None:
        self.app.viewer.layers[name][z, 3:6, 3:9] = value
        self.project.painted(f"key of {name}")

    def flush(self) -> None:
        self.app.runner.flush()

    def unnamed(self) -> Path:
        (path,) = self.parent.glob("*/session.advseg.json")
        return path


def window_on(app: Any, parent: Path) -> Window:
    """The fake application with a real project controller and real files."""
    controller: Controller = app.controller
    context = replace(controller.context, engine=CoreEngine())
    controller.project = ProjectController(context, controller.data, controller.keep, parent)
    return Window(app, app.viewer.project_layers, controller.project, parent)


@pytest.fixture
def em_file(tmp_path):
    import tifffile

    path = tmp_path / "data" / "em.tif"
    path.parent.mkdir()
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 255, (6, 32, 32), np.uint8))
    return path


@pytest.fixture
def window(app, tmp_path, em_file):
    made = window_on(app, tmp_path / "projects")
    app.viewer.add("em", np.asarray(read_stack(em_file).data))
    made.layers.sources["em"] = em_file
    app.controller.data.new_annotation()
    app.runner.flush()
    return made


def saved_strokes(path: Path) -> np.ndarray:
    entry = read_project(path).annotations[0]
    return read_labels(path.parent / entry.file)[0]


def test_nothing_painted_writes_nothing(window):
    window.project.autosave()
    window.flush()
    window.project.close()
    assert not window.parent.exists()
    assert not window.model.project.due


def test_strokes_are_saved_and_nothing_is_written_twice(window):
    window.paint()
    assert window.model.project.due
    window.project.autosave()
    window.flush()
    path = window.unnamed()
    np.testing.assert_array_equal(saved_strokes(path), window.app.viewer.layers["annotation"])
    assert not window.model.project.due
    assert window.model.project.path is None
    assert window.model.project.words.startswith("annotation saved at ")
    before = path.stat().st_mtime_ns
    window.project.autosave()
    window.app.controller.data.choose(runs_folder=Path("elsewhere"))  # no project keeps this
    window.project.autosave()
    window.flush()
    assert path.stat().st_mtime_ns == before


def test_there_are_never_two_writers(window):
    window.paint()
    window.project.autosave()
    window.paint(z=1, value=2)
    window.project.autosave()
    assert len(window.app.runner.pending) == 1
    assert window.model.project.due  # what was painted meanwhile waits for the next time
    window.flush()
    window.project.autosave()
    window.flush()
    assert not window.model.project.due
    assert saved_strokes(window.unnamed())[1, 4, 4] == 2


def test_closing_saves(window):
    window.paint(value=2)
    window.app.controller.shutdown(1)
    assert saved_strokes(window.unnamed())[0, 4, 4] == 2
    (left,) = find_unsaved(window.parent)
    assert left.image == "em"


def test_closing_while_a_save_is_under_way_loses_nothing(window):
    window.paint()
    window.project.autosave()  # it waits in the runner
    window.paint(z=2, value=2)
    window.project.close()
    assert saved_strokes(window.unnamed())[2, 4, 4] == 2
    window.flush()  # the late one writes nothing over it
    assert saved_strokes(window.unnamed())[2, 4, 4] == 2


def test_a_failed_save_is_told_once_and_tried_again(window, monkeypatch):
    def full(path, partial):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full)
        window.paint()
        window.project.autosave()
        window.flush()
        assert "No space left on device" in window.model.status
        assert "Save as…" in window.model.problems[Subject.PROJECT]
        assert window.model.project.due
        window.model.status = "Training."
        window.project.autosave()
        window.flush()
        assert window.model.status == "Training."  # once
    window.project.autosave()
    window.flush()
    assert window.model.status == "The annotation is saved again."
    assert Subject.PROJECT not in window.model.problems
    assert saved_strokes(window.unnamed())[0, 4, 4] == 1


def test_save_as_moves_the_annotation_into_the_project(window, tmp_path):
    window.paint()
    window.project.autosave()
    window.flush()
    window.app.controller.set_threshold(0.25)
    window.app.controller.data.choose(preset="balanced")
    window.app.controller.data.set_classes(parse_rows("glia=1,membrane=2"))
    window.project.save_as(tmp_path / "home" / "vnc")
    window.flush()
    path = tmp_path / "home" / "vnc.advseg.json"
    assert window.model.project.name == "vnc"
    assert not list(window.parent.iterdir())  # what nobody had saved is saved now
    project = read_project(path)
    assert project.images[0].place == Placement(elsewhere=str(tmp_path / "data" / "em.tif"))
    assert (project.threshold, project.preset) == (0.25, "balanced")
    assert project.annotations[0].classes == ClassMap.of(glia=1, membrane=2)
    window.paint(z=4, value=2)
    window.project.close()
    assert saved_strokes(path)[4, 4, 4] == 2


def test_an_image_without_a_file_is_kept_with_the_project(window, tmp_path):
    del window.layers.sources["em"]
    window.project.save_as(tmp_path / "home" / "p.advseg.json")
    window.flush()
    place = read_project(tmp_path / "home" / "p.advseg.json").images[0].place
    stack = read_stack(place.path(tmp_path / "home"))
    np.testing.assert_array_equal(np.asarray(stack.data), window.app.viewer.layers["em"])


def test_a_second_stack_without_annotation_is_kept_and_forgiven_if_it_is_gone(window, tmp_path):
    window.app.viewer.add("other", np.ones((3, 40, 40), np.uint8))  # from no file
    window.app.controller.data.choose(unannotated="key of other")
    path = tmp_path / "home" / "p.advseg.json"
    window.project.save_as(path)
    window.flush()
    window.project.close()
    (kept,) = path.parent.glob("p.advseg/*other*")
    for expected in ("key of other", "own"):
        forget_layers(window, *window.app.viewer.layers)
        assert window.model.choices.unannotated == "own"
        again = window_on(window.app, window.parent)
        again.project.open(path)
        again.flush()
        assert again.model.image.name == "em"
        assert again.model.choices.unannotated == expected
        again.project.close()
        kept.unlink(missing_ok=True)


@pytest.fixture
def saved(window, tmp_path):
    """A project with strokes, left by a window that is gone."""
    window.paint(value=2)
    window.app.controller.data.set_split((0,), (3,))
    window.app.controller.set_threshold(0.3)
    window.app.controller.data.choose(method="standard")
    path = tmp_path / "home" / "p.advseg.json"
    window.project.save_as(path)
    window.flush()
    window.project.close()
    return path


def forget_layers(window: Window, *names: str) -> None:
    for name in names:
        del window.app.viewer.layers[name]
        window.app.viewer.labels_names.discard(name)
    window.app.viewer.tell()


def test_a_project_opens_with_layers_and_choices(window, saved, em_file):
    strokes = window.app.viewer.layers["annotation"].copy()
    forget_layers(window, "annotation", "em")
    window.app.controller.set_threshold(0.9)
    window.app.controller.data.choose(method="paired")
    again = window_on(window.app, window.parent)
    again.project.open(saved)
    again.flush()
    np.testing.assert_array_equal(again.app.viewer.layers["annotation"], strokes)
    assert again.app.viewer.carried["annotation"] == CLASSES
    choices = again.model.choices
    assert (again.model.image.name, again.model.annotation.name) == ("em", "annotation")
    assert (choices.train, choices.val) == ((0,), (3,))
    assert (again.model.threshold, choices.method) == (0.3, "standard")
    assert again.app.viewer.thresholds[-1] == 0.3
    assert again.model.project.name == "p"
    assert Subject.PROJECT not in again.model.problems
    again.layers.sources["em"] = em_file
    again.paint(z=5, value=1)
    again.project.close()
    assert saved_strokes(saved)[5, 4, 4] == 1
    assert [p.name for p in sorted((saved.parent / "p.advseg").glob("*"))] == [
        "annotation-annotation.tif"
    ]


def test_a_moved_threshold_is_saved_with_the_project(window, saved):
    again = window_on(window.app, window.parent)
    again.project.open(saved)
    again.flush()
    assert not again.model.project.due
    again.app.controller.set_threshold(0.7)
    assert again.model.project.due
    again.project.close()
    assert read_project(saved).threshold == 0.7


def test_layers_that_are_open_are_found_again(window, saved):
    again = window_on(window.app, window.parent)
    again.layers.sources["em"] = window.layers.sources["em"]
    names = list(again.app.viewer.layers)
    again.project.open(saved)
    again.flush()
    assert list(again.app.viewer.layers) == names
    again.paint(z=5)
    again.project.open(saved)  # once more, with a stroke that is not saved yet
    again.flush()
    assert list(again.app.viewer.layers) == names
    assert saved_strokes(saved)[5, 4, 4] == 1


def test_another_annotation_of_the_same_name_stays_anothers(window, saved):
    window.app.viewer.layers["annotation"][:] = 0
    again = window_on(window.app, window.parent)
    again.layers.sources["em"] = window.layers.sources["em"]
    again.project.open(saved)
    again.flush()
    assert not again.app.viewer.layers["annotation"].any()
    assert again.app.viewer.layers["annotation [1]"][0, 4, 4] == 2
    assert again.model.annotation.name == "annotation [1]"


def test_a_missing_image_leaves_the_project_as_it_was(window, saved, em_file):
    forget_layers(window, "annotation", "em")
    em_file.unlink()
    before = saved.read_text()
    again = window_on(window.app, window.parent)
    again.project.open(saved)
    again.flush()
    assert f"em is not where it was ({em_file.resolve()})" in again.model.problems[Subject.PROJECT]
    assert again.app.viewer.layers["annotation"][0, 4, 4] == 2
    again.paint(z=1)
    again.project.close()
    assert saved.read_text() == before
    assert saved_strokes(again.unnamed())[1, 4, 4] == 1  # the stroke is kept all the same


def test_an_image_that_moved_beside_the_project_is_found(window, saved, em_file):
    forget_layers(window, "annotation", "em")
    em_file.rename(saved.parent / em_file.name)
    again = window_on(window.app, window.parent)
    again.project.open(saved)
    again.flush()
    assert again.model.image.name == "em"
    assert Subject.PROJECT not in again.model.problems


def test_a_project_that_another_window_holds_is_refused(window, saved):
    holder = ProjectFolder(saved)
    holder.hold()
    again = window_on(window.app, window.parent)
    again.project.open(saved)
    again.flush()
    assert "open in another window" in again.model.problems[Subject.PROJECT]
    again.paint(z=5)
    again.project.close()  # what is painted goes elsewhere
    assert not saved_strokes(saved)[5].any()
    assert saved_strokes(again.unnamed())[5].any()
    holder.release()


def test_unusable_settings_are_left_out_and_told(window, saved):
    project = read_project(saved)
    for changes in ({"preset": "huge"}, {"advanced": {"nonsense": 1}}, {"advanced": {"patch": -3}}):
        write_project(saved, project.model_copy(update=changes))
        again = window_on(window.app, window.parent)
        again.project.open(saved)
        again.flush()
        assert "left out" in again.model.problems[Subject.PROJECT]
        assert again.model.choices.preset == "quick"
        assert not again.model.choices.advanced
        again.project.close()


def test_no_project_is_opened_while_a_run_is_under_way(window, saved):
    window.model.state = RunState.RUNNING
    window.project.open(saved)
    assert "stop it" in window.model.problems[Subject.PROJECT]
    assert not window.app.runner.pending


def test_what_a_window_left_is_offered_and_restored(window):
    window.paint(value=2)
    window.project.close()
    forget_layers(window, "annotation", "em")
    again = window_on(window.app, window.parent)
    again.project.unsaved.look()
    again.flush()
    assert again.model.offer.image == "em"
    assert "em" in again.model.offer.words
    again.project.restore()
    again.flush()
    assert again.model.offer is None
    assert again.app.viewer.layers["annotation"][0, 4, 4] == 2
    assert again.model.image.name == "em"
    assert again.model.project.path is None
    again.paint(z=3)
    again.project.close()
    assert saved_strokes(again.unnamed())[3, 4, 4] == 1  # one folder, gone on with


def test_what_was_dismissed_is_offered_no_more(window):
    window.paint()
    window.project.close()
    for offered in (True, False):
        again = window_on(window.app, window.parent)
        again.project.unsaved.look()
        again.flush()
        assert (again.model.offer is not None) == offered
        again.project.unsaved.dismiss()
        again.flush()
        assert again.model.offer is None
    assert window.unnamed().is_file()


def remove(window: Window, name: str) -> np.ndarray:
    """As the viewer does it: told before the layer goes."""
    layer = next(one for one in window.layers.open_layers() if one.name == name)
    pixels = window.app.viewer.layers[name]
    window.project.layer_removed(layer, pixels)
    forget_layers(window, name)
    return pixels


def test_a_deleted_annotation_is_kept_and_its_file_is_told(window):
    window.paint(value=2)
    pixels = remove(window, "annotation")
    window.project.settle_removed()
    window.flush()
    (file,) = window.parent.glob("*/session.advseg/annotation-*.tif")
    np.testing.assert_array_equal(read_labels(file)[0], pixels)
    assert str(file) in window.model.status
    assert not read_project(window.unnamed()).annotations


def test_a_closing_window_that_removes_its_layers_first_saves_all(window):
    window.app.controller.data.set_split((0,), (3,))
    window.paint(value=2)
    remove(window, "annotation")
    remove(window, "em")
    window.project.close()
    project = read_project(window.unnamed())
    assert (project.image, project.annotation, project.train) == (0, 0, (0,))
    assert saved_strokes(window.unnamed())[0, 4, 4] == 2


def test_closing_saves_elsewhere_where_the_project_cannot_be_written(window, saved, tmp_path):
    again = window_on(window.app, window.parent)
    again.layers.sources["em"] = window.layers.sources["em"]
    again.project.open(saved)
    again.flush()
    again.paint(z=5, value=1)
    (saved.parent / "p.advseg").rename(tmp_path / "away")
    (saved.parent / "p.advseg").write_text("a drive that is gone")
    again.project.close()
    assert saved_strokes(again.unnamed())[5, 4, 4] == 1
