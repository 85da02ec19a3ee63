"""A problem is shown next to the control of its subject."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest
from qtpy.QtWidgets import QLabel, QWidget

import napari_advseg
from napari_advseg.app.state.run_form import Choices
from napari_advseg.core.runtime.errors import Subject
from napari_advseg.gui.dock.widget import AdversarialSegmentation
from napari_advseg.gui.widgets.section import CONTROL_OF_SUBJECT, ProblemLabel


@pytest.fixture
def viewer(plain_viewer):
    return plain_viewer


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
    dock.model.set_problem(Subject.OTHER, "The disk is full.")
    assert dock.findChild(QLabel, "status").text() == "The disk is full."
    assert Subject.OTHER not in dock.model.problems


def object_names(dock):
    """Object names of the dock's widgets that are not names of something else, too."""
    names = {widget.objectName() for widget in dock.findChildren(QWidget)}
    of_choices = {field.name for field in fields(Choices)}
    in_config = {"start_from"}
    return {name for name in names if "_" in name} - of_choices - in_config


def test_core_and_app_name_no_widget(viewer):
    dock = AdversarialSegmentation(viewer)
    viewer.window.add_dock_widget(dock, name="Adversarial Segmentation")
    names = object_names(dock)
    assert {"image_layer", "open_image", "save_masks", "apply_files"} <= names
    package = Path(napari_advseg.__file__).parent
    found = [
        f"{path.relative_to(package)}: {node.value}"
        for folder in ("core", "app", "cli")
        for path in (package / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    ]
    assert not found
