"""The discriminator D, which returns logits that a mask is real.

Its input is (N, channels, H, W); see `discriminator_input` for the channels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from napari_advseg.core.config.settings import DiscriminatorSettings, NetworkSettings
from napari_advseg.core.models.layers import (
    SLOPE,
    Encoder,
    batch_norms,
    draw_weights,
    mask_channels,
)

from .discriminator_input import view_channels


class Discriminator(nn.Module, ABC):
    """D: logits that a mask is real, and what its layers make of the mask on the way."""

    @abstractmethod
    def features(self, x: Tensor) -> list[Tensor]:
        """Outputs of the layers, finest first, each (N, channels, height, width)."""

    @abstractmethod
    def judged(self, features: Tensor) -> Tensor:
        """Logits from the last of `features`."""

    @property
    @abstractmethod
    def last_layer(self) -> nn.Conv2d | nn.Linear:
        """The layer that gives the logits."""

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, 1, h, w) that the mask in `x` is a real one."""
        return self.judged(self.features(x)[-1])


class PatchDiscriminator(Discriminator):
    """D with a map of logits: 4×4 convolutions of stride 2 and a 3×3 head (after pix2pix' PatchGAN)."""

    def __init__(self, inputs: int, width: int, settings: DiscriminatorSettings) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for level in range(settings.depth):
            outputs = width * min(2**level, 4)
            bias = settings.norm != "batch" or settings.biases
            layers.append(nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=bias))
            if settings.norm == "batch":
                layers.append(nn.BatchNorm2d(outputs))
            layers.append(nn.LeakyReLU(SLOPE))
            inputs = outputs
        self.layers = nn.Sequential(*layers, nn.Conv2d(inputs, 1, 3, padding=1))

    @property
    def last_layer(self) -> nn.Conv2d:
        """The 3×3 convolution."""
        return self.layers[-1]  # type: ignore[return-value]

    def features(self, x: Tensor) -> list[Tensor]:
        """Output of each halving level, after its LeakyReLU."""
        found = []
        for layer in list(self.layers)[:-1]:
            x = layer(x)
            if isinstance(layer, nn.LeakyReLU):
                found.append(x)
        return found

    def judged(self, features: Tensor) -> Tensor:
        """Logits (N, 1, H / 2^depth, W / 2^depth)."""
        return self.last_layer(features)  # type: ignore[no-any-return]


class DenseDiscriminator(Discriminator):
    """D of the 2017 experiment: the U-Net's encoder without dropout, flatten, one dense unit."""

    def __init__(
        self, inputs: int, width: int, settings: DiscriminatorSettings, patch: int
    ) -> None:
        super().__init__()
        norm = "none" if settings.norm == "spectral" else settings.norm
        self.encoder = Encoder(inputs, width, settings.depth, norm, 0.0, settings.biases)
        side = patch // 2**settings.depth
        self.head = nn.Linear(width * 2**settings.depth * side * side, 1)

    @property
    def last_layer(self) -> nn.Linear:
        """The dense unit."""
        return self.head

    def features(self, x: Tensor) -> list[Tensor]:
        """Output of each level of the encoder."""
        return self.encoder(x)  # type: ignore[no-any-return]

    def judged(self, features: Tensor) -> Tensor:
        """Logits (N, 1, 1, 1)."""
        return self.head(features.flatten(1))[..., None, None]  # type: ignore[no-any-return]


def _set_averages(network: nn.Module, settings: DiscriminatorSettings) -> None:
    """Keep running averages in every BatchNorm, or use the batch's own statistics in both modes."""
    for norm in batch_norms(network):
        norm.momentum, norm.eps = settings.norm_momentum, settings.norm_epsilon
        if not settings.averages:
            norm.track_running_stats = False
            norm.running_mean = norm.running_var = norm.num_batches_tracked = None


def build_discriminator(
    settings: DiscriminatorSettings,
    network: NetworkSettings,
    classes: int,
    patch: int,
    generator: torch.Generator,
) -> Discriminator:
    """D for the masks of a network for `classes` classes, with weights drawn from `generator`.

    With spectral normalisation every layer's largest singular value is close to 1 from the first
    update on (Miyato et al. 2018).
    """
    inputs = view_channels(settings, mask_channels(classes), network.image_channels)
    width = settings.width or network.width
    seed = int(torch.randint(2**31, (1,), generator=generator))
    # spectral_norm draws its vectors from the global state, which is put back afterwards
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # the CPU's alone; a GPU's is not put back
        if settings.head == "dense":
            D: Discriminator = DenseDiscriminator(inputs, width, settings, patch)
        else:
            D = PatchDiscriminator(inputs, width, settings)
        draw_weights(D, settings.initialisation, generator)
        _set_averages(D, settings)
        if settings.norm == "spectral":
            _normalise_spectrally(D)
    return D


def _normalise_spectrally(network: nn.Module) -> None:
    """Put spectral_norm on weights that are already drawn: it starts its power iteration from them.

    On weights drawn afterwards the first estimates would be off by orders of magnitude.
    """
    for module in list(network.modules()):
        if isinstance(module, nn.Conv2d | nn.Linear):
            spectral_norm(module)
