"""Forecast of a run in minutes before it starts: updates, validation, first masks, the whole stack."""

from __future__ import annotations

from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.data.rescaling import coarse_side
from napari_advseg.core.inference.tiling import tile_grid
from napari_advseg.core.runtime.devices import choose_device
from napari_advseg.core.runtime.run_estimate import RunEstimate

from .run_plan import (
    END_SHARE,
    FEWEST_VALIDATIONS,
    FIRST_VALIDATION,
    STACK_SHARE,
    VALIDATION_SHARE,
)
from .sampled_validation import FORWARD
from .time_budget import update_seconds

START_SECONDS = 3.0
"""Reading the stack and building the networks."""


def estimate_run(
    settings: RunSettings, shape: tuple[int, int, int], validation_slices: int
) -> RunEstimate:
    """Forecast a run in minutes with a prediction of the whole stack at the end.

    Parameters
    ----------
    settings : RunSettings
        With `minutes`.
    shape : (int, int, int)
        Shape of the stack.
    validation_slices : int

    Notes
    -----
    A few small updates are timed, which takes a second or so; the rest is arithmetic (see `forecast`).
    """
    compute = choose_device(settings.device, settings.precision, settings.threads)
    compute.claim_threads()
    return forecast(settings, shape, validation_slices, update_seconds(settings, compute))


def forecast(
    settings: RunSettings,
    shape: tuple[int, int, int],
    validation_slices: int,
    seconds_per_update: float,
) -> RunEstimate:
    """The forecast for a known time of an update; parameters as in `estimate_run`."""
    seconds = 60 * (settings.minutes or 0.0)
    one_slice = seconds_per_update * _slice_patches(settings, shape)
    stack, final = shape[0] * one_slice, validation_slices * one_slice
    after = stack > STACK_SHARE * seconds
    end = min(final, END_SHARE * seconds) + (0.0 if after else max(0.0, stack - final))
    training = (1 - VALIDATION_SHARE) * seconds - end - START_SECONDS
    most = VALIDATION_SHARE * seconds / min(settings.validations, FEWEST_VALIDATIONS)
    validation = min(most, final + seconds_per_update * settings.fixed_patches / settings.batch)
    first = max(FIRST_VALIDATION * seconds, START_SECONDS + 2 * seconds_per_update)
    return RunEstimate(
        minutes=seconds / 60,
        updates=max(1, int(training / max(seconds_per_update, 1e-9))),
        validation_seconds=validation,
        first_masks_seconds=min(seconds, first + validation),
        stack_seconds=stack,
        stack_after=after,
        all_scored=final <= END_SHARE * seconds,
    )


def _slice_patches(settings: RunSettings, shape: tuple[int, int, int]) -> float:
    """Updates that take as long as the prediction of a slice by all networks."""
    s, scale = settings, settings.scale or 1
    height, width = (coarse_side(length, scale) for length in shape[1:])
    tiles = tile_grid(height, width, s.tile, s.tile // 4, 2**s.network.depth)
    pixels = sum(tile.rows.size * tile.columns.size for tile in tiles)
    return pixels / (FORWARD * s.batch * s.patch**2)
