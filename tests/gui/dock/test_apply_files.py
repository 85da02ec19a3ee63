"""A run applied to files from the dock: masks beside each other on disk and as layers."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QAbstractButton, QApplication, QLabel, QScrollArea

from napari_advseg.app.state.model import RunInfo, RunState
from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.formats.image_files import FileProgress, FileResult, mask_names
from napari_advseg.core.formats.io import read_labels, write_labels
from napari_advseg.core.runtime.control import RunControl
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.widgets import dialogs
from napari_advseg.gui.window.viewer_session import session_of
from support.fake_engine import core_engine_with
from support.sections import open_section_of

SHAPE = (2, 24, 32)
BOTH = ("standard", "adversarial")
CLASSES = ClassMap.of(cell=255, membrane=0)
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def viewer(plain_viewer):
    return plain_viewer


class Predicting:
    """Writes masks as the engine does, and waits before a slice until it may go on."""

    def __init__(self):
        self.go = threading.Event()
        self.go.set()
        self.threads, self.options = [], []

    def __call__(self, run, images, out, *, on_progress, on_file, control: RunControl, **options):
        self.threads.append(threading.current_thread())
        self.options.append(options)
        out.mkdir(exist_ok=True)
        names = {network: mask_names(images, network, False) for network in BOTH}
        for number, image in enumerate(images):
            if image.stem == "bad":
                on_file(FileResult(image, error="The file bad.tif is no TIFF: choose another."))
                continue
            on_progress(FileProgress(image, number + 1, len(images), 1, 4))
            self.go.wait(10)
            control.raise_if_stopped()
            written = []
            for network in BOTH:
                path = out / names[network][number]
                labels = np.full(SHAPE, 255, np.uint8)
                labels[:, 8 if network == "standard" else 12 :] = 0
                write_labels(path, labels, CLASSES)
                written.append((network, path))
            on_file(FileResult(image, tuple(written), slices=2))


@pytest.fixture
def predicting():
    return Predicting()


@pytest.fixture
def dock(viewer, predicting, tmp_path, qtbot):
    run = SimpleNamespace(folder=tmp_path / "run", networks=BOTH, classes=CLASSES)
    engine = core_engine_with(predict_files=predicting, load_run=lambda folder: run)
    widget = AdversarialSegmentation(viewer, engine)
    viewer.window.add_dock_widget(widget, name="Adversarial Segmentation", area="right")
    widget.model.run = RunInfo(run.folder, BOTH, CLASSES)
    qtbot.waitUntil(widget.isVisible)
    yield widget
    predicting.go.set()


@pytest.fixture
def stacks(tmp_path):
    folder = tmp_path / "stacks"
    folder.mkdir()
    draws = np.random.default_rng(0)
    for name in ("a", "b", "c", "d", "e"):
        tifffile.imwrite(folder / f"{name}.tif", draws.integers(0, 255, SHAPE, np.uint8))
    return folder


def press(qtbot, dock, role):
    button = dock.findChild(QAbstractButton, role)
    open_section_of(button)
    middle = button.rect().center()

    def can_be_hit():
        dock.findChild(QScrollArea).ensureWidgetVisible(button)
        return QApplication.widgetAt(button.mapToGlobal(middle)) is button

    qtbot.waitUntil(can_be_hit)
    qtbot.mouseClick(button, LEFT, pos=QPoint(middle))


def ended(qtbot, dock):
    qtbot.waitUntil(lambda: dock.model.state is RunState.IDLE, timeout=30_000)


def answer(monkeypatch, out, files=(), folder=None):
    """Let the file dialogs give these answers."""
    folders = [folder, out] if folder is not None else [out]
    monkeypatch.setattr(dialogs, "ask_files", lambda parent, title: tuple(files))
    monkeypatch.setattr(dialogs, "ask_folder", lambda parent, title, start: folders.pop(0))


def test_two_files_are_predicted_and_opened_with_their_masks(
    viewer, dock, stacks, tmp_path, predicting, monkeypatch, qtbot
):
    viewer.add_image(np.random.default_rng(1).integers(0, 9, SHAPE, np.uint8), name="mine")
    painting = viewer.add_labels(np.zeros(SHAPE, np.uint8), name="mine too")
    session_of(viewer).controller.data.set_split((0,), (1,))
    out = tmp_path / "masks"
    answer(monkeypatch, out, files=[stacks / "a.tif", stacks / "b.tif"])
    press(qtbot, dock, "apply_files")
    ended(qtbot, dock)
    assert predicting.threads[0] is not threading.main_thread()
    assert predicting.options[0]["threshold"] == dock.model.threshold
    names = [layer.name for layer in viewer.layers]
    assert names == [
        "mine", "mine too",
        "a", "a standard mask", "a adversarial mask",
        "b", "b standard mask", "b adversarial mask",
    ]  # fmt: skip
    np.testing.assert_array_equal(viewer.layers["a"].data, tifffile.imread(stacks / "a.tif"))
    assert isinstance(viewer.layers["a"].data, np.memmap)  # its pixels stay in the file
    shown = viewer.layers["a standard mask"].data
    np.testing.assert_array_equal(
        shown, np.where(read_labels(out / "a_standard_mask.tif")[0], 1, 2)
    )
    assert [layer.visible for layer in viewer.layers] == [True] * 5 + [False] * 3
    assert viewer.layers.selection.active is painting  # what was selected and chosen stays so
    assert (dock.model.image.name, dock.model.annotation.name) == ("mine", "mine too")
    assert (dock.model.choices.train, dock.model.choices.val) == ((0,), (1,))
    viewer.layers.remove(painting)
    viewer.layers.selection.active = viewer.layers["b"]  # nobody trains on predictions unasked
    assert (dock.model.image.name, dock.model.annotation) == ("b", None)
    assert dock.model.status == f"Masks of 2 files are in {out}."


def test_of_a_folder_the_first_are_opened_and_a_bad_file_is_named(
    viewer, dock, stacks, tmp_path, monkeypatch, qtbot
):
    (stacks / "bad.tif").write_text("")
    answer(monkeypatch, tmp_path / "masks", folder=stacks)
    press(qtbot, dock, "apply_folder")
    ended(qtbot, dock)
    assert [layer.name for layer in viewer.layers if " " not in layer.name] == list("abcd")
    where = tmp_path / "masks"
    assert dock.model.status == f"Masks of 5 files are in {where}; the first 4 are opened."
    assert "bad.tif is no TIFF" in dock.findChild(QLabel, "apply_files_problem").text()
    assert len(list((tmp_path / "masks").iterdir())) == 10


def test_stop_ends_it_after_the_tile_it_is_at(
    viewer, dock, stacks, tmp_path, predicting, monkeypatch, qtbot
):
    predicting.go.clear()
    answer(monkeypatch, tmp_path / "masks", folder=stacks)
    press(qtbot, dock, "apply_folder")
    qtbot.waitUntil(lambda: dock.model.progress.text == "a.tif, file 1 of 5")
    assert (dock.model.progress.done, dock.model.progress.total) == (250, 5000)
    assert not dock.findChild(QAbstractButton, "apply_files").isEnabled()
    press(qtbot, dock, "stop")
    predicting.go.set()
    ended(qtbot, dock)
    assert dock.model.status == "Stopped after 0 of 5 files."
    assert list((tmp_path / "masks").iterdir()) == []
    assert len(viewer.layers) == 0


def test_nothing_happens_if_the_person_changes_their_mind(dock, monkeypatch, qtbot):
    answer(monkeypatch, None, files=[Path("a.tif")])
    press(qtbot, dock, "apply_files")
    assert dock.model.state is RunState.IDLE
    session = session_of(dock._session._viewer)
    session.model.run = None
    for role in ("apply_files", "apply_folder"):
        assert not dock.findChild(QAbstractButton, role).isEnabled()
        assert len(dock.findChild(QAbstractButton, role).toolTip()) > 15
