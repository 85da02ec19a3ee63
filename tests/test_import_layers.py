"""What an import pulls in: the engine's names and the command line load no Qt, no napari, no torch."""

import ast
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import napari_advseg
from support.paths import ROOT

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
MODULES = {
    ".".join(("napari_advseg", *path.relative_to(PACKAGE).with_suffix("").parts)): path
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py"
}
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]["contracts"]


def imports_of(module, *, top_only):
    """Full names of what a module imports: when it is loaded, or anywhere in it."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    package = module.rpartition(".")[0]
    names = set()
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level <= 1, f"{module} imports from a parent: use the full name"
            source = ".".join(filter(None, (package if node.level else "", node.module)))
            names |= {source, *(f"{source}.{alias.name}" for alias in node.names)}
    return names


def light_core_modules():
    """Modules of the core that neither import torch at their top nor a module that does."""
    core = [name for name in MODULES if name.startswith("napari_advseg.core.")]
    imports = {name: imports_of(name, top_only=True) for name in core}
    heavy = {name for name, found in imports.items() if {n.split(".")[0] for n in found} & HEAVY}
    while more := {name for name in core if name not in heavy and imports[name] & heavy}:
        heavy |= more
    return sorted(set(core) - heavy)


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
    ["napari_advseg", "napari_advseg.core", "napari_advseg.app", "napari_advseg.cli.main"],
)
def test_importing_it_loads_no_window_and_no_torch(module):
    assert loaded_by(module) == set()


def test_the_values_of_the_engine_need_no_torch():
    modules = light_core_modules()
    expected = {"annotation", "classes", "control", "errors", "events", "presets"}
    expected |= {"settings", "split", "stack"}
    assert expected <= {name.rpartition(".")[2] for name in modules}
    assert loaded_by(", ".join(modules)) == set()


def test_the_whole_engine_needs_no_window():
    modules = [name for name in MODULES if name.startswith("napari_advseg.core.")]
    assert loaded_by(", ".join(modules)) == {"torch"}


def test_help_of_the_command_line_loads_no_torch():
    code = (
        "import sys; sys.argv = ['advseg', 'train', '--help']\n"
        "from napari_advseg.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit as done:\n    assert not done.code, done.code\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--updates" in done.stdout


def layers_of(container):
    """Names in the layers contract of a package."""
    (layers,) = [
        contract["layers"] for contract in CONTRACTS if contract.get("containers") == [container]
    ]
    return {name.strip() for layer in layers for name in layer.split("|")}


def lies_in_a_layer(module):
    top, *inner = module.split(".")[1:]
    return (
        top in layers_of("napari_advseg")
        and inner[0] in layers_of(f"napari_advseg.{top}")
        and (
            top != "core" or len(inner) == 2
        )  # a room of its own for each: nothing lies loose in core
        and (inner[0] != "dock" or inner[1] in layers_of("napari_advseg.gui.dock"))
    )


def test_every_module_lies_in_a_layer_of_its_package():
    assert [module for module in sorted(MODULES) if not lies_in_a_layer(module)] == []


def test_no_two_modules_need_each_other():
    graph = {name: imports_of(name, top_only=False) & set(MODULES) - {name} for name in MODULES}
    TopologicalSorter(graph).prepare()  # a CycleError names the modules of a cycle


def test_only_layer_metadata_holds_classes_as_text_in_the_application_and_the_window():
    """Everywhere else they are rows or a class map; core and the command line parse their own text."""
    text, boundary = "napari_advseg.app.state.class_text", "napari_advseg.gui.layers.class_metadata"
    users = {name for name in MODULES if text in imports_of(name, top_only=False)}
    assert users == {boundary}
    parsing = {
        name
        for name, path in MODULES.items()
        if name.startswith(("napari_advseg.app.", "napari_advseg.gui."))
        and any(
            ast.unparse(node) == "ClassMap.parse"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute)
        )
    }
    assert parsing == {boundary}
