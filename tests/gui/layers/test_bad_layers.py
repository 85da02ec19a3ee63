"""Images that cannot be used, as layers and as files: one sentence beside the control, and nothing starts.

The engine is the real one: what only a reading of all pixels shows is found by a run that does not start.
"""

from __future__ import annotations

import threading
import warnings

import dask
import dask.array as da
import numpy as np
import pytest
import tifffile
from qtpy.QtWidgets import QComboBox, QLabel, QWidget

from napari_advseg.app.state.model import RunState
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.widgets import dialogs
from napari_advseg.gui.window.viewer_session import ViewerSession

SHAPE = (5, 136, 144)
GREY = np.random.default_rng(0).integers(0, 255, SHAPE).astype(np.uint8)


@pytest.fixture
def viewer(request):
    """A viewer in a plain window, or in napari's where a test needs its canvas, its docks or its look."""
    return request.getfixturevalue(getattr(request, "param", "plain_viewer"))


in_napari = pytest.mark.parametrize("viewer", ["napari_viewer"], indirect=True)


@pytest.fixture
def make_dock(viewer, tmp_path, qtbot):
    """The dock with the real engine, and runs kept in ``runs``."""

    def make():
        widget = AdversarialSegmentation(viewer)
        viewer.window.add_dock_widget(widget, name="Adversarial Segmentation", area="right")
        session = viewer.window._qt_window.findChild(ViewerSession)
        session.controller.keep.set_runs_folder(tmp_path / "runs")
        qtbot.waitUntil(widget.isVisible)
        return widget

    return make


def labels_of(shape):
    labels = np.full(shape, 255, np.uint8)
    labels[..., ::4, :] = 0
    return labels


def part(dock, role, kind=QWidget):
    found = dock.findChild(kind, role)
    assert found is not None, role
    return found


def press_start_key(viewer):
    """What the key for Start does: it asks no button whether it is enabled."""
    viewer.window._qt_window.findChild(ViewerSession).controller.run.start()


def problem_of(dock, control):
    """The sentence that is seen beside a control."""
    label = part(dock, f"{control}_problem", QLabel)
    return label.text().replace("\u200b", "") if label.isVisible() else ""


def assert_one_sentence(text, *words):
    assert "\n" not in text
    assert text.endswith(".")
    for word in words:
        assert word in text


def assert_nothing_runs(dock, tmp_path):
    assert dock.model.state is RunState.IDLE
    assert not (tmp_path / "runs").exists()
    assert not [t for t in threading.enumerate() if t.name.startswith("napari-advseg")]


def quietly(add, viewer):
    """Add a layer of which napari itself warns: it divides by the extent of an empty one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return add(viewer)


# ---- what is seen at once


AT_ONCE = {
    "RGB": (
        lambda viewer: viewer.add_image(np.zeros((136, 144, 3), np.uint8), rgb=True, name="em"),
        ("em", "RGB", "convert it to grey"),
    ),
    "RGB stack": (
        lambda viewer: viewer.add_image(np.zeros((*SHAPE, 3), np.uint8), rgb=True, name="em"),
        ("em", "RGB", "convert it to grey"),
    ),
    "RGB as a stack": (
        lambda viewer: viewer.add_image(np.zeros((136, 144, 3), np.uint8), rgb=False, name="em"),
        ("(136, 144, 3)", "RGB", "convert it to grey"),
    ),
    "bool": (lambda viewer: viewer.add_image(GREY > 99, name="em"), ("bool", "convert it to")),
    "4D": (
        lambda viewer: viewer.add_image(np.stack([GREY, GREY]), name="em"),
        ("em", "4 axes", "choose"),
    ),
    "multiscale": (
        lambda viewer: viewer.add_image([GREY, GREY[:, ::2, ::2]], multiscale=True, name="em"),
        ("em", "pyramid", "open its full resolution"),
    ),
    "empty": (
        lambda viewer: viewer.add_image(np.zeros((0, 136, 144), np.uint8), name="em"),
        ("(0, 136, 144)", "no pixels", "choose another"),
    ),
}


@pytest.mark.parametrize(
    ("kind", "first"), [*((kind, "dock") for kind in AT_ONCE), ("RGB", "layer"), ("4D", "layer")]
)
def test_a_layer_that_is_no_grey_stack_is_said_beside_the_image(
    qtbot, viewer, make_dock, tmp_path, kind, first
):
    add, words = AT_ONCE[kind]
    if first == "layer":
        quietly(add, viewer)
        dock = make_dock()
    else:
        dock = make_dock()
        quietly(add, viewer)
    qtbot.waitUntil(lambda: bool(problem_of(dock, "image_layer")))
    assert_one_sentence(problem_of(dock, "image_layer"), *words)
    assert part(dock, "image_layer", QComboBox).currentText() == "em"
    viewer.add_labels(labels_of(SHAPE[1:]))
    assert not part(dock, "start").isEnabled()
    press_start_key(viewer)
    assert_nothing_runs(dock, tmp_path)
    # the way out: a grey stack takes its place
    viewer.add_image(GREY, name="grey")
    viewer.add_labels(labels_of(SHAPE), name="truth")
    viewer.layers.selection.active = viewer.layers["grey"]
    qtbot.waitUntil(lambda: part(dock, "start").isEnabled())
    assert problem_of(dock, "image_layer") == ""


# ---- what only a reading of all pixels shows


def with_values(*values, at=(2, slice(3), 5)):
    grey = GREY.astype(np.float32)
    grey[at] = values
    return grey


def lazy(read):
    """A dask stack whose slice `z` is what ``read(z)`` returns, computed in the thread that asks."""

    def block(block_info=None):
        return read(block_info[None]["chunk-location"][0])[np.newaxis]

    chunks = ((1,) * SHAPE[0], *((n,) for n in SHAPE[1:]))
    return da.map_blocks(block, chunks=chunks, dtype=np.float32, meta=np.empty(0, np.float32))


def broken_at_3(z):
    if z == 3:
        raise ConnectionError("the store does not answer")
    return GREY[z].astype(np.float32)


ON_READING = {
    "NaN": (lambda: with_values(np.inf, -np.inf, 1), ("Slice 2", "2 infinite", "replace")),
    "infinite": (
        lambda: with_values(np.inf, -np.inf, np.nan, at=(0, 3, slice(3))),
        ("Slice 0", "2 infinite", "replace"),
    ),
    "constant": (lambda: np.full(SHAPE, 7, np.uint8), ("Every pixel", "7", "with contrast")),
    "lazy that fails": (
        lambda: lazy(broken_at_3),
        ("Slice 3 of em", "the store does not answer", "check where its pixels come from"),
    ),
}


@pytest.fixture
def in_the_thread_that_asks():
    """Let dask compute where it is asked to, and not in threads of its own."""
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.mark.usefixtures("in_the_thread_that_asks")
@pytest.mark.parametrize("kind", ON_READING)
def test_pixels_that_cannot_be_used_are_said_before_a_run_starts(
    qtbot, viewer, make_dock, tmp_path, kind
):
    data, words = ON_READING[kind][0](), ON_READING[kind][1]
    viewer.add_image(data, name="em", contrast_limits=(0, 255))
    viewer.add_labels(labels_of(SHAPE), name="truth")
    dock = make_dock()
    qtbot.waitUntil(lambda: part(dock, "start").isEnabled())
    press_start_key(viewer)
    qtbot.waitUntil(lambda: bool(problem_of(dock, "image_layer")), timeout=30_000)
    assert_one_sentence(problem_of(dock, "image_layer"), *words)
    assert "did not start" in dock.model.status
    assert not part(dock, "start").isEnabled()
    assert_nothing_runs(dock, tmp_path)
    viewer.layers["em"].data = GREY  # the way out
    qtbot.waitUntil(lambda: part(dock, "start").isEnabled())
    assert problem_of(dock, "image_layer") == ""


@in_napari
@pytest.mark.usefixtures("in_the_thread_that_asks")
def test_a_stack_is_read_through_in_the_background_alone(qtbot, viewer, make_dock):
    reads = []

    def read(z):
        reads.append((z, threading.current_thread()))
        return with_values(np.inf, np.inf, np.inf, at=(3, slice(3), 5))[z]

    viewer.add_image(lazy(read), name="em", contrast_limits=(0, 255))
    viewer.add_labels(labels_of(SHAPE), name="truth")
    shown = {int(viewer.dims.current_step[0])}  # napari may draw it at any time
    reads.clear()
    dock = make_dock()
    qtbot.waitUntil(lambda: part(dock, "start").isEnabled())
    assert {z for z, _ in reads} <= shown  # nothing is read to choose an image
    reads.clear()
    press_start_key(viewer)
    qtbot.waitUntil(lambda: bool(problem_of(dock, "image_layer")), timeout=30_000)
    assert {z for z, _ in reads} == {0, 1, 2, 3}
    assert {z for z, thread in reads if thread is threading.main_thread()} <= shown


# ---- files


def _cut_off(path):
    tifffile.imwrite(path, GREY)
    path.write_bytes(path.read_bytes()[:-9000])


def _flipped(path):
    tifffile.imwrite(path, GREY, compression="zlib")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


BAD_FILES = {
    "none": (lambda path: None, ("There is no file", "check the path")),
    "a folder": (lambda path: path.mkdir(), ("holds no slices", "a file for each slice")),
    "text": (
        lambda path: path.write_text("Slices 1 to 30"),
        ("is of no format that is read", "save it as TIFF"),
    ),
    "cut off": (_cut_off, ("cut off", "copy it again")),
    "a flipped bit": (_flipped, ("damaged", "copy it again")),
    "RGB": (
        lambda path: tifffile.imwrite(
            path, np.dstack([GREY[0], GREY[1], GREY[2]]), photometric="rgb"
        ),
        ("3 channels", "RGB", "convert it to grey"),
    ),
    "bool": (lambda path: tifffile.imwrite(path, GREY > 9), ("bool", "convert it")),
    "complex": (
        lambda path: tifffile.imwrite(path, GREY.astype(np.complex64)),
        ("complex64", "convert it"),
    ),
    "4D": (
        lambda path: tifffile.imwrite(path, np.stack([GREY, GREY]), metadata={"axes": "TZYX"}),
        ("4 axes (T 2 × Z 5 × Y 136 × X 144)", "save one stack"),
    ),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_file_that_is_no_grey_stack_is_said_beside_the_button_and_changes_nothing(
    qtbot, viewer, make_dock, tmp_path, monkeypatch, capfd, kind
):
    make, words = BAD_FILES[kind]
    path = tmp_path / "bad.tif"
    make(path)
    monkeypatch.setattr(dialogs, "ask_file", lambda parent, title: path)
    viewer.add_image(GREY, name="em")
    viewer.add_labels(labels_of(SHAPE), name="truth")
    dock = make_dock()
    qtbot.waitUntil(lambda: part(dock, "start").isEnabled())
    part(dock, "open_image").click()
    qtbot.waitUntil(lambda: bool(problem_of(dock, "open_image")))
    assert_one_sentence(problem_of(dock, "open_image"), "bad.tif", *words)
    assert [layer.name for layer in viewer.layers] == ["em", "truth"]
    assert part(dock, "start").isEnabled()  # what is chosen is as good as before
    assert capfd.readouterr().err == ""
    # the way out: a file that can be opened
    tifffile.imwrite(tmp_path / "good.tif", GREY)
    monkeypatch.setattr(dialogs, "ask_file", lambda parent, title: tmp_path / "good.tif")
    part(dock, "open_image").click()
    qtbot.waitUntil(lambda: "good" in viewer.layers)
    assert problem_of(dock, "open_image") == ""


def test_a_bad_file_in_an_empty_window_is_said_where_the_eye_is(
    qtbot, make_dock, tmp_path, monkeypatch
):
    monkeypatch.setattr(dialogs, "ask_file", lambda parent, title: tmp_path / "none.tif")
    dock = make_dock()
    part(dock, "open_stack").click()
    qtbot.waitUntil(lambda: bool(problem_of(dock, "open_image")))
    assert_one_sentence(problem_of(dock, "open_image"), "none.tif", "check the path")


def test_a_bad_annotation_file_is_said_beside_its_button_and_changes_nothing(
    qtbot, viewer, make_dock, tmp_path, monkeypatch
):
    tifffile.imwrite(tmp_path / "small.tif", np.zeros((2, 8, 8), np.uint8))
    monkeypatch.setattr(dialogs, "ask_file", lambda parent, title: tmp_path / "small.tif")
    viewer.add_image(GREY, name="em")
    viewer.add_labels(labels_of(SHAPE), name="truth")
    dock = make_dock()
    qtbot.waitUntil(lambda: part(dock, "start").isEnabled())
    part(dock, "open_annotation").click()
    qtbot.waitUntil(lambda: bool(problem_of(dock, "open_annotation")))
    assert_one_sentence(problem_of(dock, "open_annotation"), "2 × 8 × 8", "5 × 136 × 144")
    assert [layer.name for layer in viewer.layers] == ["em", "truth"]
    assert part(dock, "start").isEnabled()
