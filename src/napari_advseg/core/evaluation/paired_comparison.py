"""What a paired run says: which network is better, by how much, and whether that is more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite, nan, sqrt
from statistics import fmean, stdev
from typing import Any, Literal

from scipy.stats import t as student

FEWEST = 3
"""Slices below which no interval is given."""
LEVEL = 0.95

Better = Literal["adversarial", "standard"]


@dataclass(frozen=True)
class Difference:
    """G/S minus S over slices that both networks predicted.

    Attributes
    ----------
    measure : str
        ``V_Rand``, or ``mean F1``, the mean over the classes.
    slices : int
    mean : float
        Positive where G/S is better.
    low, high : float
        Ends of the 95 % interval of the mean (paired, Student's t); NaN with fewer than three slices.
    """

    measure: str
    slices: int
    mean: float
    low: float
    high: float

    @classmethod
    def of(
        cls, measure: str, standard: Sequence[float], adversarial: Sequence[float]
    ) -> Difference:
        """From the scores of both networks on the same slices; undefined ones are left out.

        Raises
        ------
        ValueError
            If no slice has both scores, or the numbers of slices differ.
        """
        pairs = zip(standard, adversarial, strict=True)
        apart = [b - a for a, b in pairs if isfinite(a) and isfinite(b)]
        if not apart:
            raise ValueError(f"no slice has the {measure} of both networks")
        mean, low, high = fmean(apart), nan, nan
        if len(apart) >= FEWEST:
            half = (
                float(student.ppf((1 + LEVEL) / 2, len(apart) - 1))
                * stdev(apart)
                / sqrt(len(apart))
            )
            low, high = mean - half, mean + half
        return cls(measure, len(apart), mean, low, high)

    @property
    def better(self) -> Better | None:
        """The network that is better by more than chance; None where the interval holds 0."""
        if self.low > 0:
            return "adversarial"
        return "standard" if self.high < 0 else None

    def words(self) -> str:
        """``V_Rand +0.012 (+0.004 to +0.020)``."""
        if not isfinite(self.low):
            return f"{self.measure} {self.mean:+.3f}"
        return f"{self.measure} {self.mean:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


@dataclass(frozen=True)
class Verdict:
    """The outcome of a paired run on its validation slices.

    Attributes
    ----------
    differences : tuple of Difference
        V_Rand, where there is one, before F1.
    unannotated : bool
        Whether the adversary learned from images without annotation.
    """

    differences: tuple[Difference, ...]
    unannotated: bool = False

    @classmethod
    def of(
        cls, scores: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, unannotated: bool
    ) -> Verdict | None:
        """From the scores of single slices, of S and of G/S, by measure; None without any.

        Raises
        ------
        ValueError
            If the two networks were not scored on the same slices.
        """
        found = []
        for measure, (standard, adversarial) in scores.items():
            both = zip(standard, adversarial, strict=True)
            if any(isfinite(a) and isfinite(b) for a, b in both):
                found.append(Difference.of(measure, standard, adversarial))
        return cls(tuple(found), unannotated) if found else None

    @property
    def better(self) -> Better | None:
        """The better network; None where none is, or where two measures speak for different ones."""
        voices = {d.better for d in self.differences} - {None}
        return voices.pop() if len(voices) == 1 else None

    @property
    def divided(self) -> bool:
        """Whether one measure speaks for one network and another for the other."""
        return {d.better for d in self.differences} >= {"adversarial", "standard"}

    @property
    def slices(self) -> int:
        """Slices that were compared; V_Rand leaves out those without a cell."""
        return max(d.slices for d in self.differences)

    @property
    def sentence(self) -> str:
        """Which network is better, in one sentence with the numbers."""
        slices = self.slices
        where = (
            f"On the {slices} validation slices" if slices > 1 else "On the one validation slice"
        )
        numbers = "; ".join(d.words() for d in self.differences)
        if slices < FEWEST:
            return f"{where} G/S minus S is {numbers}: too few slices to tell from chance."
        interval = "G/S minus S, 95 % interval"
        if self.divided:
            return f"{where} each network is better in one way: {numbers} ({interval})."
        if self.better == "adversarial":
            return f"{where} G/S is better than S by more than chance: {numbers} ({interval})."
        if self.better == "standard":
            return f"{where} S is better than G/S by more than chance: {numbers} ({interval})."
        return f"{where} neither network is better by more than chance: {numbers} ({interval})."

    @property
    def advice(self) -> str:
        """What to do next, in one sentence."""
        if self.slices < FEWEST:
            return "Use at least three validation slices."
        if self.divided:
            return (
                "Look where they differ: V_Rand counts regions that are split or joined, F1 pixels."
            )
        if self.better == "adversarial":
            return "Use the mask of G/S; another seed (settings) shows whether that holds."
        if self.better == "standard":
            more = "" if self.unannotated else " or give it images without annotation"
            return f"Use the mask of S; the adversary may need longer training, a smaller λ{more}."
        return "Use either; annotate where they differ, or train longer, and compare again."

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``summary.json``; what is no number is None."""
        rows = [
            {
                k: None if isinstance(v, float) and not isfinite(v) else v
                for k, v in asdict(d).items()
            }
            for d in self.differences
        ]
        return {
            "better": self.better,
            "sentence": self.sentence,
            "advice": self.advice,
            "differences": rows,
        }
