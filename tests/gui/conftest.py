"""What every GUI test stands on: a real napari viewer, and no thread left behind."""

from __future__ import annotations

import gc
import os
import threading
from importlib import import_module
from pathlib import Path
from weakref import WeakSet

import numpy as np
import pytest

from support.paths import SHARED_DATA

os.environ.setdefault("NAPARI_CONFIG", "")  # nobody's own napari settings are read or written


@pytest.fixture(scope="session", autouse=True)
def _quick_windows():
    """Save what napari's fixture repeats for each window, which is a third of its cost.

    It collects garbage twice: objects of imported modules are frozen, so that the collector skips them.
    It discovers the installed plugins: here a plugin manager does so once.
    """
    from npe2 import PluginManager

    for name in ("napari._qt.qt_main_window", "napari_advseg.gui.dock.widget", "torch"):
        import_module(name)
    discover, knows = PluginManager.discover, WeakSet()

    def discover_once(manager, *args, **kwargs):
        if manager in knows and not args and not kwargs:
            return 0
        knows.add(manager)
        return discover(manager, *args, **kwargs)

    gc.collect()
    gc.freeze()
    PluginManager.discover = discover_once
    yield
    PluginManager.discover = discover
    gc.unfreeze()


_frozen = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    """Freeze, once, what the first window left for good: each window collects garbage three times."""
    global _frozen
    result = yield
    if not _frozen and hasattr(item, "_viewer_weak_set"):  # of napari's fixture
        gc.collect()
        gc.freeze()
        _frozen = True
    return result


@pytest.fixture
def napari_viewer(make_napari_viewer):
    """A real viewer in a shown window; napari's fixture closes it and looks for leaks."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1280, 800)
    return viewer


@pytest.fixture
def viewer(napari_viewer):
    """A real viewer; files whose tests need no canvas have `plain_viewer` instead."""
    return napari_viewer


@pytest.fixture
def plain_viewer(qtbot):
    """napari's model of a viewer in a plain window: layers and docks, no canvas and no menus."""
    from support.plain_window import plain_viewer

    with plain_viewer() as viewer:
        yield viewer


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path_factory, monkeypatch):
    """Nobody's own folder of runs and projects is looked into or written."""
    folder = tmp_path_factory.mktemp("data")
    monkeypatch.setattr("platformdirs.user_data_path", lambda *name, **options: folder / name[0])
    return folder


@pytest.fixture(autouse=True)
def no_thread_left():
    """Fail a test that leaves a Python thread of its own running."""
    before = set(threading.enumerate())
    yield
    left = [
        one
        for one in threading.enumerate()
        if one not in before and not one.daemon and one.is_alive()
    ]
    assert not left, f"left running: {left}"


@pytest.fixture
def isbi2012() -> Path:
    """Folder of the ISBI 2012 challenge's files, where there is one."""
    folder = SHARED_DATA / "isbi2012"
    if not (folder / "train-volume.tif").is_file():
        pytest.skip(f"the ISBI 2012 files are not in {folder}")
    return folder


@pytest.fixture
def em() -> np.ndarray:
    """A small grey stack, shape (5, 24, 32), uint8."""
    return np.random.default_rng(0).integers(0, 255, (5, 24, 32), np.uint8)
