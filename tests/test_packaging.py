"""What the installed package says of itself: version, command, manifest, requirements, resources."""

import importlib.resources
import json
import re
from importlib import metadata
from xml.etree import ElementTree

from npe2 import PluginManifest

import napari_advseg
from napari_advseg.core.config.presets import from_preset
from support.paths import ROOT

NAME = "napari-advseg"
RESOURCES = ROOT / "resources"


def requirements(extra=None):
    """Names that the package requires: always, or with an extra alone."""
    names = set()
    for line in metadata.requires(NAME):
        name = re.match(r"[\w.-]+", line).group().lower()
        found = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", line)
        if (found.group(1) if found else None) == extra:
            names.add(name)
    return names


def test_the_version_is_the_installed_one():
    assert re.match(r"\d+\.\d+", napari_advseg.__version__)
    assert napari_advseg.__version__ == metadata.version(NAME)
    assert napari_advseg.__version__ != "0.0.0"  # what an uninstalled folder says


def test_advseg_is_a_command():
    (command,) = metadata.entry_points(group="console_scripts", name="advseg")
    from napari_advseg.cli.main import main

    assert command.load() is main


def test_napari_finds_the_manifest():
    (entry,) = metadata.entry_points(group="napari.manifest", name=NAME)
    module, _, file = entry.value.partition(":")
    assert importlib.resources.files(module).joinpath(file).is_file()
    manifest = PluginManifest.from_distribution(NAME)
    assert [widget.display_name for widget in manifest.contributions.widgets] == [
        "Adversarial Segmentation"
    ]


def test_classifier_of_napari_plugins():
    assert "Framework :: napari" in metadata.metadata(NAME).get_all("Classifier")


def test_the_base_brings_neither_napari_nor_qt():
    bindings = {"napari", "pyqt5", "pyqt6", "pyside2", "pyside6"}
    assert "torch" in requirements()
    assert not bindings & requirements()
    assert requirements("pyqt5") == {"napari", "pyqt5"}
    assert requirements("pyqt6") == {"napari", "pyqt6"}
    assert requirements("pyside6") == {"napari", "pyside6"}
    assert requirements("all") == {"napari"}


def test_the_icon_is_a_picture():
    root = ElementTree.parse(RESOURCES / "icon.svg").getroot()
    assert root.tag.endswith("svg")
    assert len(root.findall(".//{http://www.w3.org/2000/svg}path")) == 2


def test_the_sample_settings_can_be_used():
    settings = json.loads((RESOURCES / "settings.json").read_text(encoding="utf-8"))
    changed = from_preset("quick", **settings)
    assert changed.network.width == 24
    assert changed.network.norm_momentum == from_preset("quick").network.norm_momentum
