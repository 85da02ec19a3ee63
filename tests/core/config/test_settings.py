"""Settings and presets: ranges, frozen, errors with the bad value."""

from __future__ import annotations

from contextlib import suppress

import pytest
from pydantic import ValidationError

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.parsing import run_settings
from napari_advseg.core.config.presets import PRESET_WORDS, PRESETS, from_preset
from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.runtime.errors import AdvSegError, SettingsError, Subject


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_is_usable_and_described(preset):
    settings = from_preset(preset)
    assert settings.preset == preset
    assert settings.updates
    assert settings.method == "paired"
    assert settings.patch % 2 ** max(settings.network.depth, settings.discriminator.depth) == 0
    assert PRESET_WORDS[preset]


def test_the_defaults_are_the_issues_own():
    settings = RunSettings()
    assert (settings.method, settings.threshold, settings.samples) == ("paired", 0.5, 10)
    assert settings.networks == ("standard", "adversarial")
    assert settings.discriminator.norm == "spectral"
    assert settings.discriminator.sees_image


def test_settings_survive_json():
    settings = from_preset("best", train=(0, 1), adversarial_weight={"kind": "steps"})
    assert RunSettings.model_validate_json(settings.model_dump_json()) == settings


def test_a_group_may_be_changed_in_part():
    settings = from_preset("balanced", network={"depth": 3})
    assert (settings.network.depth, settings.network.width) == (3, 32)


def test_minutes_take_the_place_of_the_presets_updates():
    assert from_preset("quick", minutes=2).updates is None
    assert from_preset("quick", updates=7).updates == 7
    assert from_preset("quick", minutes=None).updates == PRESETS["quick"]["updates"]


@pytest.mark.parametrize(
    ("values", "name", "value", "subject"),
    [
        ({"updates": 0}, "updates", "0", Subject.BUDGET),
        ({"minutes": -1}, "minutes", "-1", Subject.BUDGET),
        ({"minutes": float("inf")}, "minutes", "inf", Subject.BUDGET),
        ({"method": "both"}, "method", "'both'", Subject.METHOD),
        ({"threshold": 1.5}, "threshold", "1.5", Subject.THRESHOLD),
        ({"network": {"width": 0}}, "network.width", "0", Subject.SETTINGS),
        ({"network": {"dropout": 1.0}}, "network.dropout", "1.0", Subject.SETTINGS),
        ({"optimizer": {"rate": float("nan")}}, "optimizer.rate", "nan", Subject.SETTINGS),
        ({"optimizer": {"betas": (0.9, 1.0)}}, "optimizer.betas.1", "1.0", Subject.SETTINGS),
        ({"widht": 3}, "widht", "3", Subject.SETTINGS),
    ],
)
def test_a_setting_out_of_range_is_named_with_its_value(values, name, value, subject):
    with pytest.raises(SettingsError) as caught:
        run_settings(values)
    assert str(caught.value).startswith(f"{name} = {value} cannot be used")
    assert caught.value.subject is subject


def test_slices_and_classes_may_be_written_as_on_the_command_line():
    settings = from_preset("quick", train="0:3,5", val="7", classes="cell=255,membrane=0+32")
    assert (settings.train, settings.val) == ((0, 1, 2, 5), (7,))
    assert settings.classes == ClassMap.of(cell=255, membrane=(0, 32))
    assert run_settings(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"patch": "large"}, "patch = 'large' cannot be used: choose a whole number."),
        ({"patch": 32.5}, "patch = 32.5 cannot be used: choose a whole number."),
        ({"threshold": "high"}, "threshold = 'high' cannot be used: choose a number."),
        ({"threshold": 2}, "threshold = 2 cannot be used: choose at most 1."),
        ({"network": {"dropout": 1}}, "network.dropout = 1 cannot be used: choose less than 1."),
        ({"network": {"biases": "x"}}, "network.biases = 'x' cannot be used: choose true or false."),
        ({"network": {"withd": 3}}, "network.withd = 3 cannot be used: there is no such setting, the "
         "nearest is width."),
        ({"colour": 3}, "colour = 3 cannot be used: there is no such setting, take it out."),
        ({"optimizer": {"betas": [0.9]}}, "optimizer.betas.1 = "),
        ({"classes": {"classes": 1}}, 'classes = {\'classes\': 1} cannot be used: write it as "cell='),
        ({"updates": {"a": 1}}, "updates = {'a': 1} cannot be used: choose a whole number."),
        ({"seed": "9" * 500}, "seed = '9999"),
        (5, "settings = 5 cannot be used: write it as {"),
    ],
)  # fmt: skip
def test_what_has_a_wrong_type_is_told_in_a_short_sentence(values, said):
    with pytest.raises(SettingsError) as caught:
        run_settings(values)
    assert str(caught.value).startswith(said)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("group", ["updates", "network", "classes", "patch", "nothing"])
@pytest.mark.parametrize("value", [{}, {"a": 1}, [], [1], "x", None, True, 1e400])
def test_no_plain_value_is_more_than_refused(group, value):
    """Whatever a JSON file may hold, on the preset that changes most."""
    with suppress(AdvSegError):
        assert from_preset("balanced", **{group: value}).preset == "balanced"


@pytest.mark.parametrize("preset", [["quick"], {"quick": 1}, None, 3, ""])
def test_a_preset_of_a_wrong_type_is_unknown(preset):
    with pytest.raises(SettingsError, match="There is no preset"):
        from_preset(preset)


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(SettingsError, match=r"'fast'.*quick, balanced, best") as caught:
        from_preset("fast")
    assert caught.value.subject is Subject.PRESET


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        RunSettings().seed = 3
