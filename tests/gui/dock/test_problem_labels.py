"""A problem is shown next to the control of its subject."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QWidget

from napari_advseg.core.runtime.errors import Subject
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.widgets.section import CONTROL_OF_SUBJECT, ProblemLabel


def test_every_subject_has_one_label_next_to_a_control_of_the_dock(viewer):
    dock = AdversarialSegmentation(viewer)
    viewer.window.add_dock_widget(dock, name="Adversarial Segmentation")
    assert CONTROL_OF_SUBJECT.keys() == set(Subject) - {Subject.OTHER}
    for subject, control in CONTROL_OF_SUBJECT.items():
        sentence = f"Something about {subject.value}."
        dock.model.set_problem(subject, sentence)
        shown = [one for one in dock.findChildren(ProblemLabel) if one.text() == sentence]
        assert [one.objectName() for one in shown] == [f"{control}_problem"]
        if subject is not Subject.UNSAVED_WORK:  # its offer is there only after a crash
            assert dock.findChild(QWidget, control) is not None, control


def test_a_problem_without_a_control_is_the_status(viewer):
    dock = AdversarialSegmentation(viewer)
    viewer.window.add_dock_widget(dock, name="Adversarial Segmentation")
    dock.model.set_problem(Subject.OTHER, "The disk is full.")
    assert dock.model.status == "The disk is full."
    assert not dock.model.problems


def test_a_subject_is_no_text():
    from napari_advseg.core.runtime.errors import AdvSegError, ImageError

    assert ImageError("x").subject is Subject.IMAGE
    assert AdvSegError("x", subject=Subject.BUDGET).subject is Subject.BUDGET
    with pytest.raises(TypeError):
        AdvSegError("x", control="budget")
