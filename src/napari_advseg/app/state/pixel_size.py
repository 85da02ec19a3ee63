"""The pixel size that the engine will choose for a run, found before it starts."""

from __future__ import annotations

from napari_advseg.core.config.settings import RunSettings
from napari_advseg.core.data.annotation import Annotation
from napari_advseg.core.data.split import Split

from .annotation_summary import AnnotationSummary

DENSE = 0.5
"""As `core.data.structure_size.DENSE`; that module loads PyTorch, which the GUI thread must not wait for."""


def with_suitable_scale(
    settings: RunSettings, shape: tuple[int, int, int], annotation: Annotation, split: Split
) -> RunSettings:
    """Fill in the scale that suits the annotated structures; a scale that the user set stays.

    Measuring takes up to seconds on large slices: call it in the background.

    Parameters
    ----------
    settings : RunSettings
    shape : (int, int, int)
        Shape of the stack, in pixels.
    annotation : Annotation
    split : Split
        Training and validation slices of `annotation`.
    """
    if settings.scale is not None:
        return settings
    from napari_advseg.core.data.structure_size import suitable_scale, thinnest_structure

    scale = suitable_scale(
        thinnest_structure(annotation, split.train), shape, split, settings.patch
    )
    return settings.model_copy(update={"scale": scale})


def densely_annotated(summary: AnnotationSummary) -> tuple[bool, ...]:
    """Return for each slice whether it shows how thick its structures are."""
    return tuple(share >= DENSE for share in summary.share_labelled)
