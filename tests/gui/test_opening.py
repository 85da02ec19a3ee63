"""Every way to open the dock through napari: its menu, a call, `napari -w`, a script, a notebook.

napari then passes a proxy of the viewer, other than where a test builds the widget itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import MappingProxyType

import pytest
from napari.utils._proxies import PublicOnlyProxy
from npe2 import PluginManager, PluginManifest
from qtpy import API_NAME
from qtpy.QtWidgets import QApplication

import napari_advseg
from napari_advseg.app.state.model import RunState
from napari_advseg.app.state.run_form import Budget
from napari_advseg.core.config.classes import NEW_ANNOTATION
from napari_advseg.core.data.synthetic import synthetic_stack
from napari_advseg.gui.dock.widget import DOCK_NAME, AdversarialSegmentation
from napari_advseg.gui.window.plots_dock import PLOTS_NAME
from napari_advseg.gui.window.viewer_session import ViewerSession, session_of

PLUGIN, WIDGET = "napari-advseg", "Adversarial Segmentation"
NAME = f"{WIDGET} ({PLUGIN})"
SMALL = {"network.width": 2, "network.depth": 2, "discriminator.depth": 2, "patch": 32, "batch": 2}
OPEN_DOCK = Path(__file__).with_name("open_dock.py")
SECONDS = 150
"""Limit for a process; alone on two cores it takes about 8 s."""

START_UP = """
import json, napari
from qtpy.QtCore import QTimer
from open_dock import opened

viewer = napari.current_viewer()
timer = QTimer(viewer.window._qt_window)

def look():
    if viewer.window.dock_widgets and viewer.window._qt_window.isVisible():
        timer.stop()
        print(json.dumps(opened(viewer)), flush=True)
        viewer.close()

timer.timeout.connect(look)
timer.start(50)
"""


@pytest.fixture
def plugin():
    """The plugin as installed, known to the plugin manager before a viewer is made."""
    manager = PluginManager.instance()
    if PLUGIN not in manager:
        manager.register(PluginManifest.from_distribution(PLUGIN))
    return manager


@pytest.fixture
def viewer(plugin, viewer):
    return viewer


def sessions(viewer):
    return viewer.window._qt_window.findChildren(ViewerSession)


def our_threads():
    return [t for t in threading.enumerate() if t.name.startswith("napari-advseg")]


# ---- in this process


def menu_action(viewer):
    """The entry of the menu Plugins, as the user sees it."""
    (action,) = [one for one in viewer.window.plugins_menu.actions() if one.text() == NAME]
    return action


def test_the_menu_opens_hides_and_shows_the_dock(qtbot, viewer):
    action = menu_action(viewer)
    action.trigger()
    dock = viewer.window.dock_widgets[NAME]
    qtbot.waitUntil(dock.isVisible)
    assert isinstance(dock, AdversarialSegmentation)
    assert dock._session is session_of(viewer)
    assert PLOTS_NAME in viewer.window.dock_widgets
    action.trigger()
    qtbot.waitUntil(lambda: not dock.isVisible())
    action.trigger()
    qtbot.waitUntil(dock.isVisible)
    assert viewer.window.dock_widgets[NAME] is dock
    assert len(sessions(viewer)) == 1


@pytest.mark.parametrize("name", [(), (WIDGET,)])
def test_add_plugin_dock_widget_opens_the_dock(qtbot, viewer, name):
    placed, dock = viewer.window.add_plugin_dock_widget(PLUGIN, *name)
    assert isinstance(dock, AdversarialSegmentation)
    qtbot.waitUntil(placed.isVisible)
    assert {NAME, PLOTS_NAME} == set(viewer.window.dock_widgets)
    assert sessions(viewer) == [dock._session]


def test_a_hidden_viewer_gets_the_dock(plugin, make_napari_viewer):
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN)
    QApplication.processEvents()
    assert dock.model.state is RunState.IDLE
    assert not viewer.window._qt_window.isVisible()
    viewer.window.show()
    assert dock.isVisible()


def test_the_proxy_and_the_viewer_have_one_session(viewer):
    proxy = PublicOnlyProxy(viewer)
    first = session_of(proxy)
    assert session_of(viewer) is first
    assert session_of(proxy) is first
    assert first.viewer is viewer
    assert not isinstance(first.viewer, PublicOnlyProxy)


@pytest.mark.parametrize("menu_first", [True, False])
def test_the_dock_is_opened_once_by_the_menu_and_a_call(qtbot, viewer, menu_first):
    def by_call():
        return viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)[1]

    if menu_first:
        menu_action(viewer).trigger()
        called = by_call()
    else:
        called = by_call()
        qtbot.waitUntil(
            called.isVisible
        )  # in front of napari's layer controls, whose place it shares
        menu_action(viewer).trigger()  # napari's menu hides a dock that is shown
        assert not called.isVisible()
        menu_action(viewer).trigger()
    qtbot.waitUntil(called.isVisible)
    assert viewer.window._qt_window.findChildren(AdversarialSegmentation) == [called]
    assert {NAME, PLOTS_NAME} == set(viewer.window.dock_widgets)


def test_the_menu_shows_and_hides_the_dock_that_a_dropped_project_opens(viewer):
    dock = AdversarialSegmentation(viewer)
    viewer.window.add_dock_widget(dock, name=DOCK_NAME)
    assert DOCK_NAME == NAME
    menu_action(viewer).trigger()
    menu_action(viewer).trigger()
    assert viewer.window._qt_window.findChildren(AdversarialSegmentation) == [dock]


def test_each_of_two_windows_has_its_own_session(qtbot, viewer, make_napari_viewer):
    other = make_napari_viewer()
    docks = [v.window.add_plugin_dock_widget(PLUGIN)[1] for v in (viewer, other)]
    first, second = (dock._session for dock in docks)
    assert first is not second
    assert (first.viewer, second.viewer) == (viewer, other)
    other.add_image(synthetic_stack(shape=(2, 16, 16))[0].data, name="em")
    assert docks[1].model.image is not None
    assert docks[0].model.image is None
    first.close()
    assert session_of(PublicOnlyProxy(other)) is second
    assert sessions(viewer) == []


def test_the_dock_follows_the_theme_of_its_viewer(viewer):
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN)
    viewer.theme = "dark"
    dark = dock.styleSheet()
    viewer.theme = "light"
    assert dock.styleSheet() != dark


def test_a_run_starts_and_closing_the_window_ends_it(plugin, make_napari_viewer, qtbot, tmp_path):
    viewer = (
        make_napari_viewer()
    )  # hidden: without a GPU each repaint of a shown window costs 20 ms
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN)
    session, model = dock._session, dock.model
    stack, truth = synthetic_stack(shape=(6, 64, 64))
    name = session.adapter.open_stack(stack)
    session.adapter.open_labels(truth, NEW_ANNOTATION, like=name, name="annotation")
    qtbot.waitUntil(lambda: model.summary is not None)
    session.controller.data.choose(
        budget=Budget(100_000, "updates"),
        advanced=MappingProxyType({**model.choices.advanced, **SMALL}),
        runs_folder=tmp_path,
    )
    session.controller.run.start()
    qtbot.waitUntil(lambda: model.progress.done > 0, timeout=100_000)
    viewer.close()
    assert our_threads() == []


# ---- in a process of its own


def run_process(tmp_path, *command, config=""):
    """The last line that a process prints, which is JSON."""
    source = Path(napari_advseg.__file__).parents[1]
    environment = {
        **os.environ,
        "QT_API": API_NAME.lower(),
        "PYTHONPATH": os.pathsep.join([str(source), str(OPEN_DOCK.parent)]),
        "PYTHONWARNINGS": "error:Private attribute access:FutureWarning",
        "NAPARI_CONFIG": str(config),
        "XDG_DATA_HOME": str(tmp_path),
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=SECONDS, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def expected():
    return {
        "docks": [NAME, PLOTS_NAME],
        "sessions": 1,
        "visible": True,
        "binding": API_NAME,
        "package": str(Path(napari_advseg.__file__).parent),
    }


@pytest.mark.parametrize("name", [(), (WIDGET,)])
def test_napari_with_the_plugin_named_on_the_command_line(tmp_path, name):
    script = tmp_path / "start_up.py"
    script.write_text(START_UP, encoding="utf-8")
    config = tmp_path / "settings.yaml"
    config.write_text(json.dumps({"application": {"startup_script": str(script)}}), "utf-8")
    command = ("-m", "napari", "-w", PLUGIN, *name)
    assert run_process(tmp_path, *command, config=config) == expected()


@pytest.mark.parametrize("how", ["script", "notebook"])
def test_a_script_and_a_notebook(tmp_path, how):
    report = run_process(tmp_path, str(OPEN_DOCK), how)
    assert report == {**expected(), "updates": []}
