"""OME-NGFF 0.4 and 0.5: which array of a Zarr store is the image, its axes, scale and position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from napari_advseg.core.data.voxel_size import VoxelSize, known_unit

from .opened_image import Purpose


@dataclass(frozen=True)
class Level:
    """One level of a multiscale image.

    Attributes
    ----------
    axes : str
    voxel : VoxelSize
    translate : (float, float, float)
    """

    axes: str
    voxel: VoxelSize
    translate: tuple[float, float, float]


def image_in(group: Any, purpose: Purpose) -> str | None:
    """Name of the finest level of the image in a group; None if it is not OME-Zarr.

    Labels are those stored with the image, if it has one set of them. A group that holds series, as
    bioformats2raw writes, has the first one.
    """
    if purpose == "labels" and not _is_labels(group):
        names = _attributes(group.get("labels")).get("labels", [])
        if len(names) == 1:
            return _below(group, f"labels/{names[0]}")
    found = _multiscales(group)
    if found:
        return str(found["datasets"][0]["path"])
    if "bioformats2raw.layout" in _attributes(group):
        return _below(group, "0")
    return None


def _below(group: Any, name: str) -> str | None:
    found = _multiscales(group.get(name))
    return f"{name}/{found['datasets'][0]['path']}" if found else None


def level_of(root: Any, name: str) -> Level | None:
    """Scale and axes of an array of a store; None if it is no level of an OME-Zarr image."""
    parts = name.split("/")
    for depth in range(len(parts)):
        owner = "/".join(parts[:depth])
        image = _multiscales(root if not owner else root.get(owner)) if root is not None else {}
        for level in image.get("datasets", ()):
            if level.get("path") == "/".join(parts[depth:]):
                return _level(image, level)
    return None


def _level(image: dict[str, Any], level: dict[str, Any]) -> Level | None:
    described = [one if isinstance(one, dict) else {"name": one} for one in image.get("axes", ())]
    axes = "".join(str(one.get("name", "?"))[:1].upper() for one in described)
    if "Y" not in axes or "X" not in axes or len(set(axes)) != len(axes):
        return None
    scale, translate = [1.0] * len(axes), [0.0] * len(axes)
    known = False
    for transforms in (level, image):
        for one in transforms.get("coordinateTransformations", ()):
            values = one.get(one.get("type"))
            if not isinstance(values, Sequence) or len(values) != len(axes):
                continue
            if one["type"] == "scale":
                known = True
                scale = [a * float(b) for a, b in zip(scale, values, strict=True)]
                translate = [a * float(b) for a, b in zip(translate, values, strict=True)]
            elif one["type"] == "translation":
                translate = [a + float(b) for a, b in zip(translate, values, strict=True)]
    places = [axes.find(axis) for axis in "ZYX"]
    units = [known_unit(described[i].get("unit")) if i >= 0 else None for i in places]
    steps = [scale[i] if i >= 0 and known else None for i in places]
    voxel = VoxelSize.in_one_unit(steps, units)
    z, y, x = (
        _same_unit(translate[i], steps[place], voxel.steps[place]) if i >= 0 else 0.0
        for place, i in enumerate(places)
    )
    return Level(axes, voxel, (z, y, x))


def _same_unit(position: float, step: float | None, converted: float) -> float:
    """A position along an axis whose step was converted to another unit."""
    return position * converted / step if step else position


def _is_labels(group: Any) -> bool:
    return "image-label" in _attributes(group)


def _attributes(node: Any) -> dict[str, Any]:
    """Attributes of a group; those of NGFF 0.5 lie under ``ome``."""
    if node is None:
        return {}
    found = dict(node.attrs)
    inner = found.get("ome")
    return {**found, **inner} if isinstance(inner, dict) else found


def _multiscales(node: Any) -> dict[str, Any]:
    """The first multiscale image of a group; empty if there is none."""
    found = _attributes(node).get("multiscales")
    usable = isinstance(found, list) and found and isinstance(found[0], dict)
    image = found[0] if usable and found is not None else {}
    return image if image.get("datasets") else {}
