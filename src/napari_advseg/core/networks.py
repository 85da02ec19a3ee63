"""The networks: the U-Net S (also the S inside G) and the discriminator D.

Images are (N, image channels, H, W); masks and logits are (N, mask channels, H, W) with one channel for
two classes (the first class) and one for each class otherwise. Both networks return logits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from .mask_views import view_channels
from .settings import DiscriminatorSettings, Initialisation, NetworkSettings

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


def _norm(kind: str, channels: int) -> nn.Module:
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
                _norm(norm, outputs),
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


class UNet(nn.Module):
    """S: a U-Net with nearest up-sampling, after Ronneberger et al. 2015 and the 2017 experiment.

    Parameters
    ----------
    settings : NetworkSettings
        Width, depth, normalisation, dropout, image channels.
    classes : int
        Number of classes; see `mask_channels`.
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
        for norm in _batch_norms(self):
            norm.momentum, norm.eps = s.norm_momentum, s.norm_epsilon

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


def _batch_norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def _set_averages(network: nn.Module, settings: DiscriminatorSettings) -> None:
    """Keep running averages in every BatchNorm, or use the batch's own statistics in both modes."""
    for norm in _batch_norms(network):
        norm.momentum, norm.eps = settings.norm_momentum, settings.norm_epsilon
        if not settings.averages:
            norm.track_running_stats = False
            norm.running_mean = norm.running_var = norm.num_batches_tracked = None


def build_unet(settings: NetworkSettings, classes: int, generator: torch.Generator) -> UNet:
    """A U-Net with weights drawn from `generator`: He-normal, Glorot-uniform for the head."""
    with torch.random.fork_rng(devices=[]):  # torch's layers draw weights that are replaced here
        network = UNet(settings, classes)
    _draw_weights(network, settings.initialisation, generator)
    nn.init.xavier_uniform_(network.head.weight, generator=generator)
    return network


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
        _draw_weights(D, settings.initialisation, generator)
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


@torch.no_grad()
def _draw_weights(network: nn.Module, kind: Initialisation, generator: torch.Generator) -> None:
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
