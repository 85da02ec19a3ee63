"""Images without annotation, which the adversary of Zhang et al. 2017 learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.config.slice_ranges import format_slices
from napari_advseg.core.runtime.errors import ImageError, SettingsError, Subject

from .annotation import Annotation
from .normalisation import AnyNormalisation, normalisation_of
from .slice_images import slice_images
from .stack import EMStack

MOST_PIXELS = 2**26
"""Of all images kept on the device, channels counted: 256 MiB."""


_TRIES = 50


@dataclass(frozen=True)
class Unannotated:
    """Slices on the device, of which patches are cut anywhere.

    Attributes
    ----------
    slices : tuple of int
        Those of the annotated stack, by their indices in it.
    images : tuple of Tensor of float32, each (S, channels, Y, X)
        Normalised grey values: those slices, and those of the second stack.
    second : AnyNormalisation or None
        How the second stack was normalised.
    """

    slices: tuple[int, ...]
    images: tuple[Tensor, ...]
    second: AnyNormalisation | None = None

    def draw(self, generator: np.random.Generator, number: int, patch: int) -> Tensor:
        """`number` random patches, shape (number, channels, patch, patch); slices are equally likely.

        Patches that mostly show no tissue are drawn again.
        """
        every = [plane for stack in self.images for plane in stack]
        patches = []
        for row in generator.integers(0, len(every), number).tolist():
            found = _cut(every[row], generator, patch)
            for _ in range(_TRIES):
                if _shows_tissue(found):
                    break
                found = _cut(every[int(generator.integers(0, len(every)))], generator, patch)
            patches.append(found)
        return torch.stack(patches)


def _cut(plane: Tensor, generator: np.random.Generator, patch: int) -> Tensor:
    _, height, width = plane.shape
    top = int(generator.integers(0, height - patch + 1))
    left = int(generator.integers(0, width - patch + 1))
    return plane[:, top : top + patch, left : left + patch]


def _shows_tissue(patch: Tensor) -> bool:
    """Whether more than half of a patch is tissue: what is none was normalised to 0 exactly."""
    return float((patch == 0).all(dim=0).float().mean()) <= 0.5


def unannotated_images(
    settings: RunSettings,
    stack: EMStack,
    annotation: Annotation,
    normalisation: AnyNormalisation,
    device: torch.device,
    second: EMStack | None = None,
) -> Unannotated | None:
    """The images that D may see without their annotation, or None where there are none.

    The slices that the settings name, else all that hold no annotation, and those of a `second` stack,
    which is normalised by itself. Of more than fit into `MOST_PIXELS`, slices evenly spread are taken.

    Raises
    ------
    ImageError
        If the second stack has other channels, slices smaller than a patch, or cannot be normalised.
    SettingsError
        If the settings name slices that the stack has not.
    """
    if settings.unannotated is not None:
        own = settings.unannotated
        _check_slices(own, stack)
    else:
        annotated = set(annotation.annotated_slices)
        own = tuple(z for z in range(stack.shape[0]) if z not in annotated)
    others: tuple[int, ...] = ()
    if second is not None:
        _check_second(settings, stack, second)
        others = tuple(range(second.shape[0]))
    if not own and not others:
        return None
    share = MOST_PIXELS // (1 if not own or not others else 2)
    own, others = _thinned(own, stack, share), _thinned(others, second, share)
    images = []
    if own:
        images.append(slice_images(stack, normalisation, own, device, scale=settings.scale or 1))
    of_second = None
    if second is not None:
        of_second = _own_normalisation(second, settings)
        images.append(slice_images(second, of_second, others, device, scale=settings.scale or 1))
    return Unannotated(own, tuple(images), of_second)


def _thinned(slices: tuple[int, ...], stack: EMStack | None, pixels: int) -> tuple[int, ...]:
    """As many slices, evenly spread, as have `pixels` together; one at least."""
    if stack is None or not slices:
        return ()
    most = max(1, pixels // (stack.channels * stack.shape[1] * stack.shape[2]))
    if len(slices) <= most:
        return slices
    return tuple(slices[i] for i in np.linspace(0, len(slices) - 1, most).round().astype(int))


def _own_normalisation(second: EMStack, settings: RunSettings) -> AnyNormalisation:
    try:
        return normalisation_of(second, settings.normalisation)
    except ImageError as error:  # which of the two stacks it is
        raise ImageError(
            f"The stack without annotation: {error}", subject=Subject.UNANNOTATED
        ) from error


def _check_second(settings: RunSettings, stack: EMStack, second: EMStack) -> None:
    if second.channels != stack.channels:
        raise ImageError(
            f"The stack without annotation has {second.channels} channels and the image {stack.channels}: "
            "choose one with as many.",
            subject=Subject.UNANNOTATED,
        )
    if min(second.shape[1:]) < settings.patch * (settings.scale or 1):
        height, width = second.shape[1:]
        raise ImageError(
            f"A patch of {settings.patch} pixels is larger than a slice of {height} × {width} of the stack "
            "without annotation: choose another stack or a smaller patch.",
            subject=Subject.UNANNOTATED,
        )


def _check_slices(wanted: tuple[int, ...], stack: EMStack) -> None:
    beyond = [z for z in wanted if not 0 <= z < stack.shape[0]]
    if beyond:
        raise SettingsError(
            f"unannotated = {format_slices(wanted)} cannot be used: the stack has slices 0 to "
            f"{stack.shape[0] - 1}.",
            subject=Subject.SPLIT,
        )


def everywhere(images: Tensor) -> Tensor:
    """Targets, shape (N, H, W), that say of no pixel of `images` (N, channels, H, W) that it is unlabelled."""
    return images.new_zeros((len(images), *images.shape[2:]), dtype=torch.uint8)
