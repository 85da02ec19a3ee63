"""Names of the scores: the columns of ``metrics.csv``, as in the 2017 experiment."""

from __future__ import annotations

from napari_advseg.core.runtime.events import NetworkName

SHORT: dict[NetworkName, str] = {"standard": "S", "adversarial": "G/S"}
"""How the two networks are called in curves and tables."""

SIDES = ("train", "val")

HEALTH = (
    "real mean",
    "real spread",
    "fake mean",
    "fake spread",
    "broken mean",
    "fake magnitude",
    "largest",
    "called real",
    "right",
    "last bias",
    "last weight",
    "gradient ratio",
)
"""Names of what is measured; the columns of ``discriminator.csv``.

``broken mean`` is of real masks with gaps (see `gaps`). ``gradient ratio`` is
λ·‖∂L_adv/∂s‖ / ‖∂L_seg/∂s‖, s being the logits of G (see `steps`).
"""


def score_columns(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Names of all scores, in the order of ``metrics.csv``."""
    return (
        *(f"{short} F1 {side}" for short in SHORT.values() for side in SIDES),
        *(f"{short} Accuracy {side}" for short in ("D", "G/D") for side in SIDES),
        *(f"{short} F1 {name} val" for name in classes for short in SHORT.values()),
    )
