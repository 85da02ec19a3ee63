"""The annotated slices of a stack on the device, and patches cut from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .annotation import Annotation
from .classes import UNLABELLED
from .draws import Purpose, numpy_draws
from .errors import AnnotationError, SettingsError, SplitError
from .settings import RunSettings
from .split import Split, format_slices, make_split
from .stack import EMStack, Normalisation

Positions = NDArray[np.int64]
"""Shape (N, 3): row in the region's slices, top, left."""


@dataclass(frozen=True)
class Region:
    """Slices of which some columns are used: for training or for validation.

    Attributes
    ----------
    slices : tuple of int
        Indices in the stack.
    images : Tensor of float32, shape (S, Y, X')
        Normalised grey values, on the device.
    targets : Tensor of uint8, shape (S, Y, X')
        Class indices, on the device.
    columns : (int, int)
        Half-open range of the stack's columns that X' spans.
    """

    slices: tuple[int, ...]
    images: Tensor
    targets: Tensor
    columns: tuple[int, int]

    def cut(self, positions: Positions, patch: int) -> tuple[Tensor, Tensor]:
        """Patches at `positions`: images (N, 1, patch, patch) and targets (N, patch, patch)."""
        row, top, left = torch.from_numpy(positions).to(self.images.device).unbind(1)
        steps = torch.arange(patch, device=self.images.device)
        where = (
            row[:, None, None],
            (top[:, None] + steps)[:, :, None],
            (left[:, None] + steps)[:, None],
        )
        return self.images[where][:, None], self.targets[where]


class PatchSampler:
    """Draws positions of patches that hold labelled pixels.

    In a fully labelled slice every position is as likely as another, so pixels near its rim are shown
    less often; elsewhere a random labelled pixel is put at a random place of the patch.

    Parameters
    ----------
    targets : ndarray of uint8, shape (S, Y, X)
        Class indices; patches without a labelled pixel are never drawn.
    patch : int
        Side of a patch in pixels.
    """

    def __init__(self, targets: NDArray[np.uint8], patch: int) -> None:
        self.shape, self.patch = targets.shape, patch
        labelled = targets != UNLABELLED
        counts = labelled.reshape(len(labelled), -1).sum(axis=1)
        self.labelled_pixels = int(counts.sum())
        self._share = counts / max(self.labelled_pixels, 1)
        # a fully labelled slice needs no list of its pixels
        self._pixels = [
            None if count == one.size else np.flatnonzero(one).astype(np.uint32)
            for one, count in zip(labelled, counts, strict=True)
        ]

    def draw(self, generator: np.random.Generator, number: int) -> Positions:
        """`number` positions (row, top, left), shape (number, 3)."""
        _, height, width = self.shape
        rows = generator.choice(len(self._share), number, p=self._share)
        tops = generator.integers(0, height - self.patch + 1, number)
        lefts = generator.integers(0, width - self.patch + 1, number)
        offsets = generator.integers(0, self.patch, (number, 2))
        for i, row in enumerate(rows):
            pixels = self._pixels[row]
            if pixels is not None:  # a random labelled pixel at a random place of the patch
                y, x = divmod(int(pixels[generator.integers(len(pixels))]), width)
                tops[i] = np.clip(y - offsets[i, 0], 0, height - self.patch)
                lefts[i] = np.clip(x - offsets[i, 1], 0, width - self.patch)
        return np.stack([rows, tops, lefts], axis=1).astype(np.int64)


@dataclass(frozen=True)
class TrainingData:
    """What a run learns from and is measured on.

    Attributes
    ----------
    train, val : Region
    sampler : PatchSampler
        Of the training region.
    fixed_train, fixed_val : (Tensor, Tensor)
        Images and targets of patches drawn once for the run.
    """

    annotation: Annotation
    split: Split
    normalisation: Normalisation
    train: Region
    val: Region
    sampler: PatchSampler
    fixed_train: tuple[Tensor, Tensor]
    fixed_val: tuple[Tensor, Tensor]

    @classmethod
    def prepare(
        cls, settings: RunSettings, stack: EMStack, annotation: Annotation, device: torch.device
    ) -> TrainingData:
        """Check image and annotation against the settings and put what is needed on the device.

        Raises
        ------
        AdvSegError
            With the sentence for whatever does not fit.
        """
        if annotation.targets.shape != stack.shape:
            raise AnnotationError(
                f"The annotation has shape {annotation.targets.shape} and the image {stack.shape}: "
                "choose an annotation of this image."
            )
        _check_patch(settings, stack.shape)
        _check_classes(annotation)
        split = make_split(annotation, settings.patch, settings.train, settings.val)
        normalisation = Normalisation.of(stack)
        train = _region(stack, annotation, normalisation, split.train, split.train_columns, device)
        val = _region(stack, annotation, normalisation, split.val, split.val_columns, device)
        _check_training_classes(train, annotation)
        sampler = PatchSampler(train.targets.cpu().numpy(), settings.patch)
        return cls(
            annotation, split, normalisation, train, val, sampler,
            _fixed(settings, train, Purpose.FIXED_TRAIN),
            _fixed(settings, val, Purpose.FIXED_VAL),
        )  # fmt: skip


def _region(
    stack: EMStack,
    annotation: Annotation,
    normalisation: Normalisation,
    slices: tuple[int, ...],
    columns: tuple[int, int] | None,
    device: torch.device,
) -> Region:
    first, end = columns or (0, stack.shape[2])
    images = np.stack([normalisation(stack.slice(z)[:, first:end]) for z in slices])
    targets = np.ascontiguousarray(annotation.targets[list(slices), :, first:end])
    return Region(
        slices,
        torch.from_numpy(images).to(device),
        torch.from_numpy(targets).to(device),
        (first, end),
    )


def _fixed(settings: RunSettings, region: Region, purpose: Purpose) -> tuple[Tensor, Tensor]:
    sampler = PatchSampler(region.targets.cpu().numpy(), settings.patch)
    positions = sampler.draw(numpy_draws(settings.seed, purpose), settings.fixed_patches)
    return region.cut(positions, settings.patch)


def _check_patch(settings: RunSettings, shape: tuple[int, int, int]) -> None:
    depths = [settings.network.depth]
    if "adversarial" in settings.networks:
        depths.append(settings.discriminator.depth)
    multiple, patch = 2 ** max(depths), settings.patch
    most = min(shape[1:]) // multiple * multiple
    smaller = f"choose at most {most}" if most > multiple else "set a smaller depth of the networks"
    if patch > min(shape[1:]):
        raise SettingsError(
            f"A patch of {patch} pixels is larger than a slice of {shape[1]} × {shape[2]}: {smaller}."
        )
    if patch % multiple:
        raise SettingsError(
            f"A patch of {patch} pixels cannot be halved as often as the networks do: "
            f"choose a multiple of {multiple}."
        )
    if patch == multiple:  # a single pixel at the coarsest level cannot be normalised
        raise SettingsError(
            f"A patch of {patch} pixels is too small for the depth of the networks: "
            f"choose {2 * multiple} or more."
        )


def _check_training_classes(train: Region, annotation: Annotation) -> None:
    present = np.unique(train.targets.cpu().numpy())
    missing = [n for i, n in enumerate(annotation.classes.names) if i not in present]
    if missing:
        first, end = train.columns
        whole = (first, end) == (0, annotation.targets.shape[2])
        where = "" if whole else f", columns {first} to {end - 1}"
        raise SplitError(
            f"What trains (slices {format_slices(train.slices)}{where}) holds no "
            f"{' and no '.join(missing)}: annotate it there too, or choose other slices."
        )


def _check_classes(annotation: Annotation) -> None:
    present = np.unique(annotation.targets)
    missing = [n for i, n in enumerate(annotation.classes.names) if i not in present]
    if missing:
        raise AnnotationError(
            f"The annotation holds no {' and no '.join(missing)}: paint at least a stroke of each class."
        )
