"""Apply a trained run to a stack, tile by tile, slice by slice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from napari_advseg.core.data.grey_distribution import unlike_sentence
from napari_advseg.core.data.normalisation import (
    AnyNormalisation,
    normalisation_of,
    padding_sentence,
    quantiles_by_channel,
)
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.formats.io import open_mask_writer
from napari_advseg.core.models.unet import UNet
from napari_advseg.core.runtime.control import RunControl
from napari_advseg.core.runtime.devices import ComputeDevice, choose_device, on
from napari_advseg.core.runtime.errors import RunFolderError, Subject
from napari_advseg.core.runtime.events import NetworkName
from napari_advseg.core.storage.checkpoint import load_weights
from napari_advseg.core.storage.checks import (
    check_channels,
    check_mask_path,
    check_threads,
    check_threshold,
)
from napari_advseg.core.storage.run_folder import Run, load_run, read_summary

from .predictions import class_indices
from .probabilities import class_probabilities, in_view_first


def predict_stack(
    run: Run | Path | str,
    stack: EMStack,
    *,
    networks: tuple[NetworkName, ...] | None = None,
    on_slice: Callable[[NetworkName, int, NDArray[np.float32]], None],
    control: RunControl | None = None,
    first: int | None = None,
    slices: Sequence[int] | None = None,
    device: str = "auto",
    threads: int | None = None,
    best: bool | None = None,
    predict_padding: bool | None = None,
    normalisation: AnyNormalisation | None = None,
    on_notice: Callable[[str], None] = lambda sentence: None,
) -> None:
    """Predict every slice of a stack, normalised by its own mean and standard deviation.

    Parameters
    ----------
    run : Run or path
        A run, or its folder.
    stack : EMStack
        Grey stack (Z, Y, X).
    networks : tuple of {"standard", "adversarial"}, optional
        Which to apply; None takes all of the run.
    on_slice : callable
        Called with network, slice index and class probabilities, float32 (1 or C, Y, X); one channel
        for two classes, the probability of the first.
    control : RunControl, optional
        To stop from another thread; acts between tiles.
    first : int, optional
        Slice to predict before the others.
    slices : sequence of int, optional
        Slices to predict; None predicts all.
    device, threads
        As in `RunSettings`.
    best : bool, optional
        Take the weights of the best validation, or the last; None takes those that the run keeps (see
        `RunSettings.keep`).

    predict_padding : bool, optional
        Also predict pixels that are no tissue (see `napari_advseg.core.data.padding`), else they are NaN;
        None does as the run's settings say.
    normalisation : Normalisation or ChannelNormalisation, optional
        Of the stack, where it is known already.
    on_notice : callable
        Called with a sentence, before the first slice, if part of the stack is no tissue, and if its grey
        values look unlike those that the run learned from.

    Raises
    ------
    RunFolderError
        If the run does not have such a network, is for images of other channels, or is damaged.
    SettingsError
        If the device is unknown or not there, or `threads` is less than 1.
    ImageError
        If the stack holds infinite values, or one value alone.
    Stopped
        If `control` was stopped.
    """
    check_threads(threads)
    run = run if isinstance(run, Run) else load_run(Path(run))
    check_channels(run, stack.channels)
    control = control or RunControl()
    compute = choose_device(device, threads=threads)
    if compute.device.type == torch.device(run.settings.device).type:
        compute = replace(compute, precision=run.settings.precision)  # the run's own numbers again
    compute.claim_threads()
    loaded = {name: _load(run, name, compute, best) for name in networks or run.networks}
    normalise = normalisation or normalisation_of(stack, run.settings.normalisation)
    unlike = unlike_sentence(
        stack.name, quantiles_by_channel(normalise), run.config.get("grey_quantiles")
    )
    for sentence in filter(None, (padding_sentence(stack.name, normalise), unlike)):
        on_notice(sentence)
    everywhere = run.settings.predict_padding if predict_padding is None else predict_padding
    for z in in_view_first(stack.shape[0], first):
        if slices is not None and z not in slices:
            continue
        raw = stack.slice(z)
        grey, padding = normalise(raw), normalise.padding(raw)
        for name, network in loaded.items():
            found = class_probabilities(
                network, grey, run.settings, compute, control.raise_if_stopped
            )
            if padding is not None and not everywhere:
                found[:, padding] = np.nan
            on_slice(name, z, found)


def predict_to_file(
    run: Run | Path | str,
    stack: EMStack,
    path: Path | str,
    *,
    network: NetworkName | None = None,
    probability: bool = False,
    threshold: float | Literal["auto"] | None = None,
    device: str = "auto",
    threads: int | None = None,
    best: bool | None = None,
    on_slice: Callable[[int], None] = lambda done: None,
    control: RunControl | None = None,
    predict_padding: bool | None = None,
    on_notice: Callable[[str], None] = lambda sentence: None,
) -> None:
    """Write a TIFF of the predicted mask, holding one slice at a time.

    Parameters
    ----------
    run, stack, device, threads, best, control, predict_padding, on_notice
        As in `predict_stack`. Pixels that are not predicted have a value of no class, which the mask's class
        map ignores, or NaN.
    path : path
        The TIFF to write; complete or not there.
    network : {"standard", "adversarial"}, optional
        Required if the run holds both.
    probability : bool
        Write float32 probabilities instead of the annotation's values: of two classes that of the
        first, axes ZYX; of more one channel for each, axes ZCYX.
    threshold : float or "auto", optional
        Probability from which a pixel is of the first of two classes; None takes the run's own, ``auto``
        the one that its summary names as the best.
    on_slice : callable
        Called with the number of slices done.

    Raises
    ------
    RunFolderError
        If `network` is needed and not given, or is not in the run.
    SettingsError
        If the threshold is not within 0 to 1.
    AdvSegError
        If the TIFF cannot be written, or `path` is the image or a file of the run; and what
        `predict_stack` raises.
    """
    run = run if isinstance(run, Run) else load_run(Path(run))
    if network is None and len(run.networks) > 1:
        raise RunFolderError(
            "The run holds both networks: say which, --network standard or --network adversarial.",
            subject=Subject.APPLYING,
        )
    chosen = network or run.networks[0]
    level = threshold_of(run, chosen, threshold)
    check_threshold(level)
    check_mask_path(Path(path), stack.source, run.folder)
    dtype = np.float32 if probability else run.classes.decode(np.zeros(1, np.uint8)).dtype
    check_channels(run, stack.channels)
    normalisation = normalisation_of(stack, run.settings.normalisation)
    written = run.classes.with_unlabelled() if normalisation.padded else run.classes.of_masks
    classes = None if probability else written
    channels = len(run.classes) if probability and len(run.classes) > 2 else 1
    with open_mask_writer(
        Path(path),
        stack.shape,
        dtype,
        classes=classes,
        scale=stack.scale,
        channels=channels,
        unit=stack.unit,
    ) as writer:

        def keep(_: NetworkName, z: int, found: NDArray[np.float32]) -> None:
            mask = run.classes.decode(class_indices(found, level))
            for one in found if probability else [mask]:
                writer.write(one)
            on_slice(z + 1)

        predict_stack(
            run, stack, networks=(chosen,), on_slice=keep, control=control,
            device=device, threads=threads, best=best, predict_padding=predict_padding,
            normalisation=normalisation, on_notice=on_notice,
        )  # fmt: skip


def threshold_of(
    run: Run, network: NetworkName, threshold: float | Literal["auto"] | None
) -> float:
    """The threshold asked for: a number, the run's own, or the best that its summary names.

    Raises
    ------
    RunFolderError
        If the best is asked for and the run has not found one.
    """
    if threshold is None or (threshold == "auto" and len(run.classes) > 2):
        return run.settings.threshold
    if threshold != "auto":
        return threshold
    choices = read_summary(run.folder).get("thresholds", {})
    try:
        return float(choices[network][0]["threshold"])
    except (KeyError, IndexError, TypeError, ValueError):
        raise RunFolderError(
            f"The run in {run.folder} has found no best threshold for the {network} network: let it train "
            "to its end, or give a number.",
            subject=Subject.THRESHOLD,
        ) from None


def _load(run: Run, name: NetworkName, compute: ComputeDevice, best: bool | None) -> UNet:
    if name not in run.networks:
        raise RunFolderError(
            f"The run in {run.folder} has no {name} network: it holds {' and '.join(run.networks)}.",
            subject=Subject.APPLYING,
        )
    of_best = run.folder / f"{name}-best.safetensors"
    if best is None:
        best = run.settings.keep == "best" and of_best.exists()
    path = of_best if best else run.folder / f"{name}.safetensors"
    if best and not path.exists():
        raise RunFolderError(
            f"The run in {run.folder} has no best weights yet: take its last, --last.",
            subject=Subject.APPLYING,
        )
    with torch.device("meta"):  # no memory for what a damaged config.json may ask for
        network = UNet(run.settings.network, len(run.classes))
    load_weights(path, network, assign=True)
    return on(compute, network)
