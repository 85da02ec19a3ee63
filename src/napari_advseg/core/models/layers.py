"""Layers that the U-Net and the discriminator share, and how their weights are drawn."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_advseg.core.config.settings import Initialisation

SLOPE = 0.2  # of LeakyReLU, as in the 2017 experiment


def mask_channels(classes: int) -> int:
    """Channels of a network's output: 1 for two classes, otherwise one for each."""
    return 1 if classes == 2 else classes


class SeededDropout(nn.Module):
    """Dropout that draws from a generator given from outside, so that two networks can drop alike.

    Parameters
    ----------
    share : float
        Share of activations set to 0 in training mode.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Drop in training mode, and scale what is left by 1 / (1 − share)."""
        if not self.training or self.share == 0:
            return x
        keep = torch.rand(x.shape, generator=self.generator, device=x.device) >= self.share
        return x * keep / (1 - self.share)


def norm_layer(kind: str, channels: int) -> nn.Module:
    """Normalisation layer of a kind; ``none`` gives the identity."""
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    return nn.Identity()


class DoubleConv(nn.Sequential):
    """conv 3×3 → norm → LeakyReLU → dropout → conv 3×3 → norm → LeakyReLU."""

    def __init__(self, inputs: int, outputs: int, norm: str, dropout: float, biases: bool) -> None:
        bias = biases or norm == "none"
        layers: list[nn.Module] = []
        for channels in (inputs, outputs):
            layers += [
                nn.Conv2d(channels, outputs, 3, padding=1, bias=bias),
                norm_layer(norm, outputs),
                nn.LeakyReLU(SLOPE, inplace=True),
            ]
        if dropout:
            layers.insert(3, SeededDropout(dropout))
        super().__init__(*layers)


class Encoder(nn.Module):
    """The U-Net's contracting half: depth + 1 levels of `DoubleConv`, halved by max-pooling between."""

    def __init__(
        self, inputs: int, width: int, depth: int, norm: str, dropout: float, biases: bool
    ) -> None:
        super().__init__()
        widths = [width * 2**k for k in range(depth + 1)]
        self.levels = nn.ModuleList(
            DoubleConv(a, b, norm, dropout, biases)
            for a, b in zip([inputs, *widths[:-1]], widths, strict=True)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features of every level, finest first."""
        features = [self.levels[0](x)]
        for level in self.levels[1:]:
            features.append(level(nn.functional.max_pool2d(features[-1], 2)))
        return features


def batch_norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    """All batch normalisation layers of a network."""
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


@torch.no_grad()
def draw_weights(network: nn.Module, kind: Initialisation, generator: torch.Generator) -> None:
    """Draw all weights from `generator`: He-normal for convolutions, Glorot-uniform for linear layers."""
    for module in network.modules():
        if not isinstance(module, nn.Conv2d | nn.Linear):
            continue
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight, generator=generator)
        elif kind == "truncated":  # Keras of 2017 does not widen it again to He's variance
            deviation = (2 / module.weight[0].numel()) ** 0.5
            nn.init.trunc_normal_(
                module.weight, std=deviation, a=-2 * deviation, b=2 * deviation, generator=generator
            )
        else:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
