"""What a label means: named classes, and the values that stand for each in an annotation."""

from __future__ import annotations

import re
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from napari_advseg.core.runtime.errors import ClassMapError

from .object_borders import object_borders

UNLABELLED = 255
"""Class index of a pixel that nobody labelled; it counts in no loss and in no metric."""

NO_TISSUE = 254
"""Index, in a predicted mask, of a pixel that shows no tissue, such as a black frame."""

MANY_LABELS = 32
"""More labels than this without a meaning look like an instance segmentation."""


OBJECTS = "objects"
"""In place of a value: all values except 0 that no class names, one for each object."""
BORDERS = {
    "borders": (True, 1),
    "borders2": (True, 2),
    "touching": (False, 1),
    "touching2": (False, 2),
}
"""In place of a value: pixels at the borders of objects; whether around them too, and the width in pixels.

``borders`` are all borders of objects, ``touching`` only those between two objects that touch.
"""
DERIVED = (OBJECTS, *BORDERS)
"""Words that stand in place of a value."""
IGNORE = "ignore"
"""In place of the name of a class: its values are unlabelled, as 0 is unless a class has it."""


class SegmentationClass(BaseModel):
    """One class and the annotation values that stand for it.

    Attributes
    ----------
    name : str
        The user's word for it.
    values : tuple of int
        Annotation values merged into this class; masks are written with the first.
    derived : tuple of str
        Pixels of this class that no single value stands for, see `DERIVED`.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    values: tuple[int, ...] = ()
    derived: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}={'+'.join([*map(str, self.values), *self.derived])}"

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        name = name.strip()
        if not name or re.search(r"[=,+\n]", name):
            raise ClassMapError(
                f"The class name {name!r} is empty or holds one of '=,+': rename it."
            )
        return name

    @field_validator("derived")
    @classmethod
    def _known_words(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        unknown = next((word for word in words if word not in DERIVED), None)
        if unknown is not None:
            raise ClassMapError(
                f"{unknown!r} does not stand for pixels of a class: use {', '.join(DERIVED)}."
            )
        return words

    @model_validator(mode="after")
    def _not_empty(self) -> SegmentationClass:
        if not self.values and not self.derived:
            raise ClassMapError("A class has no label value: give it at least one.")
        return self

    @model_serializer(mode="wrap")
    def _as_earlier(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave `derived` out where it is empty, as earlier versions wrote a class."""
        written: dict[str, Any] = write(self)
        return {key: value for key, value in written.items() if key != "derived" or self.derived}

    @field_validator("values")
    @classmethod
    def _values_in_range(cls, values: tuple[int, ...]) -> tuple[int, ...]:
        limits = np.iinfo(np.int32)  # what a mask of more than 8 bits is written as
        beyond = [v for v in values if not limits.min <= v <= limits.max]
        if beyond:
            raise ClassMapError(
                f"The label value {beyond[0]} is out of range: choose one of at most 2147483647."
            )
        return values


class ClassMap(BaseModel):
    """The classes of an annotation, in order; the first is the positive one.

    A value that no class names is unlabelled if it is 0; otherwise it belongs to the class of ``objects``,
    and is an error if there is no such class.

    Attributes
    ----------
    classes : tuple of SegmentationClass
        Two or more classes; class index *i* is position *i* here.
    ignored : tuple of int
        Values that are unlabelled.

    Examples
    --------
    >>> classes = ClassMap.parse("cell=255,membrane=0+32+64+96+128")
    >>> classes.names
    ('cell', 'membrane')
    >>> str(classes)
    'cell=255,membrane=0+32+64+96+128'

    Of an instance segmentation, with the borders between its objects as background:

    >>> classes = ClassMap.parse("mitochondrion=objects,background=0+touching")
    >>> classes.encode(np.array([[0, 7, 7, 8, 8]])).tolist()
    [[1, 0, 1, 1, 0]]

    With a value for what nobody could decide, and classes named by colour:

    >>> str(ClassMap.parse("cell=#ff0000,membrane=#0000ff,ignore=8"))
    'cell=16711680,membrane=255,ignore=8'
    """

    model_config = ConfigDict(frozen=True)

    classes: tuple[SegmentationClass, ...]
    ignored: tuple[int, ...] = ()

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
            (
                "value",
                [str(v) for v in (*(v for c in self.classes for v in c.values), *self.ignored)],
            ),
            ("word", [word for c in self.classes for word in c.derived]),
        ):
            twice = next((i for i in items if items.count(i) > 1), None)
            if twice is not None:
                raise ClassMapError(f"The {what} {twice} stands for two classes: keep it in one.")
        borders = [word for c in self.classes for word in c.derived if word in BORDERS]
        if len(borders) > 1:
            raise ClassMapError(f"The classes name {' and '.join(borders)}: keep one of them.")
        if borders and self.objects_index is None:
            raise ClassMapError(
                f"{borders[0]} are borders of objects, and no class has objects: "
                f"write for example mitochondrion=objects,background=0+{borders[0]}."
            )
        return self

    @model_serializer(mode="wrap")
    def _as_earlier(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave `ignored` out where it is empty, as earlier versions wrote a class map."""
        written: dict[str, Any] = write(self)
        return {key: value for key, value in written.items() if key != "ignored" or self.ignored}

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
        """Read ``name=value[+value...],name=value...``; the words of `DERIVED` may stand for values.

        A value may be a colour, ``#rrggbb``. The values of ``ignore`` are unlabelled.

        Raises
        ------
        ClassMapError
            If the text is not of that form, or a name or value stands twice.
        """
        found = []
        ignored: tuple[int, ...] = ()
        for part in filter(None, (p.strip() for p in text.split(","))):
            name, _, values_text = part.partition("=")
            values, derived = parse_values(values_text)
            if values is None:
                raise malformed_class(part)
            if is_ignore(name) and not derived:
                ignored = (*ignored, *values)
            else:
                found.append(SegmentationClass(name=name, values=values, derived=derived))
        return cls(classes=tuple(found), ignored=ignored)

    def __str__(self) -> str:
        ignore = [f"{IGNORE}={'+'.join(map(str, self.ignored))}"] if self.ignored else []
        return ",".join([*map(str, self.classes), *ignore])

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, positive class first."""
        return tuple(c.name for c in self.classes)

    @property
    def mask_values(self) -> tuple[int, ...]:
        """The value that a written mask has for each class: the first of its annotation values.

        A class without one has the lowest positive value that is free.
        """
        taken = {value for one in self.classes for value in one.values} | set(self.ignored)
        free = (value for value in count(1) if value not in taken)
        return tuple(one.values[0] if one.values else next(free) for one in self.classes)

    @property
    def of_masks(self) -> ClassMap:
        """Class map of a written mask, in which each class is a value."""
        if not any(one.derived for one in self.classes) and not self.ignored:
            return self
        pairs = zip(self.classes, self.mask_values, strict=True)
        return ClassMap(
            classes=tuple(
                SegmentationClass(name=one.name, values=one.values or (value,))
                for one, value in pairs
            )
        )

    @property
    def objects_index(self) -> int | None:
        """Index of the class of all objects, None if there is none."""
        return next((i for i, c in enumerate(self.classes) if OBJECTS in c.derived), None)

    def index_of_value(self, value: int) -> int | None:
        """Index of the class that an annotation value belongs to, None for an unlabelled one."""
        if value in self.ignored:
            return None
        named = next((i for i, c in enumerate(self.classes) if value in c.values), None)
        return self.objects_index if named is None and value != 0 else named

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
        unnamed = (labels != 0) & ~np.isin(labels, self.ignored)
        for index, one in enumerate(self.classes):
            for value in one.values:
                here = labels == value
                indices[here] = index
                unnamed &= ~here
        if self.objects_index is not None:
            indices[unnamed] = self.objects_index
            self._mark_borders(indices, np.where(unnamed, labels, 0))
        elif unnamed.any():
            raise ClassMapError(_unnamed_sentence(np.unique(labels[unnamed]), self))
        return indices

    def _mark_borders(self, indices: NDArray[np.uint8], objects: NDArray[Any]) -> None:
        """Give the borders of objects to their class, if one has them."""
        for index, one in enumerate(self.classes):
            for word in one.derived:
                if word in BORDERS:
                    around, width = BORDERS[word]
                    indices[object_borders(objects, around=around, width=width)] = index

    @property
    def unlabelled_value(self) -> int:
        """The value of a written mask that stands for no class: 0, or the lowest that is free."""
        taken = set(self.mask_values)
        return next(value for value in count() if value not in taken)

    def with_unlabelled(self) -> ClassMap:
        """Class map of a written mask with pixels of no class, whose value it ignores unless that is 0."""
        value, masks = self.unlabelled_value, self.of_masks
        return masks if value == 0 else masks.model_copy(update={"ignored": (value,)})

    def decode(self, indices: NDArray[np.uint8]) -> NDArray[Any]:
        """Turn class indices into the values that a mask is written with (uint8 where they fit).

        `NO_TISSUE` becomes `unlabelled_value`.
        """
        fits = min(self.mask_values) >= 0 and max(self.mask_values) <= 255
        table = np.zeros(256, np.uint8 if fits else np.int32)
        table[: len(self)] = self.mask_values
        table[NO_TISSUE] = self.unlabelled_value
        return np.asarray(table[indices])


def parse_values(text: str) -> tuple[tuple[int, ...] | None, tuple[str, ...]]:
    """Read ``value[+value...]``; None for the values if it is not of that form.

    Returns
    -------
    values : tuple of int or None
    derived : tuple of str
        Words of `DERIVED` among them.
    """
    words = [word.strip() for word in text.split("+")]
    derived = tuple(word for word in words if word in DERIVED)
    try:
        values = tuple(
            int(word[1:], 16) if re.fullmatch("#[0-9a-fA-F]{6}", word) else int(word)
            for word in words
            if word not in DERIVED
        )
    except ValueError:
        return None, ()
    return values, derived


def is_ignore(name: str) -> bool:
    """Whether a name is that of the values to ignore, not of a class."""
    return name.strip().casefold() == IGNORE


def malformed_class(text: str) -> ClassMapError:
    """Error for a class, as text, that lacks its label values."""
    return ClassMapError(
        f"The class {text!r} is not of the form name=value: "
        "write for example cell=255,membrane=0+32."
    )


def instance_sentence(values: NDArray[Any]) -> str:
    """Message for an annotation with more labels than a user would name as classes."""
    shown = ", ".join(map(str, values[:6]))
    return (
        f"The annotation holds {len(values)} labels ({shown}, ...) that no class names, it looks like an "
        "instance segmentation: make a class of all objects, for example mitochondrion=objects,background=0."
    )


def _unnamed_sentence(values: NDArray[Any], classes: ClassMap) -> str:
    if len(values) > MANY_LABELS:
        return instance_sentence(values)
    shown = ", ".join(str(v) for v in values[:6]) + (", ..." if len(values) > 6 else "")
    what = "a label" if len(values) == 1 else f"{len(values)} labels"
    return (
        f"The annotation holds {what} ({shown}) that the classes {classes} do not name: "
        f"add each to a class, for example membrane=0+32, or leave it out with ignore={values[0]}."
    )


NEW_ANNOTATION = ClassMap.of(cell=1, membrane=2)
"""Class map of an annotation that this program makes: 0 unlabelled, 1 cell, 2 membrane."""
