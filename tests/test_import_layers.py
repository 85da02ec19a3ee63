"""What an import pulls in: the engine's names and the command line load no Qt, no napari, no torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import napari_advseg

HEAVY = {
    "napari",
    "vispy",
    "qtpy",
    "PyQt5",
    "PyQt6",
    "PySide2",
    "PySide6",
    "magicgui",
    "superqt",
    "pyqtgraph",
    "torch",
}
PACKAGE = Path(napari_advseg.__file__).parent


def imported_at_the_top(path):
    """Top-level names of the packages that a module imports when it is loaded, its own as `.name`."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.split(".")[0])
        elif isinstance(node, ast.ImportFrom) and node.level == 1:
            found = [node.module] if node.module else [alias.name for alias in node.names]
            names |= {f".{name.split('.')[0]}" for name in found}
    return names


def light_core_modules():
    """Modules of the core that neither import torch at their top nor a module that does."""
    imports = {path.stem: imported_at_the_top(path) for path in (PACKAGE / "core").glob("*.py")}
    heavy = {name for name, found in imports.items() if "torch" in found}
    while more := {
        name
        for name, found in imports.items()
        if name not in heavy and any(f".{other}" in found for other in heavy)
    }:
        heavy |= more
    return sorted(f"napari_advseg.core.{name}" for name in imports.keys() - heavy - {"__init__"})


def loaded_by(module):
    """Packages of HEAVY in `sys.modules` of a new interpreter after importing a module."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return HEAVY & set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    ["napari_advseg", "napari_advseg.core", "napari_advseg.app", "napari_advseg.cli"],
)
def test_importing_it_loads_no_window_and_no_torch(module):
    assert loaded_by(module) == set()


def test_the_values_of_the_engine_need_no_torch():
    modules = light_core_modules()
    expected = {"annotation", "classes", "control", "errors", "events", "presets", "resources"}
    expected |= {"settings", "split", "stack"}
    assert expected <= {name.rpartition(".")[2] for name in modules}
    assert loaded_by(", ".join(modules)) == set()


def test_the_whole_engine_needs_no_window():
    modules = [f"napari_advseg.core.{path.stem}" for path in (PACKAGE / "core").glob("[!_]*.py")]
    assert loaded_by(", ".join(modules)) == {"torch"}


def test_help_of_the_command_line_loads_no_torch():
    code = (
        "import sys; sys.argv = ['advseg', 'train', '--help']\n"
        "from napari_advseg.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as done:\n    assert not done.code, done.code\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--updates" in done.stdout
