"""The fakes have the methods of the ports that they stand for, with the same parameters."""

from __future__ import annotations

import inspect

import pytest

from napari_advseg.app.core_engine import CoreEngine
from napari_advseg.app.ports.acceptance import AcceptancePort
from napari_advseg.app.ports.annotations import AnnotationPort
from napari_advseg.app.ports.engine import Engine
from napari_advseg.app.ports.projects import ProjectPort
from napari_advseg.app.ports.viewer import TaskHandle, TaskRunner, ViewerPort
from support.fake_engine import FakeEngine, core_engine_with, kept_run, with_functions
from support.fake_runner import FakeRunner, FakeTask
from support.fake_viewer import FakeAcceptance, FakeAnnotations, FakeProjectLayers, FakeViewer
from support.signatures import differences


@pytest.mark.parametrize(
    ("fake", "port"),
    [
        (FakeViewer(), ViewerPort),
        (FakeAcceptance(FakeViewer()), AcceptancePort),
        (FakeAnnotations(FakeViewer()), AnnotationPort),
        (FakeProjectLayers(FakeViewer()), ProjectPort),
        (FakeRunner(), TaskRunner),
        (FakeTask(), TaskHandle),
        (FakeEngine(kept_run(None)), Engine),
        (CoreEngine(), Engine),
    ],
    ids=lambda one: getattr(one, "__name__", type(one).__name__),
)
def test_a_fake_has_the_signatures_of_its_port(fake, port):
    assert differences(fake, port) == []


def test_what_differs_from_a_port_is_found():
    class Other:
        def open_layers(self):
            pass

        def layer_pixels(self, name):
            pass

    found = differences(Other(), ProjectPort)
    assert [name for name, *_ in found] == ["layer_pixels", "restore_labels"]


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("train", lambda settings, stack, annotation, folder, *, on_event, control: None),
        ("estimated_minutes", lambda: 1.0),
        ("read_stack", lambda path, axis: None),
    ],
)
def test_a_function_that_cannot_be_called_as_the_engine_is_refused(name, function):
    with pytest.raises(TypeError):
        core_engine_with(**{name: function})


def test_an_engine_has_no_other_methods():
    with pytest.raises(AttributeError):
        with_functions(CoreEngine(), trian=lambda: None)


def test_the_engine_of_this_package_calls_functions_of_the_core_by_their_names():
    for name, method in inspect.getmembers(CoreEngine, inspect.isfunction):
        assert name.startswith("_") or f"import {name}" in inspect.getsource(method)
