"""What to expect of the adversary on the data that was chosen, in one sentence."""

from __future__ import annotations

from napari_advseg.app.state.model import AppModel
from napari_advseg.app.state.run_form import OWN, TRUTH
from napari_advseg.app.state.unannotated_source import unannotated_slices, without_use
from napari_advseg.core.config.class_roles import about_membranes
from napari_advseg.core.config.classes import ClassMap

FEWER_GAPS = "With one annotated slice G/S broke fewer membranes than S in our tests."
FEWER_GAPS_HERE = (
    "With one annotated slice and others of the same stack G/S broke fewer membranes in our tests; with a "
    "stack from another microscope S did better."
)
MUCH = "More than one slice is annotated: do not expect G/S to be much better than S."
OTHER_STACK = (
    "Do not expect G/S to be much better than S; with a stack from another microscope S did better in "
    "our tests."
)
TRUE_MASKS = (
    "D compares predicted masks with true ones: with all slices annotated that gave next to no gain in "
    "our tests."
)
MORE_CLASSES = (
    "With more than two classes too little was measured: the verdict after the run will tell."
)


def not_measured(classes: ClassMap) -> str:
    """Sentence for two classes that the adversary was never measured on: they are not membranes."""
    names = " and ".join(classes.names)
    return f"For {names} nothing was measured yet: the verdict after the run shows whether G/S is better."


def expectation(model: AppModel) -> str:
    """Whether G/S is likely to be better than S; empty where nothing is known yet, or there is no G/S.

    It rests on what was measured on membranes (``docs/benchmarks.md``): fewer gaps, more than chance,
    where one slice trains beside images without annotation, with two and four slices not; and from one
    laboratory's stack to another's a loss.
    """
    choices, summary = model.choices, model.summary
    if choices.method == "standard" or summary is None or summary.problem is not None:
        return ""
    shares, split = summary.share_labelled, summary.split
    if split is None or summary.classes is None:
        return ""
    if len(summary.classes) != 2:
        return MORE_CLASSES
    if not about_membranes(summary.classes):
        return not_measured(summary.classes)
    sees_others = choices.unannotated != TRUTH and not without_use(choices)
    second_stack = sees_others and choices.unannotated != OWN
    if choices.unannotated == OWN:
        sees_others = sees_others and unannotated_slices(summary) > 0
    if sum(shares[z] for z in split.train) > 1:
        return OTHER_STACK if second_stack else MUCH
    if second_stack:
        return FEWER_GAPS_HERE
    return FEWER_GAPS if sees_others else TRUE_MASKS
