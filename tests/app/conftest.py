"""The application with everything fake around it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_advseg.app.controller import Controller
from napari_advseg.app.state.model import AppModel
from support.fake_engine import SHAPE, FakeEngine, FakeTraining, dense_labels, kept_run
from support.fake_runner import FakeRunner
from support.fake_viewer import FakeViewer


@dataclass
class App:
    """A controller with its fakes."""

    controller: Controller
    viewer: FakeViewer
    runner: FakeRunner
    engine: FakeEngine

    @property
    def model(self) -> AppModel:
        return self.controller.model

    @property
    def training(self) -> FakeTraining:
        return self.engine.training

    @property
    def written(self) -> dict[str, Any]:
        return self.engine.written

    def with_data(self) -> App:
        self.viewer.add("em", np.random.default_rng(0).integers(0, 255, SHAPE, np.uint8))
        self.viewer.add("truth", dense_labels(), labels=True)
        self.runner.flush()
        return self


@pytest.fixture(autouse=True)
def _own_data_folder(tmp_path_factory, monkeypatch):
    """What the application remembers from one session to the next."""
    folder = tmp_path_factory.mktemp("user data")
    monkeypatch.setattr("platformdirs.user_data_path", lambda *name, **options: folder / name[0])


@pytest.fixture
def app(tmp_path: Path) -> App:
    viewer, runner, engine = FakeViewer(), FakeRunner(), FakeEngine(kept_run(tmp_path / "kept"))
    controller = Controller(viewer, runner, engine)
    viewer.controller = controller
    controller.keep.set_runs_folder(tmp_path / "runs")
    return App(controller, viewer, runner, engine)
