"""What the window says of the threshold that scored best on the validation slices."""

from __future__ import annotations

from napari_advseg.app.state.best_threshold import BestThreshold
from napari_advseg.app.state.model import AppModel
from napari_advseg.core.runtime.events import SHORT


def offered_thresholds(model: AppModel) -> tuple[BestThreshold, ...]:
    """The best thresholds of the masks that are shown; none where there is no threshold."""
    masks, run = model.masks_of, model.run
    if not model.masks_shown or masks is None or run is None or masks.folder != run.folder:
        return ()
    if masks.classes is None or len(masks.classes) > 2:
        return ()
    return tuple(one for one in model.best_thresholds if one.network in masks.networks)


def button_words(best: BestThreshold) -> str:
    """What the button says: the network and the threshold."""
    return f"{SHORT[best.network]} {best.choice.threshold:.2f}"


def scores_at(best: BestThreshold) -> str:
    """The score at the best threshold beside that at 0.5."""
    choice = best.choice
    return (
        f"{choice.measure} of {SHORT[best.network]} on the validation slices: {choice.score:.3f} at "
        f"{choice.threshold:.2f}, {choice.score_at_half:.3f} at 0.50."
    )
