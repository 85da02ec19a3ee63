"""Which of the classes is the structure that the user looks for, judged by names and values."""

from __future__ import annotations

from .classes import BORDERS, OBJECTS, ClassMap

BACKGROUND_NAMES = frozenset(
    {"background", "outside", "other", "others", "rest", "nothing", "none", "unlabelled", "bg"}
)
"""Names, in lower case, of a class that is everything else."""
_MEMBRANE = ("membran", "border", "boundar")


def is_membrane(name: str) -> bool:
    """Whether a class is a membrane, judged by its name."""
    return any(word in name.lower() for word in _MEMBRANE)


def about_membranes(classes: ClassMap) -> bool:
    """Whether two classes are a membrane and what it encloses, as where the adversary was measured."""
    return len(classes) == 2 and any(map(is_membrane, classes.names))


def background_index(classes: ClassMap) -> int | None:
    """Position of the class that is everything else, None if no class is.

    With two classes one of them is: a class with such a name, else what is not a membrane, else the class
    that has the value 0, else the second one.
    """
    names = [name.lower() for name in classes.names]
    named = next((i for i, name in enumerate(names) if name in BACKGROUND_NAMES), None)
    if named is not None or len(classes) != 2:
        return named
    membranes = [i for i, name in enumerate(names) if is_membrane(name)]
    if len(membranes) == 1:
        return 1 - membranes[0]
    for index, one in enumerate(classes.classes):
        if any(word in BORDERS for word in one.derived) and OBJECTS not in one.derived:
            return 1 - index
    return next((i for i, one in enumerate(classes.classes) if 0 in one.values), 1)


def is_dense(classes: ClassMap) -> bool:
    """Whether 0 is a class, so that every pixel of an annotated slice is labelled."""
    return any(0 in one.values for one in classes.classes)
