"""What to expect of the adversary on the data that was chosen, in one sentence."""

from __future__ import annotations

from ..core.few_labels import FEW
from .choices import OWN, TRUTH
from .model import AppModel
from .unannotated import unannotated_slices, without_use

FEWER_GAPS = "Little is annotated: G/S tends to break fewer membranes than S here."
MUCH = "Much is annotated: do not expect G/S to be better than S."
TRUE_MASKS = "D sees true masks alone: do not expect G/S to be better than S."


def expectation(model: AppModel) -> str:
    """Whether G/S is likely to be better than S; empty where nothing is known yet, or there is no G/S.

    It rests on what was measured with two classes (``docs/benchmarks.md``): where little is annotated and
    there are images without annotation.
    """
    choices, summary = model.choices, model.summary
    if choices.method == "standard" or summary is None or summary.problem is not None:
        return ""
    shares, split = summary.share_labelled, summary.split
    if split is None or summary.classes is None or len(summary.classes) != 2:
        return ""
    sees_others = choices.unannotated != TRUTH and not without_use(choices)
    if choices.unannotated == OWN:
        sees_others = sees_others and unannotated_slices(summary) > 0
    if sum(shares[z] for z in split.train) > FEW * len(shares):
        return MUCH
    return FEWER_GAPS if sees_others else TRUE_MASKS
