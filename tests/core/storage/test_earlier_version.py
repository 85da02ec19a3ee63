"""Run folders that version 0.1 wrote before its modules moved: they load, predict and resume.

They lie in ``tests/fixtures/earlier``; ``expected.json`` holds what that version made of them.
"""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

from napari_advseg.core.formats.io import read_stack
from napari_advseg.core.inference.predict_stack import predict_stack
from napari_advseg.core.runtime.events import Outcome
from napari_advseg.core.storage.run_folder import load_run
from napari_advseg.core.training.engine import resume
from support.paths import FIXTURES

EARLIER = FIXTURES / "earlier"
EXPECTED = json.loads((EARLIER / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture(params=sorted(EXPECTED))
def earlier(request, tmp_path):
    """A copy of a run, and what the earlier version says of it."""
    folder = tmp_path / request.param
    shutil.copytree(EARLIER / "run_folders" / request.param, folder)
    return folder, EXPECTED[request.param]


def test_it_predicts_the_same_masks(earlier):
    folder, expected = earlier
    run = load_run(folder)
    assert list(run.networks) == expected["networks"]
    assert list(run.classes.names) == expected["classes"]
    stack = read_stack(EARLIER / "image.tif")
    for network in run.networks:
        means = []
        predict_stack(
            run,
            stack,
            networks=(network,),
            on_slice=lambda _, z, probabilities, means=means: means.append(probabilities.mean()),
            device="cpu",
        )
        np.testing.assert_allclose(
            means, expected["mean probability per slice"][network], rtol=0, atol=1e-5
        )


def test_it_resumes_to_the_same_scores(earlier):
    folder, expected = earlier
    assert resume(folder, read_stack(EARLIER / "image.tif")).outcome is Outcome.COMPLETED
    with (folder / "metrics.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(expected["metrics"]) == 2
    for row, wanted in zip(rows, expected["metrics"], strict=True):
        assert row.keys() == wanted.keys() | {"seconds"}
        for name, value in wanted.items():
            # bit for bit on one machine; another processor may round differently
            assert float(row[name]) == pytest.approx(float(value), abs=0.02), name
