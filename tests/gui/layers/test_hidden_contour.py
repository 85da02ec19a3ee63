"""Contours are drawn in 2D only: in 3D they are off, and the same width comes back."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_advseg.gui.layers.hidden_contour import HiddenContour
from napari_advseg.gui.layers.outline import Outline


@pytest.fixture
def layer():
    return Labels(np.ones((2, 8, 8), np.uint8))


def test_a_contour_is_off_in_3d_and_comes_back_with_the_users_width(layer):
    contour, layer.contour = HiddenContour(), 5
    contour.fit(layer, 3)
    assert (layer.contour, contour.width_of(layer)) == (0, 5)
    contour.fit(layer, 3)
    contour.fit(layer, 2)
    assert (layer.contour, contour.width_of(layer)) == (5, 5)


def test_a_new_layer_gets_its_width_in_2d(layer):
    contour = HiddenContour(2)
    contour.fit(layer, 3)
    assert layer.contour == 0
    contour.fit(layer, 2)
    assert layer.contour == 2


def test_a_contour_that_the_user_turned_off_stays_off(layer):
    contour, layer.contour = HiddenContour(2), 0
    contour.fit(layer, 2)
    layer.contour = 0
    for ndisplay in (3, 2):
        contour.fit(layer, ndisplay)
    assert (layer.contour, contour.width_of(layer)) == (0, 0)


@pytest.mark.parametrize("visible", [True, False])
@pytest.mark.parametrize("begun_in", [2, 3])
def test_an_outline_is_hidden_in_3d_and_shown_in_2d_if_it_was(layer, visible, begun_in):
    viewer = ViewerModel()
    viewer.add_layer(layer)
    viewer.dims.ndisplay = begun_in
    outline = Outline(viewer, "standard")
    outline.begin(layer, {}, {}, None)
    viewer.dims.events.ndisplay.connect(lambda event: outline.fit_display())
    assert outline.layer.visible is (begun_in == 2)
    viewer.dims.ndisplay = 2
    assert outline.layer.visible
    width = outline.layer.contour
    assert width > 0
    outline.layer.visible = visible
    with pytest.warns(UserWarning, match="Contours") if visible else nullcontext():
        viewer.dims.ndisplay = 3  # napari draws once before anybody can turn the contour off
    assert (outline.layer.visible, outline.layer.contour) == (False, 0)
    viewer.dims.ndisplay = 2
    assert (outline.layer.visible, outline.layer.contour) == (visible, width)
