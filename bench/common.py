"""What the measuring scripts share: the ISBI data, the machine in words, results on disk."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.formats.io import read_annotation, read_stack
from napari_advseg.core.runtime.cpu import available_cores

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
RESULTS = ROOT / "bench" / "results"
TRAIN, VAL = tuple(range(20)), tuple(range(20, 30))


def isbi() -> tuple[EMStack, Annotation]:
    """The ISBI 2012 train volume and its labels, or exit and say what is missing."""
    folder = DATA / "isbi2012"
    if not folder.is_dir():
        sys.exit(f"{folder} is missing: put the ISBI 2012 challenge's files there.")
    return read_stack(folder / "train-volume.tif"), read_annotation(folder / "train-labels.tif")


def machine() -> dict[str, Any]:
    """The machine in words, for the record."""
    return {
        "cpu": _cpu_name(),
        "cores": available_cores(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "load": os.getloadavg()[0],
    }


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")  # Linux alone has it
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line for line in lines if "model name" in line]
    return names[0].partition(":")[2].strip() if names else platform.processor()


def _commit() -> str:
    call = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(call, capture_output=True, text=True, check=False).stdout.strip()


def save(name: str, results: Any) -> Path:
    """Write raw results with the command, the commit and the machine."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    record = {
        "command": "python " + " ".join(["bench/" + Path(sys.argv[0]).name, *sys.argv[1:]]),
        "date": datetime.now().astimezone().isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": machine(),
        "results": results,
    }
    path.write_text(json.dumps(record, indent=1) + "\n")
    return path
