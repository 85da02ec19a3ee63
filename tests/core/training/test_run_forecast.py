"""What the minutes give, forecast from the time of an update."""

import pytest

from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.training.run_forecast import forecast

SHAPE = (20, 1024, 1024)


def estimate(scale=None, minutes=2.0, seconds_per_update=0.5):
    return forecast(
        from_preset("quick", minutes=minutes, scale=scale), SHAPE, 2, seconds_per_update
    )


def test_more_minutes_give_more_updates_and_a_slow_computer_fewer():
    assert estimate(minutes=4).updates > estimate().updates
    assert estimate(seconds_per_update=2.0).updates < estimate().updates


@pytest.mark.parametrize("scale", [2, 4])
def test_a_coarser_image_is_predicted_faster_by_its_pixels(scale):
    ratio = estimate(1).stack_seconds / estimate(scale).stack_seconds
    assert ratio >= scale**2  # more, since fewer tiles overlap


def test_a_stack_that_takes_long_follows_after_the_minutes():
    assert estimate(seconds_per_update=2.0).stack_after
    assert not estimate(minutes=60).stack_after
