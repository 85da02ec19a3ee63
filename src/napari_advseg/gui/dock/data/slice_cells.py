"""What each slice of the strip is and where its cell stands; nothing here paints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum


class Role(Enum):
    """What a slice is used for; the value is the word shown for it."""

    TRAIN = "training"
    VALIDATE = "validation"
    BOTH = "left part training, right part validation"
    UNUSED = "annotated, left out"
    UNANNOTATED = "not annotated"


@dataclass(frozen=True)
class SliceStates:
    """The slices of a stack.

    Attributes
    ----------
    share_labelled : tuple of float
        For each slice the share of labelled pixels, 0 to 1.
    train, val : frozenset of int
        Slice indices; a slice may stand in both if it is divided.
    """

    share_labelled: tuple[float, ...] = ()
    train: frozenset[int] = frozenset()
    val: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.share_labelled)

    def role(self, z: int) -> Role:
        """What slice `z` is used for."""
        if z in self.train:
            return Role.BOTH if z in self.val else Role.TRAIN
        if z in self.val:
            return Role.VALIDATE
        return Role.UNUSED if self.share_labelled[z] > 0 else Role.UNANNOTATED

    def describe(self, z: int) -> str:
        """One line of text, for example ``slice 12: training, 100 % labelled``."""
        role, share = self.role(z), self.share_labelled[z]
        if share <= 0:
            return f"slice {z}: {role.value}"
        return f"slice {z}: {role.value}, {percent(share)} labelled"

    def describe_several(self, slices: range) -> str:
        """One line about a cell of several slices: ``slices 12 to 18: 3 training, 4 not annotated``."""
        if len(slices) == 1:
            return self.describe(slices[0])
        roles = Counter(self.role(z) for z in slices)
        words = [f"{roles[role]} {role.value}" for role in Role if roles[role]]
        labelled = [self.share_labelled[z] for z in slices if self.share_labelled[z] > 0]
        if labelled:
            mean = sum(labelled) / len(labelled)
            words[-1] += f"; annotated ones are {percent(mean)} labelled on average"
        return f"slices {slices[0]} to {slices[-1]}: {', '.join(words)}"

    def share_shown(self, slices: range) -> float:
        """How much of a cell is filled: of several slices as much as of the most annotated one."""
        return max(self.share_labelled[z] for z in slices)

    def touches(self, z: int) -> int | None:
        """The training slice next to validation slice `z`; None if there is none."""
        if self.role(z) is not Role.VALIDATE:
            return None
        return next((n for n in (z - 1, z + 1) if n in self.train), None)

    def with_role(self, slices: Collection[int], role: Role) -> SliceStates:
        """Give annotated slices another role; slices without a label stay what they are."""
        changed = {z for z in slices if self.share_labelled[z] > 0}
        train, val = self.train - changed, self.val - changed
        if role is Role.TRAIN:
            train |= changed
        elif role is Role.VALIDATE:
            val |= changed
        return SliceStates(self.share_labelled, frozenset(train), frozenset(val))


def percent(share: float) -> str:
    """A share in per cent that says 0 or 100 only of an exact 0 or 1."""
    if 0 < share < 0.01:
        return "< 1 %"
    if 0.99 < share < 1:
        return "> 99 %"
    return f"{share:.0%}".replace("%", " %")


def cells(count: int, width: int) -> list[tuple[int, int, range]]:
    """Divide `width` pixels among `count` slices.

    Returns
    -------
    list of (int, int, range)
        First pixel, number of pixels (at least 1) and slices of each cell. With more slices than pixels
        several share a cell of one pixel.
    """
    columns = min(count, width)
    edges = [i * width // columns for i in range(columns + 1)]
    firsts = [-(-i * count // columns) for i in range(columns + 1)]
    return [
        (edges[i], edges[i + 1] - edges[i], range(firsts[i], firsts[i + 1])) for i in range(columns)
    ]


def slice_at(x: int, count: int, width: int) -> int:
    """The first slice of the cell over pixel `x`; pixels outside belong to the first or last cell."""
    columns = min(count, width)
    x = min(max(x, 0), width - 1)
    column = ((x + 1) * columns - 1) // width
    return -(-column * count // columns)


def roles_shown(roles: Sequence[Role]) -> list[Role]:
    """Roles of a cell of several slices, each once; unannotated only if there is nothing else."""
    found = [role for role in Role if role in roles]
    return [role for role in found if role is not Role.UNANNOTATED] or found
