"""Random changes to a batch of training patches, on the device where they are."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.config.settings import AugmentationSettings

ELASTIC_SPACING = 24.0
"""Pixels between the knots of an elastic displacement: about a cell's radius, so that membranes
bend and do not tear."""


@torch.no_grad()
def augment(
    images: Tensor, targets: Tensor, settings: AugmentationSettings, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Change each patch of a batch at random; the targets move with the images.

    Every draw comes from `generator`, and a setting that is 0 or off draws nothing and costs
    nothing. Nothing is read back to the host, so that a GPU is never waited for.

    Parameters
    ----------
    images : Tensor of float32, shape (N, C, H, W)
        Grey values of zero mean and unit variance; left unchanged.
    targets : Tensor of uint8, shape (N, H, W)
        Class indices, 255 unlabelled; left unchanged.
    settings : AugmentationSettings
        What is changed, and how far.
    generator : Generator
        On the device of the images.

    Returns
    -------
    images : Tensor of float32, shape (N, C, H, W)
    targets : Tensor of uint8, shape (N, H, W)
        The inputs themselves where nothing is asked for. Where a rotation, a change of size or an
        elastic displacement looks past the patch, the image is reflected and the target is 255.

    Raises
    ------
    ValueError
        If the shapes do not fit each other, or quarter turns are asked of oblong patches.
    """
    if images.ndim != 4 or targets.shape != (len(images), *images.shape[2:]):
        raise ValueError(
            f"images {tuple(images.shape)} and targets {tuple(targets.shape)} do not fit"
        )
    if settings.rotation or settings.scale or settings.elastic:
        grid = _sampling_grid(images, settings, generator)
        images, targets = _resample(images, targets, grid)
    if settings.flip or settings.quarter_turns:
        images, targets = _symmetries(images, targets, settings, generator)
    return _grey_values(images, settings, generator), targets


def _symmetries(
    images: Tensor, targets: Tensor, settings: AugmentationSettings, generator: Generator
) -> tuple[Tensor, Tensor]:
    """One of the 8 symmetries of the square for each sample, or of the 4 that are asked for.

    All 8 are a transposition or none, then a flip of rows or none, then one of columns or none:
    three fair coins. Grouping the samples by symmetry would make the host wait for the draws.
    """
    if settings.quarter_turns and images.shape[2] != images.shape[3]:
        raise ValueError(f"patches of {tuple(images.shape[2:])} are not square: no quarter turns")
    coins = 2 + (settings.flip and settings.quarter_turns)
    drawn = torch.randint(2, (coins, len(images)), generator=generator, device=images.device).bool()
    rows, columns = drawn[0], drawn[1]
    if settings.quarter_turns:
        if settings.flip:
            transposed = drawn[2]
        else:
            # To mirror nothing, a transposition takes one flip along; otherwise none or both.
            transposed, rows = rows, rows ^ columns
        images = _where(transposed, images.mT, images)
        targets = _where(transposed, targets.mT, targets)
    for flipped, axis in ((rows, -2), (columns, -1)):
        images = _where(flipped, images.flip(axis), images)
        targets = _where(flipped, targets.flip(axis), targets)
    return images, targets


def _where(chosen: Tensor, there: Tensor, here: Tensor) -> Tensor:
    """Choose for each sample; `chosen` has shape (N,)."""
    return torch.where(chosen.view(-1, *[1] * (here.ndim - 1)), there, here)


def _sampling_grid(images: Tensor, settings: AugmentationSettings, generator: Generator) -> Tensor:
    """Where each output pixel looks, shape (N, H, W, 2), as `grid_sample` counts (-1 to 1)."""
    count, _, height, width = images.shape
    angle = images.new_zeros(count)
    zoom = images.new_ones(count)
    if settings.rotation:
        angle = _uniform(images, generator) * math.radians(settings.rotation)
    if settings.scale:
        zoom = 1 + _uniform(images, generator) * settings.scale
    cos, sin, none = angle.cos() / zoom, angle.sin() / zoom, images.new_zeros(count)
    # In units of the patch's own half sides a rotation of an oblong patch would shear it.
    first = torch.stack([cos, -sin * height / width, none], 1)
    second = torch.stack([sin * width / height, cos, none], 1)
    shape = [count, 1, height, width]
    grid = F.affine_grid(torch.stack([first, second], 1), shape, align_corners=False)
    if settings.elastic:
        pixels = images.new_tensor([2 / width, 2 / height]) * settings.elastic
        grid = grid + _smooth_field(images, generator) * pixels
    if settings.geometric < 1:
        moved = torch.rand(count, generator=generator, device=images.device) < settings.geometric
        as_it_is = torch.eye(2, 3, device=images.device).expand(count, -1, -1)
        grid = _where(moved, grid, F.affine_grid(as_it_is, shape, align_corners=False))
    return grid


def _smooth_field(images: Tensor, generator: Generator) -> Tensor:
    """A smooth Gaussian random field of unit variance at every pixel, shape (N, H, W, 2)."""
    down, across = (_spread(length, images) for length in images.shape[2:])
    shape = (len(images), 2, down.shape[1], across.shape[1])
    knots = torch.randn(shape, generator=generator, device=images.device)
    return (down @ knots @ across.T).permute(0, 2, 3, 1)


def _spread(length: int, like: Tensor) -> Tensor:
    """Weights of the knots at each pixel, shape (length, knots), of unit norm in each row."""
    knots = torch.arange(-2, length / ELASTIC_SPACING + 3, device=like.device)
    pixels = torch.arange(length, device=like.device) / ELASTIC_SPACING
    return F.normalize(torch.exp(-0.5 * (pixels[:, None] - knots).square()), dim=1)


def _resample(images: Tensor, targets: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Look up images and targets at the grid's places."""
    images = F.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    # Counted down from 255, the zeros that stand for "outside" come back as unlabelled.
    complement = (UNLABELLED - targets).to(grid.dtype).unsqueeze(1)
    complement = F.grid_sample(
        complement, grid, mode="nearest", padding_mode="zeros", align_corners=False
    )
    return images, UNLABELLED - complement.squeeze(1).to(torch.uint8)


def _grey_values(images: Tensor, settings: AugmentationSettings, generator: Generator) -> Tensor:
    """Blur, gamma, contrast, brightness, noise: the order in which a microscope spoils an image."""
    if settings.blur:
        images = _blur(images, settings.blur * _share(images, generator), settings.blur)
    if settings.gamma:
        images = _gamma(images, torch.exp(settings.gamma * _normal(images, generator)))
    if settings.contrast:
        images = images * torch.exp(settings.contrast * _normal(images, generator))
    if settings.brightness:
        images = images + settings.brightness * _normal(images, generator)
    if settings.noise:
        deviation = settings.noise * _share(images, generator)
        noise = torch.randn(images.shape, generator=generator, device=images.device)
        images = torch.addcmul(images, noise, deviation)
    return images


def _blur(images: Tensor, deviation: Tensor, largest: float) -> Tensor:
    """Gaussian blur by each sample's own standard deviation in pixels, shape (N, 1, 1, 1)."""
    count, channels, *sides = images.shape
    maps = images.reshape(1, count * channels, *sides)
    for axis, side in enumerate(sides):
        radius = min(math.ceil(3 * largest), side - 1)
        steps = torch.arange(-radius, radius + 1, device=images.device)
        # A deviation drawn as exactly 0 leaves the image, and must not divide by it.
        kernel = torch.exp(-0.5 * (steps / deviation.clamp_min(1e-3)).square())
        kernel = (kernel / kernel.sum(-1, keepdim=True)).repeat_interleave(channels, 0)
        across = axis == 1
        padding = (radius, radius, 0, 0) if across else (0, 0, radius, radius)
        padded = F.pad(maps, padding, mode="reflect")
        maps = F.conv2d(padded, kernel if across else kernel.mT, groups=count * channels)
    return maps.view_as(images)


def _gamma(images: Tensor, exponent: Tensor) -> Tensor:
    """Bend the grey values of each sample between its own darkest and brightest."""
    darkest, brightest = images.amin((1, 2, 3), True), images.amax((1, 2, 3), True)
    extent = (brightest - darkest).clamp_min(torch.finfo(images.dtype).tiny)
    return ((images - darkest) / extent).pow(exponent) * extent + darkest


def _normal(images: Tensor, generator: Generator) -> Tensor:
    """A standard normal number for each sample, shape (N, 1, 1, 1)."""
    return torch.randn(len(images), 1, 1, 1, generator=generator, device=images.device)


def _share(images: Tensor, generator: Generator) -> Tensor:
    """A number between 0 and 1 for each sample, shape (N, 1, 1, 1)."""
    return torch.rand(len(images), 1, 1, 1, generator=generator, device=images.device)


def _uniform(images: Tensor, generator: Generator) -> Tensor:
    """A number between -1 and 1 for each sample, shape (N,)."""
    return 2 * torch.rand(len(images), generator=generator, device=images.device) - 1
