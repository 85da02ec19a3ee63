"""Which sections of the dock are open by themselves."""

from __future__ import annotations

from napari_advseg.app.state.model import AppModel, RunInfo, RunState
from napari_advseg.app.state.run_form import Choices, LayerInfo
from napari_advseg.app.state.section_in_use import APPLY, COMPARE, PREPARE, sections_in_use

IMAGES = tuple(LayerInfo(key, key, "image", (5, 8, 8)) for key in ("em", "other"))


def model(**state):
    return AppModel(layers=IMAGES, choices=Choices(image="em"), **state)


def test_each_step_of_work_opens_its_sections():
    assert sections_in_use(AppModel()) == PREPARE
    assert sections_in_use(model()) == PREPARE
    assert sections_in_use(model(run=RunInfo(None))) == APPLY
    assert sections_in_use(model(masks_shown=True, masks_over="em")) == COMPARE
    assert sections_in_use(model(masks_shown=True, masks_over="other")) == PREPARE
    assert sections_in_use(model(masks_shown=True, masks_over="gone")) == COMPARE


def test_while_a_run_has_no_masks_yet_nothing_moves():
    assert sections_in_use(model(state=RunState.STARTING)) is None
    assert sections_in_use(model(state=RunState.RUNNING, masks_shown=True)) == COMPARE
