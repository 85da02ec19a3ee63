"""A trained network applied to normalised slices, tile by tile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.data.rescaling import downsampled, upsampled
from napari_advseg.core.models.losses import probabilities
from napari_advseg.core.models.unet import UNet
from napari_advseg.core.runtime.devices import ComputeDevice

from .tiling import predict_slice


def in_view_first(depth: int, view: int | None) -> list[int]:
    """All slices of a stack of `depth`, the one in view before the others."""
    slices = range(depth)
    return list(dict.fromkeys([*([view] if view is not None and view in slices else []), *slices]))


def class_probabilities(
    network: UNet,
    image: NDArray[np.float32],
    settings: RunSettings,
    compute: ComputeDevice,
    raise_if_stopped: Callable[[], None] = lambda: None,
) -> NDArray[np.float32]:
    """Class probabilities of one normalised slice.

    Parameters
    ----------
    network : UNet
    image : ndarray of float32, shape (Y, X) or (channels, Y, X)
        Normalised grey values, of the stack's own pixels.
    settings : RunSettings
        Scale, tile side and network depth.
    compute : ComputeDevice
        Where to compute.
    raise_if_stopped : callable, optional
        Called between tiles; what it raises stops the prediction.

    Returns
    -------
    ndarray of float32, shape (1 or C, Y, X)
        One channel for two classes: the probability of the first.
    """
    coarse = downsampled(image, settings.scale or 1)
    found = coarse_probabilities(network, coarse, settings, compute, raise_if_stopped)
    return np.ascontiguousarray(found[:, : image.shape[-2], : image.shape[-1]])


def coarse_probabilities(
    network: UNet,
    image: NDArray[np.float32],
    settings: RunSettings,
    compute: ComputeDevice,
    raise_if_stopped: Callable[[], None] = lambda: None,
) -> NDArray[np.float32]:
    """Class probabilities of an image that has the pixels that the networks see.

    Parameters
    ----------
    image : ndarray of float32, shape (Y', X') or (channels, Y', X')
    network, settings, compute, raise_if_stopped
        As in `class_probabilities`.

    Returns
    -------
    ndarray of float32, shape (1 or C, Y' · scale, X' · scale)
    """
    network.eval()

    def predict(tiles: NDArray[Any]) -> NDArray[Any]:
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(tiles)).to(compute.device)
            return batch_probabilities(network, batch, compute).cpu().numpy()

    found = predict_slice(
        image,
        predict,
        tile=settings.tile,
        overlap=settings.tile // 4,
        multiple=2**settings.network.depth,
        raise_if_stopped=raise_if_stopped,
    )
    scale, (height, width) = settings.scale or 1, image.shape[-2:]
    return upsampled(torch.from_numpy(found)[None], scale, height * scale, width * scale)[0].numpy()


def batch_probabilities(network: UNet, images: Tensor, compute: ComputeDevice) -> Tensor:
    """Probabilities (N, 1 or C, H, W) of a batch, calibrated, in the mode that the network is in."""
    images = images.contiguous(memory_format=torch.channels_last)
    with compute.autocast():
        logits = network(images)
    if logits.shape[1] > 1:  # more than two classes: nothing to shift
        return probabilities(logits)
    return probabilities(logits.float() - network.logit_shift)
