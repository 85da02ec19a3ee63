"""The U-Net: S, and the network that is trained adversarially as G/S.

Images are (N, image channels, H, W); logits are (N, mask channels, H, W) with one channel for two classes
(the first class) and one for each class otherwise.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from napari_advseg.core.config.settings import NetworkSettings

from .layers import DoubleConv, Encoder, SeededDropout, batch_norms, draw_weights, mask_channels

LOGIT_SHIFT = "logit_shift"
"""Name of the buffer that calibrates a network; see `napari_advseg.core.evaluation.calibration`."""


class UNet(nn.Module):
    """S: a U-Net with nearest up-sampling, after Ronneberger et al. 2015 and the 2017 experiment.

    Parameters
    ----------
    settings : NetworkSettings
        Width, depth, normalisation, dropout, image channels.
    classes : int
        Number of classes; see `mask_channels`.

    Attributes
    ----------
    logit_shift : Tensor, shape (1,)
        Taken off the logits of two classes where masks are predicted, and nowhere while learning.
    """

    def __init__(self, settings: NetworkSettings, classes: int = 2) -> None:
        super().__init__()
        s = settings
        self.encoder = Encoder(s.image_channels, s.width, s.depth, s.norm, s.dropout, s.biases)
        self.decoder = nn.ModuleList(
            DoubleConv(s.width * 3 * 2**k, s.width * 2**k, s.norm, s.dropout, s.biases)
            for k in reversed(range(s.depth))
        )
        self.head = nn.Conv2d(s.width, mask_channels(classes), 1)
        self.register_buffer(LOGIT_SHIFT, torch.zeros(1))
        self.logit_shift: Tensor
        for norm in batch_norms(self):
            norm.momentum, norm.eps = s.norm_momentum, s.norm_epsilon

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **options: Any
    ) -> None:
        """Weights of before there was a shift have none."""
        state_dict.setdefault(f"{prefix}{LOGIT_SHIFT}", torch.zeros(1))
        super()._load_from_state_dict(state_dict, prefix, *args, **options)

    def forward(self, image: Tensor) -> Tensor:
        """Logits (N, mask channels, H, W) of images whose sides are multiples of 2^depth."""
        *skips, x = self.encoder(image)
        for level, skip in zip(self.decoder, reversed(skips), strict=True):
            x = level(torch.cat([nn.functional.interpolate(x, scale_factor=2.0), skip], dim=1))
        return self.head(x)  # type: ignore[no-any-return]

    def seed_dropout(self, generator: torch.Generator) -> None:
        """Let all dropout of the next forward pass draw from `generator`."""
        for module in self.modules():
            if isinstance(module, SeededDropout):
                module.generator = generator


def build_unet(settings: NetworkSettings, classes: int, generator: torch.Generator) -> UNet:
    """A U-Net with weights drawn from `generator`: He-normal, Glorot-uniform for the head."""
    with torch.random.fork_rng(devices=[]):  # torch's layers draw weights that are replaced here
        network = UNet(settings, classes)
    draw_weights(network, settings.initialisation, generator)
    nn.init.xavier_uniform_(network.head.weight, generator=generator)
    return network
