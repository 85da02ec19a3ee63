"""The window and the command line are two doors to one engine: same seed, same history."""

from __future__ import annotations

import csv
import json
from types import MappingProxyType

import pytest
import tifffile
from typer.testing import CliRunner

from napari_advseg.app.state.model import RunState
from napari_advseg.app.state.run_form import Budget
from napari_advseg.cli.main import app
from napari_advseg.core.config.classes import NEW_ANNOTATION
from napari_advseg.core.data.synthetic import synthetic_stack
from napari_advseg.core.formats.io import read_stack, write_labels
from napari_advseg.core.storage.run_folder import CONFIG, METRICS

SMALL = {"network.width": 2, "network.depth": 2, "discriminator.depth": 2, "patch": 32, "batch": 2}


@pytest.fixture
def files(tmp_path):
    stack, truth = synthetic_stack(seed=3, shape=(6, 64, 64))
    tifffile.imwrite(tmp_path / "image.tif", stack.data)
    write_labels(tmp_path / "labels.tif", truth, NEW_ANNOTATION)
    return tmp_path


def _nested(flat):
    nested = {}
    for name, value in flat.items():
        group, dot, leaf = name.partition(".")
        if dot:
            nested.setdefault(group, {})[leaf] = value
        else:
            nested[group] = value
    return nested


def _rows(folder):
    with (folder / METRICS).open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def test_one_seed_gives_one_history(files, make_napari_viewer, qtbot):
    from napari_advseg.gui.dock.widget import AdversarialSegmentation
    from napari_advseg.gui.window.viewer_session import session_of

    viewer = make_napari_viewer()
    viewer.window.add_dock_widget(AdversarialSegmentation(viewer))
    session = session_of(viewer)
    controller, model = session.controller, session.model
    name = session.adapter.open_stack(read_stack(files / "image.tif"))
    truth = tifffile.imread(files / "labels.tif")
    session.adapter.open_labels(truth, NEW_ANNOTATION, like=name, name="annotation")
    controller.data.choose(
        budget=Budget(6, "updates"),
        advanced=MappingProxyType({**SMALL, "validations": 2, "seed": 5}),
        runs_folder=files / "runs",
    )
    qtbot.waitUntil(lambda: model.summary is not None, timeout=20_000)
    controller.run.start()
    qtbot.waitUntil(lambda: model.state is RunState.IDLE and bool(model.history), timeout=60_000)
    by_window = model.run.folder
    threads = json.loads((by_window / CONFIG).read_text())["settings"]["threads"]

    (files / "settings.json").write_text(json.dumps({**_nested(SMALL), "validations": 2}))
    command = ["train", "image.tif", "labels.tif", "-o", "run", "--updates", "6", "--seed", "5"]
    command[1:3] = [str(files / "image.tif"), str(files / "labels.tif")]
    command[4] = str(files / "run")
    command += ["--settings", str(files / "settings.json"), "--threads", str(threads)]
    result = CliRunner().invoke(app, command, catch_exceptions=False)

    assert result.exit_code == 0
    assert len(_rows(files / "run")) == 2
    assert _rows(files / "run") == _rows(by_window)
    for network in ("standard", "adversarial", "discriminator"):
        weights = f"{network}.safetensors"
        assert (files / "run" / weights).read_bytes() == (by_window / weights).read_bytes()
