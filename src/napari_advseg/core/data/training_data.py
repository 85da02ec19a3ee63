"""The annotated slices of a stack on the device, and patches cut from them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_advseg.core.config.classes import UNLABELLED
from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.config.slice_ranges import format_slices
from napari_advseg.core.runtime.errors import AnnotationError, SettingsError, SplitError
from napari_advseg.core.runtime.seeded_random import Purpose, numpy_generator

from .annotation import Annotation
from .normalisation import AnyNormalisation, normalisation_of
from .patch_sampler import PatchSampler, Positions
from .rescaling import downsampled_targets
from .slice_images import slice_images
from .split import Split, make_split
from .stack import EMStack
from .structure_size import training_sides
from .unannotated import Unannotated, everywhere, unannotated_images


@dataclass(frozen=True)
class Region:
    """Slices of which some columns are used: for training or for validation.

    Attributes
    ----------
    slices : tuple of int
        Indices in the stack.
    images : Tensor of float32, shape (S, channels, Y', X')
        Normalised grey values, on the device; a pixel is `scale` of the stack's wide.
    targets : Tensor of uint8, shape (S, Y', X')
        Class indices, on the device.
    columns : (int, int)
        Half-open range of the stack's columns that X' spans.
    scale : int
        Pixels of the stack along a side of one of these.
    """

    slices: tuple[int, ...]
    images: Tensor
    targets: Tensor
    columns: tuple[int, int]
    scale: int = 1

    def without_slices(self) -> Region:
        """The same region without any slice."""
        return Region((), self.images[:0], self.targets[:0], self.columns, self.scale)

    def cut(self, positions: Positions, patch: int) -> tuple[Tensor, Tensor]:
        """Patches at `positions`: images (N, channels, patch, patch) and targets (N, patch, patch)."""
        row, top, left = torch.from_numpy(positions).to(self.images.device).unbind(1)
        steps = torch.arange(patch, device=self.images.device)
        row, y = row[:, None, None], (top[:, None] + steps)[:, :, None]
        x = (left[:, None] + steps)[:, None]
        planes = [self.images[row, c, y, x] for c in range(self.images.shape[1])]
        return torch.stack(planes, dim=1), self.targets[row, y, x]

    def full_targets(
        self, annotation: Annotation, positions: Positions, patch: int
    ) -> NDArray[np.uint8]:
        """Targets of patches in the stack's own pixels, shape (N, patch · scale, patch · scale).

        What reaches past the stack or past these columns is unlabelled.
        """
        side, (first, end) = patch * self.scale, self.columns
        found = np.full((len(positions), side, side), UNLABELLED, np.uint8)
        for target, (row, top, left) in zip(
            found, positions * (1, self.scale, self.scale), strict=True
        ):
            plane = annotation.targets[self.slices[row], :, first:end]
            part = plane[top : top + side, left : left + side]
            target[: part.shape[0], : part.shape[1]] = part
        return found


@dataclass(frozen=True)
class TrainingData:
    """What a run learns from and is measured on.

    Attributes
    ----------
    train, val : Region
        `val` is empty in a run without validation slices; so is `fixed_val`.
    sampler : PatchSampler
        Of the training region.
    fixed_train, fixed_val : (Tensor, Tensor)
        Images and targets of patches drawn once for the run.
    fixed_train_truth : Tensor of uint8, shape (N, patch · scale, patch · scale)
        Targets of the fixed training patches in the stack's own pixels, for F1 train.
    unannotated : Unannotated or None
        Images without annotation, if D tells their masks from others.
    fixed_unannotated : (Tensor, Tensor) or None
        Patches of them, drawn once; their targets are all 0, for D's answer counts everywhere.
    """

    annotation: Annotation
    split: Split
    normalisation: AnyNormalisation
    train: Region
    val: Region
    sampler: PatchSampler
    fixed_train: tuple[Tensor, Tensor]
    fixed_train_truth: Tensor
    fixed_val: tuple[Tensor, Tensor]
    unannotated: Unannotated | None = None
    fixed_unannotated: tuple[Tensor, Tensor] | None = None

    @classmethod
    def prepare(
        cls,
        settings: RunSettings,
        stack: EMStack,
        annotation: Annotation,
        device: torch.device,
        split: Split | None = None,
        second: EMStack | None = None,
    ) -> TrainingData:
        """Check image and annotation against the settings and put what is needed on the device.

        A `split` that is given stands in for the one of the settings; a `second` stack's images are those
        without annotation (see `unannotated_images`).

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
        scale = settings.scale or 1
        _check_classes(annotation)
        normalisation = normalisation_of(stack, settings.normalisation)
        annotation = of_tissue(annotation, stack, normalisation)
        split = split or make_split(annotation, settings.patch, settings.train, settings.val)
        _check_patch(settings, stack.shape, split)
        train = _training_region(stack, annotation, normalisation, split, device, scale)
        val = train.without_slices()
        if split.val:
            val = _region(
                stack, annotation, normalisation, split.val, split.val_columns, device, scale
            )
        _check_training_classes(train, annotation)
        sampler = _training_sampler(settings, train, split)
        unannotated = None
        if "adversarial" in settings.networks and not settings.discriminator.shows_truth:
            unannotated = unannotated_images(
                settings, stack, annotation, normalisation, device, second
            )
            if unannotated is None and settings.discriminator.regime == "unannotated":
                raise SettingsError(
                    'discriminator.regime = "unannotated" needs images without annotation, and there '
                    'are none: give a second stack (--unannotated), or choose "truth".'
                )
        return cls(
            annotation, split, normalisation, train, val, sampler,
            *_fixed_train(settings, train, sampler, annotation),
            _fixed_val(settings, val),
            unannotated,
            None if unannotated is None else _fixed_unannotated(settings, unannotated),
        )  # fmt: skip

    def with_annotation(
        self, settings: RunSettings, stack: EMStack, annotation: Annotation, split: Split
    ) -> TrainingData:
        """The same validation and normalisation with another annotation of what trains.

        Raises
        ------
        SplitError
            If what trains does not hold every class any more.
        """
        device = self.train.images.device
        annotation = of_tissue(annotation, stack, self.normalisation)
        train = _training_region(
            stack, annotation, self.normalisation, split, device, self.train.scale, self.train
        )
        _check_training_classes(train, annotation)
        sampler = _training_sampler(settings, train, split)
        patches, truth = _fixed_train(settings, train, sampler, annotation)
        return replace(
            self,
            annotation=annotation,
            split=split,
            train=train,
            sampler=sampler,
            fixed_train=patches,
            fixed_train_truth=truth,
        )


def of_tissue(
    annotation: Annotation, stack: EMStack, normalisation: AnyNormalisation
) -> Annotation:
    """The annotation without labels on pixels that are no tissue: those train and count nowhere."""
    if not normalisation.padded:
        return annotation
    targets = annotation.targets.copy()
    for z in annotation.annotated_slices:
        padding = normalisation.padding(stack.slice(z))
        if padding is not None:
            targets[z][padding] = UNLABELLED
    return replace(annotation, targets=targets)


def _training_region(
    stack: EMStack,
    annotation: Annotation,
    normalisation: AnyNormalisation,
    split: Split,
    device: torch.device,
    scale: int,
    known: Region | None = None,
) -> Region:
    """The slices that train; beside a slice that also validates, others train with all their columns."""
    divided = [row for row, z in enumerate(split.train) if z in split.val]
    columns = split.train_columns if len(divided) == len(split.train) else None
    region = _region(stack, annotation, normalisation, split.train, columns, device, scale, known)
    if columns is None and split.train_columns is not None:
        region.targets[divided, :, split.train_columns[1] // scale :] = UNLABELLED
    return region


def _training_sampler(settings: RunSettings, train: Region, split: Split) -> PatchSampler:
    """A sampler whose patches of a slice that also validates lie within the columns that train."""
    _, _, width = train.targets.shape
    limits = None
    if split.train_columns is not None and width > split.train_columns[1] // train.scale:
        end = split.train_columns[1] // train.scale
        limits = np.array([end if z in split.val else width for z in split.train])
    return PatchSampler(train.targets.cpu().numpy(), settings.patch, limits)


def _region(
    stack: EMStack,
    annotation: Annotation,
    normalisation: AnyNormalisation,
    slices: tuple[int, ...],
    columns: tuple[int, int] | None,
    device: torch.device,
    scale: int,
    known: Region | None = None,
) -> Region:
    """Slices on the device; those of a `known` region with the same columns are not read again."""
    first, end = columns or (0, stack.shape[2])
    if known is None or known.columns != (first, end):
        images = slice_images(stack, normalisation, slices, device, (first, end), scale)
    elif known.slices == slices:
        images = known.images
    else:
        there = dict(zip(known.slices, known.images, strict=True))
        new = tuple(z for z in slices if z not in there)
        if new:
            read = slice_images(stack, normalisation, new, device, (first, end), scale)
            there.update(zip(new, read, strict=True))
        images = torch.stack([there[z] for z in slices])
    targets = downsampled_targets(annotation.targets[list(slices), :, first:end], scale)
    on_device = torch.from_numpy(np.ascontiguousarray(targets)).to(device)
    return Region(slices, images, on_device, (first, end), scale)


def _fixed_train(
    settings: RunSettings, train: Region, sampler: PatchSampler, annotation: Annotation
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Patches of the training slices, and their targets in the stack's own pixels."""
    draws = numpy_generator(settings.seed, Purpose.FIXED_TRAIN)
    positions = sampler.draw(draws, settings.fixed_patches)
    patches = train.cut(positions, settings.patch)
    if train.scale == 1:
        return patches, patches[1]
    truth = train.full_targets(annotation, positions, settings.patch)
    return patches, torch.from_numpy(truth).to(train.targets.device)


def _fixed_val(settings: RunSettings, val: Region) -> tuple[Tensor, Tensor]:
    """Patches of the validation slices; none without such slices."""
    if not val.slices:
        return val.cut(np.zeros((0, 3), np.int64), settings.patch)
    sampler = PatchSampler(val.targets.cpu().numpy(), settings.patch)
    draws = numpy_generator(settings.seed, Purpose.FIXED_VAL)
    return val.cut(sampler.draw(draws, settings.fixed_patches), settings.patch)


def _fixed_unannotated(settings: RunSettings, images: Unannotated) -> tuple[Tensor, Tensor]:
    draws = numpy_generator(settings.seed, Purpose.FIXED_UNANNOTATED)
    patches = images.draw(draws, settings.fixed_patches, settings.patch)
    return patches, everywhere(patches)


def _check_patch(settings: RunSettings, shape: tuple[int, int, int], split: Split) -> None:
    scale = settings.scale or 1
    sides = training_sides(shape, split, scale)
    depths = [settings.network.depth]
    if "adversarial" in settings.networks:
        depths.append(settings.discriminator.depth)
    multiple, patch = 2 ** max(depths), settings.patch
    most = min(sides) // multiple * multiple
    smaller = f"choose at most {most}" if most > multiple else "set a smaller depth of the networks"
    if patch > min(sides):
        if scale > 1:
            raise SettingsError(
                f"A patch of {patch} pixels is larger than what trains, {sides[0]} × {sides[1]} pixels at "
                f"scale {scale}: choose a smaller scale or a smaller patch."
            )
        raise SettingsError(
            f"A patch of {patch} pixels is larger than a slice of {sides[0]} × {sides[1]}: {smaller}."
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
