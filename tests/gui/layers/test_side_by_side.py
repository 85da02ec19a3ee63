"""The 2017 figure's four columns in napari's grid, and everything put back on leaving."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.runtime.errors import AdvSegError
from napari_advseg.gui.layers.side_by_side import SideBySide, grid_shape
from napari_advseg.gui.layers.viewer_adapter import NapariViewerAdapter

CLASSES = ClassMap.parse("cell=1,membrane=2")
BOTH = ("standard", "adversarial")
COLUMNS = ["em", "annotation", "adversarial mask", "standard mask"]


@pytest.fixture
def viewer(request, qapp):
    """napari's model of a viewer; a shown window, which costs a second, where it is asked for."""
    if getattr(request, "param", "model") == "window":
        return request.getfixturevalue("make_napari_viewer")(show=True)
    return ViewerModel()


@pytest.fixture
def adapter(viewer, em):
    viewer.add_image(em, name="em", scale=(50, 4, 4))
    viewer.add_image(em, name="another image")
    made = NapariViewerAdapter(viewer)
    made.new_annotation("em", CLASSES)
    viewer.add_points(np.zeros((1, 3)), name="points", visible=False)
    made.begin_masks("em", BOTH, CLASSES, 0.5)
    for network in BOTH:
        made.show_prediction(network, 2, np.random.default_rng(1).random((24, 32)))
    yield made
    made.close()


def columns(viewer):
    """Names of the visible layers, tile by tile; one layer in each."""
    grid = viewer.canvas.grid
    layers = viewer.layers
    found = {}
    for index, layer in enumerate(layers):
        if layer.visible:
            row, column = grid.position(index, layers)
            found.setdefault((row, column), []).append(layer.name)
    assert all(len(names) == 1 for names in found.values()), found
    return [found[column][0] for column in sorted(found)]


def state(viewer):
    """Everything that a person would miss if it were not put back."""
    grid, camera = viewer.canvas.grid, viewer.scene.camera
    return {
        "order": [layer.name for layer in viewer.layers],
        "looks": {
            layer.name: (layer.visible, layer.opacity, getattr(layer, "contour", None))
            for layer in viewer.layers
        },
        "grid": (grid.enabled, grid.shape, grid.stride, grid.spacing),
        "camera": (camera.zoom, tuple(camera.center), tuple(camera.angles)),
        "slice": viewer.dims.point,
        "active": viewer.layers.selection.active,
    }


@pytest.mark.parametrize(
    ("canvas", "plane", "shape"),
    [
        ((560, 640), (512, 512), (2, 2)),
        ((500, 1900), (512, 512), (1, 4)),
        ((900, 300), (512, 512), (4, 1)),
        ((560, 640), (200, 2000), (4, 1)),
    ],
)
def test_tiles_are_arranged_as_large_as_they_can_be(canvas, plane, shape):
    assert grid_shape(4, canvas, plane) == shape


def test_four_columns_in_the_figures_order(viewer, adapter):
    adapter.set_side_by_side(True, "em", "annotation")
    assert viewer.canvas.grid.enabled
    assert viewer.canvas.grid.actual_shape(viewer.layers) == (2, 2)  # 600 × 800
    assert columns(viewer) == COLUMNS
    for name in COLUMNS[1:]:
        layer = viewer.layers[name]
        assert (layer.opacity, layer.contour) == (1.0, 0)


def test_columns_that_do_not_exist_are_left_out(viewer, adapter):
    adapter.set_side_by_side(True, "em", None)
    assert columns(viewer) == ["em", "adversarial mask", "standard mask"]
    viewer.layers.remove("adversarial mask")
    adapter.set_side_by_side(True, "em", None)
    assert columns(viewer) == ["em", "standard mask"]


@pytest.mark.parametrize("viewer", ["window"], indirect=True)
def test_leaving_puts_everything_back(viewer, adapter, qtbot):
    camera, grid = viewer.scene.camera, viewer.canvas.grid
    camera.zoom, camera.center = 3.21, (0.0, 40.0, 17.0)
    grid.shape, grid.stride, grid.spacing = (2, 3), -2, 0.1
    viewer.layers["standard mask"].visible = False
    viewer.layers["annotation"].contour = 1
    viewer.dims.set_current_step(0, 2)
    qtbot.wait_exposed(viewer.window._qt_window)
    before = state(viewer)
    adapter.set_side_by_side(True, "em", "annotation")
    assert state(viewer) != before
    viewer.screenshot(flash=False)  # the columns are really drawn in between
    camera.zoom = 7.0
    viewer.layers["standard mask"].opacity = 0.2
    adapter.set_side_by_side(False, "em", "annotation")
    viewer.screenshot(flash=False)
    assert state(viewer) == before


def test_a_grid_that_was_on_is_on_again(viewer, adapter):
    viewer.canvas.grid.enabled = True
    before = state(viewer)
    adapter.set_side_by_side(True, "em", "annotation")
    adapter.set_side_by_side(False, "em", "annotation")
    assert state(viewer) == before


def test_asking_twice_changes_nothing(viewer, adapter):
    before = state(viewer)
    adapter.set_side_by_side(False, "em", None)
    assert state(viewer) == before
    adapter.set_side_by_side(True, "em", "annotation")
    adapter.set_side_by_side(True, "em", "annotation")
    assert columns(viewer) == COLUMNS
    adapter.set_side_by_side(False, "em", "annotation")
    assert state(viewer) == before


def test_layers_that_come_and_go_meanwhile(viewer, adapter, em):
    before = state(viewer)
    adapter.set_side_by_side(True, "em", "annotation")
    viewer.layers.remove("adversarial mask")
    viewer.layers.remove("another image")
    viewer.layers["annotation"].name = "my annotation"
    viewer.add_image(em, name="new")
    adapter.set_side_by_side(False, "em", "annotation")  # its old name: leaving asks for no layer
    assert [layer.name for layer in viewer.layers] == [
        "em",
        "my annotation",
        "points",
        "standard mask",
        "standard outline",
        "adversarial outline",
        "disagreement",
        "new",
    ]
    after = state(viewer)
    for name in ("em", "points", "standard mask", "disagreement"):
        assert after["looks"][name] == before["looks"][name]
    assert after["looks"]["my annotation"] == before["looks"]["annotation"]
    assert after["looks"]["new"][0]
    assert after["grid"] == before["grid"]


def test_every_layer_may_be_deleted_meanwhile(viewer, adapter):
    before = state(viewer)
    adapter.set_side_by_side(True, "em", "annotation")
    viewer.layers.clear()
    adapter.set_side_by_side(False, "em", "annotation")
    assert state(viewer)["grid"] == before["grid"]


def test_a_run_that_starts_meanwhile_gets_its_columns(viewer, adapter):
    viewer.layers.remove("standard mask")
    before = state(viewer)
    adapter.set_side_by_side(True, "em", "annotation")
    assert columns(viewer) == COLUMNS[:3]
    adapter.begin_masks("em", BOTH, CLASSES, 0.5)
    assert columns(viewer) == COLUMNS
    adapter.set_side_by_side(False, "em", "annotation")
    after = state(viewer)
    kept = [name for name in before["order"] if not name.startswith("standard")]
    assert [name for name in after["order"] if name in kept] == kept
    assert after["order"][-2:] == ["standard mask", "standard outline"]
    assert after["grid"] == before["grid"]
    assert after["looks"]["standard outline"][2] > 0


def test_a_mask_painted_on_in_its_column_stays_in_sight(viewer, adapter):
    before = state(viewer)
    adapter.set_side_by_side(True, "em", "annotation")
    theirs = viewer.layers["standard mask"]
    theirs.data[2, :3] = 9
    adapter.show_prediction("standard", 2, np.zeros((24, 32), np.float16))
    assert columns(viewer) == COLUMNS
    assert viewer.layers[3] is theirs
    adapter.set_side_by_side(False, "em", "annotation")
    after = state(viewer)
    fresh = "standard mask [1]"
    assert after["order"].index(fresh) == after["order"].index("standard mask") + 1
    assert (
        after["looks"][fresh] == after["looks"]["standard mask"] == before["looks"]["standard mask"]
    )


def test_a_column_that_is_gone_is_said(viewer, adapter):
    before = state(viewer)
    with pytest.raises(AdvSegError, match="gone"):
        adapter.set_side_by_side(True, "em", "no such layer")
    assert state(viewer) == before


def test_no_column_is_no_grid(viewer):
    beside = SideBySide(viewer)
    beside.enter([])
    assert not beside.active
    assert not viewer.canvas.grid.enabled
