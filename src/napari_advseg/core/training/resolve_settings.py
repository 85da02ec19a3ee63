"""Decides everything that the settings of a run leave open."""

from __future__ import annotations

from typing import Any

from napari_advseg.core.config.presets import from_preset
from napari_advseg.core.config.settings import AugmentationSettings, RunSettings
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.split import make_split
from napari_advseg.core.data.stack import EMStack
from napari_advseg.core.data.structure_size import (
    LEAST_THICKNESS,
    StructureSize,
    suitable_scale,
    thinnest_structure,
)
from napari_advseg.core.data.training_data import TrainingData
from napari_advseg.core.runtime.devices import ComputeDevice
from napari_advseg.core.runtime.errors import SettingsError, Subject

FEW = 0.25
"""Labels count as few up to this share of the stack's pixels, labelled ones of training slices counted."""

FEW_OBJECTS = {"rotation": 180.0, "scale": 0.25, "geometric": 0.5}
"""Augmentation of the quick preset where the networks see few objects: with few labels, or a coarser image.

Half of the patches are turned and scaled at random; the others keep the texture, which interpolation makes
smoother. F1 of structures of VNC stack 1, trained within slices 0–10, scored on 11–13, last weights, width
8: mitochondria from 5 slices 0.86 and 0.78 with all patches turned (seeds 0 and 1), 0.85 and 0.83 with half
of them, 0.76 (seed 0) with none. With eleven slices of synapses 0.56 became 0.49, with 15 of ISBI membranes
0.805 became 0.800: there it is left out.
"""

FEW_LABELS = {**FEW_OBJECTS, "brightness": 0.4, "contrast": 0.4, "noise": 0.4}
"""The same for thin structures; grey values in standard deviations of the image.

Sections of a stack differ in brightness and contrast. A network that sees a few slices, or a few strokes,
learns how bright and how noisy those are, and fails on the others, unless grey values are varied. Seen on
ISBI 2012 (trained within slices 0–14, scored on 15–19, V_Rand of S, without and with): 2 slices 0.11 and
0.88, 0.84 and 0.94, 0.82 and 0.87. With all slices annotated noise alone is better for F1. Thick structures
are known by how dark they are: F1 of mitochondria 0.86 without and 0.77 with varied grey values, of glia 0.66
and 0.55.
"""

DICE, FEW_OBJECTS_DICE = 0.3, 1.0
"""Weight of the soft Dice loss if the settings leave it open: with many objects, and where they are few.

F1 with 0.3 and 1.0 of mitochondria from 5 slices 0.81 and 0.83, of
glia 0.62 and 0.66, but of synapses from eleven slices 0.55 and 0.56 (seed 0), 0.55 and 0.41 (seed 1).
"""

FIRST_LENGTH = 1000
"""Updates of a run in minutes until the first ones are timed: by then hardly any progress is made."""


def with_scale(
    settings: RunSettings, stack: EMStack, annotation: Annotation
) -> tuple[RunSettings, str, StructureSize | None]:
    """Settings whose scale is chosen, the sentence that says why, and the structure that it is chosen for.

    The sentence is empty where the scale was given or is 1; the structure is None where it was not measured.

    Raises
    ------
    SplitError
        If the annotated slices cannot be split.
    """
    if settings.scale is not None:
        return settings, "", None
    split = make_split(annotation, settings.patch, settings.train, settings.val)
    size = thinnest_structure(annotation, split.train)
    scale = suitable_scale(size, stack.shape, split, settings.patch)
    settings = settings.model_copy(update={"scale": scale})
    if size is None or scale == 1:
        return settings, "", size
    words = (
        f"The networks see the image at 1/{scale} of its size: {size.name} is about "
        f"{size.thickness:.0f} pixels thick. Masks and scores are of full size; scale = 1 prevents it."
    )
    return settings, words, size


def resolve_settings(
    settings: RunSettings,
    stack: EMStack,
    data: TrainingData,
    compute: ComputeDevice,
    size: StructureSize | None = None,
) -> RunSettings:
    """Settings in which nothing is left open: a run with them repeats this one.

    Decided are, in this order, the channels of the image, what D tells apart and which unannotated slices it
    sees, the augmentation where labels are few, the number of updates (of a run in minutes it
    is corrected while it runs), the epoch, the updates between validations, device, precision and
    threads, and the slices.

    Parameters
    ----------
    settings : RunSettings
        As the user gave them.
    stack : EMStack
    data : TrainingData
        Prepared from `settings`, `stack` and the annotation.
    compute : ComputeDevice
        Chosen for `settings`.
    size : StructureSize, optional
        The thinnest structure, if it was measured already (see `with_scale`).

    Raises
    ------
    SettingsError
        If neither updates, epochs nor minutes are given.
    """
    settings = _with_channels(settings, stack)
    settings = _with_regime(settings, data)
    settings = _with_few_labels(settings, data, size)
    settings = _with_updates(settings)
    settings = _with_intervals(settings, data)
    whole_slices = data.split.train_columns is None
    return settings.model_copy(
        update={
            "device": str(compute.device),
            "precision": compute.precision,
            "threads": compute.threads,
            "train": data.split.train if whole_slices else None,
            "val": data.split.val if whole_slices else None,
        }
    )


def _with_channels(settings: RunSettings, stack: EMStack) -> RunSettings:
    """The U-Net takes the channels of the image."""
    if settings.network.image_channels == stack.channels:
        return settings
    network = settings.network.model_copy(update={"image_channels": stack.channels})
    return settings.model_copy(update={"network": network})


def _with_regime(settings: RunSettings, data: TrainingData) -> RunSettings:
    """D learns from unannotated images where there are some, and the slices among them are named."""
    images = data.unannotated
    regime = "truth" if images is None else "unannotated"
    discriminator = settings.discriminator.model_copy(update={"regime": regime})
    slices = None if images is None else images.slices
    return settings.model_copy(update={"discriminator": discriminator, "unannotated": slices})


def _with_few_labels(
    settings: RunSettings, data: TrainingData, size: StructureSize | None
) -> RunSettings:
    """The loss, and in the quick preset the augmentation, follow from how many objects the networks see.

    A coarser image has fewer pixels to learn from, however much of it is labelled. What was asked for
    stays as it is.
    """
    many = data.sampler.labelled_pixels > FEW * data.annotation.targets.size
    few = not many or data.train.scale > 1
    changes: dict[str, Any] = {}
    if settings.dice is None:
        changes["dice"] = FEW_OBJECTS_DICE if few else DICE
    usual = from_preset("quick").augmentation
    if few and settings.preset == "quick" and settings.augmentation == usual:
        size = size or thinnest_structure(data.annotation, data.split.train)
        thick = size is not None and size.thickness >= LEAST_THICKNESS
        varied = FEW_OBJECTS if thick else FEW_LABELS
        changes["augmentation"] = AugmentationSettings(**{**usual.model_dump(), **varied})
    return settings.model_copy(update=changes)


def _with_updates(settings: RunSettings) -> RunSettings:
    """Minutes take precedence over updates, epochs and a recorded plan; they are corrected in the run."""
    if settings.minutes is not None:
        updates = {"updates": FIRST_LENGTH, "epochs": None, "plan": None}
        return settings.model_copy(update=updates)
    if settings.updates is None and settings.epochs is None:
        raise SettingsError(
            "Neither updates, epochs nor minutes are given: choose one.", subject=Subject.BUDGET
        )
    return settings


def _with_intervals(settings: RunSettings, data: TrainingData) -> RunSettings:
    """Updates of an epoch, of the whole run, and between validations."""
    pixels = settings.batch * settings.patch**2
    epoch = settings.epoch or max(1, -(-data.sampler.labelled_pixels // pixels))
    if settings.alternation.kind == "block":
        epoch = settings.alternation.generator_updates
    updates = (settings.epochs or 0) * epoch or settings.updates or 1
    every = settings.validate_every
    if every is None and settings.minutes is None and settings.plan is None:
        every = max(1, -(-updates // settings.validations))
    if settings.alternation.kind == "block":  # whole epochs, a validation after each
        every, updates = epoch, -(-updates // epoch) * epoch
    return settings.model_copy(
        update={"updates": updates, "epoch": epoch, "validate_every": every, "epochs": None}
    )
