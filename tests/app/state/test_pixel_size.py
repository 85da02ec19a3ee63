"""The scale that the engine will choose, known before a run starts."""

import subprocess
import sys

from napari_advseg.app.state.pixel_size import DENSE
from napari_advseg.core.data import structure_size


def test_the_forecast_calls_slices_dense_as_the_engine_does():
    assert DENSE == structure_size.DENSE


def test_the_forecast_does_not_load_pytorch_when_it_is_imported():
    code = "import sys, napari_advseg.app.controllers.run_time; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
