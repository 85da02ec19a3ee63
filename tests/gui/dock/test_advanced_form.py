"""The advanced form by itself: what it shows of settings, and what it says of changes."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox

from napari_advseg.app.state.advanced_fields import preset_values
from napari_advseg.app.state.run_form import Choices
from napari_advseg.gui.dock.train.advanced_form import AdvancedForm


@pytest.fixture
def form(qtbot):
    found = AdvancedForm()
    qtbot.addWidget(found)
    found.setValue(preset_values(Choices()), {})
    found.show()
    qtbot.waitExposed(found)
    return found


def test_a_preset_as_it_is_changes_nothing(form):
    assert form.value() == {}
    assert form.findChild(QComboBox, "advanced_scale").currentText() == "automatic"


def test_a_scale_is_chosen_and_given_back_to_the_annotation(qtbot, form):
    box = form.findChild(QComboBox, "advanced_scale")
    box.setFocus()
    with qtbot.waitSignal(form.valueChanged) as told:
        qtbot.keyClicks(box, "2")
    assert told.args == [{"scale": 2}]
    with qtbot.waitSignal(form.valueChanged) as told:
        qtbot.keyClick(box, Qt.Key.Key_Home)
    assert told.args == [{}]


def test_seed2017_shows_what_it_fixes(form):
    form.setValue(preset_values(Choices(preset="seed2017")), {})
    assert form.findChild(QComboBox, "advanced_scale").currentText() == "1 × 1"
    assert form.findChild(QComboBox, "advanced_keep").currentText() == "last"
    assert form.value() == {}


def test_a_scale_from_a_project_that_the_list_lacks_is_kept(form):
    form.setValue(preset_values(Choices()), {"scale": 3})
    assert form.findChild(QComboBox, "advanced_scale").currentText() == "3"
    assert form.value() == {"scale": 3}
