"""Whether a new run may start from the networks of another: decided from plain values, without torch."""

from __future__ import annotations

from napari_advseg.core.config.classes import ClassMap
from napari_advseg.core.config.settings import NetworkSettings, RunSettings
from napari_advseg.core.runtime.events import NetworkName

SHAPE = ("width", "depth", "norm", "biases")
"""Settings of the U-Net that its weights depend on, beside the image's channels; others may differ."""


def why_not_from(
    settings: RunSettings,
    network: NetworkSettings,
    networks: tuple[NetworkName, ...],
    kept: ClassMap,
    classes: ClassMap,
    channels: int | None = None,
) -> str:
    """Why a run cannot start from another's networks, as the end of a sentence; empty if it can.

    A G/S may start from an S, as both start from the same weights in a new run. An S never starts from
    a G/S: it would carry what D taught, and no longer be the standard network to compare with.

    Parameters
    ----------
    settings : RunSettings
        Of the new run.
    network : NetworkSettings
        U-Net of the run to start from.
    networks : tuple of {"standard", "adversarial"}
        The networks that it holds.
    kept, classes : ClassMap
        Classes of the run to start from, and of the annotation of the new one.
    channels : int, optional
        Of the new run's image; None while they are not known, and then they are not compared.
    """
    if "standard" in settings.networks and "standard" not in networks:
        return (
            "holds no standard network: choose the method adversarial, or start from new networks"
        )
    if kept.names != classes.names:
        return (
            f"tells {', '.join(kept.names)} apart and the annotation {', '.join(classes.names)}: "
            "start from new networks"
        )
    of_run = network.image_channels
    if channels not in (None, of_run):
        return f"is for images of {of_run} channels and this image has {channels}: start from new networks"
    differ = [n for n in SHAPE if getattr(network, n) != getattr(settings.network, n)]
    if differ:
        name = differ[0]
        return (
            f"has networks of {name.replace('_', ' ')} {getattr(network, name)} and "
            f"{getattr(settings.network, name)} is chosen: choose {getattr(network, name)}, "
            "or start from new networks"
        )
    return ""
