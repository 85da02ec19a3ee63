"""What a label means: named classes, and the values that stand for each in an annotation."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from napari_advseg.core.runtime.errors import ClassMapError

UNLABELLED = 255
"""Class index of a pixel that nobody labelled; it counts in no loss and in no metric."""

MANY_LABELS = 32
"""More labels than this without a meaning look like an instance segmentation."""


class SegmentationClass(BaseModel):
    """One class and the annotation values that stand for it.

    Attributes
    ----------
    name : str
        The person's word for it.
    values : tuple of int
        Annotation values merged into this class; masks are written with the first.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    values: tuple[int, ...]

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        name = name.strip()
        if not name or re.search(r"[=,+\n]", name):
            raise ClassMapError(
                f"The class name {name!r} is empty or holds one of '=,+': rename it."
            )
        return name

    @field_validator("values")
    @classmethod
    def _some_values(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        if not values:
            raise ClassMapError("A class has no label value: give it at least one.")
        limits = np.iinfo(np.int32)  # what a mask of more than 8 bits is written as
        beyond = [v for v in values if not limits.min <= v <= limits.max]
        if beyond:
            raise ClassMapError(
                f"The label value {beyond[0]} is out of range: choose one of at most 2147483647."
            )
        return values


class ClassMap(BaseModel):
    """The classes of an annotation, in order; the first is the positive one.

    A value that no class names is unlabelled if it is 0 and an error otherwise.

    Attributes
    ----------
    classes : tuple of SegmentationClass
        Two or more classes; class index *i* is position *i* here.

    Examples
    --------
    >>> classes = ClassMap.parse("cell=255,membrane=0+32+64+96+128")
    >>> classes.names
    ('cell', 'membrane')
    >>> str(classes)
    'cell=255,membrane=0+32+64+96+128'
    """

    model_config = ConfigDict(frozen=True)

    classes: tuple[SegmentationClass, ...]

    @model_validator(mode="after")
    def _distinct(self) -> ClassMap:
        if len(self.classes) >= UNLABELLED:
            raise ClassMapError(f"{len(self.classes)} classes were named: name at most 254.")
        if len(self.classes) < 2:
            named = "One class was" if self.classes else "No classes were"
            raise ClassMapError(
                f"{named} named, at least two are needed: write for example cell=255,membrane=0."
            )
        for what, items in (
            ("name", [repr(n) for n in self.names]),
            ("value", [str(v) for c in self.classes for v in c.values]),
        ):
            twice = next((i for i in items if items.count(i) > 1), None)
            if twice is not None:
                raise ClassMapError(f"The {what} {twice} stands for two classes: keep it in one.")
        return self

    @classmethod
    def of(cls, /, **values: int | tuple[int, ...]) -> ClassMap:
        """Build a class map from keywords: ``ClassMap.of(cell=255, membrane=(0, 32))``.

        Raises
        ------
        ClassMapError
            If there are fewer than two classes, a name is unusable, or a value stands twice.
        """
        return cls(
            classes=tuple(
                SegmentationClass(name=name, values=(v,) if isinstance(v, int) else tuple(v))
                for name, v in values.items()
            )
        )

    @classmethod
    def parse(cls, text: str) -> ClassMap:
        """Read ``name=value[+value...],name=value...``.

        Raises
        ------
        ClassMapError
            If the text is not of that form, or a name or value stands twice.
        """
        found = []
        for part in filter(None, (p.strip() for p in text.split(","))):
            name, equals, values = part.partition("=")
            try:
                numbers = tuple(int(v) for v in values.split("+"))
            except ValueError:
                numbers = ()
            if not equals or not numbers:
                raise malformed_class(part)
            found.append(SegmentationClass(name=name, values=numbers))
        return cls(classes=tuple(found))

    def __str__(self) -> str:
        return ",".join(f"{c.name}={'+'.join(map(str, c.values))}" for c in self.classes)

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, positive class first."""
        return tuple(c.name for c in self.classes)

    @property
    def mask_values(self) -> tuple[int, ...]:
        """The value that a written mask has for each class: the first of its annotation values."""
        return tuple(c.values[0] for c in self.classes)

    def encode(self, labels: NDArray[Any]) -> NDArray[np.uint8]:
        """Turn annotation values into class indices.

        Parameters
        ----------
        labels : ndarray of integers, any shape
            Annotation values.

        Returns
        -------
        ndarray of uint8, same shape
            Class index, or `UNLABELLED`.

        Raises
        ------
        ClassMapError
            If a value other than 0 belongs to no class.
        """
        labels = np.asarray(labels)
        indices = np.full(labels.shape, UNLABELLED, np.uint8)
        unnamed = labels != 0
        for index, one in enumerate(self.classes):
            for value in one.values:
                here = labels == value
                indices[here] = index
                unnamed &= ~here
        if unnamed.any():
            raise ClassMapError(_unnamed_sentence(np.unique(labels[unnamed]), self))
        return indices

    def decode(self, indices: NDArray[np.uint8]) -> NDArray[Any]:
        """Turn class indices into the values that a mask is written with (uint8 where they fit)."""
        fits = min(self.mask_values) >= 0 and max(self.mask_values) <= 255
        table = np.zeros(256, np.uint8 if fits else np.int32)
        table[: len(self)] = self.mask_values
        return np.asarray(table[indices])


def malformed_class(text: str) -> ClassMapError:
    """Error for a class, as text, that lacks its label values."""
    return ClassMapError(
        f"The class {text!r} is not of the form name=value: "
        "write for example cell=255,membrane=0+32."
    )


def instance_sentence(values: NDArray[Any]) -> str:
    """What to say of an annotation with more labels than anybody would name as classes."""
    shown = ", ".join(map(str, values[:6]))
    return (
        f"The annotation holds {len(values)} labels ({shown}, ...) that no class names, it looks like an "
        "instance segmentation: give one that says cell or membrane, for example 255 and 0."
    )


def _unnamed_sentence(values: NDArray[Any], classes: ClassMap) -> str:
    if len(values) > MANY_LABELS:
        return instance_sentence(values)
    shown = ", ".join(str(v) for v in values[:6]) + (", ..." if len(values) > 6 else "")
    what = "a label" if len(values) == 1 else f"{len(values)} labels"
    return (
        f"The annotation holds {what} ({shown}) that the classes {classes} do not name: "
        "add each to a class, for example membrane=0+32."
    )


NEW_ANNOTATION = ClassMap.of(cell=1, membrane=2)
"""Class map of an annotation that this program makes: 0 unlabelled, 1 cell, 2 membrane."""
